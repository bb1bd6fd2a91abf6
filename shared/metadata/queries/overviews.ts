/**
 * What people look at: counts, sums, and the newest few of what there may be many of. Reads only; never the encoded entries of files.
 * "Live" is what readers may see at the table's version now, whether a snapshot shows it already or not.
 */
import { sql } from 'kysely'
import type { Row } from '../database.ts'
import { partitionFromJson } from '../json-columns.ts'
import {
  FILE_SIZE_BOUNDS,
  type FileSummary,
  type FileTotals,
  type PartitionTotals,
  type SnapshotRecord,
} from '../metadata-store.ts'
import { present, snapshotOf, toNumber } from '../rows.ts'
import { all, first, type Steps, sqlStatement } from '../steps.ts'

interface TotalsRow {
  readonly files: bigint
  readonly records: bigint | null
  readonly size: bigint | null
}

const selectSizes = sqlStatement<{ tableId: string }, TotalsRow & { readonly bound: bigint | null }>(
  p => sql`select ${boundOf('file_size_bytes')} as bound, count(*) as files, sum(record_count) as records, sum(file_size_bytes) as size
    from data_file where table_id = ${p.tableId} and added_version is not null and removed_version is null
    group by ${boundOf('file_size_bytes')}`,
)
const selectPartitions = sqlStatement<
  { tableId: string; limit: number },
  TotalsRow & {
    readonly spec_id: bigint
    readonly partition: string
    readonly newest_version: bigint
    readonly partitions: bigint
  }
>(
  p => sql`select spec_id, partition, count(*) as files, sum(record_count) as records, sum(file_size_bytes) as size,
      max(added_version) as newest_version, count(*) over () as partitions
    from data_file where table_id = ${p.tableId} and added_version is not null and removed_version is null
    group by spec_id, partition order by newest_version desc, spec_id desc, partition desc limit ${p.limit}`,
)
const selectNewestFiles = sqlStatement<{ tableId: string; limit: number }, Omit<Row<'data_file'>, 'encoded'>>(
  p => sql`select path, spec_id, partition, record_count, file_size_bytes, added_version, snapshot_id, sequence_number
    from data_file where table_id = ${p.tableId} and added_version is not null and removed_version is null
    order by added_version desc, path desc limit ${p.limit}`,
)
const selectNewestSnapshots = sqlStatement<{ tableId: string; limit: number }, Row<'snapshot'>>(
  p => sql`select * from snapshot where table_id = ${p.tableId} and state = 'cut'
    order by sequence_number desc limit ${p.limit}`,
)
const countCut = sqlStatement<{ tableId: string }, { readonly snapshots: bigint }>(
  p => sql`select count(*) as snapshots from snapshot where table_id = ${p.tableId} and state = 'cut'`,
)

/** The lowest bound that a size is below; null beyond all of them. The bounds are constants, so they may be part of the text. */
function boundOf(column: string) {
  const cases = FILE_SIZE_BOUNDS.map(bound => `when ${column} < ${bound} then ${bound}`)
  return sql.raw(`case ${cases.join(' ')} end`)
}

const totalsOf = (row?: TotalsRow): FileTotals => ({
  fileCount: toNumber(row?.files ?? 0n),
  recordCount: row?.records ?? 0n,
  sizeBytes: row?.size ?? 0n,
})

/** Costs by the number of live files, as `sumPartitions` does. */
export function* sumFiles(
  tableId: string,
): Steps<readonly (FileTotals & { readonly belowBytes?: bigint })[]> {
  const rows = yield* all(selectSizes, { tableId })
  const of = (bound: bigint | null) => totalsOf(rows.find(row => row.bound === bound))
  return [...FILE_SIZE_BOUNDS.map(bound => ({ belowBytes: bound, ...of(bound) })), of(null)]
}

/** The most recently written first, and how many there are. */
export function* sumPartitions(
  tableId: string,
  limit: number,
): Steps<{ readonly count: number; readonly newest: readonly PartitionTotals[] }> {
  const rows = yield* all(selectPartitions, { tableId, limit })
  const newest = rows.map(row => ({
    specId: toNumber(row.spec_id),
    partition: partitionFromJson(row.partition),
    newestVersion: row.newest_version,
    ...totalsOf(row),
  }))
  return { count: toNumber(rows[0]?.partitions ?? 0n), newest }
}

export function* listNewestFiles(tableId: string, limit: number): Steps<readonly FileSummary[]> {
  const rows = yield* all(selectNewestFiles, { tableId, limit })
  return rows.map(row => ({
    path: row.path,
    specId: toNumber(row.spec_id),
    partition: partitionFromJson(row.partition),
    recordCount: row.record_count,
    fileSizeBytes: row.file_size_bytes,
    addedVersion: row.added_version ?? 0n,
    ...present('snapshotId', row.snapshot_id),
    ...present('sequenceNumber', row.sequence_number),
  }))
}

export function* listNewestSnapshots(
  tableId: string,
  limit: number,
): Steps<{ readonly count: number; readonly newest: readonly SnapshotRecord[] }> {
  const newest = (yield* all(selectNewestSnapshots, { tableId, limit })).map(snapshotOf)
  return { count: toNumber((yield* first(countCut, { tableId }))?.snapshots ?? 0n), newest }
}
