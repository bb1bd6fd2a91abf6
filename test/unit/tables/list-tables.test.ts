import { afterEach, beforeEach, expect, test } from 'vitest'
import { listTableSummaries } from '../../../services/tables/list-tables.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline, TABLE } from '../../fakes/pipeline-fixture.ts'

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline()
})
afterEach(() => pipeline.close())

test('without tables the list is empty', async () => {
  expect(await listTableSummaries(pipeline.metadata)).toMatchObject({ tables: [] })
})

test('rows count once a snapshot shows them; dead letters have a line of their own', async () => {
  await land(pipeline.source, [...ids(0, 9), 'not json'])
  await pipeline.plan({ everything: true })
  const before = await listTableSummaries(pipeline.metadata)
  expect(before.tables).toMatchObject([
    { name: TABLE, rows: 0n, snapshots: 0, pending_offsets: 10n, lag_ms: null, catalogs: [] },
    { name: `${TABLE}__dlq`, kind: 'dead_letters', rows: 0n },
  ])
  await pipeline.settle()
  await pipeline.publish()
  const { at_ms, tables } = await listTableSummaries(pipeline.metadata)
  const catalogs = [{ catalog: 'local', state: 'published', current: true }]
  expect(tables).toMatchObject([
    { rows: 9n, data_files: 1n, snapshots: 1, pending_offsets: 0n, catalogs },
    { rows: 1n, data_files: 1n, snapshots: 1, lag_ms: null, catalogs },
  ])
  expect(tables[0]?.lag_ms).toBe(at_ms - (tables[0]?.newest_record_at_ms ?? 0))
})
