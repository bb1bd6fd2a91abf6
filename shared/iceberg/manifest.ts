/**
 * Manifests (table spec, "Manifests", format version 2): which data files a snapshot added, kept or deleted.
 *
 * ADDED entries name their snapshot and inherit their sequence numbers (null), so that a snapshot that has to take another sequence
 * number rewrites only its manifest list. EXISTING and DELETED entries carry all of them. Entries keep the order given.
 */

import type { ManifestRecord } from '../metadata/metadata-store.ts'
import { invariant } from '../runtime/errors.ts'
import { readAvroFile, writeAvroFile } from './avro-container.ts'
import { AvroFields } from './avro-fields.ts'
import { type AvroRecord, optionalField, requiredField } from './avro-schema.ts'
import type { DataFile } from './data-file.ts'
import { dataFileAvroSchema, dataFileFromAvro } from './data-file-avro.ts'
import { parseExactJson, stringifyExactJson } from './exact-json.ts'
import { malformed, unsupported } from './iceberg-error.ts'
import type { PartitionSpec, PartitionValue } from './partition-spec.ts'
import { partitionFieldsFromJson, partitionFieldsToJson } from './partition-spec-json.ts'
import { summarizePartitions } from './partition-summary.ts'
import { partitionType } from './partition-type.ts'
import type { Schema } from './schema.ts'
import { schemaFromJson, schemaToJson } from './schema-json.ts'

export type EntryStatus = 'existing' | 'added' | 'deleted'

const STATUS_CODES: Readonly<Record<EntryStatus, number>> = { existing: 0, added: 1, deleted: 2 }
const STATUSES: readonly (EntryStatus | undefined)[] = ['existing', 'added', 'deleted']

const ID = {
  status: 0,
  snapshotId: 1,
  dataFile: 2,
  sequenceNumber: 3,
  fileSequenceNumber: 4,
} as const

/** An entry to write. Added entries leave the ids out; existing and deleted ones need all three, deleted ones name the deleting snapshot. */
export interface ManifestEntry {
  readonly status: EntryStatus
  readonly snapshotId?: bigint
  /** Data sequence number. */
  readonly sequenceNumber?: bigint
  readonly fileSequenceNumber?: bigint
  readonly recordCount: bigint
  readonly partition: readonly PartitionValue[]
  /** By `encodeDataFile`, with the manifest's spec. */
  readonly encoded: Uint8Array
}

export interface ManifestToRender {
  /** Absolute location. */
  readonly path: string
  /** The table's schema, written to the header. */
  readonly schema: Schema
  readonly spec: PartitionSpec
  /** The snapshot that writes this manifest. */
  readonly snapshotId: bigint
  readonly sequenceNumber: bigint
  readonly entries: readonly ManifestEntry[]
}

export interface RenderedManifest {
  readonly bytes: Uint8Array
  readonly record: ManifestRecord
}

export function renderManifest(manifest: ManifestToRender): RenderedManifest {
  const { path, schema, spec, snapshotId, sequenceNumber, entries } = manifest
  const partition = partitionType(spec, schema)
  for (const entry of entries) checkEntry(entry, manifest)
  const file = {
    path,
    schema: manifestEntryAvroSchema(dataFileAvroSchema(partition)),
    metadata: {
      schema: stringifyExactJson(schemaToJson(schema)),
      'schema-id': String(schema.schemaId),
      'partition-spec': stringifyExactJson(partitionFieldsToJson(spec)),
      'partition-spec-id': String(spec.specId),
      'format-version': '2',
      content: 'data',
    },
  }
  const bytes = writeAvroFile(file, entries, (entry, writer) => {
    const inherited = entry.status === 'added'
    writer.writeLong(STATUS_CODES[entry.status])
    writer.writeOption(inherited ? snapshotId : entry.snapshotId, id => writer.writeLong(id))
    writer.writeOption(inherited ? null : entry.sequenceNumber, number => writer.writeLong(number))
    writer.writeOption(inherited ? null : entry.fileSequenceNumber, number => writer.writeLong(number))
    writer.writeRaw(entry.encoded)
  })
  return {
    bytes,
    record: {
      path,
      lengthBytes: BigInt(bytes.length),
      specId: spec.specId,
      sequenceNumber,
      minSequenceNumber: minSequenceNumber(entries, sequenceNumber),
      addedSnapshotId: snapshotId,
      ...countEntries(entries),
      partitions: summarizePartitions(
        partition,
        entries.map(entry => entry.partition),
      ),
    },
  }
}

