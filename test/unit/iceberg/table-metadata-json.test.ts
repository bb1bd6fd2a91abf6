import { describe, expect, test } from 'vitest'
import type { Snapshot, TableMetadata } from '../../../shared/iceberg/table-metadata.ts'
import { parseTableMetadata, renderTableMetadata } from '../../../shared/iceberg/table-metadata-json.ts'
import { BY_DAY, LOCATION, ORDERS, TABLE_ID } from './fixtures.ts'

const snapshot = (id: bigint, sequenceNumber: bigint, timestampMs: number): Snapshot => ({
  snapshotId: id,
  ...(sequenceNumber > 1n ? { parentSnapshotId: id - 1n } : {}),
  sequenceNumber,
  timestampMs,
  manifestList: `${LOCATION}/metadata/snap-${id}-1-x.avro`,
  summary: { operation: 'append', 'total-records': '5' },
  schemaId: 0,
})
const FIRST = 2n ** 62n
const metadata: TableMetadata = {
  tableUuid: TABLE_ID,
  location: LOCATION,
  lastSequenceNumber: 2n,
  lastUpdatedMs: 1_767_225_700_000,
  lastColumnId: 6,
  schemas: [ORDERS],
  currentSchemaId: 0,
  partitionSpecs: [BY_DAY],
  defaultSpecId: 0,
  lastPartitionId: 1000,
  properties: { 'gc.enabled': 'false' },
  snapshots: [snapshot(FIRST, 1n, 1_767_225_600_000), snapshot(FIRST + 1n, 2n, 1_767_225_601_000)],
  currentSnapshotId: FIRST + 1n,
  snapshotLog: [
    { snapshotId: FIRST, timestampMs: 1_767_225_600_000 },
    { snapshotId: FIRST + 1n, timestampMs: 1_767_225_601_000 },
  ],
  metadataLog: [
    { metadataLocation: `${LOCATION}/metadata/00000-x.metadata.json`, timestampMs: 1_767_225_500_000 },
  ],
}
const { currentSnapshotId: _, ...withoutCurrent } = metadata
const EMPTY: TableMetadata = {
  ...withoutCurrent,
  lastSequenceNumber: 0n,
  snapshots: [],
  snapshotLog: [],
  metadataLog: [],
}

const text = (value: TableMetadata) => new TextDecoder().decode(renderTableMetadata(value))
const json = (value: TableMetadata) => JSON.parse(text(value))
const parse = (value: unknown) =>
  parseTableMetadata(new TextEncoder().encode(JSON.stringify(value)), 's3://lake/t/metadata/x.metadata.json')

