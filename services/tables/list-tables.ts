/** Every table in a line: what its newest snapshot holds, how fresh it is, and who shows it. Costs by the number of tables, not of files. */
import type { MetadataStore, Publication, TableDetail } from '../../shared/metadata/metadata-store.ts'

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

/** A part of the list: names after `after`, at most `limit` of them. */
export interface TablesPage {
  readonly after?: string
  readonly limit: number
}

export async function listTableSummaries(metadata: MetadataStore, page?: TablesPage): Promise<TablesReport> {
  const atMs = await metadata.nowMs()
  const tables = await metadata.listTables()
  const wanted =
    page === undefined ? tables : tables.filter(({ name }) => name > (page.after ?? '')).slice(0, page.limit)
  const summaries: TableSummary[] = []
  for (const table of wanted) {
    const parent = tables.find(other => other.tableId === table.parentTableId)
    summaries.push(await summarize(metadata, { table, parent, atMs }))
  }
  return { at_ms: atMs, tables: summaries }
}

interface OneTable {
  readonly table: TableDetail
  readonly parent: TableDetail | undefined
  readonly atMs: number
}

async function summarize(metadata: MetadataStore, { table, parent, atMs }: OneTable): Promise<TableSummary> {
  const { tableId } = table
  const { count, newest } = await metadata.listNewestSnapshots(tableId, 1)
  const total = (key: string) => BigInt(newest[0]?.summary[key] ?? 0)
  const publications = await metadata.listPublications(tableId)
  const partitions = await metadata.listPartitions(tableId)
  const newestRecord = partitions.reduce((latest, { maxTimestampMs }) => Math.max(latest, maxTimestampMs), -1)
  return {
    name: table.name,
    table_uuid: tableId,
    kind: table.kind,
    location: table.location,
    state: (parent ?? table).state,
    state_reason: (parent ?? table).stateReason ?? null,
    rows: total('total-records'),
    data_files: total('total-data-files'),
    size_bytes: total('total-files-size'),
    snapshots: count,
    newest_record_at_ms: newestRecord < 0 ? null : newestRecord,
    lag_ms: newestRecord < 0 ? null : atMs - newestRecord,
    pending_offsets: partitions.reduce(
      (sum, { plannedOffset, committedOffset }) => sum + plannedOffset - committedOffset,
      0n,
    ),
    catalogs: publications.map(publication => ({
      catalog: publication.catalog,
      state: publication.state,
      current: publication.metadataLocation !== undefined && publication.snapshotId === newest[0]?.snapshotId,
    })),
  }
}
