/** Catalogs of the file: which keys go together, and the catalogs as the adapters take them. */
import { resolve } from 'node:path'
import { CATALOG_KEYS, type CatalogShape, type CatalogType, catalogSchema } from './catalog-schema.ts'
import type { CatalogConfig, RestAuthConfig } from './config.ts'
import type { ConfigIssue, ConfigPath } from './config-error.ts'
import { isMapping, valueAt } from './describe-issues.ts'
import { buildGlueCatalog } from './glue-schema.ts'
import { Secret } from './secret.ts'

/** Ways to show who asks; one at most. */
const AUTH_KEYS = ['token', 'credential', 'sigv4'] as const
const DEFAULT_SCOPE = 'catalog'

/** `catalogs`: as it stands in the file. What is wrong with single values is reported elsewhere. */
export function checkCatalogs(catalogs: unknown, issues: ConfigIssue[]): void {
  for (const [i, catalog] of (Array.isArray(catalogs) ? catalogs : []).entries()) {
    const path = ['catalogs', i]
    const type = catalogSchema.shape.type.safeParse(valueAt(catalog, ['type']))
    if (!isMapping(catalog) || !type.success) continue
    checkKeys(catalog, type.data, path, issues)
    checkAuth(catalog, path, issues)
  }
}

function checkKeys(
  catalog: Readonly<Record<string, unknown>>,
  type: CatalogType,
  path: ConfigPath,
  issues: ConfigIssue[],
): void {
  const { needed, other } = CATALOG_KEYS[type]
  for (const key of needed) {
    if (catalog[key] !== undefined) continue
    issues.push({
      path: [...path, key],
      message: `\`${key}\` is missing: a catalog of type ${type} needs it`,
    })
  }
  const taken: readonly string[] = ['name', 'type', ...needed, ...other]
  for (const key of Object.keys(catalog)) {
    if (taken.includes(key) || !Object.hasOwn(catalogSchema.shape, key)) continue
    issues.push({
      path: [...path, key],
      atKey: true,
      message: `a catalog of type ${type} has no \`${key}\``,
      suggestion: `It has ${taken.join(', ')}.`,
    })
  }
}

function checkAuth(
  catalog: Readonly<Record<string, unknown>>,
  path: ConfigPath,
  issues: ConfigIssue[],
): void {
  const given = AUTH_KEYS.filter(key => catalog[key] !== undefined)
  if (given.length > 1) {
    issues.push({
      path: [...path, given[1] ?? ''],
      atKey: true,
      message: `${given.join(' and ')} are both given: requests can show one of them`,
      suggestion: 'Leave out all but one.',
    })
  }
  for (const key of ['scope', 'oauth2_server_uri']) {
    if (catalog[key] === undefined || catalog.credential !== undefined) continue
    issues.push({
      path: [...path, key],
      atKey: true,
      message: `${key} needs credential`,
      suggestion: 'Give credential: client_id:client_secret, or leave this out.',
    })
  }
  for (const place of [['sigv4'], []]) {
    const keys = ['access_key_id', 'secret_access_key', 'session_token']
    const ofAws = keys.filter(key => valueAt(catalog, [...place, key]) !== undefined)
    if (ofAws.length === 0 || (ofAws.includes('access_key_id') && ofAws.includes('secret_access_key')))
      continue
    issues.push({
      path: [...path, ...place, ofAws[0] ?? ''],
      atKey: true,
      message: 'access_key_id and secret_access_key go together',
      suggestion: 'Give both, or neither: then the usual AWS chain is used.',
    })
  }
}

/** Of a catalog that was found right. */
export function buildCatalog(catalog: CatalogShape, baseFolder: string): CatalogConfig {
  const { name, type, uri = '', warehouse, headers, ca_file: caFile } = catalog
  if (type === 'embedded') return { name, type }
  if (type === 'glue') return buildGlueCatalog(catalog, baseFolder)
  return {
    name,
    type,
    uri,
    ...(warehouse !== undefined && { warehouse }),
    auth: buildAuth(catalog),
    headers: Object.fromEntries(
      Object.entries(headers ?? {}).map(([header, value]) => [header.toLowerCase(), new Secret(value)]),
    ),
    ...(caFile !== undefined && { caFile: resolve(baseFolder, caFile) }),
  }
}

function buildAuth({
  token,
  credential,
  scope,
  oauth2_server_uri: serverUri,
  sigv4,
}: CatalogShape): RestAuthConfig {
  if (token !== undefined) return { kind: 'token', token: new Secret(token) }
  if (credential !== undefined) {
    return {
      kind: 'credential',
      credential: new Secret(credential),
      scope: scope ?? DEFAULT_SCOPE,
      ...(serverUri !== undefined && { serverUri }),
    }
  }
  if (sigv4 === undefined) return { kind: 'none' }
  const {
    access_key_id: accessKeyId,
    secret_access_key: secretAccessKey,
    session_token: sessionToken,
  } = sigv4
  return {
    kind: 'sigv4',
    signingName: sigv4.signing_name,
    signingRegion: sigv4.signing_region,
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && {
        credentials: {
          accessKeyId: new Secret(accessKeyId),
          secretAccessKey: new Secret(secretAccessKey),
          ...(sessionToken !== undefined && { sessionToken: new Secret(sessionToken) }),
        },
      }),
  }
}
