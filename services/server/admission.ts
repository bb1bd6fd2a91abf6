/**
 * Who is let in, before anything else looks at a request: no client too often, not too many at once, no page of a foreign site, and the
 * bearer token. Clients are told apart by the address of the connection; headers that name another one are for anybody to write.
 *
 * Without a token the server listens on loopback alone, and what could still reach it is a browser on the same machine: a page whose name
 * was made to point at 127.0.0.1 (DNS rebinding) shows in `Host`, a page of another site in `Origin`. Both are refused, and no answer
 * carries a CORS header, so that no page may read one.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ServerConfig } from '../../shared/config/config.ts'
import { isLoopback } from '../../shared/config/listen-address.ts'
import type { Secret } from '../../shared/config/secret.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { busy, HttpError, tooManyRequests } from './problem.ts'
import { clientOf, createRateLimiter, type RateLimiter } from './rate-limit.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without a token: what a supervisor of processes asks. */
    open?: boolean
    /** Not counted as a request of its client: what a monitor asks must be answered when something else on its machine asks too often. */
    uncounted?: boolean
  }
}

export type AdmissionConfig = Pick<
  ServerConfig,
  'listen' | 'token' | 'maxRequests' | 'maxRequestsPerMinute' | 'maxWrongTokensPerMinute' | 'requestTimeoutMs'
>

export interface AdmissionContext {
  readonly runtime: Pick<Runtime, 'monotonicMs' | 'sleep'>
  readonly isClosing: () => boolean
}

/** Applies to every route, and to what is no route. */
export function guard(
  app: FastifyInstance,
  config: AdmissionConfig,
  { runtime, isClosing }: AdmissionContext,
): void {
  let underWay = 0
  const limiter = (perMinute: number | undefined) =>
    perMinute === undefined ? undefined : createRateLimiter({ perMinute, nowMs: () => runtime.monotonicMs() })
  const requests = limiter(config.maxRequestsPerMinute)
  const wrongTokens = limiter(config.maxWrongTokensPerMinute)
  app.addHook('onRequest', async (request, reply) => {
    if (isClosing()) throw busy('The server is stopping.')
    const { open: isOpen = false, uncounted = isOpen } = request.routeOptions.config
    const client = clientOf(request.raw.socket.remoteAddress)
    if (!uncounted && requests !== undefined) countRequest(client, requests, config)
    if (config.token === undefined) checkOrigin(request, config)
    else if (!isOpen) checkToken(request.headers.authorization, config.token, client, wrongTokens)
    if (isOpen) return
    if (underWay >= config.maxRequests)
      throw busy(`The server is answering ${config.maxRequests} requests (server.max_requests). Come again.`)
    underWay++
    const over = new AbortController()
    reply.raw.once('close', () => {
      underWay--
      over.abort()
    })
    // Who takes in an answer by the byte keeps a place from others: the request has its time, the answer once more.
    runtime.sleep(2 * config.requestTimeoutMs, over.signal).then(() => {
      if (!over.signal.aborted) request.raw.socket.destroy()
    })
  })
}

function countRequest(client: string, requests: RateLimiter, config: AdmissionConfig): void {
  const waitMs = requests.waitMs(client)
  if (waitMs > 0) {
    const limit = `${config.maxRequestsPerMinute} requests a minute (server.max_requests_per_minute)`
    throw tooManyRequests(`${client} has sent ${limit}. Come again later.`, waitMs)
  }
  requests.count(client)
}

function checkOrigin({ headers }: FastifyRequest, { listen }: AdmissionConfig): void {
  const isOurs = (authority: string | undefined) => {
    const name = hostNameOf(authority)
    return name !== undefined && (isLoopback(name) || name === listen?.host.toLowerCase())
  }
  if (!isOurs(headers.host)) {
    throw new HttpError(
      403,
      'host-not-allowed',
      'The Host of the request is no name of this machine alone. Ask for localhost or 127.0.0.1, or give the server a token (server.token).',
    )
  }
  const { origin } = headers
  if (origin !== undefined && !(URL.canParse(origin) && isOurs(new URL(origin).host))) {
    throw new HttpError(
      403,
      'origin-not-allowed',
      'The request comes from a page of another site. Give the server a token (server.token) and a proxy that allows it.',
    )
  }
}

/** The name or address in `host[:port]`, without brackets. */
function hostNameOf(authority: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(authority ?? '')
  return (match?.[1] ?? match?.[2])?.toLowerCase()
}

/**
 * Digests are compared, since they have one length whatever was sent; the time says nothing about the token.
 * Who has sent too many wrong ones is not told either whether the next is right: it would else go on guessing.
 */
function checkToken(
  authorization: string | undefined,
  token: Secret,
  client: string,
  wrongTokens: RateLimiter | undefined,
): void {
  const waitMs = authorization === undefined ? 0 : (wrongTokens?.waitMs(client) ?? 0)
  if (waitMs > 0) {
    const limit = 'more wrong tokens than server.max_wrong_tokens_per_minute'
    throw tooManyRequests(`${client} has sent ${limit}; no other is looked at. Come again later.`, waitMs)
  }
  const given = /^Bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1]
  if (given !== undefined && timingSafeEqual(digest(given), digest(token.reveal()))) return
  if (authorization !== undefined) wrongTokens?.count(client)
  const why = authorization === undefined ? '' : ', error="invalid_token"'
  throw new HttpError(
    401,
    'unauthorized',
    authorization === undefined
      ? 'The request carries no token: send Authorization: Bearer and the token of server.token.'
      : 'The bearer token is not the one of server.token.',
    // A stranger does not keep a connection.
    { 'www-authenticate': `Bearer realm="tidewater"${why}`, connection: 'close' },
  )
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
