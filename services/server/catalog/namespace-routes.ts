/** Namespaces. They are the first parts of tables' names: there are those that have tables, in them or further down. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { tableLocationOf } from '../../../shared/config/config.ts'
import { refusal } from './catalog-error.ts'
import { levelsOf, namespaceName, noSuchNamespace } from './names.ts'
import { cutPage, pageOf } from './page.ts'
import type { CatalogContext } from './routes.ts'
import { knownWarehouse } from './warehouse.ts'

const warehousePath = z.object({ warehouse: z.string() })
const namespacePath = z.object({ warehouse: z.string(), namespace: z.string() })
const querySchema = z.object({ parent: z.string().optional() })

export function registerNamespaces(
  app: FastifyInstance,
  { metadata, catalogs, storage }: Pick<CatalogContext, 'metadata' | 'catalogs' | 'storage'>,
): void {
  app.get('/v1/:warehouse/namespaces', { exposeHeadRoute: false }, async request => {
    const warehouse = knownWarehouse(warehousePath.parse(request.params).warehouse, catalogs)
    const parent = parentOf(request.query, warehouse)
    const listing = `namespaces ${parent ?? ''}`
    const page = pageOf(request.query, listing)
    const { exists, names } = await metadata.listPublishedNames(warehouse, {
      kind: 'namespaces',
      ...(parent !== undefined && { namespace: parent }),
      ...page,
      limit: page.limit + 1,
    })
    if (!exists) throw noSuchNamespace(parent ?? '', warehouse)
    const { names: onPage, nextToken } = cutPage(names, page, listing)
    return { 'next-page-token': nextToken, namespaces: onPage.map(levelsOf) }
  })

  /** The namespace's name; refused when it is not there. */
  async function existing(params: unknown): Promise<string> {
    const path = namespacePath.parse(params)
    const warehouse = knownWarehouse(path.warehouse, catalogs)
    const namespace = namespaceName(path.namespace)
    if (namespace !== undefined) {
      const { exists } = await metadata.listPublishedNames(warehouse, { namespace, kind: 'tables', limit: 0 })
      if (exists) return namespace
    }
    throw noSuchNamespace(path.namespace, warehouse)
  }

  app.head('/v1/:warehouse/namespaces/:namespace', async (request, reply) => {
    await existing(request.params)
    return reply.status(204).send()
  })
  app.get('/v1/:warehouse/namespaces/:namespace', async request => {
    const namespace = await existing(request.params)
    return {
      namespace: levelsOf(namespace),
      properties: { location: tableLocationOf(storage.url, namespace) },
    }
  })
}

/** An empty parent is none, for clients of before there was one. */
function parentOf(query: unknown, warehouse: string): string | undefined {
  const parsed = querySchema.safeParse(query)
  if (!parsed.success) throw refusal('catalog-bad-request', 'parent may be given once.')
  const { parent = '' } = parsed.data
  if (parent === '') return undefined
  const namespace = namespaceName(parent)
  if (namespace === undefined) throw noSuchNamespace(parent, warehouse)
  return namespace
}
