/**
 * The port to the queue: ids of tasks that may be run, and nothing else. It may lose them at any moment: tasks are rows of the
 * metadata database, and a sweep over the runnable ones puts back what the queue forgot. A task taken twice commits once.
 * Every implementation passes `test/contract/task-queue.ts`.
 */
export interface TaskQueue {
  /**
   * Adds the ids at the end, in order; one that waits already keeps its place. Answers the ids that it took in, each once: those left out found
   * the queue full, closed or out of reach, and are for a later sweep. `fresh` (the default) goes before `backlog`.
   */
  enqueue(taskIds: readonly string[], urgency?: Urgency): Promise<readonly string[]>
  /** The id that has waited longest, fresh ones first, each to one taker; waits for one. `undefined` when `signal` aborts or the queue closes. */
  take(signal: AbortSignal): Promise<string | undefined>
  /** Ids that wait. */
  size(): Promise<number>
  /** Ends every wait. */
  close(): Promise<void>
}

/** fresh: its rows would show as soon as it commits · backlog: others of its table go first, or run already. */
export type Urgency = 'fresh' | 'backlog'