describe('rendering', () => {
  test('trap: holds every field that version 2 or some reader requires', () => {
    expect(Object.keys(json(metadata)).toSorted()).toEqual(
      [
        'format-version',
        'table-uuid',
        'location',
        'last-sequence-number',
        'last-updated-ms',
        'last-column-id',
        'schemas',
        'current-schema-id',
        'partition-specs',
        'default-spec-id',
        'last-partition-id',
        'sort-orders',
        'default-sort-order-id',
        'properties',
        'current-snapshot-id',
        'snapshots',
        'snapshot-log',
        'metadata-log',
        'refs',
        'statistics',
        'partition-statistics',
      ].toSorted(),
    )
    expect(json(metadata)).toMatchObject({
      'format-version': 2,
      'sort-orders': [{ 'order-id': 0, fields: [] }],
      'default-sort-order-id': 0,
      statistics: [],
      'partition-statistics': [],
    })
  })

  test('trap: 64-bit ids keep every digit, in refs.main too', () => {
    expect(text(metadata)).toContain('"current-snapshot-id":4611686018427387905')
    expect(text(metadata)).toContain('"refs":{"main":{"snapshot-id":4611686018427387905,"type":"branch"}}')
  })

  test('a table without snapshots says −1 and has no refs', () => {
    expect(json(EMPTY)).toMatchObject({
      'current-snapshot-id': -1,
      refs: {},
      snapshots: [],
      'snapshot-log': [],
    })
    expect(parseTableMetadata(renderTableMetadata(EMPTY), 'x')).toEqual(EMPTY)
  })

  test('trap: timestamps of the logs never go back, and the table is not older than its logs', () => {
    const shaken = {
      ...metadata,
      lastUpdatedMs: 1,
      snapshotLog: [
        { snapshotId: FIRST, timestampMs: 9_000 },
        { snapshotId: FIRST + 1n, timestampMs: 8_000 },
      ],
      metadataLog: [
        { metadataLocation: 'a', timestampMs: 9_500 },
        { metadataLocation: 'b', timestampMs: 7_000 },
      ],
    }
    const rendered = json(shaken)
    const times = (log: { 'timestamp-ms': number }[]) => log.map(entry => entry['timestamp-ms'])
    expect(times(rendered['snapshot-log'])).toEqual([9_000, 9_000])
    expect(times(rendered['metadata-log'])).toEqual([9_500, 9_500])
    expect(rendered['last-updated-ms']).toBe(9_500)
  })

  test('properties and summaries have one order whatever order they came in, operation first', () => {
    const shuffled = { ...metadata, properties: { b: '2', a: '1' } }
    expect(text(shuffled)).toContain('"properties":{"a":"1","b":"2"}')
    expect(text({ ...metadata, properties: { a: '1', b: '2' } })).toBe(text(shuffled))
    expect(text(metadata)).toContain('"summary":{"operation":"append","total-records":"5"}')
  })

  test.each<[string, Partial<TableMetadata>, RegExp]>([
    ['a current schema that is not there', { currentSchemaId: 4 }, /current schema/],
    ['a default spec that is not there', { defaultSpecId: 4 }, /default partition spec/],
    ['a current snapshot that is not there', { currentSnapshotId: 4n }, /current snapshot 4/],
    ['a snapshot from the future', { lastSequenceNumber: 1n }, /sequence number of at most 1/],
    ['a log entry of an expired snapshot', { snapshots: metadata.snapshots.slice(1) }, /in the log/],
    [
      'trap: a summary without operation',
      { snapshots: metadata.snapshots.map(entry => ({ ...entry, summary: {} })) },
      /names its operation/,
    ],
  ])('refuses %s', (_what, overrides, message) => {
    expect(() => renderTableMetadata({ ...metadata, ...overrides })).toThrow(message)
  })
})

describe('parsing', () => {
  test('gives back what was rendered', () => {
    expect(parseTableMetadata(renderTableMetadata(metadata), 'x')).toEqual(metadata)
  })

  test('keeps branches and tags of engines, and what is current after a rollback', () => {
    const refs = { audit: { snapshotId: FIRST, type: 'tag' as const } }
    const rolledBack = { ...metadata, currentSnapshotId: FIRST, refs }
    expect(parseTableMetadata(renderTableMetadata(rolledBack), 'x')).toEqual(rolledBack)
  })

  test.each([
    ['another format version', { 'format-version': 3 }, /format version 3/],
    ['no format version', { 'format-version': undefined }, /format-version/],
    ['a missing uuid', { 'table-uuid': undefined }, /table-uuid/],
    ['a current snapshot that is not listed', { 'current-snapshot-id': 12 }, /12 is not among the snapshots/],
    ['snapshots without a current one', { 'current-snapshot-id': -1 }, /none of which is current/],
    ['a fractional sequence number', { 'last-sequence-number': 1.5 }, /whole number/],
  ])('refuses %s, naming the object', (_what, overrides, message) => {
    const object = {
      ...json({ ...metadata, snapshots: [snapshot(1n, 1n, 5)], currentSnapshotId: 1n, snapshotLog: [] }),
      ...overrides,
    }
    expect(() => parse(object)).toThrow(message)
    expect(() => parse(object)).toThrow(/s3:\/\/lake\/t\/metadata\/x\.metadata\.json/)
  })

  test('takes what other writers leave out: null ids, missing logs, a snapshot without schema id', () => {
    const object = json(EMPTY)
    object['current-snapshot-id'] = null
    for (const key of ['snapshots', 'snapshot-log', 'metadata-log', 'refs']) delete object[key]
    expect(parse(object)).toEqual(EMPTY)
    const bare = json({
      ...metadata,
      snapshots: [snapshot(1n, 1n, 5)],
      currentSnapshotId: 1n,
      snapshotLog: [],
    })
    delete bare.snapshots[0]['schema-id']
    expect(parse(bare).snapshots[0]?.schemaId).toBe(0)
  })
})