function checkEntry(entry: ManifestEntry, manifest: ManifestToRender): void {
  invariant(
    entry.partition.length === manifest.spec.fields.length,
    `every entry of ${manifest.path} has ${manifest.spec.fields.length} partition values, found ${entry.partition.length}`,
  )
  const { status, snapshotId, sequenceNumber, fileSequenceNumber } = entry
  if (status === 'added') {
    invariant(
      snapshotId === undefined || snapshotId === manifest.snapshotId,
      `an added entry of ${manifest.path} belongs to snapshot ${manifest.snapshotId}, found ${snapshotId}`,
    )
    return
  }
  invariant(
    snapshotId !== undefined && sequenceNumber !== undefined && fileSequenceNumber !== undefined,
    `${status} entries of ${manifest.path} carry snapshot id and both sequence numbers`,
  )
  invariant(
    sequenceNumber <= manifest.sequenceNumber,
    `an entry of ${manifest.path} has sequence number ${sequenceNumber}, above the snapshot's ${manifest.sequenceNumber}`,
  )
  invariant(
    status !== 'deleted' || snapshotId === manifest.snapshotId,
    `a deleted entry of ${manifest.path} names the deleting snapshot ${manifest.snapshotId}, found ${snapshotId}`,
  )
}

/** Over the live entries; added ones get the manifest's own. */
function minSequenceNumber(entries: readonly ManifestEntry[], own: bigint): bigint {
  let lowest = own
  for (const entry of entries) {
    if (entry.status === 'existing' && entry.sequenceNumber !== undefined && entry.sequenceNumber < lowest)
      lowest = entry.sequenceNumber
  }
  return lowest
}

function countEntries(entries: readonly ManifestEntry[]) {
  const count = (status: EntryStatus) => entries.filter(entry => entry.status === status)
  const rows = (some: readonly ManifestEntry[]) => some.reduce((sum, entry) => sum + entry.recordCount, 0n)
  const [added, existing, deleted] = [count('added'), count('existing'), count('deleted')]
  return {
    addedFilesCount: added.length,
    existingFilesCount: existing.length,
    deletedFilesCount: deleted.length,
    addedRowsCount: rows(added),
    existingRowsCount: rows(existing),
    deletedRowsCount: rows(deleted),
  }
}

function manifestEntryAvroSchema(dataFile: AvroRecord): AvroRecord {
  return {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      requiredField('status', ID.status, 'int'),
      optionalField('snapshot_id', ID.snapshotId, 'long'),
      optionalField('sequence_number', ID.sequenceNumber, 'long'),
      optionalField('file_sequence_number', ID.fileSequenceNumber, 'long'),
      requiredField('data_file', ID.dataFile, dataFile),
    ],
  }
}

/** An entry as it was read; ids that are absent are inherited from the manifest list. */
export interface ReadManifestEntry {
  readonly status: EntryStatus
  readonly snapshotId?: bigint
  readonly sequenceNumber?: bigint
  readonly fileSequenceNumber?: bigint
  readonly file: DataFile
}

export interface ManifestContent {
  readonly schema: Schema
  readonly spec: PartitionSpec
  readonly entries: readonly ReadManifestEntry[]
}

/** Reads a manifest of any writer. Throws `iceberg-malformed`, or `iceberg-unsupported` for delete files and other formats. */
export function readManifest(bytes: Uint8Array, path: string): ManifestContent {
  const { metadata, records } = readAvroFile(bytes, path)
  const header = (key: string): string => {
    const value = metadata.get(key)
    if (value === undefined) throw malformed(path, `a manifest header without "${key}"`)
    return value
  }
  const content = metadata.get('content') ?? 'data'
  if (content !== 'data') throw unsupported(path, `a manifest of ${content}`)
  const schema = schemaFromJson(parseExactJson(header('schema'), path), path)
  const specId = Number(header('partition-spec-id'))
  if (!Number.isInteger(specId)) throw malformed(path, `partition-spec-id "${header('partition-spec-id')}"`)
  const spec = {
    specId,
    fields: partitionFieldsFromJson(parseExactJson(header('partition-spec'), path), path),
  }
  const partition = partitionType(spec, schema)
  const entries = records.map(record => {
    const fields = new AvroFields(record, path)
    const status = STATUSES[fields.int(ID.status)]
    if (status === undefined) throw malformed(path, `an entry of status ${fields.int(ID.status)}`)
    const snapshotId = fields.optionalLong(ID.snapshotId)
    const sequenceNumber = fields.optionalLong(ID.sequenceNumber)
    const fileSequenceNumber = fields.optionalLong(ID.fileSequenceNumber)
    return {
      status,
      ...(snapshotId === undefined ? {} : { snapshotId }),
      ...(sequenceNumber === undefined ? {} : { sequenceNumber }),
      ...(fileSequenceNumber === undefined ? {} : { fileSequenceNumber }),
      file: dataFileFromAvro(fields.record(ID.dataFile), { spec, partition, what: path }),
    }
  })
  return { schema, spec, entries }
}
