import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AccountedRange } from '../../../shared/flow.ts'
import { rangesToJson } from '../../../shared/metadata/json-columns.ts'
import { flipByte, ids, land, removeSegment } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'

let folder: string
let pipeline: Pipeline
let database: DatabaseSync

async function open(table: Readonly<Record<string, unknown>> = {}): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'tidewater-audit-'))
  const databasePath = join(folder, 'tidewater.db')
  pipeline = await openPipeline({ databasePath, table })
  database = new DatabaseSync(databasePath)
  // Two tasks: offsets 0 to 9, and 10 to 19 with a dead letter at 13.
  await land(pipeline.source, ids(0, 10))
  await pipeline.settle()
  await land(pipeline.source, [...ids(10, 3), 'not json', ...ids(14, 6)], { base: 10 })
  await pipeline.settle()
}
afterEach(async () => {
  database.close()
  await pipeline.close()
  await rm(folder, { recursive: true })
})

const clean = { gaps: 0n, duplicates: 0n, source_gaps: 0n, unverifiable: 0n, findings: [] }

describe.each(['struct', 'flat', 'none'])('metadata_columns: %s', metadataColumns => {
  beforeEach(() => open({ metadata_columns: metadataColumns }))

  test('a sound table is clean', async () => {
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 19n, dead_letters: 1n })
  })

  test('a data file that the database lost is a gap', async () => {
    database.exec(`delete from data_file where rowid = (select min(rowid) from data_file)`)
    expect(await pipeline.audit()).toMatchObject({ rows: 9n, gaps: 10n, duplicates: 0n })
  })

  test('a data file that is listed twice is duplicates', async () => {
    const columns = `table_id, task_key, spec_id, partition, record_count, file_size_bytes, encoded, added_version`
    const copied = `file:///lake/warehouse/shop/orders/data/copy.parquet`
    const [first] = (
      await pipeline.metadata.listFiles((await pipeline.declare()).rows.tableId, { version: 1n, limit: 1 })
    ).files
    const bytes = await pipeline.warehouse.get(first?.path.replace('file:///lake/warehouse/', '') ?? '')
    await pipeline.warehouse.put('shop/orders/data/copy.parquet', bytes)
    database.exec(
      `insert into data_file (path, ${columns}) select '${copied}', ${columns} from data_file where path = '${first?.path}'`,
    )
    const report = await pipeline.audit()
    expect(report).toMatchObject({ rows: 29n, gaps: 0n, duplicates: 10n })
    expect(report.findings.length).toBeGreaterThan(0)
  })

  test('dead letters that retention removed are purged, not gaps, also where their segments are gone', async () => {
    await purgeAll()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 19n, dead_letters: 0n, purged: 1n })
    await removeSegment(pipeline.source, 10)
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 19n, purged: 1n, unverifiable: 10n })
  })

  test('segments that are gone are unverifiable, and the files are still held against the ledger', async () => {
    await removeSegment(pipeline.source, 10)
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 19n, dead_letters: 1n, unverifiable: 10n })
  })
})

async function purgeAll(): Promise<void> {
  const { tableId } = (await pipeline.declare()).rows
  const committedBeforeMs = pipeline.runtime.nowMs() + 1
  const purged = await pipeline.metadata.purgeDeadLetters(tableId, { committedBeforeMs, maxBatches: 10 })
  expect(purged.deadLetterCount).toBe(1n)
}

