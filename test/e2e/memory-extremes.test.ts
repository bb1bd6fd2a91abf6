/**
 * A worker stays within `limits.worker_memory` whatever it is given: wide tables, thousands of open partitions, huge values, deep lists.
 * What cannot be converted within it stops its partition with a clear reason, and the process lives on. A sample with the smallest limit
 * runs always; `npm run test:long` takes four times as much of everything, under the default limit.
 */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { openObjectStore } from '../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { landBatches, recordsOf } from '../fakes/land-segments.ts'
import { createSeededRuntime } from '../fakes/seeded-runtime.ts'
import { NOTING_PEAK, peakBytesOf } from './peak-memory.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

const MIB = 1024 * 1024
const MAX_TEST_MS = 1_200_000
const SEED = 77
const TOPIC = 'extremes'

const IS_LONG = process.env.TIDEWATER_TEST_LONG === '1'
const SCALE = IS_LONG ? 4 : 1
const WORKER_MEMORY_BYTES = SCALE * 256 * MIB
/** What the process takes without any conversion, a thread's own heap and a wide table's schema in the main thread included. */
const BASE_BYTES = 400 * MIB

let workspace: Workspace
let store: ObjectStore
beforeEach(async () => {
  workspace = await createWorkspace(NOTING_PEAK)
  store = openObjectStore(workspace.path('segments'), { runtime: systemRuntime })
})
afterEach(() => workspace.remove())

/** JSON values; their batches are cut at about a mebibyte, segments at four, as brokers do by default. */
async function landValues(values: Iterable<string>, partition = 0): Promise<number> {
  let base = 0
  let batches: string[][] = [[]]
  let batchBytes = 0
  let segmentBytes = 0
  const cut = async () => {
    const toWrite = batches.filter(batch => batch.length > 0)
    if (toWrite.length === 0) return
    const written = toWrite.map(batch => ({ codec: 'none' as const, records: recordsOf(batch) }))
    await landBatches(store, written, { topic: TOPIC, partition, base })
    base += toWrite.reduce((sum, batch) => sum + batch.length, 0)
    batches = [[]]
    batchBytes = segmentBytes = 0
  }
  for (const value of values) {
    batches.at(-1)?.push(value)
    batchBytes += value.length
    segmentBytes += value.length
    if (segmentBytes >= 4 * MIB) await cut()
    else if (batchBytes >= MIB) {
      batches.push([])
      batchBytes = 0
    }
  }
  await cut()
  return base
}

interface RunSettings {
  readonly fields: readonly string[]
  readonly partitionBy?: string
  readonly workers?: number
  readonly limits?: string
}

async function run({ fields, partitionBy, workers = 1, limits = '' }: RunSettings) {
  await workspace.write(
    'tidewater.yaml',
    `
warehouse: file:./warehouse
sources:
  - { name: local, type: kfs, url: "file:./segments" }
tables:
  - name: memory.extremes
    source: local
    source_topic: ${TOPIC}
    source_format: json
    schema:
      fields:
${fields.map(field => `        - ${field}`).join('\n')}
    partition_by: [${partitionBy ?? ''}]
    dlq_max_ratio: 1
limits: { workers: ${workers}, worker_memory: ${WORKER_MEMORY_BYTES / MIB}MiB, max_task_attempts: 1${limits} }
`,
  )
  const { exitCode, stderr } = await workspace.tidewater(['run', '--once'])
  const peakBytes = await peakBytesOf(workspace)
  const status = await workspace.tidewater(['status', '--json'])
  const [{ rows, partitions }] = JSON.parse(status.stdout).tables
  console.log(`peak memory of ${expect.getState().currentTestName}: ${Math.round(peakBytes / MIB)} MiB`)
  expect(peakBytes).toBeLessThan(BASE_BYTES + workers * WORKER_MEMORY_BYTES)
  return { exitCode, stderr, rows, partitions }
}

const TYPES = ['double', 'string', 'long'] as const
const wideFields = (count: number) =>
  Array.from({ length: count }, (_, i) => `{ name: c${i}, type: ${TYPES[i % 3]} }`)

/** Records of `{"p": …, "c0": …}` with about ten bytes a column. */
function* wideRecords(columns: number, bytes: number, partitions = 1): Generator<string> {
  const { random } = createSeededRuntime(SEED)
  const text = () => `v${Math.floor(random() * 2 ** 32).toString(16)}`
  for (let landed = 0, i = 0; landed < bytes; i++) {
    const record: Record<string, unknown> = { p: i % partitions }
    for (let column = 0; column < columns; column++)
      record[`c${column}`] =
        column % 3 === 0 ? random() : column % 3 === 1 ? text() : Math.floor(random() * 2 ** 30)
    const value = JSON.stringify(record)
    landed += value.length
    yield value
  }
}

