/**
 * What there is to know about a table without reading its files: from the metadata database alone, bounded whatever the table's size.
 * The command line and the HTTP API show the same. Field names are a stable interface (docs/cli.md).
 */
import { DEAD_LETTER_SUFFIX } from '../../shared/config/table-name.ts'
import type { ExactJson } from '../../shared/iceberg/exact-json.ts'
import { humanText } from '../../shared/iceberg/partition-path.ts'
import type { PartitionValue } from '../../shared/iceberg/partition-spec.ts'
import { partitionSpecToJson } from '../../shared/iceberg/partition-spec-json.ts'
import { partitionType } from '../../shared/iceberg/partition-type.ts'
import { schemaToJson } from '../../shared/iceberg/schema-json.ts'
import type {
  FileSummary,
  FileTotals,
  MetadataStore,
  SnapshotRecord,
  TableDetail,
} from '../../shared/metadata/metadata-store.ts'
import { invariant } from '../../shared/runtime/errors.ts'
import {
  type PartitionStatus,
  type PublicationStatus,
  partitionStatus,
  publicationStatus,
} from '../status/collect-status.ts'

export interface TableDescription {
  readonly at_ms: number
  readonly name: string
  readonly table_uuid: string
  readonly kind: TableDetail['kind']
  /** For a dead-letter table, the table whose dead letters these are. */
  readonly parent: string | null
  /** For a table with one, its dead-letter table. */
  readonly dead_letter_table: string | null
  readonly location: string
  readonly state: TableDetail['state']
  readonly state_reason: string | null
  readonly created_at_ms: number
  readonly version: bigint
  /** As Iceberg writes them. */
  readonly schema: ExactJson
  readonly partition_spec: ExactJson
  readonly last_column_id: number
  readonly properties: Readonly<Record<string, string>>
  /** Live files: what is committed, whether a snapshot shows it already or not. */
  readonly rows: bigint
  readonly data_files: number
  readonly size_bytes: bigint
  readonly file_sizes: readonly FileSizes[]
  readonly partitions: Newest<PartitionDescription>
  readonly files: Newest<FileDescription>
  readonly snapshots: Newest<SnapshotDescription>
  readonly source_partitions: readonly SourcePartitionDescription[]
  readonly publications: readonly PublicationStatus[]
}

/** The newest few of what there may be many of. */
export interface Newest<T> {
  readonly count: number
  readonly newest: readonly T[]
}

export interface FileSizes {
  /** Files smaller than this, and not below the bound before; null for all that are larger. */
  readonly below_bytes: bigint | null
  readonly data_files: number
  readonly rows: bigint
  readonly size_bytes: bigint
}

export interface PartitionDescription {
  readonly spec_id: number
  /** By name of the partition field, as people write it; empty for a table without partitions. */
  readonly values: Readonly<Record<string, string | null>>
  readonly rows: bigint
  readonly data_files: number
  readonly size_bytes: bigint
  /** The table version that added its newest file. */
  readonly newest_version: bigint
}

export interface FileDescription {
  readonly path: string
  readonly spec_id: number
  readonly values: PartitionDescription['values']
  readonly rows: bigint
  readonly size_bytes: bigint
  readonly added_version: bigint
  /** The snapshot that added it; null before one is cut. */
  readonly snapshot_id: bigint | null
}

export interface SnapshotDescription {
  readonly snapshot_id: bigint
  readonly parent_snapshot_id: bigint | null
  readonly sequence_number: bigint
  readonly at_ms: number
  readonly operation: SnapshotRecord['operation']
  readonly version: bigint
  readonly added_rows: bigint
  readonly added_files: bigint
  readonly total_rows: bigint
  readonly total_files: bigint
  readonly total_size_bytes: bigint
}

export interface SourcePartitionDescription extends PartitionStatus {
  /** Highest record timestamp committed; null before the first. */
  readonly newest_record_at_ms: number | null
}

/** How many of the newest of each are wanted. */
export interface DescribeLimits {
  readonly partitions: number
  readonly files: number
  readonly snapshots: number
}

