/** Tries work again that another process is busy with, or that fails for a while: for runs that end, unlike `loop.ts`. */
import type { Runtime } from './runtime.ts'

/** Waits for another process, two minutes in all. */
const MAX_BUSY_WAITS = 600
const BUSY_WAIT_MS = 200
/** Attempts that fail, with pauses that double. */
const MAX_ATTEMPTS = 5
const FIRST_RETRY_DELAY_MS = 200

/** settled: there is nothing to wait for · busy: another process is at it · failing: it may go well the next time */
export type Verdict = 'settled' | 'busy' | 'failing'

export interface Patience<T> {
  readonly runtime: Pick<Runtime, 'sleep'>
  readonly signal: AbortSignal
  readonly verdictOf: (outcome: T) => Verdict
}

/** Answers with the last outcome: one that is settled, or whatever it was when patience or the signal ended it. */
export async function patiently<T>(
  { runtime, signal, verdictOf }: Patience<T>,
  attempt: () => Promise<T>,
): Promise<T> {
  let waits = 0
  let failures = 0
  for (;;) {
    const outcome = await attempt()
    const verdict = verdictOf(outcome)
    if (verdict === 'settled' || signal.aborted) return outcome
    const isOver = verdict === 'busy' ? ++waits === MAX_BUSY_WAITS : ++failures === MAX_ATTEMPTS
    if (isOver) return outcome
    await runtime.sleep(verdict === 'busy' ? BUSY_WAIT_MS : FIRST_RETRY_DELAY_MS * 2 ** failures, signal)
  }
}
