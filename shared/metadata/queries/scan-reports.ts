/** What query engines reported of their scans, bounded to the newest. */
import { sql } from 'kysely'
import { jsonText, namesFromJson } from '../json-columns.ts'
import { MAX_SCAN_REPORTS, type NewScanReport, type ScanReport } from '../metadata-store.ts'
import { present, toNumber } from '../rows.ts'
import { all, change, insertStatement, now, type Steps, sqlStatement, statement } from '../steps.ts'

const insertScanReport = insertStatement('scan_report', [
  'at_ms',
  'table_id',
  'catalog',
  'snapshot_id',
  'schema_id',
  'filter',
  'projected_fields',
  'engine',
  'planning_duration_us',
  'result_files',
  'result_bytes',
  'skipped_files',
  'skipped_manifests',
])
/** Ids only rise, so the newest `max` are those above the highest id less `max`. */
const deleteOldReports = sqlStatement<{ max: number }, unknown>(
  p => sql`delete from scan_report where report_id <= (select max(report_id) from scan_report) - ${p.max}`,
)
const selectReports = statement((db, p: { before: bigint; limit: number }) =>
  db
    .selectFrom('scan_report')
    .innerJoin('iceberg_table', 'iceberg_table.table_id', 'scan_report.table_id')
    .selectAll('scan_report')
    .select('iceberg_table.name as table_name')
    .where('report_id', '<', p.before)
    .orderBy('report_id', 'desc')
    .limit(p.limit),
)
const selectTableReports = statement((db, p: { tableId: string; before: bigint; limit: number }) =>
  db
    .selectFrom('scan_report')
    .innerJoin('iceberg_table', 'iceberg_table.table_id', 'scan_report.table_id')
    .selectAll('scan_report')
    .select('iceberg_table.name as table_name')
    .where('scan_report.table_id', '=', p.tableId)
    .where('report_id', '<', p.before)
    .orderBy('report_id', 'desc')
    .limit(p.limit),
)

/** Above every id. */
const END = 2n ** 63n - 1n

export function* appendScanReport(report: NewScanReport): Steps<void> {
  yield* change(insertScanReport, {
    at_ms: yield* now(),
    table_id: report.tableId,
    catalog: report.catalog,
    snapshot_id: report.snapshotId,
    schema_id: report.schemaId,
    filter: report.filter,
    projected_fields: jsonText(report.projectedFields),
    engine: report.engine ?? null,
    planning_duration_us: report.planningDurationUs ?? null,
    result_files: report.resultFiles ?? null,
    result_bytes: report.resultBytes ?? null,
    skipped_files: report.skippedFiles ?? null,
    skipped_manifests: report.skippedManifests ?? null,
  })
  yield* change(deleteOldReports, { max: MAX_SCAN_REPORTS })
}

export function* listScanReports(filter: {
  readonly tableId?: string
  readonly before?: bigint
  readonly limit: number
}): Steps<readonly ScanReport[]> {
  const { tableId, before = END, limit } = filter
  const rows =
    tableId === undefined
      ? yield* all(selectReports, { before, limit })
      : yield* all(selectTableReports, { tableId, before, limit })
  return rows.map(row => ({
    reportId: row.report_id,
    atMs: toNumber(row.at_ms),
    tableId: row.table_id,
    table: row.table_name,
    catalog: row.catalog,
    snapshotId: row.snapshot_id,
    schemaId: toNumber(row.schema_id),
    filter: row.filter,
    projectedFields: namesFromJson(row.projected_fields),
    ...present('engine', row.engine),
    ...present('planningDurationUs', row.planning_duration_us),
    ...present('resultFiles', row.result_files),
    ...present('resultBytes', row.result_bytes),
    ...present('skippedFiles', row.skipped_files),
    ...present('skippedManifests', row.skipped_manifests),
  }))
}
