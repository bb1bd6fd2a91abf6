import type { Runtime } from '../../shared/runtime/runtime.ts'
import { createSeededRuntime } from './seeded-runtime.ts'

export interface SteppedRuntime extends Runtime {
  /** Moves the clock on and wakes who sleeps until then. */
  advance(ms: number): void
}

/** A runtime whose clock moves only when a test says so: who sleeps, sleeps until then. */
export function createSteppedRuntime(seed: number): SteppedRuntime {
  const seeded = createSeededRuntime(seed)
  const sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>()
  return {
    ...seeded,
    sleep: (ms, signal) =>
      new Promise(resolve => {
        if (signal?.aborted === true) return resolve()
        const wake = () => {
          sleepers.delete(sleeper)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        const sleeper = { untilMs: seeded.nowMs() + ms, wake }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', wake, { once: true })
      }),
    advance(ms) {
      seeded.advance(ms)
      for (const { untilMs, wake } of [...sleepers]) if (untilMs <= seeded.nowMs()) wake()
    },
  }
}
