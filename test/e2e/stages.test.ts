/** The stages of one pipeline in processes of their own, and what becomes of work under way when one is told to stop. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { orders, ordersConfig } from './orders-config.ts'
import { type RunningTidewater, startServing } from './running-server.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

const ROWS_PER_LANDING = 20_000
const LANDINGS = 6

let workspace: Workspace
let running: RunningTidewater[]
beforeEach(async () => {
  workspace = await createWorkspace()
  running = []
})
afterEach(async () => {
  await Promise.all(running.map(process => process.stop('SIGKILL')))
  await workspace.remove()
})

const start = async (...args: readonly string[]) => {
  const process = await startServing(workspace, args)
  running.push(process)
  return process
}
const configured = (limits: string, table = '') =>
  workspace.write(
    'tidewater.yaml',
    ordersConfig({
      table: `    commit_interval: 1s\n${table}`,
      top: `limits: { poll_interval: 200ms, ${limits} }`,
      server: '{ listen: "127.0.0.1:0" }',
    }),
  )
const rowsOf = async () => JSON.parse((await workspace.tidewater(['status', '--json'])).stdout).tables[0]

test('stages divided among processes do together what one process does', async () => {
  await configured('workers: 4')
  const planner = await start('--stages', 'discover,plan')
  const first = await start('--stages', 'convert', '--concurrency', '1')
  const second = await start('--stages', 'convert', '--concurrency', '1')
  const rest = await start('--stages', 'publish,maintain,serve')
  for (let landing = 0; landing < LANDINGS; landing++)
    await workspace.tidewater(['land', 'orders', '--partitions', '3'], orders(landing * 100, 100))
  await expect.poll(async () => (await rowsOf()).rows, { timeout: 60_000 }).toBe(LANDINGS * 100)
  await rest.seen(/published snapshot/)

  const table = await fetch(`${rest.url}/catalog/v1/local/namespaces/shop/tables/orders`)
  expect(table.status).toBe(200)
  // Health and metrics are everywhere; what people and engines ask is the stage `serve`.
  for (const { url } of [planner, first, second]) {
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect((await fetch(`${url}/metrics`)).status).toBe(200)
    expect((await fetch(`${url}/api/v1/status`)).status).toBe(404)
    expect((await fetch(`${url}/catalog/v1/config`)).status).toBe(404)
  }
  expect(planner.said()).not.toMatch(/committed|published/)
  expect(first.said() + second.said()).toMatch(/committed/)
  expect(first.said() + second.said()).not.toMatch(/planned|published/)
  expect(rest.said()).not.toMatch(/planned|committed/)

  expect(await Promise.all(running.map(process => process.stop()))).toEqual([0, 0, 0, 0])
  expect(await workspace.tidewater(['audit'])).toMatchObject({ exitCode: 0 })
})

test('a worker that is told to stop gives back what it has not finished, and another takes it at once', async () => {
  // A claim that nobody gives back would hold the task for an hour.
  await configured('workers: 1, stop_grace: 0s, claim_lease: 1h', '    task_target_bytes: 64KiB')
  const planner = await start('--stages', 'discover,plan')
  for (let landing = 0; landing < LANDINGS; landing++)
    await workspace.tidewater(['land', 'orders'], orders(landing * ROWS_PER_LANDING, ROWS_PER_LANDING))
  const worker = await start('--stages', 'convert')
  await worker.seen(/committed/)
  expect(await worker.stop()).toBe(0)
  const left = await rowsOf()
  expect(left.rows).toBeLessThan(LANDINGS * ROWS_PER_LANDING)

  await start('--stages', 'convert')
  await expect.poll(async () => (await rowsOf()).rows, { timeout: 60_000 }).toBe(LANDINGS * ROWS_PER_LANDING)
  const tasks = JSON.parse((await workspace.tidewater(['status', '--json'])).stdout).tables[0].tasks
  expect(tasks).toMatchObject({ claimed: 0, queued: 0 })
  expect(await planner.stop()).toBe(0)
  expect(await workspace.tidewater(['audit'])).toMatchObject({ exitCode: 0 })
})

test('a process that still waits for its database hears the signal to stop', async () => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const address = silent.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  const config = ordersConfig({ top: 'limits: { stop_grace: 0s }' })
  const database = `postgres://nobody@127.0.0.1:${address.port}/none`
  await workspace.write('tidewater.yaml', config.replace('sqlite:./tidewater.db', database))
  const child = workspace.start(['run'])
  const ended = once(child, 'close')
  await once(silent, 'connection')
  child.kill('SIGTERM')
  // An exit code, and not the signal itself, which the first process of a container would not die of.
  expect(await ended).toEqual([1, null])
  silent.close()
})

test('stages that make no sense are refused with what there is', async () => {
  await configured('workers: 1')
  const misspelt = await workspace.tidewater(['run', '--stages', 'convert,publisher'])
  expect(misspelt).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("no stage 'publisher'") })
  const alone = await workspace.tidewater(['run', '--stages', 'plan'])
  expect(alone).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('discover,plan') })
  const batch = await workspace.tidewater(['run', '--once', '--stages', 'convert'])
  expect(batch).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--once') })
  expect(await workspace.tidewater(['run', '--concurrency', '0'])).toMatchObject({ exitCode: 2 })
})
