/** What may happen to one call of a simulated process to the world outside it, and two ways of choosing it: by chance, or by script. */
import type { SeededRandom } from './seeded-random.ts'

/**
 * fail: an error instead of the effect, or after it (the caller cannot know which) · crash: the process is gone before the effect, or
 * right after it · freeze: the process stands still before it sends the call, or before it hears the answer, and then goes on as if
 * nothing had been: a zombie, when its lease ran out meanwhile.
 */
export type Fault =
  | { readonly kind: 'fail' | 'crash'; readonly when: 'before' | 'after' }
  | { readonly kind: 'freeze'; readonly when: 'before' | 'after'; readonly forMs: number }

export interface Fate {
  /** Until the call arrives; its effect happens then. */
  readonly requestMs: number
  /** From the effect until the caller hears of it. */
  readonly responseMs: number
  /** Whether a call that is under way when its process dies still has its effect. */
  readonly outlivesProcess: boolean
  readonly fault?: Fault
}

export interface CallToJudge {
  /** For example `metadata.commitTask`. */
  readonly what: string
  /** 1 for the first call of the process. */
  readonly number: number
}

export type FaultPlan = (call: CallToJudge) => Fate

/** How bad a simulated world is: chances per call. */
export interface Weather {
  readonly fail: number
  readonly crash: number
  readonly freeze: number
  /** A call or its answer takes up to `MAX_DELAY_MS`. */
  readonly delay: number
}

export const CALM: Weather = { fail: 0, crash: 0, freeze: 0, delay: 0 }

const USUAL_LATENCY_MS = [0.2, 40] as const
const MAX_DELAY_MS = 45_000
const FREEZE_MS = [2_000, 90_000] as const

export interface Chances {
  readonly random: SeededRandom
  readonly weatherNow: () => Weather
  /** Asked of every fault and every delay; what it refuses does not happen. */
  readonly isAllowed: (what: string, call: CallToJudge) => boolean
}

/** Draws the same number of times for every call, so that a calmer world is the same world with fewer faults. */
export function chanceFaults({ random, weatherNow, isAllowed }: Chances): FaultPlan {
  return call => {
    const weather = weatherNow()
    const draws = {
      requestMs: random.span(...USUAL_LATENCY_MS),
      responseMs: random.span(...USUAL_LATENCY_MS),
      outlivesProcess: random.chance(0.5),
      when: random.chance(0.5) ? ('before' as const) : ('after' as const),
      delayed: random.chance(weather.delay),
      // Most are short, some outlast every lease.
      delayMs: MAX_DELAY_MS * random.next() ** 3,
      freezeMs: random.span(...FREEZE_MS),
      fault: random.next(),
    }
    const { outlivesProcess, when, delayMs } = draws
    const delayed = draws.delayed && isAllowed(`delay ${when}`, call)
    const drawn = faultOf(draws.fault, weather, { when, freezeMs: draws.freezeMs })
    const fault = drawn !== undefined && isAllowed(`${drawn.kind} ${when}`, call) ? drawn : undefined
    return {
      requestMs: draws.requestMs + (delayed && when === 'before' ? delayMs : 0),
      responseMs: draws.responseMs + (delayed && when === 'after' ? delayMs : 0),
      outlivesProcess,
      ...(fault !== undefined && { fault }),
    }
  }
}

function faultOf(
  draw: number,
  { fail, crash, freeze }: Weather,
  { when, freezeMs }: { readonly when: Fault['when']; readonly freezeMs: number },
): Fault | undefined {
  if (draw < fail) return { kind: 'fail', when }
  if (draw < fail + crash) return { kind: 'crash', when }
  if (draw < fail + crash + freeze) return { kind: 'freeze', when, forMs: freezeMs }
  return undefined
}

/** Every call takes a millisecond each way; call `number` meets `fault`. */
export function faultAt(number: number | undefined, fault?: Fault): FaultPlan {
  return call => ({
    requestMs: 1,
    responseMs: 1,
    outlivesProcess: false,
    ...(fault !== undefined && call.number === number && { fault }),
  })
}
