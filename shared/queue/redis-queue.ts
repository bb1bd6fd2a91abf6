/**
 * The queue of the distributed shape: BullMQ on Redis, shared by any number of processes. Redis holds ids that wait, and nothing else.
 *
 * An id that is taken leaves Redis at once: the claim in the database is what makes the task its taker's, and the sweep puts back what a
 * dying taker had in its hands. Between the two calls of a take a job is BullMQ's "active"; when the process dies just then, its lock runs
 * out and BullMQ's check for stalled jobs, which every process runs, puts it back.
 *
 * Redis may answer nothing, refuse connections, forget everything or be another server at any moment. Then `enqueue` takes nothing in and
 * takers wait; what fails is thrown away with its connections and opened afresh, so that another server, password or certificate is found.
 */
import { AppError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { RedisAddress } from './redis-address.ts'
import { type Consumer, openConsumer, openProducer, type Producer } from './redis-bullmq.ts'
import { redisError, redisOpeningError } from './redis-errors.ts'
import type { TaskQueue, Urgency } from './task-queue.ts'

/** Ids that may wait, about: processes that add at the same moment may each fill the same room. */
const MAX_WAITING_IN_REDIS = 10_000
/** Rounds of finding room and filling it in one `enqueue`; ids that wait already take up no room. */
const MAX_FILL_ROUNDS = 4
const IDS_PER_CALL = 500
/** A server that is starting at the same time is waited for. */
const START_TIMEOUT_MS = 10_000
const START_PAUSE_MS = 250
const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 2_000
/** While an outage lasts it is reported this often. */
const REPORT_INTERVAL_MS = 60_000
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
  const producers = keepProducer(options)
  await producers.open()
  const closing = new AbortController()
  const takers = new Set<(taskId: string | undefined) => void>()
  /** Taken from Redis for a taker that has gone since. */
  let spare: string | undefined
  let consumer: Consumer | undefined
  let dispatching: Promise<void> | undefined

  async function add(
    producer: Producer,
    taskIds: readonly string[],
    urgency: Urgency,
  ): Promise<readonly string[]> {
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
        consumer ??= await openConsumer(address, runtime)
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
        const added = await producers.use(producer => add(producer, [...new Set(taskIds)], urgency))
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
        return await producers.use(producer => producer.size())
      } catch (cause) {
        throw passing(redisError('Counting what waits in the queue', address, cause))
      }
    },
    async close() {
      if (closing.signal.aborted) return
      closing.abort()
      for (const taker of takers) taker(undefined)
      // Ends a wait for an id.
      await consumer?.close()
      await dispatching
      // It may have been opened only now; left open, its connections would keep the process alive for ever.
      await consumer?.close()
      await producers.close()
    },
  }
}

/** One producer for all callers; after a failure the next caller opens another. */
function keepProducer({ address, runtime }: RedisQueueOptions) {
  let current: Promise<Producer> | undefined
  async function use<T>(body: (producer: Producer) => Promise<T>): Promise<T> {
    current ??= openProducer(address, runtime)
    const mine = current
    try {
      return await body(await mine)
    } catch (cause) {
      if (current === mine) current = undefined
      await closeQuietly(mine)
      throw cause
    }
  }
  return {
    use,
    /** What is configured wrongly fails at once, what may be on its way after a while. */
    async open(): Promise<void> {
      const untilMs = runtime.monotonicMs() + START_TIMEOUT_MS
      for (;;) {
        try {
          return await use(async () => {})
        } catch (cause) {
          const error = redisOpeningError(address, cause)
          if (error.next === 'fatal' || runtime.monotonicMs() >= untilMs) throw error
          await runtime.sleep(START_PAUSE_MS)
        }
      }
    },
    async close(): Promise<void> {
      if (current !== undefined) await closeQuietly(current)
    },
  }
}

/** What was right at the start may be right again: a process that runs outlives a password or a certificate that is being changed. */
function passing({ code, message, details, cause }: AppError): AppError {
  return new AppError({ code, next: 'retry', message, details, cause })
}

async function closeQuietly(opening: Promise<Producer>): Promise<void> {
  await opening.then(
    producer => producer.close(),
    () => undefined,
  )
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
