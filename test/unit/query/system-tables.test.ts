import { expect, it } from 'vitest'
import { createQueryFixture } from '../../fakes/query-fixture.ts'
import { schemaOf } from '../parquet/batches.ts'

it('system tables hold what the metadata database says', async () => {
  const fixture = await createQueryFixture()
  const schema = schemaOf({ id: 1, name: 'id', required: false, type: { kind: 'long' } })
  const { tableId } = await fixture.add({
    name: 'n.t',
    schema,
    partitionBy: [{ sourceId: 1, fieldId: 1000, name: 'id', transform: { kind: 'identity' } }],
    files: [[{ id: 1n }], [{ id: 2n }]],
  })
  Object.assign(fixture.context.metadata, {
    listPartitions: async () => [
      {
        tableId,
        topic: 'orders',
        partition: 3,
        incarnation: 0,
        firstOffset: 0n,
        plannedOffset: 2n ** 60n,
        committedOffset: 5n,
        state: 'stopped',
        stateCode: 'segment-crc-mismatch',
        maxTimestampMs: -1,
        tasksInFlight: 0,
      },
    ],
    listEvents: async () => [
      {
        eventId: 7n,
        atMs: 1000,
        type: 'source.gap',
        tableId,
        message: 'a gap',
        details: { startOffset: 2n ** 60n },
      },
    ],
    listScanReports: async () => [
      {
        reportId: 9n,
        atMs: 1000,
        table: 'n.t',
        tableId,
        catalog: 'local',
        snapshotId: 1000n,
        schemaId: 0,
        filter: 'true',
        projectedFields: ['id'],
        resultFiles: 2n,
      },
    ],
  })
  const one = async (sql: string) => (await fixture.rows(sql))[0]
  expect(await one('SELECT table_name, snapshot_id, file_count FROM _tidewater.tables')).toEqual([
    'n.t',
    1001n,
    2n,
  ])
  expect(await one('SELECT partition, record_count FROM _tidewater.files ORDER BY path')).toEqual([
    'id=1',
    1n,
  ])
  expect(await one("SELECT count(*), max(summary['total-records']) FROM _tidewater.snapshots")).toEqual([
    2n,
    '7',
  ])
  expect(
    await one('SELECT partition, planned_offset, newest_record_at, state_code FROM _tidewater.offsets'),
  ).toEqual([3, 2n ** 60n, null, 'segment-crc-mismatch'])
  expect(
    await one(
      "SELECT table_name, details->>'startOffset', epoch_ms(occurred_at), who FROM _tidewater.events",
    ),
  ).toEqual(['n.t', String(2n ** 60n), 1000n, null])
  expect(await one('SELECT query_id, columns[1], files_read, engine FROM _tidewater.queries')).toEqual([
    9n,
    'id',
    2n,
    null,
  ])
  await fixture.remove()
})
