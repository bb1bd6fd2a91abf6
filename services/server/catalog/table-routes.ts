/** Tables, the dead-letter tables among them. There are no views, and clients that ask for one are told so in the specification's words. */
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { PublishedTable } from '../../../shared/metadata/metadata-store.ts'
import { refusal, shown } from './catalog-error.ts'
import { scanReportOf } from './metrics-report.ts'
import { levelsOf, namespaceName, noSuchNamespace, noSuchTable, tableName } from './names.ts'
import { cutPage, pageOf } from './page.ts'
import type { CatalogContext } from './routes.ts'
import { storageCredentials, storageSettings } from './storage-settings.ts'
import { createTableAnswers } from './table-answers.ts'
import { knownWarehouse } from './warehouse.ts'

/** The names of some thousands of columns. */
const MAX_REPORT_BYTES = 512 << 10
const JSON_TYPE = 'application/json; charset=utf-8'
const namespacePath = z.object({ warehouse: z.string(), namespace: z.string() })
const tablePath = namespacePath.extend({ table: z.string() })
const viewPath = namespacePath.extend({ view: z.string() })
const loadQuery = z.object({ snapshots: z.enum(['all', 'refs']).prefault('all') })

export function registerTables(app: FastifyInstance, context: CatalogContext): void {
  const { metadata, catalogs, warehouse: store } = context
  const { config, credentials } = accessOf(context)
  const beside = { config, ...(credentials.length > 0 && { 'storage-credentials': credentials }) }
  const answers = createTableAnswers({ warehouse: store, beside })
  // Settings and credentials may differ after a restart, and an answer that is still valid must carry the new ones.
  const life = context.runtime.uuid()

  async function namesIn(params: unknown, query: unknown) {
    const path = namespacePath.parse(params)
    const warehouse = knownWarehouse(path.warehouse, catalogs)
    const namespace = namespaceName(path.namespace)
    if (namespace === undefined) throw noSuchNamespace(path.namespace, warehouse)
    const listing = `tables ${namespace}`
    const page = pageOf(query, listing)
    const { exists, names } = await metadata.listPublishedNames(warehouse, {
      namespace,
      kind: 'tables',
      ...page,
      limit: page.limit + 1,
    })
    if (!exists) throw noSuchNamespace(path.namespace, warehouse)
    return cutPage(names, page, listing)
  }

  async function existing(params: unknown): Promise<PublishedTable & { readonly catalog: string }> {
    const path = tablePath.parse(params)
    const warehouse = knownWarehouse(path.warehouse, catalogs)
    const name = tableName(path.namespace, path.table)
    const table = name === undefined ? undefined : await metadata.findPublishedTable(warehouse, name)
    if (table === undefined) throw noSuchTable(path.namespace, path.table, warehouse)
    return { ...table, catalog: warehouse }
  }

  app.get('/v1/:warehouse/namespaces/:namespace/tables', { exposeHeadRoute: false }, async request => {
    const { names, nextToken } = await namesIn(request.params, request.query)
    return { 'next-page-token': nextToken, identifiers: names.map(identifierOf) }
  })

  const table = '/v1/:warehouse/namespaces/:namespace/tables/:table'
  app.head(table, async (request, reply) => {
    await existing(request.params)
    return reply.status(204).send()
  })
  app.get(table, async (request, reply) => {
    const query = loadQuery.safeParse(request.query)
    if (!query.success) throw refusal('catalog-bad-request', 'snapshots is all or refs.')
    const { snapshots } = query.data
    const found = await existing(request.params)
    const etag = etagOf(life, snapshots, found.metadataLocation)
    reply.header('etag', etag)
    if (namesEtag(request.headers['if-none-match'], etag)) return reply.status(304).send()
    return reply.type(JSON_TYPE).send(await answers.load(found, snapshots))
  })
  app.get(`${table}/credentials`, { exposeHeadRoute: false }, async request => {
    await existing(request.params)
    return { 'storage-credentials': credentials }
  })
  app.post(`${table}/metrics`, { bodyLimit: MAX_REPORT_BYTES }, async (request, reply) => {
    const { tableId, catalog } = await existing(request.params)
    const report = scanReportOf(request.body, request.headers['user-agent'])
    if (report !== undefined) await metadata.appendScanReport({ tableId, catalog, ...report })
    return reply.status(204).send()
  })

  const views = '/v1/:warehouse/namespaces/:namespace/views'
  app.get(views, { exposeHeadRoute: false }, async request => {
    await namesIn(request.params, {})
    return { 'next-page-token': null, identifiers: [] }
  })
  app.get(`${views}/:view`, async request => {
    const path = viewPath.parse(request.params)
    const warehouse = knownWarehouse(path.warehouse, catalogs)
    throw refusal('no-such-view', `Warehouse ${warehouse} has no view ${shown(path.view)}, nor any other.`)
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

/** One for each metadata file and each way of answering with it. */
function etagOf(...parts: readonly string[]): string {
  return `"${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)}"`
}

/** `If-None-Match` is `*` or a list; a tag that a proxy made weak names the same answer. */
function namesEtag(header: string | undefined, etag: string): boolean {
  return header?.split(',').some(part => ['*', etag, `W/${etag}`].includes(part.trim())) ?? false
}
