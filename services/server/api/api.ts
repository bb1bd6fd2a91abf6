/** The API: its routes, and how they are registered below `/api/v1`. */
import type { FastifyInstance } from 'fastify'
import type { Runtime } from '../../../shared/runtime/runtime.ts'
import { deadLetterRoutes } from './dead-letter-routes.ts'
import { createDescribedTables } from './described-tables.ts'
import { eventRoutes } from './event-routes.ts'
import { API_PREFIX, openApiDocument } from './openapi.ts'
import { queryRoutes } from './query-routes.ts'
import type { ApiContext, ApiRoute } from './route.ts'
import { scalingRoutes } from './scaling-routes.ts'
import { tableRoutes } from './table-routes.ts'

export function apiRoutes(): readonly ApiRoute[] {
  return [...tableRoutes, ...deadLetterRoutes(), ...eventRoutes, ...queryRoutes, ...scalingRoutes]
}

/** Of each list in a table's description; the rest is in lists of their own. */
const NEWEST = { partitions: 100, files: 10, snapshots: 10 }

export interface ApiParts extends Omit<ApiContext, 'tables'> {
  readonly runtime: Pick<Runtime, 'monotonicMs'>
}

export function registerApi(app: FastifyInstance, parts: ApiParts): void {
  const { metadata, runtime } = parts
  const context = { ...parts, tables: createDescribedTables(metadata, runtime, NEWEST) }
  const routes = apiRoutes()
  for (const { path, contentType, handle } of routes) {
    app.get(`${API_PREFIX}${path.replaceAll(/\{(\w+)\}/g, ':$1')}`, async (request, reply) => {
      const answer = await handle(context, { params: request.params, query: request.query })
      reply.type(contentType)
      return answer
    })
  }
  const document = openApiDocument(routes)
  app.get(`${API_PREFIX}/openapi.json`, async () => document)
}
