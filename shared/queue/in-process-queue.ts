/** The queue of the embedded shape: in this process's memory, in the order of arrival, bounded. A crash loses it, as it may. */
import type { TaskQueue, Urgency } from './task-queue.ts'

/** Ids that may wait; the metadata database holds the rest. */
export const MAX_WAITING_TASKS = 100_000

type Taker = (taskId: string | undefined) => void

export function createInProcessQueue(maxWaiting: number = MAX_WAITING_TASKS): TaskQueue {
  /** Sets keep the order of insertion. */
  const waiting: Readonly<Record<Urgency, Set<string>>> = { fresh: new Set(), backlog: new Set() }
  const size = () => waiting.fresh.size + waiting.backlog.size
  /** At most one of the two holds something: an id that arrives goes to a waiting taker at once. */
  const takers = new Set<Taker>()
  let isClosed = false

  function add(taskId: string, urgency: Urgency): boolean {
    if (isClosed) return false
    const [taker] = takers
    if (taker !== undefined) taker(taskId)
    else if (waiting.fresh.has(taskId) || waiting.backlog.has(taskId)) return true
    else if (size() >= maxWaiting) return false
    else waiting[urgency].add(taskId)
    return true
  }

  return {
    enqueue: async (taskIds, urgency = 'fresh') =>
      [...new Set(taskIds)].filter(taskId => add(taskId, urgency)),
    take: async signal => {
      const from = waiting.fresh.size > 0 ? waiting.fresh : waiting.backlog
      const [taskId] = from
      if (isClosed || signal.aborted) return undefined
      if (taskId === undefined) return waitForOne(takers, signal)
      from.delete(taskId)
      return taskId
    },
    size: async () => size(),
    close: async () => {
      isClosed = true
      waiting.fresh.clear()
      waiting.backlog.clear()
      for (const taker of takers) taker(undefined)
    },
  }
}

function waitForOne(takers: Set<Taker>, signal: AbortSignal): Promise<string | undefined> {
  return new Promise(resolve => {
    const finish: Taker = taskId => {
      takers.delete(finish)
      signal.removeEventListener('abort', giveUp)
      resolve(taskId)
    }
    const giveUp = () => finish(undefined)
    takers.add(finish)
    signal.addEventListener('abort', giveUp, { once: true })
  })
}
