/**
 * The two sides of the queue as BullMQ has them: what adds ids, and what takes them. Each has connections of its own, and is of no further
 * use once one of its calls has failed: its owner closes it and opens another.
 */
import { type Job, Queue, Worker } from 'bullmq'
import { z } from 'zod'
import type { Runtime } from '../runtime/runtime.ts'
import type { RedisAddress } from './redis-address.ts'
import {
  COMMAND_TIMEOUT_MS,
  connectRedis,
  failureOfFirstHost,
  lastFailureOf,
  type RedisClient,
} from './redis-client.ts'
import type { Urgency } from './task-queue.ts'

const OPEN_TIMEOUT_MS = 10_000
/** How long Redis is asked to wait for a job before the question is asked again. */
const BLOCK_SECONDS = 1
const NEXT_TIMEOUT_MS = BLOCK_SECONDS * 1_000 + 2 * COMMAND_TIMEOUT_MS
/** Of a job between the two calls of a take. */
const LOCK_MS = 10_000
/** A job found stalled this often is dropped, for the sweep to put back. */
const MAX_STALLS = 10
/** BullMQ's stream of events, which nobody reads here. */
const MAX_STREAM_EVENTS = 10
const QUEUE_NAME = 'tasks'
const JOB_NAME = 'task'
/** BullMQ takes jobs without a priority first. */
const PRIORITIES: Readonly<Record<Urgency, number>> = { fresh: 0, backlog: 1 }

const jobDataSchema = z.object({ taskId: z.string().min(1) })

export interface Producer {
  add(taskIds: readonly string[], urgency: Urgency): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

export async function openProducer(address: RedisAddress, runtime: Runtime): Promise<Producer> {
  const client = connectRedis(address)
  const failure = lastFailureOf(client)
  const queue = new Queue(QUEUE_NAME, {
    connection: client,
    prefix: prefixOf(address),
    skipVersionCheck: true,
    skipMetasUpdate: true,
    streams: { events: { maxLen: MAX_STREAM_EVENTS } },
  })
  queue.on('error', () => {})
  async function close(): Promise<void> {
    client.disconnect()
    await within({ runtime, ms: COMMAND_TIMEOUT_MS }, queue.close()).catch(() => {})
  }
  try {
    const ready = Promise.race([queue.waitUntilReady(), failureOf(client, failure)])
    await within({ runtime, ms: OPEN_TIMEOUT_MS, failure }, ready)
    // Also asks whether the user may touch the keys.
    await queue.getJobCounts('wait')
  } catch (cause) {
    await close()
    throw await reasonOf(address, cause)
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

export interface Consumer {
  /** The next id; `undefined` when none came for a second. A consumer that failed is of no further use. */
  next(): Promise<string | undefined>
  close(): Promise<void>
}

export async function openConsumer(address: RedisAddress, runtime: Runtime): Promise<Consumer> {
  const client = connectRedis(address)
  const failure = lastFailureOf(client)
  const worker = new Worker(QUEUE_NAME, null, {
    connection: client,
    prefix: prefixOf(address),
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
    const ready = Promise.race([worker.waitUntilReady(), failureOf(client, failure)])
    await within({ runtime, ms: OPEN_TIMEOUT_MS, failure }, ready)
    await worker.startStalledCheckTimer()
  } catch (cause) {
    await close()
    throw await reasonOf(address, cause)
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

/** The client's first failure: it does not try again by itself. */
function failureOf(client: RedisClient, failure: () => unknown): Promise<never> {
  return new Promise((_, reject) => client.once('error', () => reject(failure())))
}

async function reasonOf(address: RedisAddress, cause: unknown): Promise<unknown> {
  const isKnown = address.kind === 'server' || !String(cause).includes('Connection is closed')
  return isKnown ? cause : ((await failureOfFirstHost(address)) ?? cause)
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
