/** Turns rows of the database into the values of `metadata-store.ts`. Nothing beyond this file sees a column name. */
import type { PartitionSpec } from '../iceberg/partition-spec.ts'
import { partitionSpecFromJson } from '../iceberg/partition-spec-json.ts'
import type { Schema } from '../iceberg/schema.ts'
import { schemaFromJson } from '../iceberg/schema-json.ts'
import { invariant } from '../runtime/errors.ts'
import type { Row } from './database.ts'
import {
  detailsFromJson,
  fieldSummariesFromJson,
  metadataLogFromJson,
  partitionFromJson,
  plainJson,
  segmentFromJson,
  textMapFromJson,
} from './json-columns.ts'
import type {
  EventRecord,
  LiveFile,
  ManifestRecord,
  Publication,
  SnapshotRecord,
  SourcePartition,
  TableRecord,
  Witness,
} from './metadata-store.ts'

/** An integer that a JavaScript number holds exactly: counts, times, small ids. */
export function toNumber(value: bigint): number {
  const narrow = Number(value)
  invariant(
    Number.isSafeInteger(narrow),
    `the metadata database holds ${value} where a number below 2^53 belongs`,
  )
  return narrow
}

/** `toNumber` for a column that may be NULL. */
export function numberOrNull(value: bigint | null): number | null {
  return value === null ? null : toNumber(value)
}

/** A property for an object spread: absent when the column is NULL. */
export function present<K extends string, V>(key: K, value: V | null): { readonly [P in K]?: V } {
  // A computed key widens to `string`; the type above states the one key that there is.
  return (value === null ? {} : { [key]: value }) as { readonly [P in K]?: V }
}

export function tableOf(row: Row<'iceberg_table'>): TableRecord {
  return {
    tableId: row.table_id,
    name: row.name,
    kind: row.kind,
    ...present('parentTableId', row.parent_table_id),
    location: row.location,
    version: row.version,
    currentSchemaId: toNumber(row.current_schema_id),
    defaultSpecId: toNumber(row.default_spec_id),
    lastColumnId: toNumber(row.last_column_id),
    lastPartitionId: toNumber(row.last_partition_id),
    lastSequenceNumber: row.last_sequence_number,
    properties: textMapFromJson(row.properties),
    declaration: row.declaration,
    state: row.state,
    ...present('stateReason', row.state_reason),
    createdAtMs: toNumber(row.created_at_ms),
  }
}

export function schemaOf(row: Row<'table_schema'>): Schema {
  const what = `schema ${row.schema_id} of table ${row.table_id}`
  return schemaFromJson(plainJson(row.schema_json, what), what)
}

export function specOf(row: Row<'partition_spec'>): PartitionSpec {
  const what = `partition spec ${row.spec_id} of table ${row.table_id}`
  return partitionSpecFromJson(plainJson(row.spec_json, what), what)
}

export function partitionOf(row: Row<'source_partition'>, tasksInFlight: bigint): SourcePartition {
  const of = { topic: row.topic, partition: toNumber(row.partition) }
  return {
    tableId: row.table_id,
    ...of,
    incarnation: toNumber(row.incarnation),
    firstOffset: row.first_offset,
    plannedOffset: row.planned_offset,
    committedOffset: row.committed_offset,
    ...present('lastPlanned', row.last_planned === null ? null : segmentFromJson(row.last_planned, of)),
    ...present('witness', witnessOf(row)),
    state: row.state,
    ...present('stateCode', row.state_code),
    ...present('stateReason', row.state_reason),
    maxTimestampMs: toNumber(row.max_timestamp_ms),
    tasksInFlight: toNumber(tasksInFlight),
    sourceEndOffset: row.source_end_offset,
    ...present('behindSinceMs', numberOrNull(row.behind_since_ms)),
    ...present('unplannedSinceMs', numberOrNull(row.unplanned_since_ms)),
    ...present('stalledSinceMs', numberOrNull(row.stalled_since_ms)),
  }
}

function witnessOf(row: Row<'source_partition'>): Witness | null {
  const { witness_offset: baseOffset, witness_landed_at_ms: landedAtMs } = row
  return baseOffset === null || landedAtMs === null ? null : { baseOffset, landedAtMs: toNumber(landedAtMs) }
}

