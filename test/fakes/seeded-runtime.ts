import type { Runtime } from '../../shared/runtime/runtime.ts'

export interface SeededRuntime extends Runtime {
  /** Moves the clock on and wakes who sleeps until then. */
  advance(ms: number): void
}

/** A runtime whose every answer follows from the seed; its clock moves only when somebody sleeps or `advance` is called. */
export function createSeededRuntime(seed: number, startMs = 1_700_000_000_000): SeededRuntime {
  let state = seed >>> 0 || 1
  let nowMs = startMs
  const random = () => {
    // xorshift32
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 2 ** 32
  }
  const hex = (digits: number) =>
    Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('')
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs - startMs,
    random,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
    async sleep(ms, signal) {
      if (signal?.aborted) return
      nowMs += ms
    },
    advance(ms) {
      nowMs += ms
    },
  }
}
