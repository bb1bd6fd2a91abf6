/**
 * Requests to a catalog, by undici: own authorities, proxies of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), and a limit of time
 * and size for everything. Here a request is sent once; what may be sent again is decided in `rest-client.ts`.
 */
import type { Dispatcher } from 'undici'
import { trustedAuthorities } from '../../shared/runtime/tls-authorities.ts'
import { tlsFailureOf } from '../../shared/runtime/tls-failure.ts'

const CONNECT_TIMEOUT_MS = 10_000
/** From the last byte of a request to the headers of its answer, and between pieces of the answer. */
export const ANSWER_TIMEOUT_MS = 60_000
/** For all of a request, whatever trickles in. */
const WHOLE_TIMEOUT_MS = 300_000
/** Metadata of a table with its snapshots; ten thousand of them take some ten MiB. */
const MAX_ANSWER_BYTES = 256 * 2 ** 20
const MAX_CONNECTIONS = 16

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'DELETE'
  readonly url: URL
  /** By lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface HttpAnswer {
  readonly status: number
  /** By lower-case names; of several of one name the first. */
  readonly headers: ReadonlyMap<string, string>
  readonly text: string
}

/** A request without a whole answer. */
export class NoAnswer extends Error {
  /** Whether the server may have done what it was asked; false only where the request did not leave this machine. */
  readonly mayHaveArrived: boolean
  constructor(cause: unknown) {
    super(wordsOf(cause), { cause })
    this.mayHaveArrived = !isBeforeSending(cause)
  }
}

export interface Http {
  /** Throws `NoAnswer`. */
  send(request: HttpRequest): Promise<HttpAnswer>
  close(): Promise<void>
}

export interface HttpOptions {
  /** PEM file of the authority that signed the certificate of the server, trusted besides those of Node. */
  readonly caFile?: string
  /** For tests against servers that stall. */
  readonly answerTimeoutMs?: number
}

export function openHttp({ caFile, answerTimeoutMs = ANSWER_TIMEOUT_MS }: HttpOptions): Http {
  const tls =
    caFile === undefined
      ? {}
      : {
          ca: trustedAuthorities({
            path: caFile,
            code: 'catalog-file-unreadable',
            setting: 'ca_file of a catalog',
          }),
        }
  /** Most commands ask no catalog, and undici takes longer to load than they do. */
  async function connect() {
    const { EnvHttpProxyAgent, request } = await import('undici')
    const dispatcher = new EnvHttpProxyAgent({
      connect: { ...tls, timeout: CONNECT_TIMEOUT_MS },
      requestTls: tls,
      proxyTls: tls,
      headersTimeout: answerTimeoutMs,
      bodyTimeout: answerTimeoutMs,
      maxResponseSize: MAX_ANSWER_BYTES,
      connections: MAX_CONNECTIONS,
      // Catalogs are asked seldom; one connection for each request under way is simple to reason about when it breaks.
      allowH2: false,
    })
    return { dispatcher, request }
  }
  let connected: ReturnType<typeof connect> | undefined
  return {
    async send({ method, url, headers, body }) {
      connected ??= connect()
      const { dispatcher, request } = await connected
      try {
        const answer = await request(url, {
          dispatcher,
          method,
          headers,
          ...(body !== undefined && { body }),
          signal: AbortSignal.timeout(WHOLE_TIMEOUT_MS),
        })
        const text = await answer.body.text()
        return { status: answer.statusCode, headers: firstOf(answer.headers), text }
      } catch (cause) {
        throw new NoAnswer(cause)
      }
    },
    close: async () => await (await connected)?.dispatcher.close(),
  }
}

function firstOf(headers: Dispatcher.ResponseData['headers']): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(headers).flatMap(([name, value]) => {
      const first = Array.isArray(value) ? value[0] : value
      return first === undefined ? [] : [[name.toLowerCase(), first] as const]
    }),
  )
}

const BEFORE_SENDING =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT)$/

/** No connection came about. Of several addresses that were tried each has its own failure. */
function isBeforeSending(cause: unknown): boolean {
  if (cause instanceof AggregateError) return cause.errors.every(isBeforeSending)
  return BEFORE_SENDING.test(codeOf(cause)) || tlsFailureOf(cause) !== undefined
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
}

function wordsOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const words = cause.message === '' ? cause.name : cause.message
  const code = codeOf(cause)
  return code === '' || words.includes(code) ? words : `${words} (${code})`
}
