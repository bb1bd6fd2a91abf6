/** `GET /v1/config`: what a client asks first. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { refusal } from './catalog-error.ts'
import type { CatalogContext } from './routes.ts'
import { storageSettings } from './storage-settings.ts'
import { knownWarehouse, warehousesText } from './warehouse.ts'

/**
 * What is offered. Clients do without the rest by themselves: Java ones answer a write with "Server does not support endpoint" and ask for
 * no views. Views are not offered, since there never is one; a client that asks all the same is told so.
 */
const ENDPOINTS = [
  'GET /v1/{prefix}/namespaces',
  'GET /v1/{prefix}/namespaces/{namespace}',
  'HEAD /v1/{prefix}/namespaces/{namespace}',
  'GET /v1/{prefix}/namespaces/{namespace}/tables',
  'GET /v1/{prefix}/namespaces/{namespace}/tables/{table}',
  'HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}',
  'GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials',
  'POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics',
]

const querySchema = z.object({ warehouse: z.string().optional() })

export function registerConfig(
  app: FastifyInstance,
  { catalogs, storage }: Pick<CatalogContext, 'catalogs' | 'storage'>,
): void {
  app.get('/v1/config', async request => {
    const query = querySchema.safeParse(request.query)
    if (!query.success) throw refusal('catalog-bad-request', 'warehouse may be given once.')
    return {
      defaults: storageSettings(storage),
      overrides: { prefix: warehouseOf(query.data.warehouse ?? '', catalogs) },
      endpoints: ENDPOINTS,
    }
  })
}

function warehouseOf(asked: string, catalogs: readonly string[]): string {
  if (asked !== '') return knownWarehouse(asked, catalogs)
  const [only, ...others] = catalogs
  if (only !== undefined && others.length === 0) return only
  throw refusal(
    'catalog-bad-request',
    `Which warehouse? ${warehousesText(catalogs)} Name one of them in the client's setting \`warehouse\`.`,
  )
}
