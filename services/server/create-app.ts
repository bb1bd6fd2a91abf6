/** The bare server: its limits of size and time, and what it says to what is no request. */
import type { RequestListener, ServerOptions } from 'node:http'
import fastify, { type FastifyInstance } from 'fastify'
import type { ServerConfig } from '../../shared/config/config.ts'
import { stringifyExactJson } from '../../shared/iceberg/exact-json.ts'
import { sendCatalogError } from './catalog/catalog-error.ts'
import { HttpError, httpErrorOf, PROBLEM_JSON, problemOfError, sendProblem } from './problem.ts'
import type { Tls } from './tls.ts'

/** Of the request line and all headers. */
const MAX_HEADER_BYTES = 16 * 1024
const MAX_REQUESTS_PER_CONNECTION = 10_000
/** An idle connection is closed after this long; longer than the idle time of usual proxies, which would else meet closed ones. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000
const MAX_HEADERS_TIMEOUT_MS = 10_000
/** How often Node looks for connections whose time is over. */
const TIMEOUT_CHECK_INTERVAL_MS = 1000
/** A part of a path: the longest name of a table. */
const MAX_PARAMETER_LENGTH = 2048

/** Where the Iceberg REST catalog is: what clients are given as its URI. */
export const CATALOG_PREFIX = '/catalog'

/** Speaks plain HTTP without `tls`. */
export function createApp(limits: ServerConfig, tls: Pick<Tls, 'createServer'> | undefined): FastifyInstance {
  const { requestTimeoutMs } = limits
  const options: ServerOptions = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: Math.min(requestTimeoutMs, MAX_HEADERS_TIMEOUT_MS),
    connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
  }
  // A connection on which nothing moves; a client that does not read its answer is one too.
  const connectionTimeoutMs = requestTimeoutMs + KEEP_ALIVE_TIMEOUT_MS
  const app = fastify({
    bodyLimit: limits.maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    handlerTimeout: requestTimeoutMs,
    connectionTimeout: connectionTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    maxRequestsPerSocket: MAX_REQUESTS_PER_CONNECTION,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    ...(tls === undefined
      ? { http: options }
      : {
          // Fastify leaves to the factory what it sets itself on a server of its own.
          serverFactory(handler: RequestListener) {
            const timeouts = { keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS, requestTimeout: requestTimeoutMs }
            const server = tls.createServer({ ...options, ...timeouts }, handler)
            server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION
            server.timeout = connectionTimeoutMs
            return server
          },
        }),
    routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH },
    frameworkErrors: (error, request, reply) =>
      // A URL that cannot be read belongs to no plugin; clients of the catalog parse its own model of an error.
      request.raw.url?.startsWith(`${CATALOG_PREFIX}/`)
        ? sendCatalogError(reply, error)
        : sendProblem(reply, httpErrorOf(error)),
    clientErrorHandler(error, socket) {
      // What is no HTTP gets a short answer, if it can still be sent one.
      if (socket.writable && error.code !== 'ECONNRESET') socket.write(rejection(error.code))
      socket.destroy()
    },
  })
  app.server.maxConnections = limits.maxConnections
  // Only JSON is understood: a form or plain text is what a page of another site can send without being asked first.
  app.removeContentTypeParser('text/plain')
  app.setReplySerializer(payload => stringifyExactJson(payload))
  return app
}

function rejection(code: string): string {
  const problem = problemOfError(
    code === 'HPE_HEADER_OVERFLOW'
      ? new HttpError(431, 'headers-too-large', `The headers are larger than ${MAX_HEADER_BYTES} bytes.`)
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new HttpError(408, 'request-timeout', 'The request did not arrive in time.')
        : new HttpError(400, 'bad-request', 'This is no HTTP request.'),
  )
  const body = JSON.stringify(problem)
  return `HTTP/1.1 ${problem.status} ${problem.title}\r\nContent-Type: ${PROBLEM_JSON}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
}
