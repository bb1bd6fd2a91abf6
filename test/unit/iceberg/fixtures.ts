/** A small table and its files, shared by the tests of rendering. Everything is a value; nothing here decides. */

import type { DataFile } from '../../../shared/iceberg/data-file.ts'
import { encodeDataFile } from '../../../shared/iceberg/data-file-avro.ts'
import type { PartitionSpec, PartitionValue } from '../../../shared/iceberg/partition-spec.ts'
import type { Schema } from '../../../shared/iceberg/schema.ts'
import type {
  LiveFile,
  SnapshotInput,
  SourcePartition,
  TableDetail,
} from '../../../shared/metadata/metadata-store.ts'

export const TABLE_ID = 'f79c3e09-677c-4bbd-a479-3f349cb785e7'
export const LOCATION = 's3://lake/warehouse/analytics/orders'

export const ORDERS: Schema = {
  schemaId: 0,
  fields: [
    { id: 1, name: 'order_id', required: true, type: { kind: 'long' } },
    { id: 2, name: 'created_at', required: false, type: { kind: 'timestamptz' } },
    {
      id: 3,
      name: 'customer',
      required: false,
      type: {
        kind: 'struct',
        fields: [
          { id: 4, name: 'id', required: false, type: { kind: 'string' } },
          { id: 5, name: 'country', required: false, type: { kind: 'string' } },
        ],
      },
    },
    { id: 6, name: 'amount', required: false, type: { kind: 'decimal', precision: 12, scale: 2 } },
  ],
}

export const UNPARTITIONED: PartitionSpec = { specId: 0, fields: [] }
export const BY_DAY: PartitionSpec = {
  specId: 0,
  fields: [{ sourceId: 2, fieldId: 1000, name: 'created_at_day', transform: { kind: 'day' } }],
}

export const NO_METRICS: DataFile['metrics'] = {
  columnSizes: new Map(),
  valueCounts: new Map(),
  nullValueCounts: new Map(),
  nanValueCounts: new Map(),
  lowerBounds: new Map(),
  upperBounds: new Map(),
}

export function dataFile(index: number, partition: readonly PartitionValue[] = [20_454]): DataFile {
  return {
    path: `${LOCATION}/data/part-${String(index).padStart(5, '0')}.parquet`,
    specId: 0,
    partition,
    recordCount: BigInt(100 + index),
    fileSizeBytes: BigInt(4096 + index),
    metrics: {
      columnSizes: new Map([[1, 400n]]),
      valueCounts: new Map([[1, BigInt(100 + index)]]),
      nullValueCounts: new Map([[1, 0n]]),
      nanValueCounts: new Map(),
      lowerBounds: new Map([[1, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)]]),
      upperBounds: new Map([[1, Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0)]]),
    },
    splitOffsets: [4n],
  }
}

export function liveFile(
  index: number,
  options: { partition?: readonly PartitionValue[]; spec?: PartitionSpec; addedVersion?: bigint } = {},
): LiveFile {
  const spec = options.spec ?? BY_DAY
  const file = {
    ...dataFile(index, options.partition ?? (spec.fields.length === 0 ? [] : [20_454])),
    specId: spec.specId,
  }
  return {
    path: file.path,
    specId: file.specId,
    partition: file.partition,
    recordCount: file.recordCount,
    fileSizeBytes: file.fileSizeBytes,
    encoded: encodeDataFile(file, spec, ORDERS),
    addedVersion: options.addedVersion ?? 1n,
  }
}

export function table(overrides: Partial<TableDetail> = {}): TableDetail {
  return {
    tableId: TABLE_ID,
    name: 'analytics.orders',
    kind: 'rows',
    location: LOCATION,
    version: 1n,
    currentSchemaId: 0,
    defaultSpecId: 0,
    lastColumnId: 6,
    lastPartitionId: 1000,
    lastSequenceNumber: 0n,
    properties: {},
    declaration: '{}',
    state: 'active',
    createdAtMs: 1_767_225_600_000,
    schemas: [ORDERS],
    specs: [BY_DAY],
    ...overrides,
  }
}

export function sourcePartition(
  partition: number,
  overrides: Partial<SourcePartition> = {},
): SourcePartition {
  return {
    tableId: TABLE_ID,
    topic: 'orders',
    partition,
    incarnation: 0,
    firstOffset: 0n,
    plannedOffset: 200n,
    committedOffset: 150n,
    state: 'active',
    maxTimestampMs: -1,
    tasksInFlight: 0,
    sourceEndOffset: 200n,
    ...overrides,
  }
}

export function snapshotInput(overrides: Partial<SnapshotInput> = {}): SnapshotInput {
  const { table: of = table() } = overrides
  return {
    table: of,
    version: overrides.intent?.version ?? of.version,
    newFiles: [liveFile(0)],
    removedFiles: [],
    manifests: [],
    offsets: [sourcePartition(0)],
    ranges: [],
    ...overrides,
  }
}
