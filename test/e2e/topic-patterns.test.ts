/** A table of every topic that matches a pattern, as a user runs it: at once, while it runs, and in processes of their own. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { orders } from './orders-config.ts'
import { type RunningTidewater, startServing } from './running-server.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

const PATIENCE = { timeout: 60_000 }

let workspace: Workspace
let running: RunningTidewater[]
beforeEach(async () => {
  workspace = await createWorkspace()
  running = []
  await configure()
})
afterEach(async () => {
  await Promise.all(running.map(process => process.stop('SIGKILL')))
  await workspace.remove()
})

const configure = (entry = '', limits = 'topic_poll_interval: 300ms, ') =>
  workspace.write(
    'tidewater.yaml',
    `warehouse: file:./warehouse
sources: [ { name: local, url: "file:./segments" } ]
limits: { ${limits}poll_interval: 100ms, workers: 2 }
server: { listen: "127.0.0.1:0" }
tables:
  - name: shop.special
    source: local
    source_topic: orders.special
    schema: { fields: [ { name: id, type: long, required: true } ] }
    commit_interval: 500ms
  - name: "shop.orders_{1}"
    source: local
    source_topics: "orders.*"
    exclude_topics: [ "*.test" ]
    schema: { fields: [ { name: id, type: long, required: true }, { name: amount, type: "decimal(12,2)" } ] }
    commit_interval: 500ms
${entry}
`,
  )
const start = async (...args: readonly string[]) => {
  const process = await startServing(workspace, args)
  running.push(process)
  return process
}
const land = async (topic: string, from: number, count: number) => {
  expect(await workspace.tidewater(['land', topic, '--partitions', '2'], orders(from, count))).toMatchObject({
    exitCode: 0,
  })
}
const rows = async (): Promise<Record<string, number>> => {
  const { stdout, exitCode } = await workspace.tidewater(['status', '--json'])
  if (exitCode !== 0) return {}
  const { tables } = JSON.parse(stdout)
  return Object.fromEntries(tables.map((table: { name: string; rows: number }) => [table.name, table.rows]))
}
const refusals = async () =>
  (await workspace.tidewater(['events', '--json', '--type', 'topic.refused'])).stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))

test('run --once makes a table of each topic, and what looks at tables sees them', async () => {
  await land('orders.de', 0, 30)
  await land('orders.us-east', 0, 20)
  await land('orders.special', 0, 10)
  await land('orders.de.test', 0, 5)
  await land('_orders', 0, 5)
  // A folder that holds no partition is no topic.
  await mkdir(workspace.path('segments/orders.folder/archive'), { recursive: true })
  await writeFile(workspace.path('segments/orders.folder/archive/readme'), 'not a segment')

  expect(await workspace.tidewater(['validate'])).toMatchObject({
    exitCode: 0,
    stdout:
      'tidewater.yaml is right: 1 table (shop.special), 1 pattern (shop.orders_{1} of orders.* in local)\n',
  })
  const plan = await workspace.tidewater(['plan'])
  expect(plan.stdout).toMatch(/\+ table shop.orders_de at .*\n\+ {3}reads topic orders.de .*: 1 segment/)
  expect(plan.stdout).toMatch(
    /\+ table shop.orders_us_east at .*, else like shop.orders_de\n\+ {3}reads topic orders.us-east /,
  )
  expect(plan.stdout).not.toMatch(/test|folder|_orders/)
  const planned = JSON.parse((await workspace.tidewater(['plan', '--json'])).stdout)
  expect(
    planned.tables.map((table: { table: string; pattern: string }) => [table.table, table.pattern]),
  ).toEqual([
    ['shop.special', null],
    ['shop.orders_de', 'shop.orders_{1}'],
    ['shop.orders_us_east', 'shop.orders_{1}'],
  ])

  expect(await workspace.tidewater(['run', '--once'])).toMatchObject({ exitCode: 0 })
  const all = { 'shop.special': 10, 'shop.orders_de': 30, 'shop.orders_us_east': 20 }
  expect(await rows()).toEqual(all)
  expect(await workspace.tidewater(['plan', '--exit-code'])).toMatchObject({
    exitCode: 0,
    stdout: '  No changes.\n',
  })
  const audit = JSON.parse((await workspace.tidewater(['audit', '--json'])).stdout)
  expect(audit.tables).toHaveLength(3)
  expect(await workspace.tidewater(['audit', 'shop.orders_de'])).toMatchObject({ exitCode: 0 })
  const query = await workspace.tidewater([
    'query',
    'select count(*) as n from shop.orders_de',
    '--format',
    'csv',
  ])
  expect(query.stdout).toBe('n\n30\n')
  expect(await workspace.tidewater(['pause', 'shop.orders_de', '--why', 'a look'])).toMatchObject({
    exitCode: 0,
  })

  // The pattern alone still knows them when the source is empty: nothing of them is lost or made anew.
  await workspace.tidewater(['resume', 'shop.orders_de', '--why', 'seen'])
  await rm(workspace.path('segments/orders.de'), { recursive: true })
  const again = await workspace.tidewater(['run', '--once'])
  expect(again).toMatchObject({ exitCode: 0 })
  expect(again.stderr).toContain('source local has no topic orders.de any more; the table stays as it is')
  expect(await rows()).toEqual(all)
})

test('a topic that appears becomes a table while it runs, is read through the catalog, and goes on after a restart', async () => {
  const process = await start()
  await process.seen(/no topic of source local matches orders\.\* yet/)
  await land('orders.de', 0, 40)
  await expect.poll(rows, PATIENCE).toEqual({ 'shop.special': 0, 'shop.orders_de': 40 })
  await process.seen(/shop.orders_de: published snapshot/)
  const table = await fetch(`${process.url}/catalog/v1/local/namespaces/shop/tables/orders_de`)
  expect(table.status).toBe(200)

  await land('orders.fr', 0, 10)
  await land('orders.de', 40, 5)
  await expect.poll(rows, PATIENCE).toMatchObject({ 'shop.orders_de': 45, 'shop.orders_fr': 10 })
  expect(await process.stop()).toBe(0)

  const second = await start()
  await land('orders.fr', 10, 7)
  await expect.poll(rows, PATIENCE).toMatchObject({ 'shop.orders_de': 45, 'shop.orders_fr': 17 })
  expect(await second.stop()).toBe(0)
  expect(await workspace.tidewater(['audit'])).toMatchObject({ exitCode: 0 })
})

test('stages in processes of their own take new tables from the database; a converter at once', async () => {
  await start('--stages', 'discover,plan')
  // What publishes looks every 300 ms; the converter would look only after an hour, were it not handed a task.
  const publisher = await start('--stages', 'publish,maintain,serve')
  await configure('', 'topic_poll_interval: 1h, ')
  const converter = await start('--stages', 'convert')
  await land('orders.de', 0, 25)
  await land('orders.fr', 0, 15)
  await publisher.seen(/shop.orders_de: published snapshot/)
  await publisher.seen(/shop.orders_fr: published snapshot/)
  await expect.poll(rows, PATIENCE).toMatchObject({ 'shop.orders_de': 25, 'shop.orders_fr': 15 })
  expect(converter.said()).not.toContain('table-not-declared')
  expect(await Promise.all(running.map(process => process.stop()))).toEqual([0, 0, 0])
  expect(await workspace.tidewater(['audit'])).toMatchObject({ exitCode: 0 })
})

test('a topic that cannot become a table is told once, in plan, output and events, and stops no other', async () => {
  await land('orders.de', 0, 10)
  await land('orders.a.b', 0, 5)
  await land('orders.a-b', 0, 5)
  const plan = await workspace.tidewater(['plan'])
  expect(plan).toMatchObject({ exitCode: 0 })
  expect(plan.stdout).toMatch(
    /! Topic orders\.a-b of source local becomes no table: its table would be shop\.orders_a_b, .*\[table-name-taken\]/,
  )

  const once = await workspace.tidewater(['run', '--once'])
  expect(once).toMatchObject({ exitCode: 0 })
  expect(once.stderr).toMatch(/looking for new topics: Topic orders\.a\.b of source local becomes no table/)
  expect(await rows()).toEqual({ 'shop.special': 0, 'shop.orders_de': 10 })
  const process = await start()
  await process.seen(/Topic orders\.a\.b/)
  await land('orders.de', 10, 5)
  await expect.poll(rows, PATIENCE).toMatchObject({ 'shop.orders_de': 15 })
  // Several looks later there is still one event for each.
  const events = await refusals()
  expect(events.map(({ subject, data }) => [subject, data.severity, data.details.code])).toEqual([
    ['orders.a-b', 'warning', 'table-name-taken'],
    ['orders.a.b', 'warning', 'table-name-taken'],
  ])
  expect(process.said().match(/Topic orders\.a\.b/g)).toHaveLength(1)
  await process.stop()

  // The way out: a table of its own; the other may then have the name.
  await configure(
    `  - { name: shop.ab_dash, source: local, source_topic: orders.a-b, schema: { fields: [ { name: id, type: long } ] } }`,
  )
  expect(await workspace.tidewater(['run', '--once'])).toMatchObject({ exitCode: 0 })
  expect(await rows()).toMatchObject({ 'shop.ab_dash': 5, 'shop.orders_a_b': 5 })
})

test('a changed entry is refused for its tables before anything is done', async () => {
  await land('orders.de', 0, 10)
  expect(await workspace.tidewater(['run', '--once'])).toMatchObject({ exitCode: 0 })
  const text = await readFile(workspace.path('tidewater.yaml'), 'utf8')
  await workspace.write('tidewater.yaml', text.replace('decimal(12,2)', 'decimal(14,2)'))
  const run = await workspace.tidewater(['run', '--once'])
  expect(run).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('Table shop.orders_de exists and its declaration has changed'),
  })
  expect(await workspace.tidewater(['plan'])).toMatchObject({ exitCode: 2 })
})
