/** `_tidewater.*`: what the metadata database knows, as tables. Filled when a statement names them, from the newest state. */
import type { DuckDBValue } from '@duckdb/node-api'
import { stringifyExactJson } from '../../shared/iceberg/exact-json.ts'
import { partitionPath } from '../../shared/iceberg/partition-path.ts'
import { MAX_EVENTS, MAX_SCAN_REPORTS, type TableDetail } from '../../shared/metadata/metadata-store.ts'
import type { DuckDB, Session } from './duckdb.ts'
import { loadTableState, type QueryMetadata } from './table-state.ts'

export const SYSTEM_NAMESPACE = '_tidewater'

interface Context {
  readonly duckdb: DuckDB
  readonly metadata: QueryMetadata
  readonly tables: readonly TableDetail[]
}

export interface SystemTable {
  readonly name: string
  /** Name and DuckDB type, in order. */
  readonly columns: readonly (readonly [name: string, type: string])[]
  rows(context: Context): AsyncGenerator<readonly (DuckDBValue | undefined)[]>
}

export const SYSTEM_TABLES: readonly SystemTable[] = [
  {
    name: 'tables',
    columns: [
      ['table_name', 'VARCHAR'],
      ['kind', 'VARCHAR'],
      ['state', 'VARCHAR'],
      ['snapshot_id', 'BIGINT'],
      ['published_at', 'TIMESTAMPTZ'],
      ['record_count', 'BIGINT'],
      ['file_count', 'BIGINT'],
      ['size_bytes', 'BIGINT'],
      ['location', 'VARCHAR'],
    ],
    async *rows({ duckdb, metadata, tables }) {
      for (const table of tables) {
        const snapshot = (await metadata.listSnapshots(table.tableId)).at(-1)
        const total = (key: string) => (snapshot === undefined ? 0n : integer(snapshot.summary[key]))
        yield [
          table.name,
          table.kind,
          table.state,
          snapshot?.snapshotId,
          time(duckdb, snapshot?.timestampMs),
          total('total-records'),
          total('total-data-files'),
          total('total-files-size'),
          table.location,
        ]
      }
    },
  },
  {
    name: 'files',
    columns: [
      ['table_name', 'VARCHAR'],
      ['path', 'VARCHAR'],
      ['partition', 'VARCHAR'],
      ['record_count', 'BIGINT'],
      ['size_bytes', 'BIGINT'],
      ['spec_id', 'INTEGER'],
      ['snapshot_id', 'BIGINT'],
      ['sequence_number', 'BIGINT'],
    ],
    async *rows({ metadata, tables }) {
      for (const table of tables) {
        const { schema, files } = await loadTableState(metadata, table)
        const specs = new Map(table.specs.map(spec => [spec.specId, spec]))
        for (const file of files) {
          const spec = specs.get(file.specId)
          yield [
            table.name,
            file.path,
            spec && (partitionPath(spec, schema, file.partition) || undefined),
            file.recordCount,
            file.fileSizeBytes,
            file.specId,
            file.snapshotId,
            file.sequenceNumber,
          ]
        }
      }
    },
  },
  {
    name: 'snapshots',
    columns: [
      ['table_name', 'VARCHAR'],
      ['snapshot_id', 'BIGINT'],
      ['parent_snapshot_id', 'BIGINT'],
      ['sequence_number', 'BIGINT'],
      ['committed_at', 'TIMESTAMPTZ'],
      ['operation', 'VARCHAR'],
      ['schema_id', 'INTEGER'],
      ['added_records', 'BIGINT'],
      ['total_records', 'BIGINT'],
      ['manifest_list', 'VARCHAR'],
      ['summary', 'MAP(VARCHAR, VARCHAR)'],
    ],
    async *rows({ duckdb, metadata, tables }) {
      for (const table of tables) {
        for (const snapshot of await metadata.listSnapshots(table.tableId)) {
          const entries = Object.entries(snapshot.summary).map(([key, value]) => ({ key, value }))
          yield [
            table.name,
            snapshot.snapshotId,
            snapshot.parentSnapshotId,
            snapshot.sequenceNumber,
            time(duckdb, snapshot.timestampMs),
            snapshot.operation,
            snapshot.schemaId,
            integer(snapshot.summary['added-records']),
            integer(snapshot.summary['total-records']),
            snapshot.manifestListPath,
            new duckdb.DuckDBMapValue(entries),
          ]
        }
      }
    },
  },
  {
    name: 'offsets',
    columns: [
      ['table_name', 'VARCHAR'],
      ['topic', 'VARCHAR'],
      ['partition', 'INTEGER'],
      ['incarnation', 'INTEGER'],
      ['first_offset', 'BIGINT'],
      ['committed_offset', 'BIGINT'],
      ['planned_offset', 'BIGINT'],
      ['newest_record_at', 'TIMESTAMPTZ'],
      ['tasks_in_flight', 'INTEGER'],
      ['state', 'VARCHAR'],
      ['state_code', 'VARCHAR'],
      ['state_reason', 'VARCHAR'],
    ],
    async *rows({ duckdb, metadata, tables }) {
      for (const table of tables) {
        for (const source of await metadata.listPartitions(table.tableId, { pastIncarnations: true })) {
          yield [
            table.name,
            source.topic,
            source.partition,
            source.incarnation,
            source.firstOffset,
            source.committedOffset,
            source.plannedOffset,
            source.maxTimestampMs < 0 ? undefined : time(duckdb, source.maxTimestampMs),
            source.tasksInFlight,
            source.state,
            source.stateCode,
            source.stateReason,
          ]
        }
      }
    },
  },
  {
    name: 'events',
    columns: [
      ['event_id', 'BIGINT'],
      ['occurred_at', 'TIMESTAMPTZ'],
      ['type', 'VARCHAR'],
      ['table_name', 'VARCHAR'],
      ['topic', 'VARCHAR'],
      ['partition', 'INTEGER'],
      ['message', 'VARCHAR'],
      ['details', 'JSON'],
      ['who', 'VARCHAR'],
      ['why', 'VARCHAR'],
    ],
    async *rows({ duckdb, metadata, tables }) {
      const names = new Map(tables.map(table => [table.tableId, table.name]))
      for (const event of await metadata.listEvents({ limit: MAX_EVENTS })) {
        yield [
          event.eventId,
          time(duckdb, event.atMs),
          event.type,
          event.tableId === undefined ? undefined : names.get(event.tableId),
          event.topic,
          event.partition,
          event.message,
          stringifyExactJson(event.details),
          event.note?.who,
          event.note?.why,
        ]
      }
    },
  },
  {
    name: 'queries',
    columns: [
      ['query_id', 'BIGINT'],
      ['reported_at', 'TIMESTAMPTZ'],
      ['table_name', 'VARCHAR'],
      ['catalog', 'VARCHAR'],
      ['snapshot_id', 'BIGINT'],
      ['engine', 'VARCHAR'],
      ['filter', 'VARCHAR'],
      ['columns', 'VARCHAR[]'],
      ['planning_us', 'BIGINT'],
      ['files_read', 'BIGINT'],
      ['bytes_read', 'BIGINT'],
      ['files_skipped', 'BIGINT'],
      ['manifests_skipped', 'BIGINT'],
    ],
    async *rows({ duckdb, metadata }) {
      for (const report of await metadata.listScanReports({ limit: MAX_SCAN_REPORTS })) {
        yield [
          report.reportId,
          time(duckdb, report.atMs),
          report.table,
          report.catalog,
          report.snapshotId,
          report.engine,
          report.filter,
          new duckdb.DuckDBListValue(report.projectedFields),
          report.planningDurationUs,
          report.resultFiles,
          report.resultBytes,
          report.skippedFiles,
          report.skippedManifests,
        ]
      }
    },
  },
]

/** Makes the table, in a schema that is there, and fills it. */
export async function createSystemTable(
  { duckdb, connection }: Session,
  table: SystemTable,
  context: Omit<Context, 'duckdb'>,
): Promise<void> {
  const columns = table.columns.map(([name, type]) => `"${name}" ${type}`).join(', ')
  await connection.run(`CREATE TABLE ${SYSTEM_NAMESPACE}.${table.name} (${columns})`)
  const appender = await connection.createAppender(table.name, SYSTEM_NAMESPACE)
  for await (const row of table.rows({ ...context, duckdb })) {
    for (const [position, value] of row.entries()) {
      if (value === undefined || value === null) appender.appendNull()
      else appender.appendValue(value, appender.columnType(position))
    }
    appender.endRow()
  }
  appender.closeSync()
}

function time(duckdb: DuckDB, timestampMs: number | undefined): DuckDBValue {
  return timestampMs === undefined ? null : new duckdb.DuckDBTimestampTZValue(BigInt(timestampMs) * 1000n)
}

function integer(text: string | undefined): bigint | undefined {
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : undefined
}
