/** How things stand, and what each table holds: the same reports as `tidewater status` and `tidewater tables`. */
import { z } from 'zod'
import type { TablesPage } from '../../../shared/metadata/overviews.ts'
import { collectStatus } from '../../status/collect-status.ts'
import { describeFile, describeSnapshot } from '../../tables/describe-table.ts'
import { listTableSummaries } from '../../tables/list-tables.ts'
import { filesAnswer, snapshotsAnswer, statusAnswer, tableAnswer, tablesAnswer } from './answers.ts'
import { DIGITS, pageToken, readPageToken } from './page-token.ts'
import {
  type ApiRoute,
  findTable,
  limitParameter,
  pageParameter,
  route,
  tableNotFound,
  tableParameter,
} from './route.ts'

const tableParameters = z.strictObject({ name: tableParameter })
const pageParameters = z.strictObject({ limit: limitParameter, page: pageParameter })

export const tableRoutes: readonly ApiRoute[] = [
  route({
    path: '/status',
    operationId: 'getStatus',
    summary: 'How far each table and partition has come, by name, and the newest events.',
    query: pageParameters,
    answer: statusAnswer,
    handle: ({ metadata }, { query }) => pageOfTables('status', query, page => collectStatus(metadata, page)),
  }),
  route({
    path: '/tables',
    operationId: 'listTables',
    summary: 'Every table in a line, by name.',
    query: pageParameters,
    answer: tablesAnswer,
    handle: ({ metadata }, { query }) =>
      pageOfTables('tables', query, page => listTableSummaries(metadata, page)),
  }),
  route({
    path: '/tables/{name}',
    operationId: 'getTable',
    summary:
      'Schema, partitioning, sizes, offsets and publications of a table, and the newest of its files and snapshots.',
    params: tableParameters,
    answer: tableAnswer,
    async handle({ tables }, { params }) {
      const table = await tables.describe(params.name)
      if (table === undefined) throw tableNotFound(params.name)
      return table
    },
  }),
  route({
    path: '/tables/{name}/snapshots',
    operationId: 'listSnapshots',
    summary: 'Snapshots that are not expired, newest first.',
    params: tableParameters,
    query: pageParameters,
    answer: snapshotsAnswer,
    async handle({ metadata }, { params, query }) {
      const { tableId, name } = await findTable(metadata, params.name)
      const scope = { list: ['snapshots', name] }
      const [below] = readPageToken(scope, query.page, [DIGITS]) ?? []
      const older = (await metadata.listSnapshots(tableId))
        .filter(({ sequenceNumber }) => below === undefined || sequenceNumber < BigInt(below))
        .reverse()
      const snapshots = older.slice(0, query.limit)
      const last = older.length > snapshots.length ? snapshots.at(-1) : undefined
      return {
        snapshots: snapshots.map(describeSnapshot),
        next_page: last === undefined ? null : pageToken(scope, [last.sequenceNumber]),
      }
    },
  }),
  route({
    path: '/tables/{name}/files',
    operationId: 'listFiles',
    summary: 'Live data files. All pages show the table as it was at the first.',
    params: tableParameters,
    query: pageParameters,
    answer: filesAnswer,
    async handle({ metadata }, { params, query }) {
      const table = await findTable(metadata, params.name)
      const scope = { list: ['files', table.name] }
      const [at, after] = readPageToken(scope, query.page, [DIGITS, /^\d{1,18}:./s]) ?? []
      const version = at === undefined ? table.version : BigInt(at)
      const { files, next } = await metadata.listFiles(table.tableId, {
        version,
        limit: query.limit,
        ...(after !== undefined && { after }),
      })
      return {
        version,
        files: files.map(found => describeFile(table, found)),
        next_page: next === undefined ? null : pageToken(scope, [version, next]),
      }
    },
  }),
]

/** A report of tables by name, one page of it. */
async function pageOfTables<R extends { readonly tables: readonly { readonly name: string }[] }>(
  list: string,
  { limit, page }: z.output<typeof pageParameters>,
  report: (page: TablesPage) => Promise<R>,
): Promise<R & { readonly next_page: string | null }> {
  const scope = { list: [list] }
  const [after] = readPageToken(scope, page, [/./]) ?? []
  // One more than is shown tells whether there is a next page.
  const whole = await report({ limit: limit + 1, ...(after !== undefined && { after }) })
  const tables = whole.tables.slice(0, limit)
  const last = whole.tables.length > limit ? tables.at(-1) : undefined
  return { ...whole, tables, next_page: last === undefined ? null : pageToken(scope, [last.name]) }
}
