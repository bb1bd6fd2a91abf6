/** What the starters of Iceberg REST catalogs give, and a client of a few lines for tests that look at a catalog without an adapter. */
import { z } from 'zod'

/** A bucket for tables, of a server that is asked in path style. */
export interface S3Storage {
  readonly bucket: string
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface RestCatalogServer {
  /** What clients are given as the catalog's address; `/v1/config` is below it. */
  readonly uri: string
  /** What clients name in `/v1/config?warehouse=…`. */
  readonly warehouse: string
  /** `file:` or `s3:` URL, below which tables may lie, without a slash at its end. */
  readonly location: string
  /** Ends it for good and removes its data. */
  stop(): Promise<void>
}

export interface CatalogAnswer {
  readonly status: number
  readonly headers: Headers
  /** undefined when there was none. */
  readonly body: unknown
}

export interface CatalogClient {
  readonly config: CatalogConfig
  /** `path` is what follows `/v1/{prefix}/`; `body` makes it a POST unless `method` says otherwise. */
  ask(path: string, request?: CatalogRequest): Promise<CatalogAnswer>
}

export interface CatalogRequest {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

const configSchema = z.object({
  defaults: z.record(z.string(), z.string()),
  overrides: z.record(z.string(), z.string()),
  endpoints: z.array(z.string()).optional(),
  'idempotency-key-lifetime': z.string().optional(),
})
export type CatalogConfig = z.infer<typeof configSchema>

/** Asks the server for its configuration, as every client must before anything else. */
export async function connectTo(
  { uri, warehouse }: Pick<RestCatalogServer, 'uri' | 'warehouse'>,
  token?: string,
): Promise<CatalogClient> {
  const answer = await request(`${uri}/v1/config?warehouse=${encodeURIComponent(warehouse)}`, { token })
  if (answer.status !== 200)
    throw new Error(`${uri}: config: ${answer.status} ${JSON.stringify(answer.body)}`)
  const config = configSchema.parse(answer.body)
  const prefix = config.overrides.prefix ?? config.defaults.prefix
  // As it was given: Nessie's is encoded already.
  const base = prefix === undefined ? `${uri}/v1` : `${uri}/v1/${prefix}`
  return { config, ask: (path, options = {}) => request(`${base}/${path}`, { ...options, token }) }
}

async function request(
  url: string,
  { method, body, headers, token }: CatalogRequest & { readonly token?: string | undefined },
): Promise<CatalogAnswer> {
  const answer = await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, body: parsed(text) }
}

/** Not every error is JSON. */
function parsed(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
