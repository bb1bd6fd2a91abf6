/** Tables of a pattern with metadata in PostgreSQL: several processes find the same topics at one time. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts'
import { orders } from '../orders-config.ts'
import { type RunningTidewater, startServing } from '../running-server.ts'
import { createWorkspace, type Workspace } from '../tidewater-cli.ts'

const TOPICS = ['orders.de', 'orders.fr', 'orders.us-east']
const TABLES = ['shop.orders_de', 'shop.orders_fr', 'shop.orders_us_east']

let server: PostgresServer
let workspace: Workspace
let running: RunningTidewater[]
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.remove())
beforeEach(async () => {
  running = []
  workspace = await createWorkspace({ DATABASE_URL: `${server.url}?schema=patterns` })
  await workspace.write(
    'tidewater.yaml',
    `warehouse: file:./warehouse
metadata: "\${DATABASE_URL}"
sources: [ { name: local, url: "file:./segments" } ]
limits: { poll_interval: 100ms, topic_poll_interval: 300ms, workers: 1 }
server: { listen: "127.0.0.1:0" }
tables:
  - name: "shop.orders_{1}"
    source: local
    source_topics: "orders.*"
    schema: { fields: [ { name: id, type: long, required: true } ] }
    commit_interval: 1s
`,
  )
})
afterEach(async () => {
  await Promise.all(running.map(process => process.stop('SIGKILL')))
  await workspace.remove()
})

it('two planners make each table once, two converters and a publisher take it up, and every record is accounted for', async () => {
  const stages = ['discover,plan', 'discover,plan', 'convert', 'convert', 'publish,maintain,serve']
  running = await Promise.all(stages.map(some => startServing(workspace, ['--stages', some])))
  await Promise.all(
    TOPICS.map(topic => workspace.tidewater(['land', topic, '--partitions', '2'], orders(0, 200))),
  )
  const tables = async () => {
    const { stdout } = await workspace.tidewater(['status', '--json'])
    return JSON.parse(stdout).tables.map(({ name, rows }: { name: string; rows: number }) => [name, rows])
  }
  await expect.poll(tables, { timeout: 120_000 }).toEqual(TABLES.map(name => [name, 200]))
  for (const name of TABLES) await running.at(-1)?.seen(new RegExp(`${name}: published snapshot`))
  expect(await Promise.all(running.map(process => process.stop()))).toEqual(stages.map(() => 0))
  const said = running.map(process => process.said()).join('')
  expect(said).not.toMatch(/table-not-declared|becomes no table|table-changed/)
  const audit = await workspace.tidewater(['audit', '--json'])
  expect(audit.exitCode).toBe(0)
  expect(JSON.parse(audit.stdout).tables.map(({ rows }: { rows: number }) => rows)).toEqual([200, 200, 200])
})
