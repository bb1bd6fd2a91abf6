import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SourcePartition } from '../../../shared/metadata/metadata-store.ts'
import { parquetSource } from '../../../shared/parquet/object-source.ts'
import { readParquetColumns } from '../../../shared/parquet/read-parquet.ts'
import { FIRST_TIMESTAMP_MS, flipByte, ids, land, landBatches, recordsOf } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline, type PipelineOptions, TABLE } from '../../fakes/pipeline-fixture.ts'
import { utf8 } from '../../fakes/segment-rows.ts'

let pipeline: Pipeline
afterEach(() => pipeline.close())

async function open(options: PipelineOptions = {}): Promise<void> {
  pipeline = await openPipeline(options)
}

const NOTE = { who: 'ada', why: 'it was looked into' }
const clean = { gaps: 0n, duplicates: 0n, unverifiable: 0n, findings: [] }
const idOf = ({ tableId, topic, partition }: SourcePartition) => ({ tableId, topic, partition })

async function files(name = TABLE) {
  const table = await pipeline.metadata.loadTable(name)
  if (table === undefined) throw new Error(`no table ${name}`)
  return (await pipeline.metadata.listFiles(table.tableId, { version: table.version, limit: 1000 })).files
}

async function column(name: string): Promise<unknown[]> {
  const values: unknown[] = []
  for (const file of await files()) {
    const source = parquetSource(pipeline.warehouse, file)
    for await (const window of readParquetColumns(source, [name]))
      values.push(...(window.columns.get(name) ?? []))
  }
  return values
}

describe('records of every kind', () => {
  beforeEach(() => open())

  test('control batches are no rows, and counted', async () => {
    const control = { codec: 'none', records: recordsOf(['x']), isControl: true } as const
    await landBatches(pipeline.source, [
      { codec: 'zstd', records: recordsOf(ids(0, 3)) },
      control,
      { codec: 'lz4', records: recordsOf(ids(4, 3)) },
      control,
    ])
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 6n, skipped: 2n })
    expect(await column('_kafka.offset')).toEqual([0n, 1n, 2n, 4n, 5n, 6n])
  })

  test('log-append time replaces the time of each record', async () => {
    const at = FIRST_TIMESTAMP_MS + 12_345
    await landBatches(pipeline.source, [
      { codec: 'none', records: recordsOf(ids(0, 2)), logAppendTimeMs: at },
      { codec: 'none', records: recordsOf(ids(2, 2)) },
    ])
    await pipeline.settle()
    const micros = (ms: number) => BigInt(ms) * 1000n
    expect(await column('_kafka.timestamp')).toEqual(
      [at, at, FIRST_TIMESTAMP_MS, FIRST_TIMESTAMP_MS + 1].map(micros),
    )
    expect((await pipeline.partition()).maxTimestampMs).toBe(at)
  })

  test('null and empty values are told apart, and are dead letters of different codes', async () => {
    await land(pipeline.source, [{ id: 1 }, null, ''])
    await pipeline.settle()
    const { tableId } = (await pipeline.declare()).rows
    const letters = await pipeline.metadata.listDeadLetters(tableId, 10)
    expect(new Set(letters.map(letter => letter.code)).size).toBe(2)
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 1n, dead_letters: 2n })
  })

  test('offset holes within and behind batches are absent, and accounted for', async () => {
    await landBatches(pipeline.source, [
      {
        codec: 'none',
        records: recordsOf(ids(0, 3)).map((record, i) => ({ ...record, offsetDelta: i * 2 })),
        lastOffsetDelta: 9,
      },
      { codec: 'none', records: recordsOf(ids(0, 2)) },
    ])
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 5n, absent: 7n })
  })
})

describe('what cannot be read', () => {
  beforeEach(() => open())

  test('a damaged segment stops only its partition, and is taken once it is mended', async () => {
    const key = await land(pipeline.source, ids(0, 10))
    await land(pipeline.source, ids(0, 10), { partition: 1 })
    await flipByte(pipeline.source, key, 120)
    await pipeline.settle()
    expect(await pipeline.partition(0)).toMatchObject({ state: 'stopped', committedOffset: 0n })
    expect(await pipeline.partition(1)).toMatchObject({ state: 'active', committedOffset: 10n })
    expect(await pipeline.eventTypes()).toContain('partition.stopped')

    await flipByte(pipeline.source, key, 120)
    await pipeline.metadata.resumePartition(idOf(await pipeline.partition()), NOTE)
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 20n })
  })

  test('a task of many partitions with one bad slice is split, and the rest commits', async () => {
    for (let partition = 0; partition < 5; partition++) await land(pipeline.source, ids(0, 10), { partition })
    await flipByte(pipeline.source, 'orders/3/segment-00000000000000000000.kfs', 120)
    await pipeline.settle()
    const states = await Promise.all([0, 1, 2, 3, 4].map(number => pipeline.partition(number)))
    expect(states.map(({ committedOffset }) => committedOffset)).toEqual([10n, 10n, 10n, 0n, 10n])
    const { tableId } = (await pipeline.declare()).rows
    const parked = await pipeline.metadata.listTasks({ tableId, states: ['parked'], limit: 10 })
    expect(parked).toHaveLength(1)

    await flipByte(pipeline.source, 'orders/3/segment-00000000000000000000.kfs', 120)
    expect(await pipeline.metadata.unparkTask(parked[0]?.taskId ?? '', NOTE)).toEqual({ kind: 'unparked' })
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 50n })
  })

  test('what lies before a damaged segment is committed, and skip-to gives up that segment alone', async () => {
    for (const base of [0, 10, 20, 30]) await land(pipeline.source, ids(base, 10), { base })
    await flipByte(pipeline.source, 'orders/0/segment-00000000000000000020.kfs', 120)
    await pipeline.settle()
    expect(await pipeline.partition()).toMatchObject({ state: 'stopped', committedOffset: 20n })
    await pipeline.metadata.skipTo(idOf(await pipeline.partition()), 30n, NOTE)
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 30n, skipped: 10n })
  })
})

