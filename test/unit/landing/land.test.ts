import { describe, expect, test } from 'vitest'
import { type LandOptions, landTopic } from '../../../services/landing/land.ts'
import type { AppError } from '../../../shared/runtime/errors.ts'
import type { Runtime } from '../../../shared/runtime/runtime.ts'
import { divideWorkerMemory } from '../../../shared/runtime/worker-memory.ts'
import { partitionOfKey } from '../../../shared/segment/murmur2.ts'
import { parseIndex } from '../../../shared/segment/segment-index.ts'
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts'
import { type Row, rowsOf, utf8 } from '../../fakes/segment-rows.ts'

const NOW_MS = 1_700_000_000_000
const runtime: Runtime = {
  nowMs: () => NOW_MS,
  monotonicMs: () => 0,
  random: () => 0,
  uuid: () => '00000000-0000-4000-8000-000000000000',
  sleep: async () => {},
}

async function* inputOf(lines: readonly string[]) {
  const bytes = utf8(lines.map(line => `${line}\n`).join(''))
  for (let start = 0; start < bytes.byteLength; start += 1000) yield bytes.subarray(start, start + 1000)
}

function land(store: MemoryObjectStore, lines: readonly string[], options: Partial<LandOptions> = {}) {
  return landTopic({
    store,
    topic: 'orders',
    partitions: 1,
    codec: 'zstd',
    input: inputOf(lines),
    runtime,
    ...options,
  })
}

async function rowsOfPartition(store: MemoryObjectStore, partition: number): Promise<Row[]> {
  const rows: Row[] = []
  for await (const { key } of store.list({ prefix: `orders/${partition}/` })) {
    if (key.endsWith('.kfs')) rows.push(...rowsOf(await store.get(key), { key }))
  }
  return rows
}

const text = (hex: string | null) => (hex === null ? null : Buffer.from(hex, 'hex').toString())
const orders = (count: number) =>
  Array.from({ length: count }, (_, i) => `{"id":"k-${i % 17}","n":${i},"pad":"${'x'.repeat(90)}"}`)
const failureOf = async (landing: Promise<unknown>): Promise<AppError> =>
  landing.then(
    () => Promise.reject(new Error('landed')),
    error => error,
  )

