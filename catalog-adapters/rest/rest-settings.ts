/** What `/v1/config` says, over what the user configured: the specification's order is defaults, then the client's own, then overrides. */
import { z } from 'zod'

/** Endpoints of a server that lists none (specification, `getConfig`). */
const DEFAULT_ENDPOINTS = [
  'GET /v1/{prefix}/namespaces',
  'POST /v1/{prefix}/namespaces',
  'GET /v1/{prefix}/namespaces/{namespace}',
  'DELETE /v1/{prefix}/namespaces/{namespace}',
  'POST /v1/{prefix}/namespaces/{namespace}/properties',
  'GET /v1/{prefix}/namespaces/{namespace}/tables',
  'POST /v1/{prefix}/namespaces/{namespace}/tables',
  'GET /v1/{prefix}/namespaces/{namespace}/tables/{table}',
  'POST /v1/{prefix}/namespaces/{namespace}/tables/{table}',
  'DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}',
  'POST /v1/{prefix}/namespaces/{namespace}/register',
  'POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics',
  'POST /v1/{prefix}/tables/rename',
  'POST /v1/{prefix}/transactions/commit',
]
const LEVEL_SEPARATOR = '%1F'
const HEADER = 'header.'

export interface RestSettings {
  /** Without a slash at its end. */
  readonly uri: string
  /** '' or ending in a slash; as the server spells it, which may hold slashes of its own. */
  readonly prefix: string
  /** Between levels of a namespace in paths, escaped. */
  readonly levelSeparator: string
  readonly headers: Readonly<Record<string, string>>
  readonly endpoints: ReadonlySet<string>
  /** Whether a change may be sent again under the same key. */
  readonly keepsIdempotencyKeys: boolean
}

export const configAnswer = z.object({
  defaults: z.record(z.string(), z.string().nullable()).nullish(),
  overrides: z.record(z.string(), z.string().nullable()).nullish(),
  endpoints: z.array(z.string()).nullish(),
  'idempotency-key-lifetime': z.string().nullish(),
})

export interface OwnSettings {
  readonly uri: string
  readonly headers: Readonly<Record<string, string>>
}

export function settingsOf(answer: z.infer<typeof configAnswer>, own: OwnSettings): RestSettings {
  const [defaults, overrides] = [answer.defaults ?? {}, answer.overrides ?? {}]
  const setting = (name: string) => overrides[name] ?? defaults[name] ?? undefined
  const prefix = setting('prefix') ?? ''
  return {
    // The user's own stands above the server's default, and below what it overrides.
    uri: withoutSlash(overrides.uri ?? own.uri),
    prefix: prefix === '' ? '' : `${withoutSlash(prefix)}/`,
    levelSeparator: setting('namespace-separator') ?? LEVEL_SEPARATOR,
    headers: { ...headersIn(defaults), ...own.headers, ...headersIn(overrides) },
    endpoints: new Set(answer.endpoints ?? DEFAULT_ENDPOINTS),
    keepsIdempotencyKeys: typeof answer['idempotency-key-lifetime'] === 'string',
  }
}

function headersIn(settings: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) =>
      name.startsWith(HEADER) && value !== null ? [[name.slice(HEADER.length).toLowerCase(), value]] : [],
    ),
  )
}

export const withoutSlash = (text: string) => text.replace(/\/+$/, '')
