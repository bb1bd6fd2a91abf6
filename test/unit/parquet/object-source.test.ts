import { expect, it } from 'vitest'
import { parquetSource } from '../../../shared/parquet/object-source.ts'
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts'

it('gives buffers of exactly the range asked for, to the end of the file by default', async () => {
  const store = new MemoryObjectStore()
  await store.put('data/a.parquet', Uint8Array.of(10, 11, 12, 13, 14))
  const source = parquetSource(store, { path: `${store.url}/data/a.parquet`, fileSizeBytes: 5n })
  expect(source.byteLength).toBe(5)
  expect([...new Uint8Array(await source.slice(1, 3))]).toEqual([11, 12])
  expect([...new Uint8Array(await source.slice(3))]).toEqual([13, 14])
})
