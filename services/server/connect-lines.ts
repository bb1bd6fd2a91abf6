/** The lines that connect a query engine to the embedded catalog, written once: the demo prints them, the docs show them, tests try the same text. Pure. */
import type { StoreConfig } from '../../shared/config/config.ts'
import { storageSettings } from './catalog/storage-settings.ts'

/** Those that tests try these lines with. */
const SPARK_RUNTIME = 'org.apache.iceberg:iceberg-spark-runtime-4.0_2.13:1.11.0'
const AWS_BUNDLE = 'org.apache.iceberg:iceberg-aws-bundle:1.11.0'
/** What clients know this catalog as, in SQL. */
const CATALOG = 'tidewater'

export interface Connection {
  /** Of the catalog, for example `http://127.0.0.1:8181/catalog`. */
  readonly uri: string
  /** Name of the embedded catalog. */
  readonly warehouse: string
  readonly store: Pick<StoreConfig, 'url' | 'endpoint' | 'clientEndpoint' | 'region' | 'pathStyle'>
  /** A table to begin with, for example `shop.orders`. */
  readonly table: string
  /** Of the server, where it asks for one. */
  readonly token?: string
}

export interface ConnectLines {
  readonly engine: 'PyIceberg' | 'Spark' | 'Trino' | 'DuckDB'
  /** Where the lines belong. */
  readonly where: string
  readonly lines: readonly string[]
}

/** Clients find their own credentials for S3, as ever. */
export function connectLines(connection: Connection): readonly ConnectLines[] {
  return [pyiceberg(connection), spark(connection), trino(connection), duckdb(connection)]
}

const isS3 = ({ store }: Connection) => store.url.startsWith('s3:')

function pyiceberg({ uri, warehouse, table, token }: Connection): ConnectLines {
  const settings = { type: 'rest', uri, warehouse, ...(token !== undefined && { token }) }
  const list = Object.entries(settings).map(([key, value]) => `${key}="${value}"`)
  return {
    engine: 'PyIceberg',
    where: 'in Python',
    lines: [
      'from pyiceberg.catalog import load_catalog',
      `catalog = load_catalog("${CATALOG}", ${list.join(', ')})`,
      `print(catalog.load_table("${table}").scan(limit=5).to_arrow())`,
    ],
  }
}

function spark(connection: Connection): ConnectLines {
  const { uri, warehouse, table, token } = connection
  const packages = [SPARK_RUNTIME, ...(isS3(connection) ? [AWS_BUNDLE] : [])]
  const settings = {
    '': 'org.apache.iceberg.spark.SparkCatalog',
    '.type': 'rest',
    '.uri': uri,
    '.warehouse': warehouse,
    ...(token !== undefined && { '.token': token }),
    ...(isS3(connection) && { '.io-impl': 'org.apache.iceberg.aws.s3.S3FileIO' }),
  }
  return {
    engine: 'Spark',
    where: 'in a shell',
    lines: [
      `spark-sql --packages ${packages.join(',')} \\`,
      ...Object.entries(settings).map(
        ([key, value]) => `  --conf spark.sql.catalog.${CATALOG}${key}=${value} \\`,
      ),
      `  -e "select * from ${CATALOG}.${table} limit 5"`,
    ],
  }
}

function trino(connection: Connection): ConnectLines {
  const { uri, warehouse, store, token } = connection
  const settings = storageSettings(store)
  const storage = isS3(connection)
    ? [
        'fs.native-s3.enabled=true',
        // The same names but for these; Trino takes none of them from a catalog.
        ...['s3.endpoint', 's3.region', 's3.path-style-access'].flatMap(name =>
          settings[name] === undefined ? [] : [`${name}=${settings[name]}`],
        ),
      ]
    : // Locations are looked up below it, and the catalog gives whole paths.
      ['fs.native-local.enabled=true', 'local.location=/']
  return {
    engine: 'Trino',
    where: `in etc/catalog/${CATALOG}.properties`,
    lines: [
      'connector.name=iceberg',
      'iceberg.catalog.type=rest',
      `iceberg.rest-catalog.uri=${uri}`,
      `iceberg.rest-catalog.warehouse=${warehouse}`,
      'iceberg.rest-catalog.nested-namespace-enabled=true',
      ...(token === undefined
        ? []
        : ['iceberg.rest-catalog.security=OAUTH2', `iceberg.rest-catalog.oauth2.token=${token}`]),
      ...storage,
    ],
  }
}

function duckdb(connection: Connection): ConnectLines {
  const { uri, warehouse, table, token } = connection
  const access = token === undefined ? `AUTHORIZATION_TYPE 'none'` : `TOKEN '${token}'`
  return {
    engine: 'DuckDB',
    where: 'in SQL',
    lines: [
      'INSTALL iceberg;',
      'LOAD iceberg;',
      ...(isS3(connection) ? s3Secret(connection) : []),
      `ATTACH '${warehouse}' AS ${CATALOG} (TYPE iceberg, ENDPOINT '${uri}', ${access}${isS3(connection) ? `, ACCESS_DELEGATION_MODE 'none'` : ''});`,
      `SELECT * FROM ${CATALOG}.${duckName(table)} LIMIT 5;`,
    ],
  }
}

/** DuckDB has no settings of its own for S3 in an attached catalog, and takes keys from the AWS chain only by a secret. */
function s3Secret({ store }: Connection): readonly string[] {
  const settings = storageSettings(store)
  const endpoint = settings['s3.endpoint']
  const region = settings['s3.region']
  const options = [
    'TYPE s3',
    'PROVIDER credential_chain',
    ...(region === undefined ? [] : [`REGION '${region}'`]),
    ...(endpoint === undefined
      ? []
      : [
          `ENDPOINT '${endpoint.replace(/^https?:\/\//, '')}'`,
          `USE_SSL ${endpoint.startsWith('https:')}`,
          `URL_STYLE '${settings['s3.path-style-access'] === 'true' ? 'path' : 'vhost'}'`,
        ]),
  ]
  return ['INSTALL aws;', 'LOAD aws;', `CREATE SECRET (${options.join(', ')});`]
}

/** A namespace inside another is one name of DuckDB's: `shop.eu.orders` is `"shop.eu".orders`. */
function duckName(table: string): string {
  const at = table.lastIndexOf('.')
  const namespace = table.slice(0, at)
  return `${namespace.includes('.') ? `"${namespace}"` : namespace}.${table.slice(at + 1)}`
}
