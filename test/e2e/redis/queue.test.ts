import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { parseRedisUrl } from '../../../shared/queue/redis-address.ts'
import { openRedisQueue } from '../../../shared/queue/redis-queue.ts'
import type { TaskQueue } from '../../../shared/queue/task-queue.ts'
import type { AppError } from '../../../shared/runtime/errors.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { describeTaskQueue } from '../../contract/task-queue.ts'
import { type RedisServer, startRedis } from '../../servers/redis.ts'

let redis: RedisServer
let prefixes = 0
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

async function open(
  of: { url?: string; prefix?: string; maxWaiting?: number; failures?: AppError[] } = {},
): Promise<TaskQueue> {
  const address = parseRedisUrl(`${of.url ?? redis.url}?prefix=${of.prefix ?? `test-${prefixes++}`}`)
  if (!address.ok) throw new Error(address.expected)
  return openRedisQueue({
    address: address.value,
    runtime: systemRuntime,
    onFailure: error => of.failures?.push(error),
    ...(of.maxWaiting !== undefined && { maxWaiting: of.maxWaiting }),
  })
}

describeTaskQueue('Redis', { open: maxWaiting => open({ maxWaiting }) })

describe('Redis that fails', () => {
  const running = new AbortController().signal
  const opened: TaskQueue[] = []
  const failures: AppError[] = []
  const openOne = async (of: Parameters<typeof open>[0] = {}) => {
    const queue = await open({ failures, ...of })
    opened.push(queue)
    return queue
  }
  afterEach(async () => {
    for (const queue of opened.splice(0)) await queue.close()
    failures.splice(0)
  })

  it('FLUSHALL in the middle: what waited is forgotten, and takers that wait get what comes next', async () => {
    const [queue, other] = [await openOne({ prefix: 'flush' }), await openOne({ prefix: 'flush' })]
    await queue.enqueue(['a', 'b', 'c'])
    expect(await queue.take(running)).toBe('a')
    await command('FLUSHALL')
    expect(await queue.size()).toBe(0)
    const taken = Promise.all([queue.take(running), other.take(running)])
    await command('FLUSHALL')
    await sweep(queue, ['b'])
    await sweep(queue, ['c'])
    expect([...(await taken)].sort()).toEqual(['b', 'c'])
    expect(failures).toEqual([])
  })

  it.each([{ persistent: false }, { persistent: true }])(
    'killed and started again (persistent: $persistent): takes nothing in meanwhile, and takers go on by themselves',
    async ({ persistent }) => {
      const server = await startRedis({ persistent })
      const queue = await openOne({ url: server.url })
      await queue.enqueue(['a'])
      expect(await queue.take(running)).toBe('a')
      const waiting = queue.take(running)
      await server.kill()
      expect(await queue.enqueue(['b', 'c'])).toEqual([])
      await expect(queue.size()).rejects.toMatchObject({ code: 'queue-unreachable', next: 'retry' })
      await server.start()
      await sweep(queue, ['b'])
      expect(await waiting).toBe('b')
      expect(failures.map(error => error.code)).toContain('queue-unreachable')
      await queue.close()
      await server.stop()
    },
  )

  it('hangs: commands end by their time limit, and takers go on once it answers', async () => {
    const server = await startRedis()
    const queue = await openOne({ url: server.url })
    const waiting = queue.take(running)
    await queue.size()
    server.freeze()
    const startedMs = performance.now()
    expect(await queue.enqueue(['a'])).toEqual([])
    expect(performance.now() - startedMs).toBeLessThan(8_000)
    server.thaw()
    await sweep(queue, ['a'])
    expect(await waiting).toBe('a')
    await queue.close()
    await server.stop()
  })

  it('cuts every connection: takers go on by themselves', async () => {
    const queue = await openOne()
    const waiting = queue.take(running)
    await queue.size()
    for (const type of ['normal', 'replica', 'pubsub'])
      await command('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')
    await sweep(queue, ['a'])
    expect(await waiting).toBe('a')
  })

  it('closes at once while Redis hangs or is gone', async () => {
    const server = await startRedis()
    const queue = await openOne({ url: server.url })
    const waiting = queue.take(running)
    await server.kill()
    const startedMs = performance.now()
    await queue.close()
    expect(await waiting).toBeUndefined()
    expect(performance.now() - startedMs).toBeLessThan(6_000)
    await server.stop()
  })

  it('closed while Redis hangs and a connection for takers is being made: none is left once Redis answers', async () => {
    const server = await startRedis()
    const queue = await open({ url: server.url })
    server.freeze()
    const taking = queue.take(running)
    await systemRuntime.sleep(500)
    const closing = queue.close()
    await systemRuntime.sleep(500)
    server.thaw()
    await Promise.all([taking, closing])
    const client = new Redis(server.url)
    // What a connection left open does at once, it does within this.
    await systemRuntime.sleep(1_000)
    expect(
      String(await client.client('LIST'))
        .trim()
        .split('\n'),
    ).toHaveLength(1)
    client.disconnect()
    await server.stop()
  })

  it('a wrong password ends the start, with a message that names the address and no password', async () => {
    const server = await startRedis({ password: 'right' })
    const wrong = await open({ url: `redis://:wrong-Ohb4@127.0.0.1:${server.port}` }).catch(
      (error: unknown) => error,
    )
    expect(wrong).toMatchObject({ code: 'queue-refused', next: 'fatal' })
    expect(String(wrong)).toContain(`redis://127.0.0.1:${server.port}/0`)
    expect(String(wrong)).not.toContain('wrong-Ohb4')
    const none = await open({ url: `redis://127.0.0.1:${server.port}` }).catch((error: unknown) => error)
    expect(none).toMatchObject({ code: 'queue-refused', next: 'fatal' })
    await (await openOne({ url: server.url })).close()
    await server.stop()
  })

  it('a password that changes under way ends nothing: what fails may be tried again, and goes on once the password is right', async () => {
    const server = await startRedis({ password: 'first' })
    const queue = await openOne({ url: server.url })
    const waiting = queue.take(running)
    await queue.size()
    const admin = new Redis(server.url)
    await admin.config('SET', 'requirepass', 'second')
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await expect
      .poll(() => queue.size().catch((error: unknown) => error), { timeout: 10_000 })
      .toMatchObject({ code: 'queue-refused', next: 'retry' })
    await admin.config('SET', 'requirepass', 'first')
    await sweep(queue, ['a'])
    expect(await waiting).toBe('a')
    admin.disconnect()
    await queue.close()
    await server.stop()
  })

  it('no server at the address ends the start and says so', async () => {
    const error = await open({ url: 'redis://127.0.0.1:1' }).catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'queue-unreachable', next: 'retry' })
    expect(String(error)).toContain('ECONNREFUSED')
  })

  it('an id that is all digits or holds colons comes back as it was', async () => {
    const queue = await openOne()
    for (const taskId of ['123', 'a:b:c', 'ä/%3A']) {
      expect(await queue.enqueue([taskId])).toEqual([taskId])
      expect(await queue.take(running)).toBe(taskId)
    }
  })

  it('leaves a handful of keys behind, however many ids went through', async () => {
    const queue = await openOne({ prefix: 'left' })
    for (let i = 0; i < 100; i++) await queue.enqueue([`a${i}`, `b${i}`], i % 2 === 0 ? 'fresh' : 'backlog')
    for (let i = 0; i < 200; i++) await queue.take(running)
    const keys = await command('KEYS', '{left}*')
    expect(keys.length).toBeLessThan(12)
    expect(keys.filter(key => key.includes('task-'))).toEqual([])
  })

  /** As the sweep does: again and again until it is taken in. */
  async function sweep(queue: TaskQueue, taskIds: readonly string[]): Promise<void> {
    await expect.poll(() => queue.enqueue(taskIds), { timeout: 20_000 }).toEqual(taskIds)
  }
})

async function command(name: string, ...args: string[]): Promise<readonly string[]> {
  const client = new Redis(redis.port)
  try {
    return z
      .array(z.string())
      .catch([])
      .parse(await client.call(name, ...args))
  } finally {
    client.disconnect()
  }
}
