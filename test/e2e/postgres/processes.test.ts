/** Several real processes on one database, each with stages of its own: what one raises all see, once, and who is gone shows. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts'
import { orders, ordersConfig } from '../orders-config.ts'
import { createWorkspace, type Workspace } from '../tidewater-cli.ts'

/** A stall shows after 10 seconds at the earliest, and is looked for every five. */
const PATIENCE = { timeout: 120_000, interval: 1000 }

let server: PostgresServer
let workspace: Workspace
let children: ChildProcess[] = []
let schemas = 0
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.remove())
afterEach(async () => {
  const ended = children.map(child => child.exitCode ?? child.signalCode ?? once(child, 'close'))
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(ended)
  children = []
  await workspace.remove()
})

const start = (...args: string[]) => {
  const child = workspace.start(args)
  child.stdout?.resume()
  child.stderr?.resume()
  children.push(child)
  return child
}
const run = (stages: string) => start('run', '--stages', stages)
const json = async (...args: string[]) => (await workspace.tidewater([...args, '--json'])).stdout
const status = async () => JSON.parse(await json('status'))
const liveStages = async () =>
  ((await status()).processes as { stages: string[] }[]).map(({ stages }) => stages.join(',')).sort()

describe.each(['postgres', 'sqlite'])('on %s', database => {
  beforeEach(async () => {
    workspace = await createWorkspace({ DATABASE_URL: `${server.url}?schema=processes_${++schemas}` })
    const config = ordersConfig({
      top: 'limits: { poll_interval: 200ms, claim_lease: 5s, workers: 1 }',
      table: '    commit_interval: 1s',
    })
    const metadata = database === 'postgres' ? '${'.concat('DATABASE_URL}') : 'sqlite:./tidewater.db'
    await workspace.write('tidewater.yaml', config.replace('sqlite:./tidewater.db', metadata))
  })

  it('a stall is raised once when the last converter is gone, whoever follows sees it, and it ends with a new one', async () => {
    await workspace.tidewater(['land', 'orders'], orders(0, 50))
    const planner = run('discover,plan')
    await expect.poll(async () => (await workspace.tidewater(['status'])).exitCode, PATIENCE).toBe(0)
    const converter = run('convert')
    for (const stages of ['publish,maintain', 'publish,maintain']) run(stages)
    await expect
      .poll(liveStages, PATIENCE)
      .toEqual(['convert', 'discover,plan', 'publish,maintain', 'publish,maintain'])
    expect((await status()).idle_stages).toEqual(['serve'])
    await expect.poll(async () => (await status()).tables[0]?.rows, PATIENCE).toBe(50)

    const follower = workspace.start(['events', '--follow', '--json', '--table', 'shop.orders'])
    children.push(follower)
    let followed = ''
    follower.stdout?.on('data', chunk => {
      followed += String(chunk)
    })
    converter.kill('SIGTERM')
    await once(converter, 'close')
    expect(await liveStages()).toEqual(['discover,plan', 'publish,maintain', 'publish,maintain'])
    expect((await status()).idle_stages).toEqual(['convert', 'serve'])
    await workspace.tidewater(['land', 'orders'], orders(50, 50))
    await expect.poll(() => followed, PATIENCE).toContain('"partition.stalled"')

    run('convert')
    await expect.poll(() => followed, PATIENCE).toContain('"partition.moving"')
    // Whoever else looks for stalls has had the time for another look.
    await new Promise(resolve => setTimeout(resolve, 6000))
    const events = (await json('events'))
      .trim()
      .split('\n')
      .map(line => JSON.parse(line).type)
    expect(events).toEqual(['partition.stalled', 'partition.moving'])
    expect(planner.exitCode).toBe(null)
  })
})
