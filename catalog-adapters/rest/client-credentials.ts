/**
 * OAuth2 client credentials (RFC 6749, section 4.4): a token for an id and a secret, fetched when the first request needs it and anew
 * before it ends. A refresh that fails is tried again at the next request, for ever; meanwhile the old token is shown as long as it lasts.
 */
import { z } from 'zod'
import { AppError } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { hideSecrets } from '../hide-secrets.ts'
import { type Authorization, bearer } from './authorization.ts'
import { type Http, type HttpAnswer, type HttpRequest, NoAnswer } from './http.ts'

/** A token is fetched anew when this share of its life is left, but not sooner than so long before its end. */
const REFRESH_SHARE = 0.2
const MAX_REFRESH_LEAD_MS = 300_000
/** Between tries while the old token still serves. */
const REFRESH_PAUSE_MS = 10_000

export interface ClientCredentialsOptions {
  readonly catalog: string
  /** `client_id:client_secret`, or the secret alone. */
  readonly credential: string
  readonly scope: string
  readonly serverUri: URL
  readonly http: Http
  readonly runtime: Pick<Runtime, 'nowMs'>
}

interface Token {
  readonly text: string
  /** Never, where the server does not say when it ends. */
  readonly refreshAtMs: number
  readonly endsAtMs: number
}

const tokenAnswer = z.object({
  access_token: z.string().min(1),
  expires_in: z.coerce.number().positive().optional(),
})
const errorAnswer = z.object({ error: z.string(), error_description: z.string().optional() })

export function clientCredentials(options: ClientCredentialsOptions): Authorization {
  const { credential, runtime } = options
  const [clientId, clientSecret] = partsOf(credential)
  let token: Token | undefined
  let under: Promise<Token> | undefined
  let notBeforeMs = 0

  /** One at a time, whoever asks. */
  function fetchToken(): Promise<Token> {
    under ??= requestToken(options, { clientId, clientSecret }).finally(() => {
      under = undefined
    })
    return under
  }

  async function currentToken(): Promise<string> {
    const nowMs = runtime.nowMs()
    if (token !== undefined && nowMs < token.refreshAtMs) return token.text
    const stillServes = token !== undefined && nowMs < token.endsAtMs ? token : undefined
    if (stillServes !== undefined && nowMs < notBeforeMs) return stillServes.text
    try {
      token = await fetchToken()
      return token.text
    } catch (error) {
      if (stillServes === undefined) throw error
      notBeforeMs = nowMs + REFRESH_PAUSE_MS
      return stillServes.text
    }
  }

  return {
    headersFor: async () => bearer(await currentToken()),
    renew({ authorization }) {
      // Another request may have got a new one meanwhile.
      if (token !== undefined && bearer(token.text).authorization === authorization) token = undefined
      return true
    },
    secrets: () => [clientSecret, ...(token === undefined ? [] : [token.text])],
  }
}

function partsOf(credential: string): readonly [string | undefined, string] {
  const at = credential.indexOf(':')
  return at < 0 ? [undefined, credential] : [credential.slice(0, at), credential.slice(at + 1)]
}

async function requestToken(
  options: ClientCredentialsOptions,
  { clientId, clientSecret }: { readonly clientId: string | undefined; readonly clientSecret: string },
): Promise<Token> {
  const { scope, serverUri, http, runtime } = options
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    ...(clientId !== undefined && { client_id: clientId }),
    client_secret: clientSecret,
    scope,
  })
  const request: HttpRequest = {
    method: 'POST',
    url: serverUri,
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: form.toString(),
  }
  const answer = await http.send(request).catch((error: unknown) => {
    if (error instanceof NoAnswer)
      throw noToken(options, 'catalog-unavailable', `no answer: ${error.message}`)
    throw error
  })
  const parsed = tokenAnswer.safeParse(jsonOf(answer))
  if (answer.status !== 200 || !parsed.success) throw refused(options, answer, clientSecret)
  const { access_token: text, expires_in: seconds } = parsed.data
  const lifeMs = (seconds ?? Number.POSITIVE_INFINITY) * 1000
  const endsAtMs = runtime.nowMs() + lifeMs
  return { text, endsAtMs, refreshAtMs: endsAtMs - Math.min(MAX_REFRESH_LEAD_MS, lifeMs * REFRESH_SHARE) }
}

function jsonOf({ text }: HttpAnswer): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  invalid_client:
    'Check credential in tidewater.yaml (client id, colon, client secret) against what the server has.',
  unauthorized_client: 'Allow this client the client_credentials grant.',
  invalid_scope: 'Set scope in tidewater.yaml to one that the server gives this client.',
  unsupported_grant_type:
    'This server gives no tokens for client credentials: use token, or set oauth2_server_uri.',
}

function refused(options: ClientCredentialsOptions, answer: HttpAnswer, secret: string): AppError {
  const error = errorAnswer.safeParse(jsonOf(answer)).data
  // Servers repeat what they were sent.
  const words =
    error === undefined
      ? ''
      : ` ${hideSecrets([error.error, error.error_description].join(' '), [secret]).trim()}`
  const isDown = answer.status >= 500 || answer.status === 429
  const advice =
    error !== undefined && ADVICE[error.error] !== undefined
      ? ADVICE[error.error]
      : isDown
        ? 'Tidewater tries again.'
        : 'Is oauth2_server_uri in tidewater.yaml the address that gives out tokens?'
  return noToken(
    options,
    isDown ? 'catalog-unavailable' : 'catalog-token-refused',
    `it answers ${answer.status}${words}. ${advice}`,
  )
}

function noToken({ catalog, serverUri }: ClientCredentialsOptions, code: string, what: string): AppError {
  return new AppError({
    code,
    next: 'retry',
    message: `Could not get a token for catalog ${catalog} from ${serverUri.origin}${serverUri.pathname}: ${what}`,
    details: { catalog },
  })
}
