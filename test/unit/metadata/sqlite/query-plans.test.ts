/** Every statement finds its rows through an index: the database must cost by what is asked for, not by how long a table has lived. */
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, it, vi } from 'vitest'
import { openSqliteMetadataStore } from '../../../../shared/metadata/sqlite/store.ts'
import { liveThrough } from '../../../contract/metadata-store-life.ts'

/** Scans that are meant, by a part of their plan: small tables, and indexes that hold only what is in flight. */
const MEANT = [
  'SCAN CONSTANT ROW',
  'SCAN sqlite_schema',
  'SCAN schema_migration',
  'SCAN convert_task USING INDEX convert_task_runnable',
  // By id backwards, up to the limit.
  'SCAN event',
  'SCAN scan_report',
  // The one pass for metrics, over what every table has now: tables, publications and current partitions, not their history.
  'SCAN t',
  'SCAN iceberg_table',
  // Partitions that are not active, and their tasks.
  'SCAN p USING INDEX source_partition_halted',
  'SCAN halted',
  'SCAN t USING INDEX sqlite_autoindex_iceberg_table_2',
  'SCAN p',
  'SCAN pending',
  // Which tables have something to publish or to render: a row for each table.
  'SCAN t USING COVERING INDEX sqlite_autoindex_iceberg_table_1',
  'SCAN dead_letter_topic',
  'SCAN p USING INDEX source_partition_current',
  'SCAN dead_letter_total',
  'SCAN source_partition USING INDEX sqlite_autoindex_source_partition_1',
  // By time backwards, up to the limit.
  'SCAN process USING INDEX process_by_time',
  // The tables, and the rows of the query's own result so far.
  'SCAN turn',
  // Holds only partitions that stall.
  'SCAN p USING INDEX source_partition_stalled',
]
/** The partitions of one table, in the order of their keys. */
const SORTED = /^select \* from "source_partition" where "table_id" = \?/
/** Sums over one table's live files, in groups, for people who ask. */
const SUMMED = /from data_file where table_id = \? .*\s+group by/

afterEach(() => {
  vi.restoreAllMocks()
})

it('every statement of a table’s life searches by an index', async () => {
  const prepared = vi.spyOn(DatabaseSync.prototype, 'prepare')
  const store = openSqliteMetadataStore({ path: ':memory:' })
  await store.migrate()
  await liveThrough(store)
  const statements = prepared.mock.calls
    .map(([sql]) => sql)
    .filter(sql => /^\s*(select|with|update|delete)/i.test(sql))
  const [db] = prepared.mock.contexts
  if (!(db instanceof DatabaseSync)) throw new Error('no statement was prepared')
  expect(statements.length).toBeGreaterThan(40)
  vi.restoreAllMocks()
  const scans = statements.flatMap(sql => {
    const plan = db.prepare(`explain query plan ${sql}`).all()
    const steps = plan.map(step => String(step.detail))
    const bad = steps.filter(
      step =>
        /SCAN|TEMP B-TREE/.test(step) &&
        !MEANT.includes(step) &&
        !SORTED.test(sql) &&
        !(SUMMED.test(sql) && /TEMP B-TREE|^SCAN \(subquery/.test(step)),
    )
    return bad.map(step => `${step}: ${sql}`)
  })
  expect(scans).toEqual([])
  await store.close()
})
