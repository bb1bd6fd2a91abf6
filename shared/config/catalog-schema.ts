/**
 * The `catalogs:` part of tidewater.yaml. All keys stand in one shape, so that editors know them; which of them a type takes is in
 * `CATALOG_KEYS`, and held by `check-catalogs.ts`.
 */
import { z } from 'zod'
import { DESIGNED_CATALOG_TYPES } from './designed-later.ts'
import { glueKeys } from './glue-schema.ts'
import type { Parsed } from './scalars.ts'
import { name, scalar, secret, text, word } from './schema-values.ts'

const CATALOG_TYPES = ['embedded', 'rest', 'glue'] as const
export type CatalogType = (typeof CATALOG_TYPES)[number]

function parseUri(value: unknown): Parsed<string> {
  const expected =
    'an http or https URL such as https://catalog.example.com/api/catalog, without user or query'
  if (typeof value !== 'string' || !URL.canParse(value)) return { ok: false, expected }
  const url = new URL(value)
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  return isPlain && /^https?:$/.test(url.protocol)
    ? { ok: true, value: value.replace(/\/+$/, '') }
    : { ok: false, expected }
}

const uri = (description: string) => scalar(parseUri, { type: 'string', format: 'uri' }, description)

export const sigV4Schema = z.strictObject({
  signing_name: text(
    'the name of a service such as glue or s3tables',
    'The service that requests are signed for: glue, s3tables, or execute-api for a gateway.',
    /^[a-z0-9-]{1,64}$/,
  ),
  signing_region: text(
    'the name of a region such as eu-central-1',
    'The region that requests are signed for.',
    /^[A-Za-z0-9-]+$/,
  ),
  access_key_id: secret(
    'text',
    'Together with secret_access_key, instead of the usual AWS chain.',
  ).optional(),
  secret_access_key: secret('text', 'Write it as a reference to an environment variable.').optional(),
  session_token: secret('text', 'For temporary credentials.').optional(),
})

export const catalogSchema = z.strictObject({
  name: name('How tables refer to this catalog.'),
  type: word(
    CATALOG_TYPES,
    'embedded: kept by Tidewater itself. rest: any server of the Iceberg REST catalog specification. glue: the AWS Glue Data Catalog.',
    DESIGNED_CATALOG_TYPES,
  ),
  uri: uri('Address of the Iceberg REST API, up to and without /v1.').optional(),
  warehouse: text(
    'the name of a warehouse of the server',
    'What the server calls the catalog that is meant; not where the files are.',
  ).optional(),
  token: secret('text', 'A bearer token that requests carry.').optional(),
  credential: secret(
    'client_id:client_secret',
    'OAuth2 client id and secret with a colon between them, for which the server gives tokens.',
  ).optional(),
  scope: text('text', 'OAuth2 scope that is asked for with credential; catalog unless told.').optional(),
  oauth2_server_uri: uri(
    'Where tokens are given out for credential; the catalog’s own /v1/oauth/tokens unless told.',
  ).optional(),
  sigv4: sigV4Schema.optional().meta({ description: 'Sign requests as AWS does.' }),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9-]+$/), secret('text', 'Value of the header.'))
    .meta({ description: 'More HTTP headers of every request.' })
    .optional(),
  ca_file: text(
    'the path of a PEM file',
    'PEM file of the authority that signed the certificate of the server, trusted besides the usual ones.',
  ).optional(),
  ...glueKeys,
})

export type CatalogShape = z.output<typeof catalogSchema>
export type CatalogKey = Exclude<keyof CatalogShape, 'name' | 'type'>

interface KeysOfType {
  readonly needed: readonly CatalogKey[]
  readonly other: readonly CatalogKey[]
}
/** What each type takes besides its name. */
export const CATALOG_KEYS: Readonly<Record<CatalogType, KeysOfType>> = {
  embedded: { needed: [], other: [] },
  rest: {
    needed: ['uri'],
    other: ['warehouse', 'token', 'credential', 'scope', 'oauth2_server_uri', 'sigv4', 'headers', 'ca_file'],
  },
  glue: {
    needed: [],
    other: [
      ...(['region', 'catalog_id', 'profile', 'endpoint', 'ca_file'] as const),
      ...(['access_key_id', 'secret_access_key', 'session_token'] as const),
    ],
  },
}
