/** Namespaces. They are the first parts of tables' names: there are those that have tables, in them or further down. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { tableLocationOf } from '../../../shared/config/config.ts'
import { refusal } from './catalog-error.ts'
import { findNamespace, listNames, namespacePath } from './lookup.ts'
import { levelsOf, namespaceName, noSuchNamespace } from './names.ts'
import type { CatalogContext } from './routes.ts'
import { knownWarehouse } from './warehouse.ts'

const NAMESPACES = '/v1/:warehouse/namespaces'
const warehousePath = namespacePath.pick({ warehouse: true })
const querySchema = z.object({ parent: z.string().optional() })

export function registerNamespaces(
  app: FastifyInstance,
  context: Pick<CatalogContext, 'metadata' | 'catalogs' | 'storage'>,
): void {
  const { metadata, catalogs, storage } = context
  app.get(NAMESPACES, { exposeHeadRoute: false }, async request => {
    const catalog = knownWarehouse(warehousePath.parse(request.params).warehouse, catalogs)
    const namespace = parentOf(request.query)
    const { names, nextToken } = await listNames(
      { metadata, catalog, namespace, kind: 'namespaces' },
      request.query,
    )
    return { 'next-page-token': nextToken, namespaces: names.map(levelsOf) }
  })
  app.head(`${NAMESPACES}/:namespace`, async (request, reply) => {
    await findNamespace(context, request.params)
    return reply.status(204).send()
  })
  app.get(`${NAMESPACES}/:namespace`, async request => {
    const namespace = await findNamespace(context, request.params)
    const properties = { location: tableLocationOf(storage.url, namespace) }
    return { namespace: levelsOf(namespace), properties }
  })
}

/** An empty parent is none, for clients of before there was one. */
function parentOf(query: unknown): string | undefined {
  const parsed = querySchema.safeParse(query)
  if (!parsed.success) throw refusal('catalog-bad-request', 'parent may be given once.')
  const { parent = '' } = parsed.data
  if (parent === '') return undefined
  const namespace = namespaceName(parent)
  if (namespace === undefined) throw noSuchNamespace(parent)
  return namespace
}
