/** Table metadata, format version 2, as data (table spec, "Table Metadata Fields"). `table-metadata-json.ts` writes and reads it. */
import type { PartitionSpec } from './partition-spec.ts'
import type { Schema } from './schema.ts'

export interface Snapshot {
  readonly snapshotId: bigint
  readonly parentSnapshotId?: bigint
  readonly sequenceNumber: bigint
  readonly timestampMs: number
  readonly manifestList: string
  /** `operation` is among them. */
  readonly summary: Readonly<Record<string, string>>
  readonly schemaId: number
}

/** A branch or tag besides `main`, made by an engine; Tidewater makes none itself. */
export interface SnapshotRef {
  readonly snapshotId: bigint
  readonly type: 'branch' | 'tag'
}

export interface TableMetadata {
  readonly tableUuid: string
  readonly location: string
  readonly lastSequenceNumber: bigint
  readonly lastUpdatedMs: number
  readonly lastColumnId: number
  readonly schemas: readonly Schema[]
  readonly currentSchemaId: number
  readonly partitionSpecs: readonly PartitionSpec[]
  readonly defaultSpecId: number
  /** 999 when no partition field was ever given out. */
  readonly lastPartitionId: number
  readonly properties: Readonly<Record<string, string>>
  /** Oldest first; in metadata that Tidewater renders, the last one is current. */
  readonly snapshots: readonly Snapshot[]
  /** Where another writer rolled back, this is not the last of `snapshots`. Absent: the last one, or none while there are none. */
  readonly currentSnapshotId?: bigint
  /** By name, without `main`. */
  readonly refs?: Readonly<Record<string, SnapshotRef>>
  readonly snapshotLog: readonly { readonly snapshotId: bigint; readonly timestampMs: number }[]
  readonly metadataLog: readonly { readonly metadataLocation: string; readonly timestampMs: number }[]
}
