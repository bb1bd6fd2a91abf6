/** There are no views. Their endpoints are not offered, and a client that asks all the same is told so in the specification's words. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { refusal, shown } from './catalog-error.ts'
import { findNamespace, namespacePath } from './lookup.ts'
import type { CatalogContext } from './routes.ts'
import { knownWarehouse } from './warehouse.ts'

const viewPath = namespacePath.extend({ view: z.string() })

export function registerViews(
  app: FastifyInstance,
  context: Pick<CatalogContext, 'metadata' | 'catalogs'>,
): void {
  const views = '/v1/:warehouse/namespaces/:namespace/views'
  app.get(views, { exposeHeadRoute: false }, async request => {
    await findNamespace(context, request.params)
    return { 'next-page-token': null, identifiers: [] }
  })
  app.get(`${views}/:view`, async request => {
    const path = viewPath.parse(request.params)
    const warehouse = knownWarehouse(path.warehouse, context.catalogs)
    throw refusal('no-such-view', `Warehouse ${warehouse} has no view ${shown(path.view)}, nor any other.`)
  })
}
