/** A table that `tidewater run --once` made in a bucket from segments in another, read by PyIceberg from the metadata file there. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  landInBucket,
  SOURCE_BUCKET,
  s3Environment,
  s3Places,
  WAREHOUSE_BUCKET,
} from '../e2e/golden-bucket.ts'
import { createWorkspace, type Workspace } from '../e2e/tidewater-cli.ts'
import { type S3Server, startS3Server } from '../servers/s3-server.ts'
import { kafkaOf, orderRow, sentOrders } from './golden-rows.ts'
import { goldenConfig, ORDERS, statusOf } from './golden-tables.ts'
import { type PyIcebergReader, startPyIceberg } from './readers/readers.ts'

let server: S3Server
let workspace: Workspace
let pyiceberg: PyIcebergReader
beforeAll(async () => {
  server = await startS3Server()
  await server.createBucket(SOURCE_BUCKET)
  await server.createBucket(WAREHOUSE_BUCKET)
  pyiceberg = await startPyIceberg({ s3: server })
  workspace = await createWorkspace(s3Environment(server))
  await workspace.write('tidewater.yaml', goldenConfig(ORDERS, s3Places(server)))
  await landInBucket(server, 'orders')
})
afterAll(async () => {
  await pyiceberg?.close()
  await workspace?.remove()
  await server?.stop()
})

test('PyIceberg reads every order and every dead letter from the bucket', async () => {
  const run = await workspace.tidewater(['run', '--once'])
  expect(run.exitCode, run.stderr).toBe(0)
  const status = (await statusOf(workspace)).get('shop.orders')
  const [table, deadLetters] = [status?.publications[0], status?.dead_letter_publications[0]]
  expect(table?.metadata_location).toMatch(/^s3:\/\/lake\/warehouse\/shop\/orders\/metadata\//)

  const sent = sentOrders()
  const good = sent.flatMap(order =>
    order.broken === undefined && order.value !== null ? [{ order, row: orderRow(order.value) }] : [],
  )
  const { rows } = await pyiceberg.scan(table?.metadata_location ?? '')
  const brief = ({ order_id, amount, created_at, _kafka }: Readonly<Record<string, unknown>>) =>
    JSON.stringify([order_id, amount, created_at, _kafka])
  expect(rows.map(brief).sort()).toEqual(
    good.map(({ order, row }) => brief({ ...row, _kafka: kafkaOf(order) })).sort(),
  )
  expect(await pyiceberg.count(deadLetters?.metadata_location ?? '')).toBe(sent.length - good.length)
})
