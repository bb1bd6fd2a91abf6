import { describe, expect, test } from 'vitest'
import { openPartitionWriters, type WriterSettings } from '../../../services/converter/partition-writers.ts'
import { parquetSource } from '../../../shared/parquet/object-source.ts'
import { readParquetRows } from '../../../shared/parquet/read-parquet.ts'
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts'
import { batchOf, type Row, schemaOf } from '../parquet/batches.ts'

const SCHEMA = schemaOf(
  { id: 1, name: 'id', required: true, type: { kind: 'int' } },
  { id: 2, name: 'c', required: false, type: { kind: 'string' } },
  { id: 3, name: 'd', required: false, type: { kind: 'double' } },
)
const partitionedBy = (sourceId: number, name: string) => ({
  specId: 0,
  fields: [{ sourceId, fieldId: 1000, name, transform: { kind: 'identity' as const } }],
})

function settings(more: Partial<WriterSettings> = {}): WriterSettings {
  return {
    location: 'memory://store/t',
    schema: SCHEMA,
    spec: partitionedBy(2, 'c'),
    compression: 'zstd',
    targetFileBytes: 1 << 20,
    maxOpenPartitions: 10,
    maxBufferedBytes: 1 << 28,
    ...more,
  }
}

const keyOf = (path: string) => path.slice('memory://store/'.length)

async function writeAll(given: WriterSettings, ...batches: readonly (readonly Row[])[]) {
  const store = new MemoryObjectStore()
  const writers = openPartitionWriters(given, store, 'token')
  for (const rows of batches) await writers.write(batchOf(SCHEMA, rows))
  const files = await writers.finish()
  const idsOf = async (path: string) => {
    const source = parquetSource(store, {
      path,
      fileSizeBytes: BigInt((await store.head(keyOf(path)))?.sizeBytes ?? 0),
    })
    return (await readParquetRows(source)).map(row => row.id)
  }
  return Promise.all(
    files.map(async file => ({ partition: file.partition, ids: await idsOf(file.path), path: file.path })),
  )
}

describe('openPartitionWriters', () => {
  test('each partition value has a file of its own, named by folder and claim', async () => {
    const files = await writeAll(settings(), [
      { id: 1, c: 'a', d: null },
      { id: 2, c: 'b', d: null },
      { id: 3, c: 'a', d: null },
    ])
    expect(files).toEqual([
      { partition: ['a'], ids: [1, 3], path: 'memory://store/t/data/c=a/token-00000.parquet' },
      { partition: ['b'], ids: [2], path: 'memory://store/t/data/c=b/token-00001.parquet' },
    ])
  })

  test('null and the text "null" share a folder and no file: a reader prunes by the value', async () => {
    const files = await writeAll(settings(), [
      { id: 1, c: 'null', d: null },
      { id: 2, c: null, d: null },
      { id: 3, c: 'null', d: null },
    ])
    expect(files.map(({ partition, ids }) => ({ partition, ids }))).toEqual([
      { partition: ['null'], ids: [1, 3] },
      { partition: [null], ids: [2] },
    ])
  })

  test('the two zeros are two partitions', async () => {
    const files = await writeAll(settings({ spec: partitionedBy(3, 'd') }), [
      { id: 1, c: null, d: 0 },
      { id: 2, c: null, d: -0 },
    ])
    expect(files.map(file => file.ids)).toEqual([[1], [2]])
  })

  test('beyond the open writers allowed, the fullest is finished and its partition opened again later', async () => {
    const rows = (c: string, from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ id: from + i, c, d: null }))
    const files = await writeAll(
      settings({ maxOpenPartitions: 2 }),
      rows('a', 0, 50),
      rows('b', 50, 2),
      rows('c', 52, 2),
      rows('a', 54, 1),
    )
    expect(files.map(file => file.partition[0]).sort()).toEqual(['a', 'a', 'b', 'c'])
    expect(files.flatMap(file => file.ids).sort((x, y) => Number(x) - Number(y))).toEqual(
      Array.from({ length: 55 }, (_, i) => i),
    )
  })

  test('a file rolls at the target size', async () => {
    const rows = (from: number) =>
      Array.from({ length: 2000 }, (_, i) => ({ id: from + i, c: 'a', d: Math.sin(from + i) }))
    const batches = Array.from({ length: 40 }, (_, i) => rows(i * 2000))
    const files = await writeAll(settings({ targetFileBytes: 200_000, compression: 'none' }), ...batches)
    expect(files.length).toBeGreaterThan(1)
    expect(files.flatMap(file => file.ids)).toHaveLength(80_000)
  })

  test('nothing is written after an abort', async () => {
    const store = new MemoryObjectStore()
    const writers = openPartitionWriters(settings(), store, 'token')
    await writers.write(batchOf(SCHEMA, [{ id: 1, c: 'a', d: null }]))
    writers.abort()
    expect(await writers.finish()).toEqual([])
    for await (const object of store.list({ prefix: '' })) expect.fail(`${object.key} was written`)
  })
})
