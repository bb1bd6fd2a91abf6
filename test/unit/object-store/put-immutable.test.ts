import { expect, it } from 'vitest'
import { putImmutable } from '../../../shared/object-store/put-immutable.ts'
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts'

const bytes = (...values: number[]) => Uint8Array.from(values)

it('writes what is not there, and answers same when it is tried again', async () => {
  const store = new MemoryObjectStore()
  const path = `${store.url}/metadata/a.avro`
  expect(await putImmutable(store, path, bytes(1, 2))).toBe('written')
  expect(await putImmutable(store, path, bytes(1, 2))).toBe('same')
})

it.each([[bytes(1, 3)], [bytes(1)], [bytes(1, 2, 0)]])(
  'leaves other content alone and answers differs: %s',
  async other => {
    const store = new MemoryObjectStore()
    const path = `${store.url}/metadata/a.avro`
    await putImmutable(store, path, bytes(1, 2))
    expect(await putImmutable(store, path, other)).toBe('differs')
    expect([...(await store.get('metadata/a.avro'))]).toEqual([1, 2])
  },
)

it('refuses a path outside the store', async () => {
  await expect(putImmutable(new MemoryObjectStore(), 's3://elsewhere/a', bytes(1))).rejects.toMatchObject({
    code: 'location-outside-store',
  })
})
