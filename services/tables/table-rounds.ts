/**
 * One loop for all tables of a process: at every tick it asks once which of those whose time has come have something to do, and runs the
 * rounds of these, a few at once. What is idle costs its part of one question, and a table that is slow holds up no other.
 */
import { AppError } from '../../shared/runtime/errors.ts'
import { runLoop } from '../../shared/runtime/loop.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'

/** Longest pause of a table after failures in a row. */
const MAX_PAUSE_MS = 30_000

export interface TableRounds<T, Input> {
  readonly runtime: Runtime
  readonly signal: AbortSignal
  readonly tickMs: number
  /** Of each line. */
  readonly maxAtOnce: number
  /** Names the line that it waits in: whoever works with other servers waits in another, so that one that is slow holds up only its own. */
  readonly lineOf: (one: T) => string
  /** Done at every tick, also while no table is due. */
  readonly beforeAll?: () => Promise<void>
  /** Those that there are by now, by an id of each. */
  readonly all: () => ReadonlyMap<string, T>
  /** Of those whose time has come, the ones with something to do; the others are asked about again at the next tick. */
  readonly choose: (due: ReadonlyMap<string, T>) => Promise<ReadonlyMap<string, Input>>
  /** Answers how long after its beginning the table's time comes again. */
  readonly round: (one: T, input: Input) => Promise<number>
  /** Without a table: the question failed. */
  readonly onFailure: (error: unknown, one?: T) => void
}

interface Place {
  dueMs: number
  failures: number
  /** Has a round, or waits for its turn. */
  isBusy: boolean
}

/** Throws what is fatal, after the rounds under way have ended. */
export async function runTableRounds<T, Input>(rounds: TableRounds<T, Input>): Promise<void> {
  const { runtime, signal: outer, tickMs, onFailure } = rounds
  const stop = new AbortController()
  const signal = AbortSignal.any([outer, stop.signal])
  const places = new Map<string, Place>()
  const lines = new Map<string, ReturnType<typeof createLine>>()
  const fatal: unknown[] = []

  async function runOne(one: T, place: Place, input: Input): Promise<void> {
    const beganMs = runtime.monotonicMs()
    let nextMs: number
    try {
      nextMs = signal.aborted ? 0 : await rounds.round(one, input)
      place.failures = 0
    } catch (error) {
      if (error instanceof AppError && error.next === 'fatal') {
        fatal.push(error)
        stop.abort()
      } else onFailure(error, one)
      nextMs =
        Math.min(MAX_PAUSE_MS, tickMs * 2 ** Math.min(place.failures++, 10)) * (0.5 + runtime.random() / 2)
    }
    place.dueMs = beganMs + nextMs
    place.isBusy = false
  }

  function lineOf(one: T): ReturnType<typeof createLine> {
    const name = rounds.lineOf(one)
    const line = lines.get(name) ?? createLine(rounds.maxAtOnce)
    lines.set(name, line)
    return line
  }

  await runLoop({ runtime, signal, intervalMs: tickMs, onFailure: error => onFailure(error) }, async () => {
    await rounds.beforeAll?.()
    const nowMs = runtime.monotonicMs()
    const all = rounds.all()
    const due = new Map([...all].filter(([id]) => isDue(places.get(id), nowMs)))
    if (due.size === 0) return { again: false }
    for (const [id, input] of await rounds.choose(due)) {
      const one = due.get(id)
      if (one === undefined) continue
      const place = places.get(id) ?? { dueMs: 0, failures: 0, isBusy: false }
      places.set(id, place)
      place.isBusy = true
      lineOf(one).add(() => runOne(one, place, input))
    }
    return { again: false }
  })
  await Promise.all(Array.from(lines.values(), line => line.end()))
  if (fatal.length > 0) throw fatal[0]
}

function isDue(place: Place | undefined, nowMs: number): boolean {
  return place === undefined || (!place.isBusy && place.dueMs <= nowMs)
}

/** Runs what is added in its order, `most` at once. */
function createLine(most: number) {
  const waiting: (() => Promise<void>)[] = []
  const lanes: Promise<void>[] = []
  let open = 0
  async function lane(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next()
    // In the same breath as the look that found nothing: what is added from now on needs another lane.
    open--
  }
  return {
    add(work: () => Promise<void>): void {
      waiting.push(work)
      if (open >= most) return
      open++
      const added = lane()
      lanes.push(added)
      void added.finally(() => lanes.splice(lanes.indexOf(added), 1))
    },
    /** When all that was added has run. */
    async end(): Promise<void> {
      while (lanes.length > 0) await Promise.all(lanes)
    },
  }
}