/** `undefined` when there is no table of that name. Costs by the number of live files, in the database alone. */
export async function describeTable(
  metadata: MetadataStore,
  name: string,
  limits: DescribeLimits,
): Promise<TableDescription | undefined> {
  const table = await metadata.loadTable(name)
  if (table === undefined) return undefined
  const { tableId } = table
  const isRows = table.kind === 'rows'
  const parent = isRows ? undefined : await metadata.loadTable(name.slice(0, -DEAD_LETTER_SUFFIX.length))
  const deadLetters = isRows ? await metadata.loadTable(name + DEAD_LETTER_SUFFIX) : undefined
  const sizes = await metadata.sumFiles(tableId)
  const snapshots = await metadata.listNewestSnapshots(tableId, Math.max(1, limits.snapshots))
  const newestSnapshotId = snapshots.newest[0]?.snapshotId
  return {
    at_ms: await metadata.nowMs(),
    name,
    table_uuid: tableId,
    kind: table.kind,
    parent: parent?.name ?? null,
    dead_letter_table: deadLetters?.name ?? null,
    location: table.location,
    state: (parent ?? table).state,
    state_reason: (parent ?? table).stateReason ?? null,
    created_at_ms: table.createdAtMs,
    version: table.version,
    schema: schemaToJson(currentSchemaOf(table)),
    partition_spec: partitionSpecToJson(defaultSpecOf(table)),
    last_column_id: table.lastColumnId,
    properties: table.properties,
    ...sumOf(sizes),
    file_sizes: sizes.map(({ belowBytes, ...totals }) => ({
      below_bytes: belowBytes ?? null,
      ...totalsOf(totals),
    })),
    partitions: await partitionsOf(metadata, table, limits.partitions),
    files: {
      count: sumOf(sizes).data_files,
      newest: await filesOf(metadata, table, limits.files),
    },
    snapshots: {
      count: snapshots.count,
      newest: snapshots.newest.slice(0, limits.snapshots).map(describeSnapshot),
    },
    // Dead letters are committed with the rows of their table, from the same offsets.
    source_partitions: (await metadata.listPartitions((parent ?? table).tableId)).map(partition => ({
      ...partitionStatus(partition, (parent ?? table).state),
      newest_record_at_ms: partition.maxTimestampMs < 0 ? null : partition.maxTimestampMs,
    })),
    publications: (await metadata.listPublications(tableId)).map(publication =>
      publicationStatus(publication, newestSnapshotId),
    ),
  }
}

export function currentSchemaOf(table: TableDetail) {
  const schema = table.schemas.find(candidate => candidate.schemaId === table.currentSchemaId)
  invariant(schema !== undefined, `table ${table.name} has its current schema ${table.currentSchemaId}`)
  return schema
}

export function defaultSpecOf(table: TableDetail) {
  const spec = table.specs.find(candidate => candidate.specId === table.defaultSpecId)
  invariant(spec !== undefined, `table ${table.name} has its default spec ${table.defaultSpecId}`)
  return spec
}

async function partitionsOf(
  metadata: MetadataStore,
  table: TableDetail,
  limit: number,
): Promise<Newest<PartitionDescription>> {
  const { count, newest } = await metadata.sumPartitions(table.tableId, Math.max(1, limit))
  return {
    count,
    newest: newest.slice(0, limit).map(({ specId, partition, newestVersion, ...totals }) => ({
      spec_id: specId,
      values: valuesOf(table, specId, partition),
      ...totalsOf(totals),
      newest_version: newestVersion,
    })),
  }
}

async function filesOf(
  metadata: MetadataStore,
  table: TableDetail,
  limit: number,
): Promise<readonly FileDescription[]> {
  return (await metadata.listNewestFiles(table.tableId, limit)).map(file => describeFile(table, file))
}

export function describeFile(table: TableDetail, file: FileSummary): FileDescription {
  return {
    path: file.path,
    spec_id: file.specId,
    values: valuesOf(table, file.specId, file.partition),
    rows: file.recordCount,
    size_bytes: file.fileSizeBytes,
    added_version: file.addedVersion,
    snapshot_id: file.snapshotId ?? null,
  }
}

function valuesOf(
  table: TableDetail,
  specId: number,
  partition: readonly PartitionValue[],
): PartitionDescription['values'] {
  const spec = table.specs.find(candidate => candidate.specId === specId)
  invariant(spec !== undefined, `table ${table.name} has the spec ${specId} of its files`)
  const fields = partitionType(spec, currentSchemaOf(table))
  return Object.fromEntries(
    fields.map((field, index) => {
      const value = partition[index] ?? null
      return [field.name, value === null ? null : humanText(field.transform, field.type, value)]
    }),
  )
}

function totalsOf({ fileCount, recordCount, sizeBytes }: FileTotals) {
  return { rows: recordCount, data_files: fileCount, size_bytes: sizeBytes }
}

function sumOf(sizes: readonly FileTotals[]) {
  return totalsOf({
    fileCount: sizes.reduce((sum, { fileCount }) => sum + fileCount, 0),
    recordCount: sizes.reduce((sum, { recordCount }) => sum + recordCount, 0n),
    sizeBytes: sizes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0n),
  })
}

export function describeSnapshot(snapshot: SnapshotRecord): SnapshotDescription {
  const count = (key: string) => BigInt(snapshot.summary[key] ?? 0)
  return {
    snapshot_id: snapshot.snapshotId,
    parent_snapshot_id: snapshot.parentSnapshotId ?? null,
    sequence_number: snapshot.sequenceNumber,
    at_ms: snapshot.timestampMs,
    operation: snapshot.operation,
    version: snapshot.version,
    added_rows: count('added-records'),
    added_files: count('added-data-files'),
    total_rows: count('total-records'),
    total_files: count('total-data-files'),
    total_size_bytes: count('total-files-size'),
  }
}
