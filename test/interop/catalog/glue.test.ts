/**
 * Tables that `tidewater run --once` published to Glue (test/servers/glue.ts) and to nothing else, as PyIceberg, Spark and Trino find them
 * there; and the entries in Glue, beside those that Iceberg's own library makes.
 */
import { GetTableCommand, GlueClient } from '@aws-sdk/client-glue'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { glueColumns } from '../../../catalog-adapters/glue/glue-columns.ts'
import { metadataLocationOf } from '../../../catalog-adapters/glue/glue-table.ts'
import { parseTableMetadata } from '../../../shared/iceberg/table-metadata-json.ts'
import { locationToKey } from '../../../shared/object-store/locations.ts'
import { openObjectStore } from '../../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import {
  landInBucket,
  SOURCE_BUCKET,
  s3Environment,
  s3Places,
  WAREHOUSE_BUCKET,
} from '../../e2e/golden-bucket.ts'
import { createWorkspace, type Workspace } from '../../e2e/tidewater-cli.ts'
import { type GlueServer, startGlueServer } from '../../servers/glue.ts'
import { type S3Server, startS3Server } from '../../servers/s3-server.ts'
import { kafkaOf, orderRow, sentOrders } from '../golden-rows.ts'
import { goldenConfig, ORDERS, statusOf } from '../golden-tables.ts'
import {
  type GlueCatalog,
  type QueryEngine,
  type SparkReader,
  startPyIceberg,
  startSpark,
} from '../readers/readers.ts'
import { startTrino } from '../readers/trino-reader.ts'

const TABLE = 'shop.orders'

let s3: S3Server
let glue: GlueServer
let client: GlueClient
let workspace: Workspace
let spark: SparkReader
let engines: readonly QueryEngine[] = []
let catalog: GlueCatalog
beforeAll(async () => {
  s3 = await startS3Server()
  glue = await startGlueServer()
  for (const bucket of [SOURCE_BUCKET, WAREHOUSE_BUCKET]) await s3.createBucket(bucket)
  const { endpoint, region, accessKeyId, secretAccessKey } = glue
  client = new GlueClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } })
  catalog = { glue: accessOf(glue), s3: accessOf(s3) }
  spark = await startSpark()
  engines = [spark, await startPyIceberg(), await startTrino()]
  workspace = await createWorkspace({
    ...s3Environment(s3),
    TEST_GLUE_KEY: accessKeyId,
    TEST_GLUE_SECRET: secretAccessKey,
  })
  const keys = `access_key_id: "\${TEST_GLUE_KEY}", secret_access_key: "\${TEST_GLUE_SECRET}"`
  await workspace.write(
    'tidewater.yaml',
    goldenConfig(ORDERS, {
      ...s3Places(s3),
      catalog: `{ name: lake, type: glue, region: ${region}, endpoint: "${endpoint}", ${keys} }`,
    }),
  )
})
afterAll(async () => {
  await Promise.all(engines.map(engine => engine.close()))
  await workspace?.remove()
  await glue?.stop()
  await s3?.stop()
})

const accessOf = ({ endpoint, region, accessKeyId, secretAccessKey }: GlueServer | S3Server) => ({
  endpoint,
  region,
  accessKeyId,
  secretAccessKey,
})

/** In one order whatever the files' is. */
const sorted = (rows: readonly unknown[]) => rows.map(row => JSON.stringify(row)).sort()

test('engines find in Glue what was published, as it was sent, and its dead letters', async () => {
  // In two parts, so that the second moves the pointer.
  for (const part of [0, 1]) {
    await landInBucket(s3, 'orders', ({ position }) => part === 1 || position === 0)
    const run = await workspace.tidewater(['run', '--once'])
    expect(run.exitCode, run.stderr).toBe(0)
  }
  const sent = sentOrders()
  const good = sent.flatMap(order =>
    order.broken === undefined && order.value !== null ? [{ order, row: orderRow(order.value) }] : [],
  )
  const publication = (await statusOf(workspace)).get(TABLE)?.publications[0]
  const { Table: entry } = await client.send(new GetTableCommand({ DatabaseName: 'shop', Name: 'orders' }))
  expect(entry?.Parameters?.metadata_location).toBe(publication?.metadata_location)

  const brief = ({ order_id, amount, created_at, _kafka }: Readonly<Record<string, unknown>>) => ({
    order_id,
    amount,
    created_at,
    _kafka,
  })
  const expected = sorted(good.map(({ order, row }) => brief({ ...row, _kafka: kafkaOf(order) })))
  const snapshots: (readonly string[])[] = []
  for (const engine of engines) {
    const { rows } = await engine.scan({ catalog, table: TABLE })
    expect(sorted(rows.map(brief)), engine.name).toEqual(expected)
    expect(await engine.count({ catalog, table: `${TABLE}__dlq` }), engine.name).toBe(
      sent.length - good.length,
    )
    snapshots.push(await engine.snapshotIds({ catalog, table: TABLE }))
  }
  expect(snapshots[0]?.length).toBeGreaterThan(1)
  for (const ids of snapshots) expect(ids).toEqual(snapshots[0])
})

test('columns are listed as Iceberg’s own library lists them', async () => {
  const table = '{catalog}.written_by_spark.every_type'
  await spark.execute(catalog, [
    `CREATE NAMESPACE {catalog}.written_by_spark`,
    `CREATE TABLE ${table} (id bigint NOT NULL COMMENT 'who', b boolean, i int, f float, d double, day date,
       at timestamp, local timestamp_ntz, amount decimal(12, 2), s string, bytes binary,
       point struct<x: double, tags: array<string>>, counts map<string, array<struct<n: int>>>)
     USING iceberg LOCATION 's3://${WAREHOUSE_BUCKET}/spark/every_type'`,
    `ALTER TABLE ${table} DROP COLUMN b`,
    `ALTER TABLE ${table} RENAME COLUMN i TO renamed`,
    `ALTER TABLE ${table} ADD COLUMN b string COMMENT 'again, as another type' FIRST`,
    `ALTER TABLE ${table} ALTER COLUMN f TYPE double`,
  ])
  const { Table: entry } = await client.send(
    new GetTableCommand({ DatabaseName: 'written_by_spark', Name: 'every_type' }),
  )
  if (entry === undefined) throw new Error('Spark made the table')
  const location = metadataLocationOf(entry) ?? ''
  const { endpoint, accessKeyId, secretAccessKey } = s3
  const store = openObjectStore(`s3://${WAREHOUSE_BUCKET}/spark`, {
    endpoint,
    credentials: { accessKeyId, secretAccessKey },
    runtime: systemRuntime,
  })
  const metadata = parseTableMetadata(await store.get(locationToKey(store, location)), location)
  await store.close()
  expect(glueColumns(metadata, new Map())).toEqual(entry.StorageDescriptor?.Columns)
  expect(entry).toMatchObject({ TableType: 'EXTERNAL_TABLE', Parameters: { table_type: 'ICEBERG' } })
})
