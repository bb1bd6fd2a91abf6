import { describe, expect, test } from 'vitest'
import { renderTableMetadata } from '../../../shared/iceberg/table-metadata-json.ts'
import { previousVersionsMax, tableMetadataOf } from '../../../shared/iceberg/table-metadata-of.ts'
import type { SnapshotRecord } from '../../../shared/metadata/metadata-store.ts'
import { LOCATION, TABLE_ID, table } from './fixtures.ts'

const snapshot = (sequenceNumber: bigint, overrides: Partial<SnapshotRecord> = {}): SnapshotRecord => ({
  tableId: TABLE_ID,
  snapshotId: 100n + sequenceNumber,
  sequenceNumber,
  version: sequenceNumber,
  timestampMs: 1_000 * Number(sequenceNumber),
  operation: 'append',
  schemaId: 0,
  manifestListPath: `${LOCATION}/metadata/snap-${sequenceNumber}.avro`,
  summary: { 'total-records': '1' },
  state: 'cut',
  ...overrides,
})
const location = (version: number) =>
  `${LOCATION}/metadata/${String(version).padStart(5, '0')}-x.metadata.json`
const logged = (version: number) => ({ metadataLocation: location(version), timestampMs: version * 10 })

test('the last snapshot is current, and the logs show only what is shown', () => {
  const metadata = tableMetadataOf({
    table: table({ lastSequenceNumber: 3n }),
    snapshots: [snapshot(2n), snapshot(3n)],
    timestampMs: 9_000,
  })
  expect(metadata.currentSnapshotId).toBe(103n)
  expect(metadata.lastSequenceNumber).toBe(3n)
  expect(metadata.snapshotLog.map(({ snapshotId }) => snapshotId)).toEqual([102n, 103n])
  expect(metadata.snapshots[0]?.summary).toEqual({ operation: 'append', 'total-records': '1' })
  expect(metadata.tableUuid).toBe(TABLE_ID)
  expect(() => renderTableMetadata(metadata)).not.toThrow()
})

test('a table without snapshots renders', () => {
  const metadata = tableMetadataOf({ table: table(), snapshots: [], timestampMs: 9_000 })
  expect(metadata.currentSnapshotId).toBeUndefined()
  expect(metadata.lastSequenceNumber).toBe(0n)
  expect(() => renderTableMetadata(metadata)).not.toThrow()
})

test('trap: gc.enabled is false whatever the table says; its other properties win over the defaults', () => {
  const properties = { 'gc.enabled': 'true', 'write.parquet.compression-codec': 'snappy', owner: 'data' }
  const metadata = tableMetadataOf({ table: table({ properties }), snapshots: [], timestampMs: 1 })
  expect(metadata.properties).toMatchObject({
    'gc.enabled': 'false',
    'write.parquet.compression-codec': 'snappy',
    owner: 'data',
  })
})

test('refuses expired snapshots and snapshots out of order', () => {
  const of =
    (...snapshots: SnapshotRecord[]) =>
    () =>
      tableMetadataOf({ table: table(), snapshots, timestampMs: 1 })
  expect(of(snapshot(3n), snapshot(2n))).toThrow(/in order, found 102/)
  expect(of(snapshot(2n, { state: 'expired' }))).toThrow(/not expired/)
})

describe('trap: the metadata log', () => {
  const logOf = (publication: Parameters<typeof tableMetadataOf>[0]['publication'], properties = {}) =>
    tableMetadataOf({
      table: table({ properties }),
      snapshots: [],
      ...(publication === undefined ? {} : { publication }),
      timestampMs: 500,
    }).metadataLog

  test('ends with the file that is replaced, whether or not the ledger has logged it yet', () => {
    expect(
      logOf({ metadataLocation: location(2), metadataLog: [logged(0), logged(1)], metadataTimestampMs: 20 }),
    ).toEqual([logged(0), logged(1), logged(2)])
    expect(logOf({ metadataLocation: location(1), metadataLog: [logged(0), logged(1)] })).toEqual([
      logged(0),
      logged(1),
    ])
  })

  test('is empty for a table that is created', () => {
    expect(logOf(undefined)).toEqual([])
    expect(logOf({ metadataLog: [] })).toEqual([])
  })

  test('is bounded by write.metadata.previous-versions-max', () => {
    const publication = { metadataLocation: location(3), metadataLog: [logged(0), logged(1), logged(2)] }
    expect(logOf(publication, { 'write.metadata.previous-versions-max': '2' })).toEqual([
      logged(2),
      { metadataLocation: location(3), timestampMs: 500 },
    ])
    expect(logOf(publication, { 'write.metadata.previous-versions-max': '0' })).toEqual([])
    const many = Array.from({ length: 500 }, (_, i) => logged(i))
    expect(logOf({ metadataLog: many })).toHaveLength(100)
  })

  test('falls back to 100 where the property is not a number', () => {
    expect(previousVersionsMax({ 'write.metadata.previous-versions-max': 'many' })).toBe(100)
    expect(previousVersionsMax({})).toBe(100)
  })
})
