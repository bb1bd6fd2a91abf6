/**
 * The outside readers as the tests see them: PyIceberg and Spark open a table from its metadata file alone, or by name in a catalog (REST or Glue);
 * Trino and DuckDB only by name. Reading is all theirs, so what they return judges what was written. Values come in the canonical JSON
 * form that `canonical.py` describes, equal for all. A reader that cannot be installed is an error, never a skip.
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

/** An Iceberg REST catalog as its clients are told of it. */
export interface RestCatalog {
  readonly uri: string
  readonly warehouse?: string
  readonly token?: string
  /** The reader's own settings for the files; without them it has what the catalog sends. */
  readonly s3?: S3Access
}

/** AWS Glue, or what stands in for it. Keys, region and the files' settings are the reader's own. */
export interface GlueCatalog {
  readonly glue: S3Access
  readonly s3: S3Access
}

/** The place of a metadata file, or a dotted name in a catalog. */
export type TableRef = string | CatalogTable
export interface CatalogTable {
  readonly catalog: RestCatalog | GlueCatalog
  readonly table: string
}

export interface ScanOptions {
  /** Top-level columns; all by default. */
  readonly columns?: readonly string[]
  /** A predicate that PyIceberg and SQL both read, for example `id >= 3 and name = 'a'`. Beware of `!=` on nulls: Iceberg keeps them, SQL does not. */
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

/** What every engine can be asked about a table of a catalog. */
export interface QueryEngine {
  readonly name: 'pyiceberg' | 'spark' | 'trino' | 'duckdb'
  /** Library versions, as the reader itself says. */
  readonly versions: Readonly<Record<string, string>>
  /** Ids of the snapshots that it sees, oldest first. */
  snapshotIds(table: CatalogTable): Promise<readonly string[]>
  scan(table: CatalogTable, options?: ScanOptions): Promise<ScanResult>
  count(table: CatalogTable, options?: Pick<ScanOptions, 'filter' | 'snapshotId'>): Promise<number>
  close(): Promise<void>
}

/** One that also reads from a metadata file alone, and says what is in the metadata. */
export interface OutsideReader extends QueryEngine {
  describe(table: TableRef): Promise<TableDescription>
  scan(table: TableRef, options?: ScanOptions): Promise<ScanResult>
  count(table: TableRef, options?: Pick<ScanOptions, 'filter' | 'snapshotId'>): Promise<number>
  inspect(table: TableRef): Promise<TableInspection>
}

export interface PyIcebergReader extends OutsideReader {
  /** The footers of the current snapshot's data files, read by pyarrow. */
  parquetFooters(table: TableRef): Promise<ParquetFooters>
}

export interface SparkReader extends OutsideReader {
  /** SQL in which `{catalog}` stands for the catalog, for tables that Spark itself makes there. */
  execute(catalog: GlueCatalog, statements: readonly string[]): Promise<void>
}

/** `s3` applies to every metadata file that this reader opens. */
export async function startPyIceberg(options: { readonly s3?: S3Access } = {}): Promise<PyIcebergReader> {
  const channel = await startReader('pyiceberg')
  return {
    ...outsideReader('pyiceberg', channel, options.s3),
    parquetFooters: async table =>
      parquetSchema.parse(await channel.request({ op: 'parquet', ...wireRef(table, options.s3) })),
  }
}

/** Refuses tables with a `time` column, for which Spark has no type. Starting takes about ten seconds: start one per test file. */
export async function startSpark(options: { readonly s3?: S3Access } = {}): Promise<SparkReader> {
  const channel = await startReader('spark')
  return {
    ...outsideReader('spark', channel, options.s3),
    async execute(catalog, statements) {
      await channel.request({ op: 'execute', catalog, statements })
    },
  }
}

/** DuckDB's own iceberg extension. */
export async function startDuckDb(): Promise<QueryEngine> {
  const channel = await startReader('duckdb')
  return {
    ...queries('duckdb', channel, undefined),
    snapshotIds: async table =>
      z.array(z.string()).parse(await channel.request({ op: 'snapshots', ...wireRef(table, undefined) })),
  }
}

async function startReader(name: 'pyiceberg' | 'spark' | 'duckdb'): Promise<Channel> {
  const { python, jars } = await installReaders()
  return openChannel({ name, command: python, args: [join(FOLDER, `${name}_reader.py`), jars] })
}

function outsideReader(
  name: 'pyiceberg' | 'spark',
  channel: Channel,
  s3: S3Access | undefined,
): OutsideReader {
  const describe = async (table: TableRef) =>
    descriptionSchema.parse(await channel.request({ op: 'describe', ...wireRef(table, s3) }))
  return {
    ...queries(name, channel, s3),
    describe,
    snapshotIds: async table => (await describe(table)).snapshots.map(({ snapshotId }) => snapshotId),
    inspect: async table =>
      inspectionSchema.parse(await channel.request({ op: 'inspect', ...wireRef(table, s3) })),
  }
}

function queries(name: QueryEngine['name'], channel: Channel, s3: S3Access | undefined) {
  return {
    name,
    versions: channel.versions,
    scan: async (table: TableRef, options: ScanOptions = {}) =>
      scanSchema.parse(await channel.request({ op: 'scan', ...wireRef(table, s3), ...wireOptions(options) })),
    count: async (table: TableRef, options: ScanOptions = {}) =>
      z.int().parse(await channel.request({ op: 'count', ...wireRef(table, s3), ...wireOptions(options) })),
    close: () => channel.close(),
  }
}

function wireRef(table: TableRef, s3: S3Access | undefined): Record<string, unknown> {
  return typeof table === 'string' ? { metadata: table, s3 } : { ...table }
}

function wireOptions(options: ScanOptions): Record<string, unknown> {
  return { ...options, snapshotId: options.snapshotId?.toString() }
}
