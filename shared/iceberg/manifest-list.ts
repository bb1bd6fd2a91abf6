/**
 * Manifest lists (table spec, "Manifest Lists", format version 2): the manifests of one snapshot with what prunes them.
 * Entries that are carried forward keep their counts and partition summaries; the counters have the names that readers of
 * version 2 know (`added_files_count`, not `added_data_files_count`).
 */

import type { ManifestRecord, PartitionFieldSummary } from '../metadata/metadata-store.ts'
import { invariant } from '../runtime/errors.ts'
import type { AvroValue, AvroWriter } from './avro-binary.ts'
import { readAvroFile, writeAvroFile } from './avro-container.ts'
import { AvroFields, isAvroRecord } from './avro-fields.ts'
import { type AvroRecord, listOf, optionalField, requiredField } from './avro-schema.ts'
import { malformed, unsupported } from './iceberg-error.ts'
import type { PartitionSpec } from './partition-spec.ts'

const CONTENT_DATA = 0

const SUMMARY_SCHEMA: AvroRecord = {
  type: 'record',
  name: 'r508',
  fields: [
    requiredField('contains_null', 509, 'boolean'),
    optionalField('contains_nan', 518, 'boolean'),
    optionalField('lower_bound', 510, 'bytes'),
    optionalField('upper_bound', 511, 'bytes'),
  ],
}

const MANIFEST_FILE_SCHEMA: AvroRecord = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    requiredField('manifest_path', 500, 'string'),
    requiredField('manifest_length', 501, 'long'),
    requiredField('partition_spec_id', 502, 'int'),
    requiredField('content', 517, 'int'),
    requiredField('sequence_number', 515, 'long'),
    requiredField('min_sequence_number', 516, 'long'),
    requiredField('added_snapshot_id', 503, 'long'),
    requiredField('added_files_count', 504, 'int'),
    requiredField('existing_files_count', 505, 'int'),
    requiredField('deleted_files_count', 506, 'int'),
    requiredField('added_rows_count', 512, 'long'),
    requiredField('existing_rows_count', 513, 'long'),
    requiredField('deleted_rows_count', 514, 'long'),
    optionalField('partitions', 507, listOf(508, SUMMARY_SCHEMA)),
    optionalField('key_metadata', 519, 'bytes'),
  ],
}

export interface ManifestListToRender {
  /** Absolute location. */
  readonly path: string
  readonly snapshotId: bigint
  readonly parentSnapshotId?: bigint
  readonly sequenceNumber: bigint
  readonly manifests: readonly ManifestRecord[]
  /** Every spec that a manifest was written with. */
  readonly specs: readonly PartitionSpec[]
}

export function renderManifestList(list: ManifestListToRender): Uint8Array {
  const specs = new Map(list.specs.map(spec => [spec.specId, spec]))
  for (const manifest of list.manifests) checkManifest(manifest, specs, list)
  const file = {
    path: list.path,
    schema: MANIFEST_FILE_SCHEMA,
    metadata: {
      'snapshot-id': String(list.snapshotId),
      'parent-snapshot-id': String(list.parentSnapshotId ?? null),
      'sequence-number': String(list.sequenceNumber),
      'format-version': '2',
    },
  }
  return writeAvroFile(file, list.manifests, writeManifestFile)
}

function checkManifest(
  manifest: ManifestRecord,
  specs: ReadonlyMap<number, PartitionSpec>,
  list: ManifestListToRender,
): void {
  const spec = specs.get(manifest.specId)
  invariant(spec !== undefined, `spec ${manifest.specId} of ${manifest.path} is known`)
  invariant(
    manifest.partitions.length === spec.fields.length,
    `${manifest.path} has a summary for each of ${spec.fields.length} partition fields, found ${manifest.partitions.length}`,
  )
  invariant(
    manifest.minSequenceNumber <= manifest.sequenceNumber && manifest.sequenceNumber <= list.sequenceNumber,
    `the sequence numbers of ${manifest.path} (${manifest.minSequenceNumber}, ${manifest.sequenceNumber}) are not above the snapshot's ${list.sequenceNumber}`,
  )
}

function writeManifestFile(manifest: ManifestRecord, writer: AvroWriter): void {
  writer.writeString(manifest.path)
  writer.writeLong(manifest.lengthBytes)
  writer.writeLong(manifest.specId)
  writer.writeLong(CONTENT_DATA)
  writer.writeLong(manifest.sequenceNumber)
  writer.writeLong(manifest.minSequenceNumber)
  writer.writeLong(manifest.addedSnapshotId)
  writer.writeLong(manifest.addedFilesCount)
  writer.writeLong(manifest.existingFilesCount)
  writer.writeLong(manifest.deletedFilesCount)
  writer.writeLong(manifest.addedRowsCount)
  writer.writeLong(manifest.existingRowsCount)
  writer.writeLong(manifest.deletedRowsCount)
  writer.writeOption(manifest.partitions, partitions =>
    writer.writeArray(partitions, summary => {
      writer.writeBoolean(summary.containsNull)
      writer.writeOption(summary.containsNan, contains => writer.writeBoolean(contains))
      writer.writeOption(summary.lowerBound, bound => writer.writeBytes(bound))
      writer.writeOption(summary.upperBound, bound => writer.writeBytes(bound))
    }),
  )
  writer.writeOption(null, () => {}) // key_metadata: manifests are not encrypted
}

/** Reads a manifest list of any version 2 writer. Throws `iceberg-malformed`, or `iceberg-unsupported` for delete manifests. */
export function readManifestList(bytes: Uint8Array, path: string): readonly ManifestRecord[] {
  return readAvroFile(bytes, path).records.map(record => {
    const fields = new AvroFields(record, path)
    const manifestPath = fields.string(500)
    if (fields.value(517) !== null && fields.int(517) !== CONTENT_DATA)
      throw unsupported(path, `${manifestPath} lists delete files`)
    return {
      path: manifestPath,
      lengthBytes: fields.long(501),
      specId: fields.int(502),
      sequenceNumber: fields.long(515),
      minSequenceNumber: fields.long(516),
      addedSnapshotId: fields.long(503),
      addedFilesCount: fields.int(504),
      existingFilesCount: fields.int(505),
      deletedFilesCount: fields.int(506),
      addedRowsCount: fields.long(512),
      existingRowsCount: fields.long(513),
      deletedRowsCount: fields.long(514),
      partitions: fields.list(507).map(summary => readSummary(summary, path)),
    }
  })
}

function readSummary(value: AvroValue, path: string): PartitionFieldSummary {
  if (!isAvroRecord(value)) throw malformed(path, 'a partition summary that is not a record')
  const fields = new AvroFields(value, path)
  const lowerBound = fields.optionalBytes(510)
  const upperBound = fields.optionalBytes(511)
  return {
    containsNull: fields.boolean(509),
    ...(fields.value(518) === null ? {} : { containsNan: fields.boolean(518) }),
    ...(lowerBound === undefined ? {} : { lowerBound }),
    ...(upperBound === undefined ? {} : { upperBound }),
  }
}
