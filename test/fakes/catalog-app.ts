/** The catalog's routes in an app of their own, under `/catalog` as the server has them. */
import fastify, { type FastifyInstance } from 'fastify'
import { type CatalogContext, catalogRoutes } from '../../services/server/catalog/routes.ts'
import type { Pipeline } from './pipeline-fixture.ts'

export interface CatalogApp {
  readonly app: FastifyInstance
  /** Told by the catalog: answers with a status of 500 or more. */
  readonly problems: unknown[]
}

export async function catalogApp(
  { metadata, warehouse, parts, runtime }: Pick<Pipeline, 'metadata' | 'warehouse' | 'parts' | 'runtime'>,
  change: Partial<CatalogContext> = {},
): Promise<CatalogApp> {
  const problems: unknown[] = []
  const app = fastify({ routerOptions: { maxParamLength: 2048 } })
  await app.register(
    catalogRoutes({
      metadata,
      warehouse,
      storage: parts.config.warehouse,
      catalogs: parts.config.catalogs.map(catalog => catalog.name),
      passCredentials: false,
      runtime,
      problem: error => problems.push(error),
      ...change,
    }),
    { prefix: '/catalog' },
  )
  return { app, problems }
}
