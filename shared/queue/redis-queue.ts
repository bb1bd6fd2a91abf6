/**
 * The queue of the distributed shape: BullMQ on Redis, shared by any number of processes. Redis holds ids that wait, and nothing else.
 *
 * An id that is taken leaves Redis at once: the claim in the database is what makes the task its taker's, and the sweep puts back what a
 * dying taker had in its hands. Between the two calls of a take a job is BullMQ's "active"; when the process dies just then, its lock runs
 * out and BullMQ's check for stalled jobs, which every process runs, puts it back.
 *
 * Redis may answer nothing, refuse connections, forget everything or be another server at any moment. Then `enqueue` takes nothing in and
 * takers wait; the consumer, with its connections, is thrown away and opened afresh until it works again.
 */
import { type Job, Queue, Worker } from 'bullmq'
import { z } from 'zod'
import type { AppError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { RedisAddress } from './redis-address.ts'
import { COMMAND_TIMEOUT_MS, connectRedis, isRefusal, type RedisClient, redisError } from './redis-client.ts'
import type { TaskQueue, Urgency } from './task-queue.ts'

/** Ids that may wait, about: processes that add at the same moment may each fill the same room. */
const MAX_WAITING_IN_REDIS = 10_000
/** Rounds of finding room and filling it in one `enqueue`; ids that wait already take up no room. */
const MAX_FILL_ROUNDS = 4
const IDS_PER_CALL = 500
const OPEN_TIMEOUT_MS = 10_000
/** How long Redis is asked to wait for a job before the question is asked again. */
const BLOCK_SECONDS = 1
const NEXT_TIMEOUT_MS = BLOCK_SECONDS * 1_000 + 2 * COMMAND_TIMEOUT_MS
/** Of a job between the two calls of a take. */
const LOCK_MS = 10_000
/** A job found stalled this often is dropped, for the sweep to put back. */
const MAX_STALLS = 10
const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 2_000
/** While an outage lasts it is reported this often. */
const REPORT_INTERVAL_MS = 60_000
/** BullMQ's stream of events, which nobody reads here. */
const MAX_STREAM_EVENTS = 10
const QUEUE_NAME = 'tasks'
const JOB_NAME = 'task'
/** BullMQ takes jobs without a priority first. */
const PRIORITIES: Readonly<Record<Urgency, number>> = { fresh: 0, backlog: 1 }

const jobDataSchema = z.object({ taskId: z.string().min(1) })

export interface RedisQueueOptions {
  readonly address: RedisAddress
  readonly runtime: Runtime
  /** Told that Redis fails: at the first failure, and now and then while it lasts. */
  readonly onFailure: (error: AppError) => void
  readonly maxWaiting?: number
}

/** Fails when Redis does not answer now, or not with what was configured. */
export async function openRedisQueue(options: RedisQueueOptions): Promise<TaskQueue> {
  const { address, runtime, maxWaiting = MAX_WAITING_IN_REDIS } = options
  const outage = trackOutage(options)
  const producer = await openProducer(options)
  const closing = new AbortController()
  const takers = new Set<(taskId: string | undefined) => void>()
  /** Taken from Redis for a taker that has gone since. */
  let spare: string | undefined
  let consumer: Consumer | undefined
  let dispatching: Promise<void> | undefined

  async function add(taskIds: readonly string[], urgency: Urgency): Promise<readonly string[]> {
    const added: string[] = []
    for (let round = 0; round < MAX_FILL_ROUNDS && added.length < taskIds.length; round++) {
      const room = Math.min(maxWaiting - (await producer.size()), IDS_PER_CALL)
      if (room <= 0) break
      const some = taskIds.slice(added.length, added.length + room)
      await producer.add(some, urgency)
      added.push(...some)
    }
    return added
  }

  /** Hands out ids while someone waits for one. */
  async function dispatch(): Promise<void> {
    let failures = 0
    while (takers.size > 0 && !closing.signal.aborted) {
      try {
        consumer ??= await openConsumer(options)
        const taskId = await consumer.next()
        failures = 0
        outage.over()
        if (taskId !== undefined) give(taskId)
      } catch (cause) {
        if (closing.signal.aborted) return
        outage.note(redisError('Taking a task id from the queue', address, cause))
        await consumer?.close()
        consumer = undefined
        const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures++, 10))
        await runtime.sleep(pauseMs * (0.5 + runtime.random() / 2), closing.signal)
      }
    }
  }

  function give(taskId: string): void {
    const [taker] = takers
    if (taker === undefined) spare = taskId
    else taker(taskId)
  }

  function startDispatch(): void {
    dispatching ??= dispatch().finally(() => {
      dispatching = undefined
      if (takers.size > 0 && !closing.signal.aborted) startDispatch()
    })
  }

  return {
    async enqueue(taskIds, urgency = 'fresh') {
      if (closing.signal.aborted || taskIds.length === 0) return []
      try {
        const added = await add([...new Set(taskIds)], urgency)
        outage.over()
        return added
      } catch (cause) {
        outage.note(redisError('Queueing task ids', address, cause))
        return []
      }
    },
    async take(signal) {
      if (closing.signal.aborted || signal.aborted) return undefined
      if (spare !== undefined) {
        const taskId = spare
        spare = undefined
        return taskId
      }
      const taken = new Promise<string | undefined>(resolve => {
        const finish = (taskId: string | undefined) => {
          takers.delete(finish)
          signal.removeEventListener('abort', giveUp)
          resolve(taskId)
        }
        const giveUp = () => finish(undefined)
        takers.add(finish)
        signal.addEventListener('abort', giveUp, { once: true })
      })
      startDispatch()
      return taken
    },
    async size() {
      try {
        return await producer.size()
      } catch (cause) {
        throw redisError('Counting what waits in the queue', address, cause)
      }
    },
    async close() {
      if (closing.signal.aborted) return
      closing.abort()
      for (const taker of takers) taker(undefined)
      await consumer?.close()
      await dispatching
      await producer.close()
    },
  }
}

