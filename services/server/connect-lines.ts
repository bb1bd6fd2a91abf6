/** The lines that connect a query engine to the embedded catalog, written once: the demo prints them, tests try the same text. Pure. */
import type { StoreConfig } from '../../shared/config/config.ts'

const ICEBERG_VERSION = '1.10.0'
/** What clients know this catalog as, in SQL. */
const CATALOG = 'tidewater'

export interface Connection {
  /** Of the catalog, for example `http://127.0.0.1:8181/catalog`. */
  readonly uri: string
  /** Name of the embedded catalog. */
  readonly warehouse: string
  readonly store: Pick<StoreConfig, 'url' | 'endpoint' | 'region' | 'pathStyle'>
  /** A table to begin with, for example `shop.orders`. */
  readonly table: string
}

export interface ConnectLines {
  readonly engine: 'PyIceberg' | 'Spark' | 'Trino' | 'DuckDB'
  /** Where the lines belong. */
  readonly where: string
  readonly lines: readonly string[]
}

/** For a server without a token. Clients bring their own credentials for S3, as ever. */
export function connectLines(connection: Connection): readonly ConnectLines[] {
  return [pyiceberg(connection), spark(connection), trino(connection), duckdb(connection)]
}

const isS3 = ({ store }: Connection) => store.url.startsWith('s3:')

function pyiceberg({ uri, warehouse, table }: Connection): ConnectLines {
  return {
    engine: 'PyIceberg',
    where: 'in Python',
    lines: [
      'from pyiceberg.catalog import load_catalog',
      `catalog = load_catalog("${CATALOG}", type="rest", uri="${uri}", warehouse="${warehouse}")`,
      `print(catalog.load_table("${table}").scan(limit=5).to_arrow())`,
    ],
  }
}

function spark(connection: Connection): ConnectLines {
  const { uri, warehouse, table } = connection
  const packages = [
    `org.apache.iceberg:iceberg-spark-runtime-3.5_2.12:${ICEBERG_VERSION}`,
    ...(isS3(connection) ? [`org.apache.iceberg:iceberg-aws-bundle:${ICEBERG_VERSION}`] : []),
  ]
  const settings = {
    '': 'org.apache.iceberg.spark.SparkCatalog',
    '.type': 'rest',
    '.uri': uri,
    '.warehouse': warehouse,
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
  const { endpoint, region, pathStyle } = connection.store
  const storage = isS3(connection)
    ? [
        'fs.native-s3.enabled=true',
        ...(endpoint === undefined ? [] : [`s3.endpoint=${endpoint}`]),
        ...(region === undefined ? [] : [`s3.region=${region}`]),
        ...(pathStyle === true ? ['s3.path-style-access=true'] : []),
      ]
    : ['fs.hadoop.enabled=true']
  return {
    engine: 'Trino',
    where: `in etc/catalog/${CATALOG}.properties`,
    lines: [
      'connector.name=iceberg',
      'iceberg.catalog.type=rest',
      `iceberg.rest-catalog.uri=${connection.uri}`,
      `iceberg.rest-catalog.warehouse=${connection.warehouse}`,
      'iceberg.rest-catalog.nested-namespace-enabled=true',
      ...storage,
    ],
  }
}

function duckdb({ uri, warehouse, table }: Connection): ConnectLines {
  return {
    engine: 'DuckDB',
    where: 'in SQL',
    lines: [
      'INSTALL iceberg;',
      'LOAD iceberg;',
      `ATTACH '${warehouse}' AS ${CATALOG} (TYPE iceberg, ENDPOINT '${uri}', AUTHORIZATION_TYPE 'none');`,
      `SELECT * FROM ${CATALOG}.${table} LIMIT 5;`,
    ],
  }
}
