import { expect, test } from 'vitest'
import { keepingOthers } from '../../../../catalog-adapters/glue/keep-others.ts'
import type { Snapshot, TableMetadata } from '../../../../shared/iceberg/table-metadata.ts'
import { parseTableMetadata, renderTableMetadata } from '../../../../shared/iceberg/table-metadata-json.ts'
import { ORDERS } from '../../iceberg/fixtures.ts'

const snapshot = (id: bigint, parent?: bigint): Snapshot => ({
  snapshotId: id,
  ...(parent !== undefined && { parentSnapshotId: parent }),
  sequenceNumber: id,
  timestampMs: Number(id),
  manifestList: `s3://lake/${id}.avro`,
  summary: { operation: 'append' },
  schemaId: 0,
})

const table = (snapshots: readonly Snapshot[], more: Partial<TableMetadata> = {}): TableMetadata => ({
  tableUuid: '7f0e3b58-3a5c-4b0d-9d1b-0c8f5a3f1c11',
  location: 's3://lake/shop/orders',
  lastSequenceNumber: snapshots.at(-1)?.sequenceNumber ?? 0n,
  lastUpdatedMs: 100,
  lastColumnId: 6,
  schemas: [ORDERS],
  currentSchemaId: 0,
  partitionSpecs: [{ specId: 0, fields: [] }],
  defaultSpecId: 0,
  lastPartitionId: 999,
  properties: {},
  snapshots,
  snapshotLog: [],
  metadataLog: [],
  ...more,
})

test('where nobody else has been, the metadata is as it is wanted', () => {
  const wanted = table([snapshot(1n), snapshot(2n, 1n)], { properties: { 'gc.enabled': 'false' } })
  expect(keepingOthers(wanted, table([snapshot(1n)]))).toEqual(wanted)
})

test('properties of others stay, and Tidewater’s own are as it wants them', () => {
  const shown = table([], { properties: { owner: 'sales', 'gc.enabled': 'true', 'tidewater.gone': '1' } })
  const kept = keepingOthers(table([], { properties: { 'gc.enabled': 'false' } }), shown)
  expect(kept.properties).toEqual({ owner: 'sales', 'gc.enabled': 'false' })
})

test('a tag keeps its snapshot and those before it, which have expired here, and main stays ours', () => {
  const refs = { audit: { snapshotId: 2n, type: 'tag' as const } }
  const shown = table([snapshot(1n), snapshot(2n, 1n), snapshot(3n, 2n)], { refs })
  const kept = keepingOthers(table([snapshot(3n, 2n), snapshot(4n, 3n)]), shown)
  expect(kept.snapshots.map(({ snapshotId }) => snapshotId)).toEqual([1n, 2n, 3n, 4n])
  const read = parseTableMetadata(renderTableMetadata(kept), 'kept')
  expect(read).toMatchObject({ refs, snapshots: kept.snapshots })
  expect(read.currentSnapshotId ?? read.snapshots.at(-1)?.snapshotId).toBe(4n)
})

test('a branch of another writer keeps its snapshots and their sequence numbers', () => {
  const refs = { theirs: { snapshotId: 9n, type: 'branch' as const } }
  const shown = table([snapshot(1n), snapshot(9n, 1n)], { refs, currentSnapshotId: 1n })
  const kept = keepingOthers(table([snapshot(1n), snapshot(2n, 1n)]), shown)
  expect(kept.snapshots.map(({ snapshotId }) => snapshotId)).toEqual([9n, 1n, 2n])
  expect(kept).toMatchObject({ currentSnapshotId: 2n, lastSequenceNumber: 9n })
})