test.each([
  { columns: 1000, partitions: 1, mebibytes: 48 },
  ...(IS_LONG
    ? [
        { columns: 1000, partitions: 300, mebibytes: 3 },
        { columns: 9999, partitions: 1, mebibytes: 24 },
      ]
    : // About as many as are taken with so little memory.
      [{ columns: 2700, partitions: 1, mebibytes: 16 }]),
])(
  'a table of $columns columns over $partitions partitions',
  async ({ columns, partitions, mebibytes }) => {
    const count = await landValues(wideRecords(columns, SCALE * mebibytes * MIB, partitions))
    const done = await run({
      fields: ['{ name: p, type: int }', ...wideFields(columns)],
      partitionBy: 'p',
      limits: ', max_open_partitions: 4096',
    })
    expect(done.exitCode, done.stderr).toBe(0)
    expect(done.rows).toBe(count)
  },
  MAX_TEST_MS,
)

// Each closes a file of its own, so thousands take minutes.
const OPEN_PARTITIONS = IS_LONG ? 4096 : 256

test(
  `${OPEN_PARTITIONS} open partitions`,
  async () => {
    const text = 'x'.repeat(900)
    const count = await landValues(
      Array.from({ length: 16_384 * SCALE }, (_, i) => `{"p":${i % OPEN_PARTITIONS},"text":"${text}${i}"}`),
    )
    const done = await run({
      fields: ['{ name: p, type: int }', '{ name: text, type: string }'],
      partitionBy: 'p',
      limits: ', max_open_partitions: 4096',
    })
    expect(done.exitCode, done.stderr).toBe(0)
    expect(done.rows).toBe(count)
  },
  MAX_TEST_MS,
)

test(
  'strings of many mebibytes, and deep lists of many elements',
  async () => {
    const text = `{"id":1,"text":"${'ä'.repeat(SCALE * 5 * MIB)}"}`
    const inner = JSON.stringify(Array.from({ length: 100 }, (_, i) => i / 7))
    const lists = `{"id":2,"lists":[${Array(20)
      .fill(`[${Array(30).fill(inner).join(',')}]`)
      .join(',')}]}`
    const count = await landValues([
      text,
      text,
      text,
      text,
      ...Array<string>(SCALE * 40).fill(lists),
      text,
      text,
    ])
    const nested = 'type: list, element: { type: list, element: { type: list, element: double } }'
    const done = await run({
      fields: ['{ name: id, type: long }', '{ name: text, type: string }', `{ name: lists, ${nested} }`],
    })
    expect(done.exitCode, done.stderr).toBe(0)
    expect(done.rows).toBe(count)
  },
  MAX_TEST_MS,
)

test(
  'what would take more stops its partition, says what to do, and leaves the others alone',
  async () => {
    const small = '{"id":1}'
    const large = (bytes: number) => `{"id":1,"text":"${'x'.repeat(bytes)}"}`
    const batch = (values: readonly string[]) => ({ codec: 'none' as const, records: recordsOf(values) })
    const at = (partition: number) => ({ topic: TOPIC, partition })
    // A segment that is too large, a record that is, one that only becomes so as columns, and batches that do when they are decompressed.
    await landBatches(store, Array(5).fill(batch([large(SCALE * 8 * MIB)])), at(0))
    await landBatches(store, [batch([small, small]), batch([large(SCALE * 20 * MIB)])], at(1))
    await landBatches(
      store,
      [
        batch([
          `{"items":[${Array(SCALE * 30_000)
            .fill('{}')
            .join(',')}]}`,
        ]),
      ],
      at(2),
    )
    for (const [i, codec] of (['gzip', 'zstd', 'lz4', 'snappy'] as const).entries())
      await landBatches(store, [{ codec, records: recordsOf([large(SCALE * 100 * MIB)]) }], at(3 + i))
    await landBatches(store, [batch([small, small, small])], at(7))

    const members = Array.from({ length: 100 }, (_, i) => `{ name: m${i}, type: long }`).join(', ')
    const done = await run({
      fields: [
        '{ name: id, type: long }',
        '{ name: text, type: string }',
        `{ name: items, type: list, element: { type: struct, fields: [ ${members} ] } }`,
      ],
    })
    expect(done.exitCode).toBe(1)
    expect(done.rows).toBe(5)
    const reasons: { state: string; state_reason: string | null }[] = done.partitions
    expect(reasons.map(({ state }) => state)).toEqual([...Array(7).fill('stopped'), 'active'])
    for (const { state_reason } of reasons.slice(0, 7)) expect(state_reason).toContain('limits.worker_memory')
  },
  MAX_TEST_MS,
)

test(
  'several workers at once, each within its own',
  async () => {
    let count = 0
    for (let partition = 0; partition < 4; partition++)
      count += await landValues(wideRecords(300, SCALE * 16 * MIB), partition)
    const done = await run({ fields: ['{ name: p, type: int }', ...wideFields(300)], workers: 4 })
    expect(done.exitCode, done.stderr).toBe(0)
    expect(done.rows).toBe(count)
  },
  MAX_TEST_MS,
)
