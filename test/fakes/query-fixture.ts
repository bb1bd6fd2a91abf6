/**
 * Tables for queries, made without a pipeline: real Parquet files with real statistics in a folder of their own, and a metadata store
 * that knows of them. Rows are given file by file; each file's partition is that of its rows, which must agree.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { DuckDBValue } from '@duckdb/node-api'
import * as duckdb from '@duckdb/node-api'
import {
  type QueryContext,
  type QueryOptions,
  type QueryOutcome,
  runStatement,
} from '../../services/query/run-statement.ts'
import type { DataFile } from '../../shared/iceberg/data-file.ts'
import { encodeDataFile } from '../../shared/iceberg/data-file-avro.ts'
import type { PartitionField, PartitionSpec, PartitionValue } from '../../shared/iceberg/partition-spec.ts'
import { partitionType } from '../../shared/iceberg/partition-type.ts'
import type { Schema } from '../../shared/iceberg/schema.ts'
import { applyTransform } from '../../shared/iceberg/transforms.ts'
import type { LiveFile, SnapshotRecord, TableDetail } from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { openObjectStore } from '../../shared/object-store/open-object-store.ts'
import { createParquetWriter } from '../../shared/parquet/parquet-writer.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { batchOf, type Row } from '../unit/parquet/batches.ts'

export interface QueryTable {
  readonly name: string
  readonly schema: Schema
  readonly partitionBy?: readonly PartitionField[]
  /** A snapshot for each, with the files of those before it. */
  readonly files: readonly (readonly Row[])[]
}

export interface QueryFixture {
  readonly context: QueryContext
  readonly folder: string
  add(table: QueryTable): Promise<TableDetail>
  /** Rows as plain arrays of DuckDB's values, every one of them. */
  rows(sql: string, options?: Partial<QueryOptions>): Promise<readonly (readonly DuckDBValue[])[]>
  outcome<T>(
    sql: string,
    take: (outcome: QueryOutcome) => Promise<T>,
    options?: Partial<QueryOptions>,
  ): Promise<T>
  remove(): Promise<void>
}

export const LIMITS: QueryOptions['limits'] = {
  memoryBytes: 2 ** 28,
  threads: 1,
  spillBytes: 2 ** 28,
  fetchBytes: 2 ** 30,
}

/** `storeOf` puts another store in the place of the folder, which still has the files. */
export async function createQueryFixture(
  storeOf: (store: ObjectStore) => ObjectStore = store => store,
  folderName = 'warehouse',
): Promise<QueryFixture> {
  const root = await mkdtemp(join(tmpdir(), 'tidewater-query-test-'))
  const folder = join(root, folderName)
  const tables: TableDetail[] = []
  const files = new Map<string, LiveFile[]>()
  const snapshots = new Map<string, SnapshotRecord[]>()
  const inFolder = openObjectStore(`file://${folder}`, { runtime: systemRuntime })
  const context: QueryContext = {
    duckdb,
    warehouse: storeOf(inFolder),
    runtime: systemRuntime,
    temporaryRoot: root,
    metadata: {
      listTables: async () => tables,
      listSnapshots: async tableId => snapshots.get(tableId) ?? [],
      listFiles: async (tableId, { version }) => ({
        files: (files.get(tableId) ?? []).filter(file => file.addedVersion <= version),
      }),
      listPartitions: async () => [],
      listEvents: async () => [],
      listScanReports: async () => [],
    },
  }
  const outcome: QueryFixture['outcome'] = (sql, take, options = {}) =>
    runStatement(context, sql, { limits: LIMITS, signal: new AbortController().signal, ...options }, take)
  return {
    context,
    folder,
    async add(given) {
      const tableId = `table-${tables.length}`
      const location = `${context.warehouse.url}/${given.name.replaceAll('.', '/')}`
      const spec: PartitionSpec = { specId: 0, fields: given.partitionBy ?? [] }
      const table: TableDetail = {
        tableId,
        name: given.name,
        kind: 'rows',
        location,
        version: BigInt(given.files.length),
        currentSchemaId: 0,
        defaultSpecId: 0,
        lastColumnId: 1000,
        lastPartitionId: 1000,
        lastSequenceNumber: BigInt(given.files.length),
        properties: {},
        declaration: '',
        state: 'active',
        createdAtMs: 0,
        schemas: [given.schema],
        specs: [spec],
      }
      const live: LiveFile[] = []
      for (const [index, rows] of given.files.entries())
        live.push(await writeFileOf(table, { rows, index, folder, root: context.warehouse.url }))
      tables.push(table)
      files.set(tableId, live)
      snapshots.set(
        tableId,
        live.map((_, index) => snapshotOf(table, index)),
      )
      return table
    },
    outcome,
    rows: (sql, options) =>
      outcome(
        sql,
        async result => {
          if (result.kind !== 'rows') throw new Error(`expected rows, found ${result.kind}`)
          return await result.result.getRows()
        },
        options,
      ),
    remove: () => rm(root, { recursive: true, force: true }),
  }
}

/** Snapshot `index` has id 1000 + index, and was cut at second `index` of 1970. */
function snapshotOf(table: TableDetail, index: number): SnapshotRecord {
  return {
    tableId: table.tableId,
    snapshotId: 1000n + BigInt(index),
    sequenceNumber: BigInt(index + 1),
    version: BigInt(index + 1),
    timestampMs: index * 1000,
    operation: 'append',
    schemaId: 0,
    manifestListPath: `${table.location}/metadata/snap-${index}.avro`,
    summary: { 'total-records': '7', 'total-data-files': String(index + 1) },
    state: 'cut',
  }
}

async function writeFileOf(
  table: TableDetail,
  file: {
    readonly rows: readonly Row[]
    readonly index: number
    readonly folder: string
    readonly root: string
  },
): Promise<LiveFile> {
  const [schema] = table.schemas
  const [spec] = table.specs
  if (schema === undefined || spec === undefined) throw new Error('a table has a schema and a spec')
  const writer = createParquetWriter({ schema, compression: 'zstd' })
  await writer.append(batchOf(schema, file.rows))
  const parquet = await writer.finish()
  const path = `${table.location}/data/${file.index}.parquet`
  const onDisk = join(file.folder, path.slice(file.root.length + 1))
  await mkdir(dirname(onDisk), { recursive: true })
  await writeFile(onDisk, parquet.bytes)
  const data: DataFile = {
    path,
    specId: spec.specId,
    partition: partitionOf(spec, schema, file.rows),
    recordCount: parquet.recordCount,
    fileSizeBytes: BigInt(parquet.bytes.length),
    metrics: parquet.metrics,
    splitOffsets: parquet.splitOffsets,
  }
  return {
    path,
    specId: spec.specId,
    partition: data.partition,
    recordCount: data.recordCount,
    fileSizeBytes: data.fileSizeBytes,
    encoded: encodeDataFile(data, spec, schema),
    addedVersion: BigInt(file.index + 1),
  }
}

function partitionOf(spec: PartitionSpec, schema: Schema, rows: readonly Row[]): readonly PartitionValue[] {
  return partitionType(spec, schema).map(field => {
    const values = rows.map(row => {
      const value = row[field.source.name] ?? null
      return applyTransform(field.transform, field.sourceType, value as PartitionValue)
    })
    if (new Set(values.map(String)).size > 1)
      throw new Error(`the rows of a file are of several partitions: ${values}`)
    return values[0] ?? null
  })
}
