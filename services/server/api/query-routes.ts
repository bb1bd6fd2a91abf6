/** What query engines reported of the scans that they planned over the catalog. */
import { z } from 'zod'
import type { ScanReport } from '../../../shared/metadata/metadata-store.ts'
import { queriesAnswer } from './answers.ts'
import { DIGITS, pageToken, readPageToken } from './page-token.ts'
import { type ApiRoute, findTable, limitParameter, pageParameter, route, tableParameter } from './route.ts'

export const queryRoutes: readonly ApiRoute[] = [
  route({
    path: '/queries',
    operationId: 'listQueries',
    summary:
      'Scans that query engines reported to the catalog: what was asked for, and how much of a table had to be read. Newest first.',
    query: z.strictObject({ table: tableParameter.optional(), limit: limitParameter, page: pageParameter }),
    answer: queriesAnswer,
    async handle({ metadata }, { query: { table, limit, page } }) {
      const scope = { list: ['queries', table] }
      const [before] = readPageToken(scope, page, [DIGITS]) ?? []
      const reports = await metadata.listScanReports({
        limit,
        ...(table !== undefined && { tableId: (await findTable(metadata, table)).tableId }),
        ...(before !== undefined && { before: BigInt(before) }),
      })
      const last = reports.length === limit ? reports.at(-1) : undefined
      return {
        queries: reports.map(describe),
        next_page: last === undefined ? null : pageToken(scope, [last.reportId]),
      }
    },
  }),
]

function describe(report: ScanReport) {
  return {
    query_id: report.reportId,
    at_ms: report.atMs,
    table: report.table,
    catalog: report.catalog,
    snapshot_id: report.snapshotId,
    schema_id: report.schemaId,
    engine: report.engine ?? null,
    filter: report.filter,
    projected_fields: report.projectedFields,
    planning_us: report.planningDurationUs ?? null,
    result_files: report.resultFiles ?? null,
    result_bytes: report.resultBytes ?? null,
    skipped_files: report.skippedFiles ?? null,
    skipped_manifests: report.skippedManifests ?? null,
  }
}
