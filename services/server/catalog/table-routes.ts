/** Tables, the dead-letter tables among them. */
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { refusal } from './catalog-error.ts'
import { findTable, listTables } from './lookup.ts'
import { scanReportOf } from './metrics-report.ts'
import { levelsOf } from './names.ts'
import type { CatalogContext } from './routes.ts'
import { storageCredentials, storageSettings } from './storage-settings.ts'
import { createTableAnswers } from './table-answers.ts'

/** The names of some thousands of columns. */
const MAX_REPORT_BYTES = 512 << 10
const JSON_TYPE = 'application/json; charset=utf-8'
const TABLES = '/v1/:warehouse/namespaces/:namespace/tables'
const TABLE = `${TABLES}/:table`
const loadQuery = z.object({ snapshots: z.enum(['all', 'refs']).prefault('all') })

export function registerTables(app: FastifyInstance, context: CatalogContext): void {
  app.get(TABLES, { exposeHeadRoute: false }, async request => {
    const { names, nextToken } = await listTables(context, request.params, request.query)
    return { 'next-page-token': nextToken, identifiers: names.map(identifierOf) }
  })
  registerLoading(app, context)
  app.post(`${TABLE}/metrics`, { bodyLimit: MAX_REPORT_BYTES }, async (request, reply) => {
    const { tableId, catalog } = await findTable(context, request.params)
    const report = scanReportOf(request.body, request.headers['user-agent'])
    if (report !== undefined) await context.metadata.appendScanReport({ tableId, catalog, ...report })
    return reply.status(204).send()
  })
}

function registerLoading(app: FastifyInstance, context: CatalogContext): void {
  const { config, credentials } = accessOf(context)
  const beside = { config, ...(credentials.length > 0 && { 'storage-credentials': credentials }) }
  const answers = createTableAnswers({ warehouse: context.warehouse, beside })
  // Settings and credentials may differ after a restart, and an answer that is still valid must carry the new ones.
  const life = context.runtime.uuid()

  app.head(TABLE, async (request, reply) => {
    await findTable(context, request.params)
    return reply.status(204).send()
  })
  app.get(TABLE, async (request, reply) => {
    const query = loadQuery.safeParse(request.query)
    if (!query.success) throw refusal('catalog-bad-request', 'snapshots is all or refs.')
    const mode = query.data.snapshots
    const table = await findTable(context, request.params)
    const etag = etagOf(life, mode, table.metadataLocation)
    reply.headers({ etag, vary: 'accept-encoding' })
    if (namesEtag(request.headers['if-none-match'], etag)) return reply.status(304).send()
    const isGzip = takesGzip(request.headers['accept-encoding'])
    const answer = await answers.load(table, { mode, isGzip })
    if (isGzip) reply.header('content-encoding', 'gzip')
    return reply.type(JSON_TYPE).send(answer)
  })
  app.get(`${TABLE}/credentials`, { exposeHeadRoute: false }, async request => {
    await findTable(context, request.params)
    return { 'storage-credentials': credentials }
  })
}

/** Credentials stand in `config` for clients that know nothing else, and under the prefix of what they open for those that do. */
function accessOf({ storage, passCredentials }: CatalogContext) {
  const settings = storageSettings(storage)
  const secrets = passCredentials ? storageCredentials(storage) : {}
  const config = { ...settings, ...secrets }
  return { config, credentials: Object.keys(secrets).length === 0 ? [] : [{ prefix: storage.url, config }] }
}

function identifierOf(name: string) {
  const levels = levelsOf(name)
  return { namespace: levels.slice(0, -1), name: levels.at(-1) }
}

/** One for each metadata file and each way of answering with it; weak, since the same answer goes out compressed or not. */
function etagOf(...parts: readonly string[]): string {
  return `W/"${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)}"`
}

/** `If-None-Match` is `*` or a list. Tags are compared without their weakness, as RFC 9110 wants it here. */
function namesEtag(header: string | undefined, etag: string): boolean {
  const strong = (tag: string) => tag.trim().replace(/^W\//, '')
  return header?.split(',').some(tag => tag.trim() === '*' || strong(tag) === strong(etag)) ?? false
}

/** `Accept-Encoding` names gzip, and not with a weight of 0. */
function takesGzip(header: string | undefined): boolean {
  return /(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)/i.test(header ?? '')
}
