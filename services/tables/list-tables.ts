/** Every table in a line: what its newest snapshot holds, how fresh it is, and who shows it. Costs by the number of tables, not of files. */
import type { MetadataStore, Publication, TableDetail } from '../../shared/metadata/metadata-store.ts'
import { EVERY_TABLE, type TableOverview, type TablesPage } from '../../shared/metadata/overviews.ts'

export interface TablesReport {
  readonly at_ms: number
  /** By name; each table's dead letters are a table too. */
  readonly tables: readonly TableSummary[]
}

export interface TableSummary {
  readonly name: string
  readonly table_uuid: string
  readonly kind: TableDetail['kind']
  readonly location: string
  readonly state: TableDetail['state']
  readonly state_reason: string | null
  /** Rows, files and bytes of the newest snapshot: what a reader gets. */
  readonly rows: bigint
  readonly data_files: bigint
  readonly size_bytes: bigint
  /** Snapshots that are not expired. */
  readonly snapshots: number
  /** Timestamp of the newest committed record; null before the first, and for dead letters. */
  readonly newest_record_at_ms: number | null
  /** Age of that record. */
  readonly lag_ms: number | null
  /** Offsets that are planned and not committed yet. */
  readonly pending_offsets: bigint
  readonly catalogs: readonly {
    readonly catalog: string
    readonly state: Publication['state']
    /** Whether it shows the newest snapshot. */
    readonly current: boolean
  }[]
}

export async function listTableSummaries(
  metadata: Pick<MetadataStore, 'listTableOverviews' | 'nowMs'>,
  page: TablesPage = EVERY_TABLE,
): Promise<TablesReport> {
  const atMs = await metadata.nowMs()
  const tables = await metadata.listTableOverviews(page)
  return { at_ms: atMs, tables: tables.map(overview => summarize(overview, atMs)) }
}

function summarize(overview: TableOverview, atMs: number): TableSummary {
  const { table, parent = table, newestSnapshot, partitions } = overview
  const total = (key: string) => BigInt(newestSnapshot?.summary[key] ?? 0)
  const newestRecord = partitions.reduce((latest, { maxTimestampMs }) => Math.max(latest, maxTimestampMs), -1)
  return {
    name: table.name,
    table_uuid: table.tableId,
    kind: table.kind,
    location: table.location,
    state: parent.state,
    state_reason: parent.stateReason ?? null,
    rows: total('total-records'),
    data_files: total('total-data-files'),
    size_bytes: total('total-files-size'),
    snapshots: overview.snapshotCount,
    newest_record_at_ms: newestRecord < 0 ? null : newestRecord,
    lag_ms: newestRecord < 0 ? null : atMs - newestRecord,
    pending_offsets: partitions.reduce(
      (sum, { plannedOffset, committedOffset }) => sum + plannedOffset - committedOffset,
      0n,
    ),
    catalogs: overview.publications.map(publication => ({
      catalog: publication.catalog,
      state: publication.state,
      current:
        publication.metadataLocation !== undefined && publication.snapshotId === newestSnapshot?.snapshotId,
    })),
  }
}