type FileColumns = Pick<
  Row<'data_file'>,
  | 'path'
  | 'spec_id'
  | 'partition'
  | 'record_count'
  | 'file_size_bytes'
  | 'encoded'
  | 'added_version'
  | 'snapshot_id'
  | 'sequence_number'
>

export function liveFileOf(row: FileColumns): LiveFile {
  invariant(row.added_version !== null, `file ${row.path} is staged, and was read as live`)
  return {
    path: row.path,
    specId: toNumber(row.spec_id),
    partition: partitionFromJson(row.partition),
    recordCount: row.record_count,
    fileSizeBytes: row.file_size_bytes,
    encoded: row.encoded,
    addedVersion: row.added_version,
    ...present('snapshotId', row.snapshot_id),
    ...present('sequenceNumber', row.sequence_number),
  }
}

export function manifestOf(row: Row<'manifest'>): ManifestRecord {
  return {
    path: row.path,
    lengthBytes: row.length_bytes,
    specId: toNumber(row.spec_id),
    sequenceNumber: row.sequence_number,
    minSequenceNumber: row.min_sequence_number,
    addedSnapshotId: row.added_snapshot_id,
    addedFilesCount: toNumber(row.added_files_count),
    existingFilesCount: toNumber(row.existing_files_count),
    deletedFilesCount: toNumber(row.deleted_files_count),
    addedRowsCount: row.added_rows_count,
    existingRowsCount: row.existing_rows_count,
    deletedRowsCount: row.deleted_rows_count,
    partitions: fieldSummariesFromJson(row.partitions),
  }
}

export function snapshotOf(row: Row<'snapshot'>): SnapshotRecord {
  return {
    tableId: row.table_id,
    snapshotId: row.snapshot_id,
    ...present('parentSnapshotId', row.parent_snapshot_id),
    sequenceNumber: row.sequence_number,
    version: row.version,
    timestampMs: toNumber(row.timestamp_ms),
    operation: row.operation,
    schemaId: toNumber(row.schema_id),
    manifestListPath: row.manifest_list_path,
    summary: textMapFromJson(row.summary),
    state: row.state,
  }
}

export function publicationOf(row: Row<'publication'>): Publication {
  const { intent_snapshot_id, intent_metadata_location, intent_timestamp_ms } = row
  const intent =
    intent_metadata_location === null || intent_timestamp_ms === null
      ? null
      : {
          ...present('snapshotId', intent_snapshot_id),
          metadataLocation: intent_metadata_location,
          timestampMs: toNumber(intent_timestamp_ms),
        }
  return {
    tableId: row.table_id,
    catalog: row.catalog,
    ...present('snapshotId', row.snapshot_id),
    ...present('metadataLocation', row.metadata_location),
    ...present('tableUuid', row.table_uuid),
    ...present(
      'metadataTimestampMs',
      row.metadata_timestamp_ms === null ? null : toNumber(row.metadata_timestamp_ms),
    ),
    metadataVersion: toNumber(row.metadata_version),
    metadataLog: metadataLogFromJson(row.metadata_log),
    state: row.state,
    ...present('lastErrorCode', row.last_error_code),
    ...present('lastErrorMessage', row.last_error_message),
    ...present(
      'lastPublishedAtMs',
      row.last_published_at_ms === null ? null : toNumber(row.last_published_at_ms),
    ),
    ...present('failingSinceMs', row.failing_since_ms === null ? null : toNumber(row.failing_since_ms)),
    ...present('intent', intent),
  }
}

export function eventOf(row: Row<'event'>): EventRecord {
  const note =
    row.note_who === null || row.note_why === null ? null : { who: row.note_who, why: row.note_why }
  return {
    eventId: row.event_id,
    atMs: toNumber(row.at_ms),
    type: row.type,
    ...present('tableId', row.table_id),
    ...present('topic', row.topic),
    ...present('partition', row.partition === null ? null : toNumber(row.partition)),
    message: row.message,
    details: detailsFromJson(row.details),
    ...present('note', note),
  }
}
