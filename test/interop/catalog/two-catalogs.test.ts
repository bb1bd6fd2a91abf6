/**
 * One table in two catalogs at once: the embedded one, and the Iceberg project's own REST server behind a proxy that can fail.
 * PyIceberg reads both.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { orders, ordersConfig } from '../../e2e/orders-config.ts'
import { startServing } from '../../e2e/running-server.ts'
import { createWorkspace, type Workspace } from '../../e2e/tidewater-cli.ts'
import { type FaultProxy, startFaultProxy } from '../../servers/fault-proxy.ts'
import { startIcebergRest } from '../../servers/iceberg-rest.ts'
import type { RestCatalogServer } from '../../servers/rest-catalog.ts'
import { type PyIcebergReader, type RestCatalog, startPyIceberg } from '../readers/readers.ts'

const TABLE = 'shop.orders'
const TABLE_PATH = 'namespaces/shop/tables/orders'

let workspace: Workspace
let lakehouse: RestCatalogServer
let proxy: FaultProxy
let pyiceberg: PyIcebergReader
beforeAll(async () => {
  workspace = await createWorkspace({ CREDENTIAL: 'an-id:a-secret' })
  lakehouse = await startIcebergRest({ warehouse: `file:${workspace.path('servers-own')}` })
  proxy = await startFaultProxy(lakehouse.uri)
  pyiceberg = await startPyIceberg()
})
afterAll(async () => {
  await pyiceberg?.close()
  await proxy?.stop()
  await lakehouse?.stop()
  await workspace?.remove()
})

const configure = (catalogs: string) =>
  workspace.write(
    'tidewater.yaml',
    ordersConfig({ server: '{ listen: "127.0.0.1:0" }' })
      .replace(
        '  - { name: local, type: embedded }',
        `  - { name: local, type: embedded }
  - { name: lakehouse, type: rest, uri: "${proxy.endpoint}", credential: "\${CREDENTIAL}" }`,
      )
      .replace('catalogs: [local]', `catalogs: [${catalogs}]`),
  )
const land = async (from: number, count: number) =>
  expect(await workspace.tidewater(['land', 'orders'], orders(from, count))).toMatchObject({ exitCode: 0 })
const runOnce = () => workspace.tidewater(['run', '--once'])
const status = async () => (await workspace.tidewater(['status'])).stdout

/** What PyIceberg finds of the table in each catalog, which has to be the same. */
async function seen(): Promise<{ readonly rows: number; readonly snapshots: readonly string[] }> {
  const running = await startServing(workspace)
  const local: RestCatalog = { uri: `${running.url}/catalog`, warehouse: 'local' }
  const remote: RestCatalog = { uri: lakehouse.uri, warehouse: lakehouse.warehouse }
  const [here, there] = await Promise.all(
    [local, remote].map(async catalog => ({
      rows: await pyiceberg.count({ catalog, table: TABLE }),
      snapshots: await pyiceberg.snapshotIds({ catalog, table: TABLE }),
    })),
  )
  await running.stop()
  expect(there).toEqual(here)
  return here ?? { rows: -1, snapshots: [] }
}
const commits = () => proxy.seen.filter(line => line === `POST /v1/${TABLE_PATH}`).length

test('a catalog that is added later gets the table as it is, and both show the same snapshots from then on', async () => {
  await configure('local')
  await land(0, 30)
  expect(await runOnce()).toMatchObject({ exitCode: 0 })
  await land(30, 10)
  expect(await runOnce()).toMatchObject({ exitCode: 0 })

  await configure('local, lakehouse')
  expect(await runOnce()).toMatchObject({ exitCode: 0 })
  expect(await seen()).toMatchObject({ rows: 40, snapshots: { length: 2 } })

  await land(40, 5)
  expect(await runOnce()).toMatchObject({ exitCode: 0 })
  expect(await seen()).toMatchObject({ rows: 45, snapshots: { length: 3 } })
})

test('a catalog that is down holds up nothing; what it missed follows in one commit', async () => {
  proxy.inject({ kind: 'answer', status: 503, code: 'Injected' }, /\/v1\/namespaces/, 10_000)
  for (const from of [45, 50, 55]) {
    await land(from, 5)
    const { exitCode, stdout, stderr } = await runOnce()
    expect(exitCode).toBe(1)
    expect(stdout + stderr).toMatch(/shop\.orders.*lakehouse.*503.*Tidewater tries again/)
  }
  expect(await status()).toMatch(/lakehouse/)
  const before = commits()
  proxy.calm()
  expect(await runOnce()).toMatchObject({ exitCode: 0 })
  expect(commits() - before).toBe(1)
  expect(await seen()).toMatchObject({ rows: 60, snapshots: { length: 6 } })
})

test('a commit whose answer was lost is found, and not sent again', async () => {
  await land(60, 5)
  const before = commits()
  proxy.inject({ kind: 'cut-after' }, new RegExp(`^POST /v1/${TABLE_PATH}$`))
  expect(await runOnce()).toMatchObject({ exitCode: 0 })
  expect(commits() - before).toBe(1)
  expect(await seen()).toMatchObject({ rows: 65, snapshots: { length: 7 } })
})

test('what somebody else does to the table holds it in that catalog alone, until a person releases it', async () => {
  const dropped = await fetch(`${lakehouse.uri}/v1/${TABLE_PATH}`, { method: 'DELETE' })
  expect(dropped.status).toBeLessThan(300)
  await land(65, 5)
  const held = await runOnce()
  expect(held.exitCode).toBe(1)
  expect(held.stdout + held.stderr).toMatch(/Catalog lakehouse shows shop\.orders no longer/)
  const resumed = await workspace.tidewater(['resume', TABLE, '--why', 'dropped by mistake'])
  expect(resumed).toMatchObject({ exitCode: 0 })
  expect(await runOnce()).toMatchObject({ exitCode: 0 })
  expect(await seen()).toMatchObject({ rows: 70, snapshots: { length: 8 } })
})

test('nothing that was printed, and no request but those for tokens, holds the secret', async () => {
  const texts = [await status(), (await workspace.tidewater(['events', '--json'])).stdout]
  expect(texts.join()).not.toContain('a-secret')
  expect(proxy.seen.filter(line => line.endsWith('/oauth/tokens')).length).toBeGreaterThan(0)
})
