/**
 * Asks a REST catalog. Every request goes by what `/v1/config` says, shows who sends it, and is sent again where that is safe:
 * reads after any failure that may pass; changes where the server cannot have seen them, or under an idempotency key that it keeps.
 * Answers 401 and 419 are refusals before anything was done: they are asked again, once, with something new to show.
 */
import type { z } from 'zod'
import { parseExactJson } from '../../shared/iceberg/exact-json.ts'
import type { AppError } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { hideSecrets } from '../hide-secrets.ts'
import type { Authorization } from './authorization.ts'
import { type Http, type HttpAnswer, type HttpRequest, NoAnswer } from './http.ts'
import { idempotencyKey } from './idempotency-key.ts'
import {
  type Asked,
  isUnauthorized,
  malformedAnswer,
  noAnswerError,
  type Purpose,
  type Refusal,
  refusalError,
  refusalOf,
} from './rest-errors.ts'
import { configAnswer, type OwnSettings, type RestSettings, settingsOf } from './rest-settings.ts'

/** Tries of a read, or of a change under a key. */
const MAX_TRIES = 4
const RETRY_BASE_MS = 200
const RETRY_MAX_MS = 5_000
/** What a server asks for by `Retry-After`, at most. */
const RETRY_AFTER_MAX_MS = 30_000
/** After this long a server is asked for its configuration again: it may be a newer one by now. */
const SETTINGS_MAX_AGE_MS = 3_600_000

export interface RestClientOptions extends OwnSettings {
  readonly catalog: string
  readonly warehouse?: string
  readonly http: Http
  readonly authorization: Authorization
  /** The setting behind `authorization`, for messages; '' without any. */
  readonly shownBy: string
  readonly runtime: Pick<Runtime, 'nowMs' | 'sleep' | 'random' | 'uuid'>
}

export interface Request extends Purpose {
  readonly method: HttpRequest['method']
  /** Below `/v1/{prefix}`, escaped: `namespaces/shop/tables/orders`. */
  readonly path: string
  /** JSON text. */
  readonly body?: string
}

export type Reply =
  | { readonly kind: 'ok'; readonly json: unknown }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** No whole answer, or one that is none of JSON, to a change that the server may have made. */
  | { readonly kind: 'unknown'; readonly cause: Error }

export interface RestClient {
  /** Throws AppErrors where no answer came and none can have been made. */
  ask(request: Request): Promise<Reply>
  settings(): Promise<RestSettings>
  /** The refusal as an error in the user's terms. */
  explain(request: Purpose, refusal: Refusal): AppError
  /** Throws `catalog-answer-malformed`. */
  parse<T>(request: Purpose, schema: z.ZodType<T>, json: unknown): T
}

