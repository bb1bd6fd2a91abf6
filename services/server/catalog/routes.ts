/**
 * The embedded Iceberg REST catalog: what Tidewater has published, for any client of the Iceberg project's REST catalog specification.
 *
 * It only reads, but for the reports of scans that it keeps. Which metadata a table has is asked of the database at every request, so a commit is visible the moment that it is
 * published; the metadata itself never changes under its location, and is kept. Each configured catalog of type `embedded` is a warehouse,
 * and its name the prefix of its paths. Whatever would change a table is refused before its body is read.
 */
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { StoreConfig } from '../../../shared/config/config.ts'
import { parseExactJson } from '../../../shared/iceberg/exact-json.ts'
import type { MetadataStore } from '../../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../../shared/object-store/object-store.ts'
import type { Runtime } from '../../../shared/runtime/runtime.ts'
import { isFailure, refusal, sendCatalogError, shown } from './catalog-error.ts'
import { registerConfig } from './config-route.ts'
import { registerNamespaces } from './namespace-routes.ts'
import { registerRefusals } from './refused-routes.ts'
import { registerTables } from './table-routes.ts'
import { registerViews } from './view-routes.ts'

export interface CatalogContext {
  readonly metadata: Pick<MetadataStore, 'findPublishedTable' | 'listPublishedNames' | 'appendScanReport'>
  readonly warehouse: ObjectStore
  /** How clients reach that warehouse themselves. */
  readonly storage: StoreConfig
  /** Names of the catalogs of type `embedded`. */
  readonly catalogs: readonly string[]
  /** Whether clients are given the warehouse's credentials. */
  readonly passCredentials: boolean
  readonly runtime: Pick<Runtime, 'uuid'>
  /** Told of every answer with a status of 500 or more. */
  readonly problem: (error: unknown) => void
}

/** Registered under a prefix, such as `/catalog`; paths begin with `/v1` below it. */
export function catalogRoutes(context: CatalogContext): FastifyPluginAsync {
  return async app => {
    app.setErrorHandler((error, _request, reply) => {
      if (isFailure(error)) context.problem(error)
      return sendCatalogError(reply, error)
    })
    app.setNotFoundHandler((request, reply) =>
      sendCatalogError(
        reply,
        refusal(
          'no-such-endpoint',
          `The catalog has no ${request.method} ${shown(request.url.split('?')[0] ?? '')}. Paths are those of the Iceberg REST catalog specification, below /v1 and, but for /v1/config, a warehouse: ${context.catalogs.join(', ')}.`,
        ),
      ),
    )
    parseBodiesExactly(app)
    registerConfig(app, context)
    registerNamespaces(app, context)
    registerTables(app, context)
    registerViews(app, context)
    registerRefusals(app)
  }
}

/** Snapshot ids have 64 bits. */
function parseBodiesExactly(app: FastifyInstance): void {
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    async (_request: FastifyRequest, body: string) => {
      try {
        return parseExactJson(body, 'the body of the request')
      } catch {
        throw refusal('catalog-bad-request', 'The body of the request is not JSON.')
      }
    },
  )
}
