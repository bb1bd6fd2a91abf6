/** `tidewater` as a user runs it, in two processes on one database and one Redis, which dies and forgets meanwhile. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type RedisServer, startRedis } from '../../servers/redis.ts'
import { orders, ordersConfig } from '../orders-config.ts'
import { createWorkspace, type Workspace } from '../tidewater-cli.ts'

const PATIENCE = { timeout: 90_000, interval: 500 }

let redis: RedisServer
let workspace: Workspace
const running = new Set<ChildProcess>()
beforeAll(async () => {
  redis = await startRedis({ password: 'canary-pAssw0rd' })
})
afterAll(() => redis.stop())
beforeEach(async () => {
  workspace = await createWorkspace({ REDIS_URL: redis.url })
  await configure()
})
afterEach(async () => {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
  await workspace.remove()
})

const configure = () =>
  workspace.write(
    'tidewater.yaml',
    ordersConfig({
      top: `queue: "\${REDIS_URL}"\nlimits: { poll_interval: 100ms, claim_lease: 5s, workers: 2 }`,
      table: '    commit_interval: 1s\n    task_target_bytes: 64KiB',
    }),
  )
const land = async (from: number, count: number) => {
  const args = ['land', 'orders', '--key', 'id', '--partitions', '4', '--segment-bytes', '2KiB']
  expect(await workspace.tidewater(args, orders(from, count))).toMatchObject({ exitCode: 0 })
}
const audit = async () => {
  const { stdout, exitCode } = await workspace.tidewater(['audit', '--json'])
  return { exitCode, ...JSON.parse(stdout).tables[0] }
}
const clean = { exitCode: 0, gaps: 0, duplicates: 0, source_gaps: 0, unverifiable: 0 }

function start(child: ChildProcess): { child: ChildProcess; output: () => string } {
  running.add(child)
  let output = ''
  const keep = (chunk: unknown) => {
    output += String(chunk)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  return { child, output: () => output }
}

it('two processes share the work while Redis is emptied, killed and started again, and no record is lost or doubled', async () => {
  await land(0, 3_000)
  const workers = [start(workspace.start(['run'])), start(workspace.start(['run']))]
  const redisClient = new Redis(redis.url, { lazyConnect: true })
  redisClient.on('error', () => undefined)
  await expect.poll(() => workers.map(({ output }) => output()).join(''), PATIENCE).toContain('planned')
  for (let i = 0; i < 5; i++) await redisClient.flushall()
  await redis.kill()
  await land(3_000, 3_000)
  await redis.start()
  await land(6_000, 3_000)
  await expect.poll(async () => (await audit()).rows, PATIENCE).toBe(9_000)
  const ended = workers.map(({ child }) => once(child, 'close'))
  for (const { child } of workers) child.kill('SIGTERM')
  expect((await Promise.all(ended)).map(([code]) => code)).toEqual([0, 0])
  expect(await workspace.tidewater(['run', '--once'])).toMatchObject({ exitCode: 0 })
  expect(await audit()).toMatchObject({ ...clean, rows: 9_000 })

  const keys = await redisClient.keys('*')
  redisClient.disconnect()
  expect(keys.length).toBeLessThan(12)
  expect(keys.filter(key => key.includes('task-'))).toEqual([])
  for (const { output } of workers) {
    expect(output()).toContain('committed')
    expect(output()).not.toContain('canary-pAssw0rd')
    expect(output()).not.toMatch(/broken-invariant|unexpected-failure/)
  }
})

it('a wrong password, and no Redis at all, end the start with exit code 1 and the address', async () => {
  for (const [url, says] of [
    [`redis://:canary-wr0ng@127.0.0.1:${redis.port}`, 'the server refused'],
    ['redis://:canary-wr0ng@127.0.0.1:1', 'ECONNREFUSED'],
  ]) {
    const other = await createWorkspace({ REDIS_URL: url ?? '' })
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference to a variable as users write it
    await other.write('tidewater.yaml', ordersConfig({ top: 'queue: "${REDIS_URL}"' }))
    const run = await other.tidewater(['run'])
    expect(run.exitCode).toBe(1)
    expect(run.stderr).toContain(says)
    expect(run.stderr).toContain('redis://127.0.0.1:')
    expect(run.stdout + run.stderr).not.toContain('canary-wr0ng')
    await other.remove()
  }
})