export function createRestClient(options: RestClientOptions): RestClient {
  const { http, authorization, runtime } = options
  let known: { readonly settings: RestSettings; readonly untilMs: number } | undefined

  const askedOf = (purpose: Purpose): Asked => ({
    doing: purpose.doing,
    permission: purpose.permission,
    catalog: options.catalog,
    uri: options.uri,
    shownBy: options.shownBy,
  })

  async function settings(): Promise<RestSettings> {
    if (known !== undefined && runtime.nowMs() < known.untilMs) return known.settings
    try {
      known = { settings: await loadSettings(), untilMs: runtime.nowMs() + SETTINGS_MAX_AGE_MS }
    } catch (error) {
      // What it said before goes on holding.
      if (known === undefined) throw error
    }
    return known.settings
  }

  async function loadSettings(): Promise<RestSettings> {
    const { warehouse } = options
    const query = warehouse === undefined ? '' : `?warehouse=${encodeURIComponent(warehouse)}`
    const purpose = { doing: 'load the configuration', permission: 'use this catalog' }
    const first = { uri: options.uri, headers: options.headers, keepsIdempotencyKeys: false }
    const reply = await exchange({ ...purpose, method: 'GET', path: `v1/config${query}` }, first)
    if (reply.kind === 'unknown') throw reply.cause
    if (reply.kind === 'refused') throw refusalError(askedOf(purpose), reply.refusal)
    return settingsOf(parse(purpose, configAnswer, reply.json), options)
  }

  function parse<T>(purpose: Purpose, schema: z.ZodType<T>, json: unknown): T {
    const parsed = schema.safeParse(json)
    if (parsed.success) return parsed.data
    const [issue] = parsed.error.issues
    throw malformedAnswer(askedOf(purpose), `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim())
  }

  /** `path` from the server's root. */
  async function exchange(
    request: Request,
    to: Pick<RestSettings, 'uri' | 'headers' | 'keepsIdempotencyKeys'>,
  ): Promise<Reply> {
    const { method, path, body } = request
    const isRead = method === 'GET' || method === 'HEAD'
    const hasKey = !isRead && to.keepsIdempotencyKeys
    const plain: HttpRequest = {
      method,
      url: new URL(`${to.uri}/${path}`),
      headers: {
        ...to.headers,
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(hasKey && { 'idempotency-key': idempotencyKey(runtime) }),
      },
      ...(body !== undefined && { body }),
    }
    let hasRenewed = false
    for (let tries = 1; ; tries++) {
      const shown = await authorization.headersFor(plain)
      const answer = await http
        .send({ ...plain, headers: { ...plain.headers, ...shown } })
        .catch((error: unknown) => noAnswer(error))
      if (
        !(answer instanceof NoAnswer) &&
        isUnauthorized(answer) &&
        !hasRenewed &&
        authorization.renew(shown)
      ) {
        hasRenewed = true
        continue
      }
      const isSafe = isRead || hasKey || (answer instanceof NoAnswer && !answer.mayHaveArrived)
      const pauseMs = isSafe && tries < MAX_TRIES ? pauseBefore(answer, tries) : undefined
      if (pauseMs === undefined) return replyTo(request, answer)
      await runtime.sleep(pauseMs)
    }
  }

  /** `undefined` where another try would not help. */
  function pauseBefore(answer: HttpAnswer | NoAnswer, tries: number): number | undefined {
    const drawn = runtime.random() * Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** tries)
    if (answer instanceof NoAnswer) return drawn
    if (answer.status !== 429 && answer.status < 500) return undefined
    if (answer.status === 501) return undefined
    const askedMs = Number(answer.headers.get('retry-after') ?? 0) * 1000
    return Number.isFinite(askedMs) ? Math.max(drawn, Math.min(askedMs, RETRY_AFTER_MAX_MS)) : drawn
  }

  function replyTo(request: Request, answer: HttpAnswer | NoAnswer): Reply {
    const asked = askedOf(request)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (answer instanceof NoAnswer) {
      const cause = noAnswerError(asked, answer)
      if (isRead || !answer.mayHaveArrived) throw cause
      return { kind: 'unknown', cause }
    }
    const { status, text } = answer
    if (status >= 300) return { kind: 'refused', refusal: refusalOf(answer, hide) }
    if (text === '') return { kind: 'ok', json: undefined }
    try {
      return { kind: 'ok', json: parseExactJson(text, request.path) }
    } catch (error) {
      const cause = malformedAnswer(asked, error instanceof Error ? hide(error.message) : 'no JSON')
      if (isRead) throw cause
      return { kind: 'unknown', cause }
    }
  }

  const hide = (text: string) => hideSecrets(text, authorization.secrets())

  return {
    async ask(request) {
      const known = await settings()
      return await exchange({ ...request, path: `v1/${known.prefix}${request.path}` }, known)
    },
    settings,
    explain: (purpose, refusal) => refusalError(askedOf(purpose), refusal),
    parse,
  }
}

function noAnswer(error: unknown): NoAnswer {
  if (error instanceof NoAnswer) return error
  throw error
}
