/** How things stand, and what each table holds: the same reports as `tidewater status` and `tidewater tables`. */
import { z } from 'zod'
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
    summary: 'How far each table and partition has come, and the newest events.',
    answer: statusAnswer,
    handle: ({ metadata }) => collectStatus(metadata),
  }),
  route({
    path: '/tables',
    operationId: 'listTables',
    summary: 'Every table in a line, by name.',
    query: pageParameters,
    answer: tablesAnswer,
    async handle({ metadata }, { query }) {
      const scope = { list: ['tables'] }
      const [after] = readPageToken(scope, query.page, [/./]) ?? []
      const { at_ms, tables } = await listTableSummaries(metadata, {
        limit: query.limit,
        ...(after !== undefined && { after }),
      })
      const last = tables.length === query.limit ? tables.at(-1) : undefined
      return { at_ms, tables, next_page: last === undefined ? null : pageToken(scope, [last.name]) }
    },
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
