/** `tidewater` as a user runs it, on a PostgreSQL database: once, in two processes at a time, and after a restored backup. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts'
import { orders, ordersConfig } from '../orders-config.ts'
import { createWorkspace, type Workspace } from '../tidewater-cli.ts'

const PATIENCE_MS = 90_000

let server: PostgresServer
let workspace: Workspace
let schema: string
let schemas = 0
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.remove())
beforeEach(async () => {
  schema = `run_${++schemas}`
  workspace = await createWorkspace({ DATABASE_URL: `${server.url}?schema=${schema}` })
  const config = ordersConfig({
    top: 'limits: { poll_interval: 100ms, claim_lease: 5s }',
    table: '    commit_interval: 1s',
  })
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference to a variable as users write it
  await workspace.write('tidewater.yaml', config.replace('sqlite:./tidewater.db', '${DATABASE_URL}'))
})
afterEach(() => workspace.remove())

const land = async (from: number, count: number) => {
  const landed = await workspace.tidewater(
    ['land', 'orders', '--partitions', '3', '--segment-bytes', '2KiB'],
    orders(from, count),
  )
  expect(landed).toMatchObject({ exitCode: 0 })
}
const runOnce = async () => {
  const run = await workspace.tidewater(['run', '--once'])
  expect(run).toMatchObject({ exitCode: 0 })
  return run
}
const audit = async () => {
  const { stdout, exitCode } = await workspace.tidewater(['audit', '--json'])
  return { exitCode, ...JSON.parse(stdout).tables[0] }
}
const clean = { exitCode: 0, gaps: 0, duplicates: 0, source_gaps: 0, unverifiable: 0 }

it('only run makes the tables of a database, and only run upgrades them', async () => {
  const tables = () => server.query(`select tablename from pg_tables where schemaname = '${schema}'`)
  const looked = await workspace.tidewater(['status'])
  expect(looked).toMatchObject({ exitCode: 1, stdout: '' })
  expect(looked.stderr).toContain('tidewater run creates it')
  expect(await tables()).toEqual([])
  await land(0, 10)
  await runOnce()
  // As an older version leaves it: one migration is not there yet.
  const last = `(select max(number) from ${schema}.schema_migration)`
  await server.query(`delete from ${schema}.schema_migration where number = ${last}`)
  const applied = () => server.query(`select number from ${schema}.schema_migration order by number`)
  const before = await applied()
  for (const command of [['status'], ['tables'], ['events'], ['pause', 'shop.orders', '--why', 'test']]) {
    const refused = await workspace.tidewater(command)
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toContain('[metadata-older]')
  }
  expect(await applied()).toEqual(before)
})

it('plans, runs once, and every record is accounted for', async () => {
  await land(0, 500)
  const plan = await workspace.tidewater(['plan'])
  expect(plan).toMatchObject({ exitCode: 0, stderr: '' })
  expect(plan.stdout).toContain('shop.orders')
  const run = await runOnce()
  expect(run.stderr).toContain('published snapshot')
  expect(await audit()).toMatchObject({ ...clean, rows: 500, dead_letters: 0 })
  expect(await workspace.tidewater(['plan', '--exit-code'])).toMatchObject({ exitCode: 0 })
  const outputs = [plan, run, await workspace.tidewater(['status'])]
  for (const { stdout, stderr } of outputs) expect(stdout + stderr).not.toContain('secret')
})

it('runs in two processes at once, one of them killed, without a record lost or doubled', async () => {
  await land(0, 200)
  const [left, right] = [workspace.start(['run']), workspace.start(['run'])]
  const output = { left: '', right: '' }
  left.stderr?.on('data', chunk => {
    output.left += String(chunk)
  })
  right.stderr?.on('data', chunk => {
    output.right += String(chunk)
  })
  await land(200, 200)
  await sleep(1500)
  right.kill('SIGKILL')
  const again = workspace.start(['run'])
  again.stderr?.resume()
  await land(400, 200)
  const until = Date.now() + PATIENCE_MS
  let found = await audit()
  while (found.rows < 600 && Date.now() < until) {
    await sleep(500)
    found = await audit()
  }
  const ended = [left, again].map(child => once(child, 'close'))
  for (const child of [left, again]) child.kill('SIGTERM')
  expect((await Promise.all(ended)).map(([code]) => code)).toEqual([0, 0])
  await runOnce()
  expect(await audit()).toMatchObject({ ...clean, rows: 600 })
  expect(output.left + output.right).not.toMatch(/broken-invariant|metadata-statement-failed/)
})

it('goes on from a restored backup that is older than the published table', async () => {
  const { url } = server
  await land(0, 300)
  await runOnce()
  server.run('pg_dump', ['--format=custom', `--file=${workspace.path('backup')}`, url])
  await land(300, 200)
  await runOnce()
  expect(await audit()).toMatchObject({ ...clean, rows: 500 })
  await server.query('drop database tidewater with (force)', 'postgres')
  await server.query('create database tidewater', 'postgres')
  server.run('pg_restore', [`--dbname=${url}`, '--exit-on-error', workspace.path('backup')])
  expect((await audit()).rows).toBe(300)
  await runOnce()
  expect(await audit()).toMatchObject({ ...clean, rows: 500 })
})
