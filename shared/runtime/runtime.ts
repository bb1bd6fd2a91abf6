/** Time, ids and randomness, injected so that a whole run can be replayed from a seed. Nothing else reads a clock or a random source. */
export interface Runtime {
  /** Wall clock, Unix milliseconds. */
  nowMs(): number
  /** Monotonic clock for durations, milliseconds. */
  monotonicMs(): number
  /** A uniform number in [0, 1). */
  random(): number
  /** A version 4 UUID, lower-case text with dashes. */
  uuid(): string
  /** Resolves after `ms`, or at once when `signal` aborts (it never rejects). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}
