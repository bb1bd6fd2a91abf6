/**
 * Asks Glue. Reads are tried again after any failure that may pass. A change is tried again only where Glue cannot have made it; where it
 * may have, the answer is `unknown`, and the publisher looks before it does anything else.
 */
import { GlueClient, type GlueClientConfig } from '@aws-sdk/client-glue'
import { nameCredentialsFailures } from '../../shared/object-store/s3-credentials.ts'
import type { AppError } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { trustedAuthorities } from '../../shared/runtime/tls-authorities.ts'
import { hideSecrets } from '../hide-secrets.ts'
import { explain, failureKindOf, failureOf, type GlueFailure, type Purpose } from './glue-errors.ts'

/** Tries per request; with the waits between them some seconds, after which the next round takes over. */
const MAX_ATTEMPTS = 5
const RETRY_BASE_MS = 100
const CONNECT_TIMEOUT_MS = 5_000
/** Glue answers within a second; its own limit is said to be half a minute. */
const ANSWER_TIMEOUT_MS = 60_000
const MAX_CONNECTIONS = 16

export interface GlueSettings {
  /** Without it the usual AWS chain's. */
  readonly region?: string
  /** Without it AWS's, in the region. */
  readonly endpoint?: string
  /** Of the shared files of AWS, instead of AWS_PROFILE. */
  readonly profile?: string
  /** The account whose catalog it is, if it is not that of the credentials. */
  readonly catalogId?: string
  readonly caFile?: string
  /** Without them the usual AWS chain. */
  readonly credentials?: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
  /** For tests against servers that stall. */
  readonly answerTimeoutMs?: number
}

export interface Question<T> extends Purpose {
  /** Whether it changes anything in Glue. */
  readonly changes: boolean
  readonly send: (client: GlueClient) => Promise<T>
}

export type Reply<T> =
  | { readonly kind: 'ok'; readonly output: T }
  /** Nothing was done. */
  | { readonly kind: 'refused'; readonly failure: GlueFailure }
  /** It may have been done. Only to what changes something. */
  | { readonly kind: 'unknown'; readonly cause: AppError }

export interface Glue {
  readonly catalogId: string | undefined
  /** Throws AppErrors for what is neither an answer nor a refusal. */
  ask<T>(question: Question<T>): Promise<Reply<T>>
  explain(purpose: Purpose, failure: GlueFailure): AppError
  close(): void
}

export function openGlue(
  catalog: string,
  settings: GlueSettings,
  runtime: Pick<Runtime, 'sleep' | 'random'>,
): Glue {
  const client = new GlueClient(clientConfig(settings))
  const { profile } = settings
  if (settings.credentials === undefined)
    nameCredentialsFailures(client, {
      ...process.env,
      ...(profile !== undefined && { AWS_PROFILE: profile }),
    })
  const where = settings.endpoint ?? `region ${settings.region ?? '(from the AWS chain)'}`
  const { catalogId } = settings
  let hadCredentials = false
  const explained = (purpose: Purpose, failure: GlueFailure) =>
    explain({ ...purpose, catalog, where, catalogId, hadCredentials }, failure)

  /** What AWS says of a wrong signature can hold the request that was signed. */
  async function hidden(failure: GlueFailure): Promise<GlueFailure> {
    if (failure.source !== undefined) return failure
    const shown = await client.config.credentials().catch(() => undefined)
    const secrets = [shown?.accessKeyId, shown?.secretAccessKey, shown?.sessionToken]
    const message = hideSecrets(
      failure.message,
      secrets.filter(secret => secret !== undefined),
    )
    return { ...failure, message }
  }

  async function ask<T>(question: Question<T>): Promise<Reply<T>> {
    for (let attempt = 1; ; attempt++) {
      try {
        const output = await question.send(client)
        hadCredentials = true
        return { kind: 'ok', output }
      } catch (error) {
        const failure = await hidden(failureOf(error))
        const kind = failureKindOf(failure)
        if (failure.status !== undefined) hadCredentials = true
        if (kind === 'refused') return { kind, failure }
        if (kind === 'unknown' && question.changes) return { kind, cause: explained(question, failure) }
        if (attempt >= attemptsAfter(failure)) throw explained(question, failure)
        // The chain keeps what it found until shortly before its stated end; AWS may refuse it earlier.
        if (failure.name === 'ExpiredTokenException')
          await client.config.credentials({ forceRefresh: true }).catch(() => {})
      }
      await runtime.sleep(runtime.random() * RETRY_BASE_MS * 2 ** attempt)
    }
  }

  return { catalogId, ask, explain: explained, close: () => client.destroy() }
}

/** Silence has taken its time already, and of two new tokens the second is no better. */
function attemptsAfter({ name }: GlueFailure): number {
  if (name === 'TimeoutError') return 1
  return name === 'ExpiredTokenException' ? 2 : MAX_ATTEMPTS
}

function clientConfig(settings: GlueSettings): GlueClientConfig {
  const { region, endpoint, profile, caFile, credentials, answerTimeoutMs = ANSWER_TIMEOUT_MS } = settings
  const agent = { keepAlive: true, maxSockets: MAX_CONNECTIONS }
  const authorities = caFile === undefined ? {} : { ca: trustedAuthorities(authorityFile(caFile)) }
  return {
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(profile !== undefined && { profile }),
    ...(credentials !== undefined && { credentials: { ...credentials } }),
    // Retries are made here: whether a change may be sent again is known only where it is seen.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: answerTimeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: answerTimeoutMs,
      httpAgent: agent,
      httpsAgent: { ...agent, ...authorities },
    },
  }
}

const authorityFile = (path: string) => ({
  path,
  code: 'catalog-file-unreadable',
  setting: 'ca_file of a catalog',
})