interface Producer {
  add(taskIds: readonly string[], urgency: Urgency): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

async function openProducer(options: RedisQueueOptions): Promise<Producer> {
  const { address, runtime } = options
  const client = connectRedis(options.address, { reconnect: true })
  const failure = lastError(client)
  const queue = new Queue(QUEUE_NAME, {
    connection: client,
    prefix: prefixOf(options.address),
    skipVersionCheck: true,
    skipMetasUpdate: true,
    streams: { events: { maxLen: MAX_STREAM_EVENTS } },
  })
  queue.on('error', () => {})
  async function close(): Promise<void> {
    await queue.close().catch(() => {})
    client.disconnect()
  }
  try {
    const ready = Promise.race([queue.waitUntilReady(), refusalOf(client)])
    await within({ runtime, ms: OPEN_TIMEOUT_MS, failure }, ready)
    await client.ping()
  } catch (cause) {
    await close()
    throw redisError('Opening the queue', address, cause)
  }
  return {
    async add(taskIds, urgency) {
      await queue.addBulk(
        taskIds.map(taskId => ({
          name: JOB_NAME,
          data: { taskId },
          opts: {
            jobId: jobIdOf(taskId),
            priority: PRIORITIES[urgency],
            removeOnComplete: true,
            removeOnFail: true,
          },
        })),
      )
    },
    async size() {
      const counts = await queue.getJobCounts('wait', 'prioritized')
      return Object.values(counts).reduce((sum, count) => sum + count, 0)
    },
    close,
  }
}

interface Consumer {
  /** The next id; `undefined` when none came for a second. A consumer that failed is of no further use. */
  next(): Promise<string | undefined>
  close(): Promise<void>
}

async function openConsumer(options: RedisQueueOptions): Promise<Consumer> {
  const { runtime } = options
  const client = connectRedis(options.address, { reconnect: false })
  const failure = lastError(client)
  const worker = new Worker(QUEUE_NAME, null, {
    connection: client,
    prefix: prefixOf(options.address),
    autorun: false,
    skipVersionCheck: true,
    drainDelay: BLOCK_SECONDS,
    lockDuration: LOCK_MS,
    stalledInterval: LOCK_MS,
    maxStalledCount: MAX_STALLS,
  })
  worker.on('error', () => {})
  async function close(): Promise<void> {
    client.disconnect()
    await within({ runtime, ms: COMMAND_TIMEOUT_MS }, worker.close(true)).catch(() => {})
  }
  async function next(): Promise<string | undefined> {
    const token = runtime.uuid()
    const job: Job | undefined = await worker.getNextJob(token)
    if (job === undefined) {
      if (client.status !== 'ready') throw failure() ?? new Error('Connection is closed.')
      return undefined
    }
    await job.moveToCompleted(undefined, token, false)
    return jobDataSchema.parse(job.data).taskId
  }
  try {
    await within({ runtime, ms: OPEN_TIMEOUT_MS, failure }, worker.waitUntilReady())
    await worker.startStalledCheckTimer()
  } catch (cause) {
    await close()
    throw cause
  }
  return { next: () => within({ runtime, ms: NEXT_TIMEOUT_MS, failure }, next()), close }
}

/** Braces make it the part of a key that decides the slot, since BullMQ's scripts need all keys of a queue on one node of a Cluster. */
function prefixOf({ prefix }: RedisAddress): string {
  return `{${prefix}}`
}

/** BullMQ refuses ids that are whole numbers, or hold its separator. */
function jobIdOf(taskId: string): string {
  return `task-${encodeURIComponent(taskId)}`
}

/** What the connection failed on last: the commands that fail with it only say that it is closed. */
function lastError(client: RedisClient): () => unknown {
  let last: unknown
  client.on('error', (error: unknown) => {
    last = error
  })
  return () => last
}

/** Fails when the server refuses what was configured: the client alone would go on trying. */
function refusalOf(client: RedisClient): Promise<never> {
  return new Promise((_, reject) => {
    client.on('error', (error: unknown) => {
      if (isRefusal(error)) reject(error)
    })
  })
}

interface TimeLimit {
  readonly runtime: Runtime
  readonly ms: number
  /** A better cause than that the time is over, or that a connection is closed. */
  readonly failure?: () => unknown
}

async function within<T>({ runtime, ms, failure }: TimeLimit, work: Promise<T>): Promise<T> {
  work.catch(() => {})
  const done = new AbortController()
  const late = runtime.sleep(ms, done.signal).then(() => {
    if (!done.signal.aborted) throw new Error(`no answer within ${ms / 1_000} s`)
    return work
  })
  try {
    return await Promise.race([work, late])
  } catch (error) {
    throw failure?.() ?? error
  } finally {
    done.abort()
  }
}

/** An outage makes every command fail: one report at its start, and another each minute. */
function trackOutage({ runtime, onFailure }: RedisQueueOptions) {
  let reportedAtMs: number | undefined
  return {
    note(error: AppError): void {
      const nowMs = runtime.monotonicMs()
      if (reportedAtMs !== undefined && nowMs - reportedAtMs < REPORT_INTERVAL_MS) return
      reportedAtMs = nowMs
      onFailure(error)
    },
    over(): void {
      reportedAtMs = undefined
    },
  }
}
