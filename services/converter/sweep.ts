/** Puts back into the queue what it forgot: tasks are rows of the database, and the queue may lose their ids at any moment. */
import { runLoop } from '../../shared/runtime/loop.ts'
import { type Parts, problemOf } from '../parts.ts'

/**
 * Ids of the backlog that wait in the queue, about: enough for all workers until the next sweep. The rest waits in the database, where
 * tables take turns; in the queue, the order is what it is.
 */
const BACKLOG_WINDOW = 1_000
const SWEEP_INTERVAL_MS = 1_000

/**
 * Tasks are rows; the queue may have forgotten some, and claims of dead workers run out: both are put back. While the queue still holds
 * half a window, only the latter: a sweep costs by what workers took, not by how much waits, however many processes sweep.
 */
export async function sweepUntilStopped(parts: Parts, signal: AbortSignal): Promise<void> {
  const { metadata, queue, runtime } = parts
  await runLoop(
    { runtime, signal, intervalMs: SWEEP_INTERVAL_MS, onFailure: problemOf(parts, 'sweeping') },
    async () => {
      // What was planned after a lost task is staged and shows to nobody until it is done: it does not wait behind a backlog.
      const lost = await metadata.listLostTasks(BACKLOG_WINDOW)
      if (lost.length > 0) await queue.enqueue(lost, 'fresh')
      if ((await queue.size()) < BACKLOG_WINDOW / 2)
        await queue.enqueue(await metadata.listRunnableTasks(BACKLOG_WINDOW), 'backlog')
      return { again: false }
    },
  )
}
