import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { purgeNow } from '../../../services/dead-letter/dead-letter-retention.ts'
import { encodeSegment } from '../../../shared/segment/segment-writer.ts'
import { flipByte, land, recordsOf } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'

let folder: string
let pipeline: Pipeline
let database: DatabaseSync
const keyOf = (base: number, extension = 'kfs') =>
  `_topics/shop.orders.dlq/0/segment-${String(base).padStart(20, '0')}.${extension}`

/** Three dead letters in a segment at 0, and two in one at 3. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewater-audit-topic-'))
  const databasePath = join(folder, 'tidewater.db')
  pipeline = await openPipeline({ databasePath, table: { dlq_max_ratio: 1 } })
  database = new DatabaseSync(databasePath)
  await land(pipeline.source, ['a', 'b', 'c'])
  await pipeline.settle()
  await pipeline.render()
  await land(pipeline.source, ['d', 'e'], { base: 3 })
  await pipeline.settle()
  await pipeline.render()
})
afterEach(async () => {
  database.close()
  await pipeline.close()
  await rm(folder, { recursive: true })
})

async function replace(base: number, values: readonly string[]): Promise<void> {
  const { segment } = encodeSegment({
    baseOffset: BigInt(base),
    createdAtMs: 0,
    batches: [{ codec: 'none', records: recordsOf(values) }],
  })
  await pipeline.warehouse.put(keyOf(base), segment)
}

test('what is committed and not rendered yet is no finding', async () => {
  await land(pipeline.source, ['f'], { base: 5 })
  await pipeline.settle()
  expect(await pipeline.audit()).toMatchObject({
    dead_letters: 6n,
    topic_records: 5n,
    topic_gaps: 0n,
    topic_duplicates: 0n,
    findings: [],
  })
})

test('a segment without its index, or an index without its segment, is a gap', async () => {
  await pipeline.warehouse.delete(keyOf(0))
  await pipeline.warehouse.delete(keyOf(3, 'index'))
  const report = await pipeline.audit()
  expect(report).toMatchObject({ topic_records: 0n, topic_gaps: 5n, unverifiable: 0n })
  expect(report.findings).toHaveLength(2)
})

test('a segment that is gone with its index is unverifiable', async () => {
  await pipeline.warehouse.delete(keyOf(0))
  await pipeline.warehouse.delete(keyOf(0, 'index'))
  expect(await pipeline.audit()).toMatchObject({ topic_records: 2n, topic_gaps: 0n, unverifiable: 3n })
})

test('records that are not the dead letters of the table are gaps', async () => {
  await replace(0, ['a', 'x', 'c'])
  expect(await pipeline.audit()).toMatchObject({ topic_records: 2n, topic_gaps: 3n, topic_duplicates: 0n })
})

test('a record too many is a duplicate, one too few a gap', async () => {
  const bytes = await pipeline.warehouse.get(keyOf(3))
  await replace(3, ['d', 'e', 'f'])
  expect(await pipeline.audit()).toMatchObject({ topic_gaps: 2n, topic_duplicates: 1n })
  await replace(3, ['d'])
  expect(await pipeline.audit()).toMatchObject({ topic_gaps: 2n, topic_duplicates: 0n })
  await pipeline.warehouse.put(keyOf(3), bytes)
  expect(await pipeline.audit()).toMatchObject({ topic_records: 5n, topic_gaps: 0n })
})

test('a damaged segment is a gap that says what is wrong', async () => {
  await flipByte(pipeline.warehouse, keyOf(0), 100)
  const report = await pipeline.audit()
  expect(report).toMatchObject({ topic_records: 2n, topic_gaps: 3n })
  expect(report.findings[0]).toMatch(/offset 0 is not in its segment: .*(checksum|CRC)/i)
})

test('a segment that the ledger does not know is a duplicate', async () => {
  await replace(1, ['b'])
  expect(await pipeline.audit()).toMatchObject({ topic_gaps: 0n, topic_duplicates: 1n })
})

test('a segment that the ledger lost is a gap, and its object a duplicate', async () => {
  database.exec('delete from dead_letter_segment where base_offset = 0')
  expect(await pipeline.audit()).toMatchObject({ topic_gaps: 3n, topic_duplicates: 1n })
})

test('dead letters without offsets are gaps', async () => {
  database.exec('delete from dead_letter_topic_file where base_offset = 3')
  database.exec('delete from dead_letter_segment where base_offset = 3')
  database.exec('update dead_letter_topic set next_offset = 3, planned_offset = 3, rendered_offset = 3')
  const report = await pipeline.audit()
  expect(report).toMatchObject({ topic_records: 3n, topic_gaps: 2n })
  expect(report.findings[0]).toContain('have no offsets')
})

test('offsets that are given twice are duplicates', async () => {
  database.exec(`insert into dead_letter_topic_file select table_id, 5, record_count, path, file_size_bytes
    from dead_letter_topic_file where base_offset = 3`)
  database.exec('update dead_letter_topic set next_offset = 7')
  expect(await pipeline.audit()).toMatchObject({ topic_duplicates: 2n })
})

test('where the table’s file is gone, its dead letters are unverifiable', async () => {
  const row = database.prepare('select path from dead_letter_topic_file where base_offset = 3').get()
  await pipeline.warehouse.delete(String(row?.path).replace('file:///lake/warehouse/', ''))
  database.exec(`delete from data_file where path = '${String(row?.path)}'`)
  expect(await pipeline.audit()).toMatchObject({ topic_records: 5n, topic_gaps: 0n, unverifiable: 2n })
})

/** Retention removes everything that is there now. */
async function purgeAll(): Promise<void> {
  const declared = await pipeline.declare()
  pipeline.runtime.advance(2)
  await purgeNow(pipeline.parts, { ...declared, config: { ...declared.config, dlqRetentionMs: 1 } })
}

test.each([
  ['the topic is listed', 'before', 'list', '_topics/'],
  ['its first segment is read', 'before', 'get', keyOf(0)],
  ['its first index is looked for', 'before', 'head', keyOf(0, 'index')],
  ['its first index was found', 'after', 'head', keyOf(0, 'index')],
  ['its last segment is read', 'before', 'get', keyOf(3)],
  ['its last index was found', 'after', 'head', keyOf(3, 'index')],
] as const)('retention while %s makes no finding', async (_, hook, operation, prefix) => {
  pipeline.warehouse[hook] = async (found, key) => {
    if (found !== operation || !key.startsWith(prefix)) return
    pipeline.warehouse[hook] = undefined
    await purgeAll()
  }
  expect(await pipeline.audit()).toMatchObject({ topic_gaps: 0n, topic_duplicates: 0n, findings: [] })
  expect(pipeline.warehouse[hook]).toBeUndefined()
  expect(await pipeline.metadata.sumAccounts((await pipeline.declare()).rows.tableId)).toMatchObject({
    purgedDeadLetterCount: 5n,
  })
})
