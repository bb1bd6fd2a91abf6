import { afterEach, beforeEach, expect, test } from 'vitest'
import { collectStatus } from '../../../services/status/collect-status.ts'
import { flipByte, ids, land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline, TABLE } from '../../fakes/pipeline-fixture.ts'

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline()
})
afterEach(() => pipeline.close())

async function statusOf() {
  const report = await collectStatus(pipeline.metadata)
  const [table] = report.tables
  if (table === undefined) throw new Error('no table')
  return { report, table }
}

test('without tables there is nothing to say', async () => {
  expect(await collectStatus(pipeline.metadata)).toMatchObject({ tables: [], events: [] })
})

test('what was committed, what is published, and whether that is the newest', async () => {
  await land(pipeline.source, [...ids(0, 9), 'not json'])
  await land(pipeline.source, ids(20, 5), { base: 20 })
  await pipeline.settle()
  const before = await statusOf()
  expect(before.table).toMatchObject({
    name: TABLE,
    state: 'active',
    rows: 14n,
    dead_letters: 1n,
    source_gaps: 10n,
    publications: [],
    partitions: [
      { topic: 'orders', partition: 0, committed_offset: 25n, planned_offset: 25n, state: 'active' },
    ],
  })

  await pipeline.publish()
  const { table } = await statusOf()
  expect(table).toMatchObject({
    data_files: 1,
    publications: [{ catalog: 'local', state: 'published', current: true }],
  })
  expect(table.size_bytes).toBeGreaterThan(0n)
  expect(table.newest_record_at_ms).toBeGreaterThan(0)
  expect(table.dead_letter_publications).toMatchObject([{ state: 'published' }])

  await land(pipeline.source, ids(25, 5), { base: 25 })
  await pipeline.settle()
  const { cutSnapshot } = await import('../../../services/publisher/cut-snapshot.ts')
  await cutSnapshot(pipeline.parts, table.table_uuid)
  expect((await statusOf()).table.publications).toMatchObject([{ current: false }])
})

test('a stop shows with its code, its reason, its task and its event; a resume with who and why', async () => {
  await flipByte(pipeline.source, await land(pipeline.source, ids(0, 10)), 120)
  await pipeline.settle()
  const { table, report } = await statusOf()
  expect(table.partitions[0]).toMatchObject({ state: 'stopped', tasks_in_flight: 1 })
  expect(table.partitions[0]?.state_reason).toContain('orders/0/segment-00000000000000000000.kfs')
  expect(table.parked_tasks).toHaveLength(1)
  expect(table.parked_tasks[0]?.code).toBe(table.partitions[0]?.state_code)
  expect(report.events[0]).toMatchObject({
    type: 'partition.stopped',
    topic: 'orders',
    partition: 0,
    who: null,
  })

  const { tableId, topic, partition } = await pipeline.partition()
  await pipeline.metadata.resumePartition({ tableId, topic, partition }, { who: 'ada', why: 'restored' })
  expect((await statusOf()).report.events[0]).toMatchObject({
    type: 'operator.resume',
    who: 'ada',
    why: 'restored',
  })
})
