/**
 * Lets problems through to the log without flooding it: a store that is down fails every task of every table, again and again. Of each code
 * the first problem of a table and step is written at once; those that follow are counted, and told in one line for each window.
 * Nothing is silent: what was held back is in a count, and a code that is quiet for a whole window begins afresh.
 */
import type { Runtime } from '../../shared/runtime/runtime.ts'
import type { Problem } from '../progress.ts'

export const PROBLEM_WINDOW_MS = 30_000
/** Tables and steps whose first problem of one code is written; more of them are only counted. */
export const MAX_PLACES_SHOWN = 10
/** Places of one code that are told apart in a window's count. */
const MAX_PLACES_COUNTED = 10_000

/** Problems that were held back in one window. */
export interface Repeated {
  /** The last of them. */
  readonly problem: Problem
  readonly count: number
  /** Tables and steps that had one. */
  readonly places: number
  readonly windowMs: number
}

export interface RepeatedProblems {
  /** Whether the problem is to be written now. */
  take(problem: Problem): boolean
  /** Tells what was held back, and ends. */
  close(): void
}

interface Following {
  readonly shown: Set<string>
  held: { problem: Problem; count: number; readonly places: Set<string> } | undefined
  startedMs: number
}

export function createRepeatedProblems(
  runtime: Pick<Runtime, 'sleep' | 'monotonicMs'>,
  tell: (repeated: Repeated) => void,
): RepeatedProblems {
  const closed = new AbortController()
  /** By code and what follows: both are words of the code, so there are not many. */
  const following = new Map<string, Following>()

  function tellHeld(of: Following): boolean {
    const { held } = of
    if (held === undefined) return false
    const windowMs = Math.round(runtime.monotonicMs() - of.startedMs)
    tell({ problem: held.problem, count: held.count, places: held.places.size, windowMs })
    of.held = undefined
    return true
  }

  async function follow(kind: string, of: Following): Promise<void> {
    for (;;) {
      of.startedMs = runtime.monotonicMs()
      await runtime.sleep(PROBLEM_WINDOW_MS, closed.signal)
      if (closed.signal.aborted) return
      if (tellHeld(of)) continue
      following.delete(kind)
      return
    }
  }

  return {
    take(problem) {
      const kind = `${problem.code} ${problem.next}`
      const place = `${problem.table ?? ''} ${problem.catalog ?? ''} ${problem.where}`
      let of = following.get(kind)
      if (of === undefined) {
        of = { shown: new Set(), held: undefined, startedMs: runtime.monotonicMs() }
        following.set(kind, of)
        void follow(kind, of)
      }
      if (!of.shown.has(place) && of.shown.size < MAX_PLACES_SHOWN) {
        of.shown.add(place)
        return true
      }
      of.held ??= { problem, count: 0, places: new Set() }
      of.held.problem = problem
      of.held.count++
      if (of.held.places.size < MAX_PLACES_COUNTED) of.held.places.add(place)
      return false
    },
    close() {
      for (const of of following.values()) tellHeld(of)
      closed.abort()
    },
  }
}
