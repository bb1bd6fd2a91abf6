/**
 * The one clock and the one order of events of a simulated world. An event runs when all code that the events before it woke has come
 * to rest, so that every interleaving follows from the times of the events, and those from the seed.
 *
 * It rests on what the pipeline promises: outside its ports nothing waits for real I/O or real timers. What an event wakes are
 * microtasks, and they are all done when the event loop gets round to `setImmediate`.
 */

/** Events that one world may take; a world that needs more is going round in circles. */
const MAX_EVENTS = 400_000

/** Whoever sleeps until an event, for example a process: while it is frozen its events wait, once it is dead they never come. */
export interface EventOwner {
  readonly isDead: boolean
  readonly frozenUntilMs: number
}

interface ScheduledEvent {
  atMs: number
  readonly order: number
  readonly owner: EventOwner | undefined
  readonly run: () => void
}

export interface Scheduler {
  /** Simulated Unix ms, a whole number. */
  nowMs(): number
  /** Runs `run` in `delayMs`; the returned function takes it back. */
  schedule(delayMs: number, owner: EventOwner | undefined, run: () => void): () => void
  /** Resolves in `delayMs`; never, when the owner dies before. */
  after(delayMs: number, owner?: EventOwner): Promise<void>
  /** Takes events one by one until `isOver` answers true after one of them. Throws when there are none left, or too many. */
  run(isOver: () => boolean | Promise<boolean>): Promise<void>
}

export function createScheduler(startMs: number): Scheduler {
  const events = new Set<ScheduledEvent>()
  let now = startMs
  let order = 0
  let taken = 0

  function schedule(delayMs: number, owner: EventOwner | undefined, run: () => void): () => void {
    const event = { atMs: now + delayMs, order: order++, owner, run }
    events.add(event)
    return () => events.delete(event)
  }

  /** The earliest event that its owner can take. */
  function takeNext(): ScheduledEvent | undefined {
    let next: ScheduledEvent | undefined
    for (const event of events) {
      if (event.owner?.isDead === true) {
        events.delete(event)
        continue
      }
      event.atMs = Math.max(event.atMs, event.owner?.frozenUntilMs ?? 0)
      if (
        next === undefined ||
        event.atMs < next.atMs ||
        (event.atMs === next.atMs && event.order < next.order)
      )
        next = event
    }
    if (next !== undefined) events.delete(next)
    return next
  }

  return {
    nowMs: () => Math.floor(now),
    schedule,
    after: (delayMs, owner) => new Promise(resolve => schedule(delayMs, owner, resolve)),
    async run(isOver) {
      await untilAllRest()
      while (!(await isOver())) {
        const event = takeNext()
        if (event === undefined) throw new Error('the world stands still: nothing is left to happen')
        if (++taken > MAX_EVENTS) throw new Error(`the world did not end within ${MAX_EVENTS} events`)
        now = Math.max(now, event.atMs)
        event.run()
        await untilAllRest()
      }
    },
  }
}

function untilAllRest(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
