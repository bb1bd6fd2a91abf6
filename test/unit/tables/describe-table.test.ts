import { afterEach, beforeEach, expect, test } from 'vitest'
import { describeTable } from '../../../services/tables/describe-table.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline, TABLE } from '../../fakes/pipeline-fixture.ts'

const LIMITS = { partitions: 2, files: 2, snapshots: 2 }

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline({ table: { partition_by: ['bucket(4, id)'] } })
})
afterEach(() => pipeline.close())

const described = async (name = TABLE, limits = LIMITS) => {
  const description = await describeTable(pipeline.metadata, name, limits)
  if (description === undefined) throw new Error(`no table ${name}`)
  return description
}

test('a name that no table has is nothing', async () => {
  expect(await describeTable(pipeline.metadata, 'shop.nothing', LIMITS)).toBeUndefined()
})

test('a table without files has its schema, its spec, and zeros', async () => {
  await pipeline.declare()
  expect(await described()).toMatchObject({
    kind: 'rows',
    parent: null,
    dead_letter_table: `${TABLE}__dlq`,
    schema: { type: 'struct', 'schema-id': 0, fields: [{ id: 1, name: 'id', required: true }, { id: 2 }] },
    partition_spec: { 'spec-id': 0, fields: [{ name: 'id_bucket', transform: 'bucket[4]', 'source-id': 1 }] },
    rows: 0n,
    data_files: 0,
    size_bytes: 0n,
    partitions: { count: 0, newest: [] },
    files: { count: 0, newest: [] },
    snapshots: { count: 0, newest: [] },
    source_partitions: [],
    publications: [],
  })
})

test('files, partitions and snapshots agree with one another, and lists end at their limits', async () => {
  for (const round of [0, 1, 2]) {
    await land(pipeline.source, [...ids(round * 20, 19), 'not json'], { base: round * 20 })
    await pipeline.settle()
    await pipeline.publish()
  }
  const table = await described()
  expect(table).toMatchObject({ rows: 57n, version: 3n, snapshots: { count: 3 } })
  const all = await described(TABLE, { partitions: 100, files: 100, snapshots: 100 })
  for (const list of ['partitions', 'files', 'snapshots'] as const) {
    expect(all[list].newest).toHaveLength(all[list].count)
    expect(all[list].newest.slice(0, 2)).toEqual(table[list].newest)
  }
  expect(all.files.count).toBe(table.data_files)
  const sums = [all.files.newest, all.partitions.newest, all.file_sizes].map(list => [
    list.reduce((sum, { rows }) => sum + rows, 0n),
    list.reduce((sum, { size_bytes }) => sum + size_bytes, 0n),
  ])
  expect(sums).toEqual([0, 1, 2].map(() => [57n, table.size_bytes]))
  expect(all.partitions.newest[0]?.values).toEqual({ id_bucket: expect.stringMatching(/^[0-3]$/) })
  expect(all.snapshots.newest.map(snapshot => [snapshot.added_rows, snapshot.total_rows])).toEqual([
    [19n, 57n],
    [19n, 38n],
    [19n, 19n],
  ])
  expect(all.files.newest[0]?.snapshot_id).toBe(all.snapshots.newest[0]?.snapshot_id)
  expect(all.publications).toMatchObject([{ catalog: 'local', state: 'published', current: true }])
  expect(all.source_partitions).toMatchObject([{ partition: 0, committed_offset: 60n }])
  expect(all.source_partitions[0]?.newest_record_at_ms).toBeGreaterThan(0)
})

test('dead letters are described as a table, with the state and the sources of their parent', async () => {
  await land(pipeline.source, ['not json', ...ids(1, 4)])
  await pipeline.settle()
  const { rows } = await pipeline.declare()
  await pipeline.metadata.setTableState(rows.tableId, 'paused', { who: 'ada', why: 'a trial' })
  expect(await described(`${TABLE}__dlq`)).toMatchObject({
    kind: 'dead_letters',
    parent: TABLE,
    dead_letter_table: null,
    rows: 1n,
    data_files: 1,
    state: 'paused',
    state_reason: 'a trial',
    partitions: { count: 1, newest: [{ values: {}, rows: 1n }] },
    source_partitions: [{ committed_offset: 5n }],
  })
})
