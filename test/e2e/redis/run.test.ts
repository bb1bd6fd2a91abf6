/** `tidewater` as a user runs it, in two processes on one database and one Redis, which dies and forgets meanwhile. */
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RedisServer, startRedis } from '../../servers/redis.ts'
import { ordersConfig } from '../orders-config.ts'
import { createWorkspace } from '../tidewater-cli.ts'
import { CLEAN, createOrdersOnRedis } from './orders-on-redis.ts'

const PATIENCE = { timeout: 90_000, interval: 500 }

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis({ password: 'canary-pAssw0rd' })
})
afterAll(() => redis.stop())

it('two processes share the work while Redis is emptied, killed and started again, and no record is lost or doubled', async () => {
  await using place = await createOrdersOnRedis(redis.url)
  await place.land(0, 3_000)
  const workers = place.startTwo()
  const redisClient = new Redis(redis.url, { lazyConnect: true })
  redisClient.on('error', () => undefined)
  await expect.poll(() => workers.map(({ output }) => output()).join(''), PATIENCE).toContain('planned')
  for (let i = 0; i < 5; i++) await redisClient.flushall()
  await redis.kill()
  await place.land(3_000, 3_000)
  await redis.start()
  await place.land(6_000, 3_000)
  await expect.poll(async () => (await place.audit()).rows, PATIENCE).toBe(9_000)
  expect(await place.stopAll()).toEqual([0, 0])
  expect(await place.workspace.tidewater(['run', '--once'])).toMatchObject({ exitCode: 0 })
  expect(await place.audit()).toMatchObject({ ...CLEAN, rows: 9_000 })

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
