/**
 * The HTTP server of a running Tidewater: health, metrics, the API and the Iceberg REST catalog, over what the database holds.
 * It only reads, so that nothing is left behind when it dies. Every bound of it has a name: those of create-app.ts, and those of `server:` in tidewater.yaml.
 */
import { isIPv6 } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../../shared/config/config.ts'
import { addressText, type ListenAddress } from '../../shared/config/listen-address.ts'
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { problemOf } from '../parts.ts'
import type { Report } from '../progress.ts'
import type { Stage } from '../stages.ts'
import { guard } from './admission.ts'
import { registerApi } from './api/api.ts'
import { type CatalogContext, catalogRoutes } from './catalog/routes.ts'
import { CATALOG_PREFIX, createApp } from './create-app.ts'
import { registerHealth } from './health.ts'
import { HttpError, httpErrorOf, sendProblem } from './problem.ts'
import { allowedMethods, collectRoutes } from './route-list.ts'
import { openTls } from './tls.ts'

export interface ServerContext {
  readonly config: Config
  readonly metadata: MetadataStore
  readonly warehouse: ObjectStore
  readonly runtime: Runtime
  readonly report: Report
  /** Every process answers for its health and metrics; the API and the catalog are the stage `serve`. */
  readonly stages: ReadonlySet<Stage>
  readonly metrics: Pick<Metrics, 'text' | 'contentType'>
  /** Aborted once the process has been told to stop; the server goes on answering until it is closed. */
  readonly stopping: AbortSignal
}

export interface RunningServer {
  /** Without a trailing slash, with the port that was taken. */
  readonly url: string
  /** Accepts nothing more, lets requests under way end within `server.stop_timeout`, then closes. */
  close(): Promise<void>
}

/** Errors: `server-listen-failed`, `server-tls-file-unreadable`, `server-tls-invalid` (all fatal). */
export async function openServer(context: ServerContext, listen: ListenAddress): Promise<RunningServer> {
  const { config, runtime } = context
  let isClosing = false
  const tls = config.server.tls && openTls(config.server.tls)
  const app = createApp(config.server, tls)
  const routes = collectRoutes(app)
  guard(app, config.server, { runtime, isClosing: () => isClosing })
  answerFailures(app, context)
  answerUnknown(app, routes, context.stages)
  addHeaders(app, () => isClosing)
  reportRequests(app, context)
  registerHealth(app, context)
  registerMetrics(app, context.metrics)
  if (context.stages.has('serve')) {
    await app.register(catalogRoutes(catalogContextOf(context)), { prefix: CATALOG_PREFIX })
    registerApi(app, context)
  }

  const port = await listenAt(app, listen)
  const closed = new AbortController()
  tls?.renew({
    runtime,
    signal: closed.signal,
    renewed: certFile => context.report({ kind: 'certificate_renewed', certFile }),
    problem: problemOf(context, 'server: renewing the certificate'),
  })
  return {
    url: `${tls ? 'https' : 'http'}://${addressText({ host: listen.host, port })}`,
    async close() {
      isClosing = true
      const closing = app.close().finally(() => closed.abort())
      await Promise.race([closing, runtime.sleep(config.server.stopTimeoutMs, closed.signal)])
      app.server.closeAllConnections()
      tls?.closeAll()
      await closing
    },
  }
}

function registerMetrics(app: FastifyInstance, metrics: ServerContext['metrics']): void {
  app.get('/metrics', { config: { uncounted: true } }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  )
}

function catalogContextOf(context: ServerContext): CatalogContext {
  const { config } = context
  return {
    ...context,
    storage: config.warehouse,
    catalogs: config.catalogs.filter(({ type }) => type === 'embedded').map(({ name }) => name),
    passCredentials: config.server.passCredentials,
    problem: problemOf(context, 'catalog'),
  }
}

function answerFailures(app: FastifyInstance, context: ServerContext): void {
  app.setErrorHandler((error, request, reply) => {
    const shown = httpErrorOf(error)
    if (shown.status >= 500 && !(error instanceof HttpError))
      problemOf(context, `server: ${request.method} ${request.routeOptions.url ?? 'no route'}`)(error)
    return sendProblem(reply, shown)
  })
}

function answerUnknown(
  app: FastifyInstance,
  routes: ReturnType<typeof collectRoutes>,
  stages: ReadonlySet<Stage>,
): void {
  const there = stages.has('serve')
    ? 'GET /api/v1/openapi.json describes the API; the catalog is below /catalog.'
    : 'This process does not run the stage serve, so it has /healthz, /readyz and /metrics; ask one that does for the API and the catalog.'
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? ''
    const allowed = allowedMethods(routes, path)
    if (allowed.length > 0) {
      const allow = allowed.join(', ')
      const message = `${request.method} is not possible here, only ${allow}.`
      return sendProblem(reply, new HttpError(405, 'method-not-allowed', message, { allow }))
    }
    const message = `There is nothing at ${path}. ${there}`
    return sendProblem(reply, new HttpError(404, 'not-found', message))
  })
}

function addHeaders(app: FastifyInstance, isClosing: () => boolean): void {
  app.addHook('onSend', async (_request, reply) => {
    // Else the connection would stay open for another request, and the server with it.
    if (isClosing()) reply.header('connection', 'close')
    reply.header('x-content-type-options', 'nosniff')
    reply.header('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
  })
}

/** The pattern of the route and nothing that the request carried: a path, a query or a header may hold what is secret. */
function reportRequests(app: FastifyInstance, { report }: ServerContext): void {
  app.addHook('onResponse', async ({ method, routeOptions }, reply) => {
    const length = Number(reply.getHeader('content-length') ?? Number.NaN)
    report({
      kind: 'requested',
      method,
      route: routeOptions.url ?? 'none',
      status: reply.statusCode,
      durationMs: reply.elapsedTime,
      ...(Number.isSafeInteger(length) && { bytes: length }),
    })
  })
}

async function listenAt(app: FastifyInstance, { host, port }: ListenAddress): Promise<number> {
  try {
    await app.listen({ host, port, ipv6Only: isIPv6(host) && host !== '::' })
  } catch (cause) {
    await app.close()
    throw listenFailed({ host, port }, cause)
  }
  const address = app.server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

function listenFailed(address: ListenAddress, cause: unknown): AppError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const at = addressText(address)
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE:
      'another process listens there. Write another port in server.listen, port 0 for any free one, or none for no server',
    EACCES: 'this user may not use that port. Write a port from 1024 up in server.listen',
    EADDRNOTAVAIL: 'this machine has no such address. Write one that it has in server.listen',
    ENOTFOUND: 'there is no machine of that name. Write an address of this machine in server.listen',
  }
  return new AppError({
    code: 'server-listen-failed',
    next: 'fatal',
    message: `Listening at ${at} (server.listen): ${reasons[code] ?? (cause instanceof Error ? cause.message : String(cause))}.`,
    details: { listen: at },
    cause,
  })
}
