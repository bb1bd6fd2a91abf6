/** The queue of the embedded shape: in this process's memory, in the order of arrival, bounded. A crash loses it, as it may. */
import type { TaskQueue } from './task-queue.ts'

/** Ids that may wait; the metadata database holds the rest. */
export const MAX_WAITING_TASKS = 100_000

type Taker = (taskId: string | undefined) => void

export function createInProcessQueue(maxWaiting: number = MAX_WAITING_TASKS): TaskQueue {
  /** Sets keep the order of insertion. */
  const waiting = new Set<string>()
  /** At most one of the two holds something: an id that arrives goes to a waiting taker at once. */
  const takers = new Set<Taker>()
  let isClosed = false

  function add(taskId: string): boolean {
    if (isClosed) return false
    const [taker] = takers
    if (taker !== undefined) taker(taskId)
    else if (waiting.has(taskId)) return true
    else if (waiting.size >= maxWaiting) return false
    else waiting.add(taskId)
    return true
  }

  return {
    enqueue: async taskIds => [...new Set(taskIds)].filter(add),
    take: async signal => {
      const [taskId] = waiting
      if (isClosed || signal.aborted) return undefined
      if (taskId === undefined) return waitForOne(takers, signal)
      waiting.delete(taskId)
      return taskId
    },
    size: async () => waiting.size,
    close: async () => {
      isClosed = true
      waiting.clear()
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