describe('an audit of offsets', () => {
  beforeEach(() => open())

  test('a row that is missing where a dead letter was purged is a gap', async () => {
    await purgeAll()
    database.exec(`delete from data_file where record_count = 9`)
    expect(await pipeline.audit()).toMatchObject({ rows: 10n, purged: 1n, gaps: 9n, duplicates: 0n })
  })

  test('a dead letter that is still there and was purged by the ledger is a duplicate', async () => {
    await purgeAll()
    database.exec(`update data_file set removed_version = null`)
    expect(await pipeline.audit()).toMatchObject({ dead_letters: 1n, purged: 1n, gaps: 0n, duplicates: 1n })
  })

  test.each([[true], [false]])(
    'a purge while the audit reads is no finding, segments there: %s',
    async areThere => {
      if (!areThere) await removeSegment(pipeline.source, 10)
      pipeline.warehouse.before = async (_, key) => {
        if (!key.includes('orders__dlq/data/')) return
        pipeline.warehouse.before = undefined
        await purgeAll()
      }
      const unverifiable = areThere ? 0n : 10n
      expect(await pipeline.audit()).toMatchObject({ ...clean, dead_letters: 1n, purged: 1n, unverifiable })
      expect(await pipeline.audit()).toMatchObject({ ...clean, dead_letters: 0n, purged: 1n, unverifiable })
    },
  )

  test('a dead letter that was lost is a gap', async () => {
    const { tableId } = (await pipeline.declare()).deadLetters
    database.exec(`delete from data_file where table_id = '${tableId}'`)
    const report = await pipeline.audit()
    expect(report).toMatchObject({ gaps: 1n, duplicates: 0n })
    expect(report.findings).toEqual([
      'orders-0 offset 13 is in its segment, and neither a row nor a dead letter',
    ])
  })

  test('a lost file shows also where its segments are gone', async () => {
    await removeSegment(pipeline.source, 0)
    database.exec(`delete from data_file where rowid = (select min(rowid) from data_file)`)
    expect(await pipeline.audit()).toMatchObject({ gaps: 10n, unverifiable: 10n })
  })

  test('an account that is lost is a gap', async () => {
    database.exec(`delete from slice_account where task_key = (select min(task_key) from slice_account)`)
    const report = await pipeline.audit()
    expect(report.gaps).toBe(10n)
    expect(report.findings[0]).toBe('orders-0: offsets 0 to 9 have no account')
  })

  test.each(['source_gap', 'absent', 'control'] as const)(
    'an account that calls records %s is not believed',
    async kind => {
      database.exec(`delete from data_file where rowid = (select min(rowid) from data_file)`)
      database.exec(
        `update slice_account set row_count = 0, ranges = '${rangesText(kind)}' where task_key = (select min(task_key) from slice_account)`,
      )
      expect(await pipeline.audit()).toMatchObject({ rows: 9n, gaps: 10n })
    },
  )

  test('rows that the ledger says were skipped are duplicates', async () => {
    database.exec(
      `update slice_account set row_count = 0, ranges = '${rangesText('skipped')}' where task_key = (select min(task_key) from slice_account)`,
    )
    expect(await pipeline.audit()).toMatchObject({ rows: 19n, gaps: 0n, duplicates: 10n })
  })

  test('a segment that changed since it was converted is unverifiable, not wrong', async () => {
    await flipByte(pipeline.source, 'orders/0/segment-00000000000000000000.kfs', 100)
    expect(await pipeline.audit()).toMatchObject({ gaps: 0n, duplicates: 0n, unverifiable: 10n })
  })

  test('offsets above the watermark are left for the next audit', async () => {
    database.exec(`update source_partition set committed_offset = 10, row_count = 10, dead_letter_count = 0`)
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 10n })
  })
})

function rangesText(kind: AccountedRange['kind']): string {
  return rangesToJson([{ kind, startOffset: 0n, endOffset: 10n }])
}

test('a purge of the first life of a topic while rows are read takes nothing from the second one', async () => {
  await open({ on_new_incarnation: 'continue' })
  await removeSegment(pipeline.source, 0)
  await removeSegment(pipeline.source, 10)
  pipeline.runtime.advance(1000)
  const secondLifeMs = pipeline.runtime.nowMs()
  pipeline.runtime.advance(1000)
  await land(pipeline.source, [...ids(0, 13), 'not json either'])
  await pipeline.settle()
  expect(await pipeline.partition()).toMatchObject({ incarnation: 1, committedOffset: 14n })
  const { tableId } = (await pipeline.declare()).rows
  pipeline.warehouse.before = async (_, key) => {
    if (!key.includes('/orders/data/')) return
    pipeline.warehouse.before = undefined
    await pipeline.metadata.purgeDeadLetters(tableId, { committedBeforeMs: secondLifeMs, maxBatches: 10 })
  }
  expect(await pipeline.audit()).toMatchObject({ ...clean, unverifiable: 20n, rows: 32n })
  expect(await pipeline.audit()).toMatchObject({ ...clean, unverifiable: 20n, purged: 1n, dead_letters: 1n })
})
