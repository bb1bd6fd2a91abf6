/** Trino as an outside reader: tables by name in a catalog. Its answers become the canonical values of `canonical.py`. */
import { createHash } from 'node:crypto'
import { TRINO_VERSION } from '../../servers/install.ts'
import { startTrinoServer, type TrinoServer } from '../../servers/trino.ts'
import type { TrinoResult, TrinoType } from '../../servers/trino-client.ts'
import type { CatalogTable, GlueCatalog, QueryEngine, RestCatalog, ScanOptions } from './readers.ts'

export interface TrinoReader extends QueryEngine {
  readonly server: TrinoServer
}

export async function startTrino(): Promise<TrinoReader> {
  const server = await startTrinoServer()
  const catalogs = new Map<string, Promise<void>>()
  async function nameOf({ catalog, table }: CatalogTable, suffix = ''): Promise<string> {
    const name = `catalog_${createHash('sha256').update(JSON.stringify(catalog)).digest('hex').slice(0, 12)}`
    const added = catalogs.get(name) ?? server.addCatalog(name, catalogProperties(catalog))
    catalogs.set(name, added)
    await added
    const at = table.lastIndexOf('.')
    return [name, table.slice(0, at), table.slice(at + 1) + suffix].map(part => `"${part}"`).join('.')
  }
  async function source(table: CatalogTable, { snapshotId, filter }: ScanOptions): Promise<string> {
    const travel = snapshotId === undefined ? '' : ` FOR VERSION AS OF ${snapshotId}`
    const where = filter === undefined ? '' : ` WHERE ${asTrinoPredicate(filter)}`
    return `FROM ${await nameOf(table)}${travel}${where}`
  }
  return {
    name: 'trino',
    server,
    versions: { trino: TRINO_VERSION },
    async snapshotIds(table) {
      const { rows } = await server.query(
        `SELECT CAST(snapshot_id AS varchar) FROM ${await nameOf(table, '$snapshots')} ORDER BY committed_at`,
      )
      return rows.map(([id]) => String(id))
    },
    async scan(table, options = {}) {
      const { columns, orderBy } = options
      const order =
        orderBy === undefined ? '' : ` ORDER BY ${orderBy.map(c => `${c} NULLS FIRST`).join(', ')}`
      const selected = columns?.map(column => `"${column}"`).join(', ') ?? '*'
      const statement = `SELECT ${selected} ${await source(table, options)}${order}`
      const result = await server.query(statement)
      return { rows: canonicalRows(result), plannedFiles: await plannedFiles(server, statement) }
    },
    async count(table, options = {}) {
      const { rows } = await server.query(`SELECT count(*) ${await source(table, options)}`)
      return Number(rows[0]?.[0])
    },
    close: () => server.stop(),
  }
}

function catalogProperties(catalog: RestCatalog | GlueCatalog): string {
  const { s3 } = catalog
  const lines = {
    'connector.name': 'iceberg',
    ...('glue' in catalog ? glueProperties(catalog) : restProperties(catalog)),
    'fs.native-s3.enabled': 'true',
    ...(s3 === undefined
      ? { 'iceberg.rest-catalog.vended-credentials-enabled': 'true' }
      : {
          's3.endpoint': s3.endpoint,
          's3.region': s3.region,
          's3.path-style-access': 'true',
          's3.aws-access-key': s3.accessKeyId,
          's3.aws-secret-key': s3.secretAccessKey,
        }),
  }
  return Object.entries(lines)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')
}

/** Trino compares an instant with an instant, never with text. */
function asTrinoPredicate(filter: string): string {
  return filter.replaceAll(/'(\d{4}-\d\d-\d\d)T([\d:.]+)\+00:00'/g, "TIMESTAMP '$1 $2 UTC'")
}

/** What the connector reports of making splits: data files left after pruning by manifests and statistics. */
async function plannedFiles(server: TrinoServer, statement: string): Promise<number> {
  const { rows } = await server.query(`EXPLAIN ANALYZE VERBOSE ${statement}`)
  const text = rows.map(([line]) => String(line)).join('\n')
  const found = [...text.matchAll(/'dataFiles' = LongCount\{total=(\d+)\}/g)]
  return found.reduce((sum, [, count]) => sum + Number(count), 0)
}

function canonicalRows({ columns, rows }: TrinoResult): Readonly<Record<string, unknown>>[] {
  return rows.map(row =>
    Object.fromEntries(columns.map(({ name, type }, at) => [name, canonical(type, row[at])])),
  )
}

function canonical({ rawType, arguments: inner }: TrinoType, value: unknown): unknown {
  if (value === null || value === undefined) return null
  const [first, second] = inner.map(({ value: type }) => (typeof type === 'number' ? undefined : type))
  if (Array.isArray(value) && rawType === 'row')
    return Object.fromEntries(
      inner.map((field, at) => {
        if (field.kind !== 'NAMED_TYPE') throw new TypeError('a row of Iceberg has names')
        return [field.name, canonical(field.value, value[at])]
      }),
    )
  if (Array.isArray(value) && first !== undefined) return value.map(item => canonical(first, item))
  if (rawType === 'map' && typeof value === 'object' && first !== undefined && second !== undefined)
    return Object.entries(value)
      .map(([key, item]) => [canonicalKey(first, key), canonical(second, item)] as const)
      .sort(([a], [b]) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  return canonicalText(rawType, value)
}

/** A JSON object's keys are texts whatever the type of the map's keys is. */
function canonicalKey({ rawType }: TrinoType, key: string): unknown {
  return canonicalText(
    rawType,
    rawType === 'integer' ? Number(key) : rawType === 'boolean' ? key === 'true' : key,
  )
}

function canonicalText(rawType: string, value: unknown): unknown {
  if (rawType === 'bigint') return String(value)
  // Printed with the digits that a 32-bit float needs.
  if (rawType === 'real') return typeof value === 'number' ? Math.fround(value) : value
  if (rawType === 'varbinary') return Buffer.from(String(value), 'base64').toString('hex')
  if (rawType === 'timestamp') return String(value).replace(' ', 'T')
  if (rawType === 'timestamp with time zone')
    return String(value).replace(' ', 'T').replace(/ UTC$/, '+00:00')
  return value
}

function restProperties({ uri, warehouse, token }: RestCatalog): Record<string, string> {
  return {
    'iceberg.catalog.type': 'rest',
    'iceberg.rest-catalog.uri': uri,
    ...(warehouse === undefined ? {} : { 'iceberg.rest-catalog.warehouse': warehouse }),
    'iceberg.rest-catalog.nested-namespace-enabled': 'true',
    ...(token === undefined
      ? {}
      : { 'iceberg.rest-catalog.security': 'OAUTH2', 'iceberg.rest-catalog.oauth2.token': token }),
  }
}

function glueProperties({ glue }: GlueCatalog): Record<string, string> {
  return {
    'iceberg.catalog.type': 'glue',
    'hive.metastore.glue.region': glue.region,
    'hive.metastore.glue.endpoint-url': glue.endpoint,
    'hive.metastore.glue.aws-access-key': glue.accessKeyId,
    'hive.metastore.glue.aws-secret-key': glue.secretAccessKey,
  }
}
