/** The metadata of a table for one catalog, from its rows: the last step of rendering, and as pure as the others. */

import type { Publication, SnapshotRecord, TableDetail } from '../metadata/metadata-store.ts'
import { invariant } from '../runtime/errors.ts'
import type { Snapshot, TableMetadata } from './table-metadata.ts'

const PREVIOUS_VERSIONS_MAX_PROPERTY = 'write.metadata.previous-versions-max'
export const DEFAULT_PREVIOUS_VERSIONS_MAX = 100

/** What a table says unless its own properties say otherwise. */
const DEFAULT_PROPERTIES: Readonly<Record<string, string>> = {
  'write.format.default': 'parquet',
  'write.parquet.compression-codec': 'zstd',
  // For engines that write beside Tidewater one day: fold small manifests as Tidewater does.
  'commit.manifest-merge.enabled': 'true',
  'write.metadata.delete-after-commit.enabled': 'false',
  [PREVIOUS_VERSIONS_MAX_PROPERTY]: String(DEFAULT_PREVIOUS_VERSIONS_MAX),
}
/** Not for anybody to change: an engine's own expiry would delete files that another catalog still reads. */
const FIXED_PROPERTIES: Readonly<Record<string, string>> = { 'gc.enabled': 'false' }

export interface TableMetadataInput {
  readonly table: TableDetail
  /** To be shown: cut, not expired, oldest first. The last one becomes current. */
  readonly snapshots: readonly SnapshotRecord[]
  /** Of the catalog that the metadata is for; none when it is created there. */
  readonly publication?: Pick<Publication, 'metadataLocation' | 'metadataLog' | 'metadataTimestampMs'>
  /** When this metadata is made; part of the publication's intent. */
  readonly timestampMs: number
}

export function tableMetadataOf(input: TableMetadataInput): TableMetadata {
  const { table, snapshots } = input
  for (const [index, snapshot] of snapshots.entries()) {
    const previous = snapshots[index - 1]
    invariant(
      snapshot.state !== 'expired' &&
        (previous === undefined || previous.sequenceNumber < snapshot.sequenceNumber),
      `snapshots of table ${table.name} are not expired and in order, found ${snapshot.snapshotId}`,
    )
  }
  const current = snapshots.at(-1)
  const properties = { ...DEFAULT_PROPERTIES, ...table.properties, ...FIXED_PROPERTIES }
  return {
    tableUuid: table.tableId,
    location: table.location,
    lastSequenceNumber: current?.sequenceNumber ?? 0n,
    lastUpdatedMs: input.timestampMs,
    lastColumnId: table.lastColumnId,
    schemas: table.schemas,
    currentSchemaId: table.currentSchemaId,
    partitionSpecs: table.specs,
    defaultSpecId: table.defaultSpecId,
    lastPartitionId: table.lastPartitionId,
    properties,
    snapshots: snapshots.map(toSnapshot),
    ...(current === undefined ? {} : { currentSnapshotId: current.snapshotId }),
    // Entries before an expired snapshot must go with it (spec, "Table Metadata Fields"), so the log is that of the shown ones.
    snapshotLog: snapshots.map(({ snapshotId, timestampMs }) => ({ snapshotId, timestampMs })),
    metadataLog: metadataLog(input, previousVersionsMax(properties)),
  }
}

function toSnapshot(record: SnapshotRecord): Snapshot {
  return {
    snapshotId: record.snapshotId,
    ...(record.parentSnapshotId === undefined ? {} : { parentSnapshotId: record.parentSnapshotId }),
    sequenceNumber: record.sequenceNumber,
    timestampMs: record.timestampMs,
    manifestList: record.manifestListPath,
    summary: { ...record.summary, operation: record.operation },
    schemaId: record.schemaId,
  }
}

/** Earlier metadata files, the one that this metadata replaces last. */
function metadataLog(input: TableMetadataInput, max: number): TableMetadata['metadataLog'] {
  const { publication } = input
  if (publication === undefined) return []
  const { metadataLocation, metadataLog: earlier, metadataTimestampMs } = publication
  const replaced =
    metadataLocation === undefined || earlier.at(-1)?.metadataLocation === metadataLocation
      ? []
      : [
          {
            metadataLocation,
            timestampMs: Math.min(metadataTimestampMs ?? input.timestampMs, input.timestampMs),
          },
        ]
  return max === 0 ? [] : [...earlier, ...replaced].slice(-max)
}

/** The table's `write.metadata.previous-versions-max`, or the default where it is not a whole number. */
export function previousVersionsMax(properties: Readonly<Record<string, string>>): number {
  const text = properties[PREVIOUS_VERSIONS_MAX_PROPERTY] ?? ''
  return /^\d{1,6}$/.test(text) ? Number(text) : DEFAULT_PREVIOUS_VERSIONS_MAX
}
