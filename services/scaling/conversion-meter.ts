/** How busy the conversions of this process are, and how much they get done: for its heartbeat and its metrics. */
import type { Runtime } from '../../shared/runtime/runtime.ts'

/** Utilisation is that of about this long. */
const WINDOW_MS = 60_000
/** A window is made of this many steps. */
const STEPS = 12
/** The rate is that of conversions of about this much busy time, so that a quiet night does not forget it. */
const RATE_HALF_LIFE_MS = 10 * 60_000

export interface ConversionMeter {
  /** Measures the time that `work` takes. */
  during<T>(work: () => Promise<T>): Promise<T>
  /** Counts segments that were converted and committed. */
  add(bytes: number): void
  /** Share of the last minute that conversions were busy, 0 to 1. */
  utilisation(): number
  /** What the process converts in a second when all its conversions are busy; `undefined` until one has ended. */
  bytesPerSecond(): number | undefined
}

interface Mark {
  readonly atMs: number
  readonly busyMs: number
}

export function createConversionMeter(
  runtime: Pick<Runtime, 'monotonicMs'>,
  conversions: number,
): ConversionMeter {
  let running = 0
  /** Of all conversions together, up to `atMs`. */
  let current: Mark = { atMs: runtime.monotonicMs(), busyMs: 0 }
  let marks: readonly Mark[] = [current]
  let converted = { bytes: 0, busyMs: 0, sinceBusyMs: 0 }

  function moveOn(): Mark {
    const atMs = runtime.monotonicMs()
    current = { atMs, busyMs: current.busyMs + running * (atMs - current.atMs) }
    const last = marks.at(-1)
    if (last === undefined || atMs - last.atMs >= WINDOW_MS / STEPS) {
      // One mark from before the window stays, to measure from.
      const inside = marks.findIndex(mark => mark.atMs >= atMs - WINDOW_MS)
      marks = [...marks.slice(inside === -1 ? -1 : Math.max(0, inside - 1)), current]
    }
    return current
  }

  return {
    async during(work) {
      moveOn()
      running++
      try {
        return await work()
      } finally {
        moveOn()
        running--
      }
    },
    add(bytes) {
      const { busyMs } = moveOn()
      const newMs = busyMs - converted.sinceBusyMs
      const kept = 0.5 ** (newMs / RATE_HALF_LIFE_MS)
      converted = {
        bytes: converted.bytes * kept + bytes,
        busyMs: converted.busyMs * kept + newMs,
        sinceBusyMs: busyMs,
      }
    },
    utilisation() {
      const { atMs, busyMs } = moveOn()
      const from = marks.findLast(mark => mark.atMs <= atMs - WINDOW_MS) ?? marks[0]
      if (from === undefined || atMs <= from.atMs) return running / conversions
      return Math.min(1, (busyMs - from.busyMs) / ((atMs - from.atMs) * conversions))
    },
    bytesPerSecond() {
      const { bytes, busyMs } = converted
      return busyMs > 0 ? (bytes / (busyMs / 1000)) * conversions : undefined
    },
  }
}
