/**
 * The outside readers as the tests see them: PyIceberg and Spark, one process each, that open a table from its metadata file alone.
 * Nothing of Tidewater takes part in reading, so what they return judges what was written. Values come in the canonical JSON form
 * that `canonical.py` describes, equal for both. A reader that cannot be installed is an error, never a skip.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { type Channel, openChannel } from './channel.ts'
import { installReaders } from './install.ts'

const FOLDER = import.meta.dirname

export interface S3Access {
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
}

export interface ScanOptions {
  /** Top-level columns; all by default. */
  readonly columns?: readonly string[]
  /** A predicate that PyIceberg and Spark SQL both read, for example `id >= 3 and name = 'a'`. Beware of `!=` on nulls: Iceberg keeps them, SQL does not. */
  readonly filter?: string
  /** Time travel. */
  readonly snapshotId?: string | bigint
  /** Ascending, nulls first. */
  readonly orderBy?: readonly string[]
}

const rowSchema = z.record(z.string(), z.unknown())
const textMap = z.record(z.string(), z.string())
const nullableTextMap = z.record(z.string(), z.string().nullable()).nullish()

/** Types are spec text (`decimal(12,2)`), or spec JSON objects for struct, list and map. */
const fieldSchema = z.object({ id: z.int(), name: z.string(), required: z.boolean(), type: z.unknown() })

const descriptionSchema = z.object({
  formatVersion: z.int(),
  tableUuid: z.string(),
  location: z.string(),
  schema: z.array(fieldSchema),
  partitionSpecs: z.array(z.looseObject({ 'spec-id': z.int(), fields: z.array(z.unknown()) })),
  properties: textMap,
  currentSnapshotId: z.string().nullable(),
  snapshots: z.array(
    z.object({
      snapshotId: z.string(),
      parentSnapshotId: z.string().nullable(),
      sequenceNumber: z.int(),
      timestampMs: z.int(),
      manifestList: z.string(),
      summary: textMap,
    }),
  ),
  rowCount: z.int(),
})

const scanSchema = z.object({
  rows: z.array(rowSchema),
  /** Data files left after pruning, by the reader's own planning. */
  plannedFiles: z.int(),
  /** With a filter: what the same predicate leaves of a full scan without pruning. Equal to `rows`, or pruning loses rows. */
  unprunedRows: z.array(rowSchema).optional(),
})

/** Iceberg's metadata tables `files`, `manifests` and `partitions`; integers as text, bounds as hex, maps by field id. */
const inspectionSchema = z.object({
  files: z.array(
    z.looseObject({
      file_path: z.string(),
      record_count: z.string(),
      file_size_in_bytes: z.string(),
      value_counts: nullableTextMap,
      null_value_counts: nullableTextMap,
      nan_value_counts: nullableTextMap,
      lower_bounds: nullableTextMap,
      upper_bounds: nullableTextMap,
    }),
  ),
  manifests: z.array(z.looseObject({ path: z.string(), length: z.string(), added_snapshot_id: z.string() })),
  partitions: z.array(z.looseObject({ record_count: z.string(), file_count: z.string() })),
})

const parquetSchema = z.array(
  z.object({
    path: z.string(),
    rowCount: z.int(),
    rowGroups: z.int(),
    /** By Arrow path (`tags.element`); −1 where the footer gives none. */
    fieldIds: z.record(z.string(), z.int()),
    leaves: z.array(
      z.object({
        path: z.string(),
        physicalType: z.string(),
        logicalType: z.string(),
        maxDefinitionLevel: z.int(),
      }),
    ),
  }),
)

export type TableDescription = z.infer<typeof descriptionSchema>
export type ScanResult = z.infer<typeof scanSchema>
export type TableInspection = z.infer<typeof inspectionSchema>
export type ParquetFooters = z.infer<typeof parquetSchema>

export interface OutsideReader {
  readonly name: 'pyiceberg' | 'spark'
  /** Library versions, as the reader itself says. */
  readonly versions: Readonly<Record<string, string>>
  describe(metadataLocation: string): Promise<TableDescription>
  scan(metadataLocation: string, options?: ScanOptions): Promise<ScanResult>
  count(metadataLocation: string, options?: Pick<ScanOptions, 'filter' | 'snapshotId'>): Promise<number>
  inspect(metadataLocation: string): Promise<TableInspection>
  close(): Promise<void>
}

export interface PyIcebergReader extends OutsideReader {
  /** The footers of the current snapshot's data files, read by pyarrow. */
  parquetFooters(metadataLocation: string): Promise<ParquetFooters>
}

/** `s3` applies to every location that this reader opens. */
export async function startPyIceberg(options: { readonly s3?: S3Access } = {}): Promise<PyIcebergReader> {
  const channel = await startReader('pyiceberg')
  return {
    ...common('pyiceberg', channel, options.s3),
    parquetFooters: metadata =>
      channel.request({ op: 'parquet', metadata, s3: options.s3 }).then(value => parquetSchema.parse(value)),
  }
}

/** Refuses tables with a `time` column, for which Spark has no type. Starting takes about ten seconds: start one per test file. */
export async function startSpark(options: { readonly s3?: S3Access } = {}): Promise<OutsideReader> {
  const channel = await startReader('spark')
  return common('spark', channel, options.s3)
}

async function startReader(name: OutsideReader['name']): Promise<Channel> {
  const { python, jars } = await installReaders()
  return openChannel({ name, command: python, args: [join(FOLDER, `${name}_reader.py`), jars] })
}

function common(name: OutsideReader['name'], channel: Channel, s3: S3Access | undefined): OutsideReader {
  return {
    name,
    versions: channel.versions,
    describe: async metadata =>
      descriptionSchema.parse(await channel.request({ op: 'describe', metadata, s3 })),
    scan: async (metadata, options) =>
      scanSchema.parse(await channel.request({ op: 'scan', metadata, s3, ...wireOptions(options) })),
    count: async (metadata, options) =>
      z.int().parse(await channel.request({ op: 'count', metadata, s3, ...wireOptions(options) })),
    inspect: async metadata => inspectionSchema.parse(await channel.request({ op: 'inspect', metadata, s3 })),
    close: () => channel.close(),
  }
}

function wireOptions(options: ScanOptions = {}): Record<string, unknown> {
  return { ...options, snapshotId: options.snapshotId?.toString() }
}