describe('landing', () => {
  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'lines become the values of %s segments, bytes untouched',
    async codec => {
      const store = new MemoryObjectStore()
      const lines = ['{"a": 1}', 'not json', '"é"', '  {"b":2}  ']
      const result = await land(store, lines, { codec })
      expect(result).toMatchObject({
        recordCount: 4,
        segmentCount: 1,
        partitions: [{ partition: 0, startOffset: 0n, endOffset: 4n }],
      })
      const rows = await rowsOfPartition(store, 0)
      expect(rows.map(row => text(row.value))).toEqual(lines)
      expect(rows.map(row => [row.offset, row.key, row.timestampMs])).toEqual(
        [0n, 1n, 2n, 3n].map(o => [o, null, NOW_MS]),
      )
    },
  )

  test('each segment is written before its index, under the names of brokers', async () => {
    const store = new MemoryObjectStore()
    await land(store, orders(2))
    expect(store.writes).toEqual([
      'orders/0/segment-00000000000000000000.kfs',
      'orders/0/segment-00000000000000000000.index',
    ])
    const index = parseIndex(await store.get(store.writes[1] ?? ''), { key: 'index' })
    expect(index).toEqual({ intervalMessages: 100, entries: [{ offset: 0n, position: 32 }] })
  })

  test('keyed records go where the partitioner of Kafka puts them, in order', async () => {
    const store = new MemoryObjectStore()
    const lines = orders(500)
    await land(store, lines, { partitions: 5, keyPath: 'id' })
    for (let partition = 0; partition < 5; partition++) {
      const rows = await rowsOfPartition(store, partition)
      const expected = lines.filter((_, i) => partitionOfKey(utf8(`k-${i % 17}`), 5) === partition)
      expect(rows.map(row => text(row.value))).toEqual(expected)
    }
  })

  test('unkeyed records fill every partition, none lost', async () => {
    const store = new MemoryObjectStore()
    const lines = orders(3000)
    const result = await land(store, lines, { partitions: 3 })
    const perPartition = await Promise.all([0, 1, 2].map(p => rowsOfPartition(store, p)))
    expect(
      perPartition
        .flat()
        .map(row => text(row.value))
        .sort(),
    ).toEqual([...lines].sort())
    for (const rows of perPartition) expect(rows.length).toBeGreaterThan(500)
    expect(result.recordCount).toBe(3000)
  })

  test('segments are cut at the size asked for, offsets without a gap', async () => {
    const store = new MemoryObjectStore()
    const result = await land(store, orders(500), { codec: 'none', segmentBytes: 8192 })
    expect(result.segmentCount).toBeGreaterThan(5)
    const rows = await rowsOfPartition(store, 0)
    expect(rows.map(row => row.offset)).toEqual(Array.from({ length: 500 }, (_, i) => BigInt(i)))
  })

  test('a second run goes on after the last offset', async () => {
    const store = new MemoryObjectStore()
    await land(store, orders(10))
    const result = await land(store, orders(5))
    expect(result.partitions).toEqual([{ partition: 0, startOffset: 10n, endOffset: 15n }])
    expect(await rowsOfPartition(store, 0)).toHaveLength(15)
  })

  test('an orphan without its index does not count and is overwritten', async () => {
    const store = new MemoryObjectStore()
    await land(store, orders(10))
    await store.put('orders/0/segment-00000000000000000010.kfs', utf8('half an upload'))
    await land(store, orders(5))
    expect((await rowsOfPartition(store, 0)).map(row => row.offset)).toHaveLength(15)
  })

  test('a segment that appears meanwhile is left alone, with an error', async () => {
    const store = new MemoryObjectStore()
    const list = store.list.bind(store)
    store.list = async function* (options) {
      yield* list(options)
      await store.put('orders/0/segment-00000000000000000000.kfs', utf8('of another writer'))
    }
    expect(await failureOf(land(store, orders(5)))).toMatchObject({ code: 'land-conflict', next: 'fatal' })
    expect(Buffer.from(await store.get('orders/0/segment-00000000000000000000.kfs')).toString()).toBe(
      'of another writer',
    )
  })

  test('empty lines and empty input land nothing', async () => {
    const store = new MemoryObjectStore()
    expect(await land(store, ['', '', ''])).toEqual({
      recordCount: 0,
      segmentCount: 0,
      sizeBytes: 0,
      partitions: [],
    })
    expect(store.writes).toEqual([])
  })

  test('a line without its key stops the landing, with the lines before it landed and its number named', async () => {
    const store = new MemoryObjectStore()
    const error = await failureOf(land(store, [...orders(3), '', '{"n":1}', ...orders(2)], { keyPath: 'id' }))
    expect(error).toMatchObject({
      code: 'land-key-missing',
      details: { lineNumber: 5, landedRecordCount: 3 },
    })
    expect(error.message).toContain('tail -n +5')
    expect(await rowsOfPartition(store, 0)).toHaveLength(3)
  })

  test.each([
    ['a topic with a slash', { topic: 'a/b' }],
    ['a topic of two dots', { topic: '..' }],
    ['no partitions', { partitions: 0 }],
    ['half a partition', { partitions: 1.5 }],
    ['segments of a byte', { segmentBytes: 1 }],
    ['segments that no default worker converts', { segmentBytes: 126 * 2 ** 20 + 1 }],
    ['segments that no worker converts', { segmentBytes: 2 ** 31, workerMemoryBytes: 2 ** 34 }],
  ])('%s is refused before anything is written', async (_, options) => {
    const store = new MemoryObjectStore()
    expect(await failureOf(land(store, orders(1), options))).toMatchObject({ code: 'land-option-invalid' })
    expect(store.writes).toEqual([])
  })

  test('how large segments may be follows from the memory of the workers that will convert them', async () => {
    const size = { segmentBytes: 130 * 2 ** 20, codec: 'none' } as const
    const refused = await failureOf(land(new MemoryObjectStore(), orders(1), size))
    expect(refused.message).toContain('limits.worker_memory of 1073741824 bytes')
    const store = new MemoryObjectStore()
    expect(await land(store, orders(1), { ...size, workerMemoryBytes: 2 ** 31 })).toMatchObject({
      segmentCount: 1,
    })
  })

  test('the largest that is accepted is one that a worker takes, though its last batch goes beyond it', async () => {
    const workerMemoryBytes = 2 ** 28
    const { segmentBytes } = divideWorkerMemory(workerMemoryBytes)
    const store = new MemoryObjectStore()
    const lines = Array.from({ length: 36 }, (_, id) => JSON.stringify({ id, text: 'x'.repeat(1_000_000) }))
    const options = { codec: 'none', segmentBytes: segmentBytes - 2 ** 21, workerMemoryBytes } as const
    expect(await land(store, lines, options)).toMatchObject({ segmentCount: 2 })
    const sizes: number[] = []
    for await (const { sizeBytes } of store.list({ prefix: '' })) sizes.push(sizeBytes)
    expect(Math.max(...sizes)).toBeGreaterThan(options.segmentBytes)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(segmentBytes)
  })
})