describe('records that do not fit', () => {
  const broken = [{ id: 1 }, 'not json', { id: 'three' }, { id: 4 }, {}]

  test('dlq_mode dlq keeps them as they were, beside the table', async () => {
    await open()
    await land(pipeline.source, broken)
    await pipeline.settle()
    expect((await pipeline.publish()).map(outcome => outcome.kind)).toEqual(['published', 'published'])
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 2n, dead_letters: 3n })
    expect(await files(`${TABLE}__dlq`)).toHaveLength(1)
  })

  test('dlq_mode skip counts them, and keeps nothing', async () => {
    await open({ table: { dlq_mode: 'skip' } })
    await land(pipeline.source, broken)
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 2n, dead_letters: 0n, skipped: 3n })
    expect(await files(`${TABLE}__dlq`)).toEqual([])
  })

  test('dlq_mode stop commits what comes before, stops at the record, and skip-to gives up that one alone', async () => {
    await open({ table: { dlq_mode: 'stop' } })
    await land(pipeline.source, [{ id: 0 }, { id: 1 }, 'not json', { id: 3 }])
    await pipeline.settle()
    expect(await pipeline.partition()).toMatchObject({
      state: 'stopped',
      stateCode: 'record-failed',
      committedOffset: 2n,
    })
    await pipeline.metadata.skipTo(idOf(await pipeline.partition()), 3n, NOTE)
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 3n, skipped: 1n })
  })

  test('a flood stops the table before anything of the task is committed; resume tries again', async () => {
    await open({ table: { dlq_max_ratio: 0.1 } })
    const values = Array.from({ length: 200 }, (_, i) => (i % 5 === 0 ? 'not json' : { id: i }))
    await land(pipeline.source, values)
    await pipeline.settle()
    const stopped = await pipeline.metadata.loadTable(TABLE)
    expect(stopped).toMatchObject({ state: 'stopped', version: 0n })
    expect(stopped?.stateReason).toMatch(/40 of 200 records .* dlq_max_ratio 0.1/)

    pipeline = await openPipeline({ table: { dlq_max_ratio: 0.5 }, over: pipeline })
    await pipeline.metadata.setTableState((await pipeline.declare()).rows.tableId, 'active', NOTE)
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 160n, dead_letters: 40n })
  })

  test('a bad beginning is no flood when the task as a whole is good', async () => {
    await open({ table: { dlq_max_ratio: 0.2 } })
    await land(pipeline.source, Array<string>(150).fill('not json'))
    await land(pipeline.source, ids(0, 850), { base: 150 })
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 850n, dead_letters: 150n })
  })
})

describe('what becomes a file', () => {
  test('rows fan out to more partition values than writers may be open', async () => {
    await open({
      table: { partition_by: ['bucket(16, id)'] },
      limits: { max_open_partitions: 3 },
    })
    await land(pipeline.source, ids(0, 2000))
    await pipeline.settle()
    const made = await files()
    expect(new Set(made.map(file => JSON.stringify(file.partition))).size).toBe(16)
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 2000n })
  })

  test('a file is closed at target_file_size', async () => {
    await open({
      table: {
        target_file_size: '1MiB',
        compression: 'none',
        schema: {
          fields: [
            { name: 'id', type: 'long' },
            { name: 'text', type: 'string' },
          ],
        },
      },
    })
    // Random bytes, so that no encoding makes them small; the writer's own guess of a file's size is rough.
    const text = () =>
      Buffer.from(Array.from({ length: 6000 }, () => pipeline.runtime.random() * 256)).toString('hex')
    for (let i = 0; i < 8; i++) {
      const values = Array.from({ length: 60 }, (_, id) => ({ id, text: text() }))
      await land(pipeline.source, values, { base: i * 60 })
    }
    await pipeline.settle()
    const made = await files()
    expect(made.length).toBeGreaterThan(1)
    for (const file of made) expect(file.fileSizeBytes).toBeLessThan(4n * 1024n * 1024n)
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 480n })
  })

  test('keys and values of raw topics are taken as they are', async () => {
    await open({ table: { source_format: 'raw', schema: undefined } })
    await landBatches(pipeline.source, [
      {
        codec: 'snappy',
        records: [
          { timestampMs: FIRST_TIMESTAMP_MS, key: utf8('k'), value: utf8('v') },
          { timestampMs: FIRST_TIMESTAMP_MS, key: null, value: utf8('') },
          { timestampMs: FIRST_TIMESTAMP_MS, key: utf8(''), value: null },
        ],
      },
    ])
    await pipeline.settle()
    const text = (value: unknown) => (value instanceof Uint8Array ? new TextDecoder().decode(value) : value)
    expect((await column('key')).map(text)).toEqual(['k', null, ''])
    expect((await column('value')).map(text)).toEqual(['v', '', null])
  })
})
