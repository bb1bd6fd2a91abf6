/**
 * Runs a stage again and again until it is told to stop. A failure that may pass is reported and tried again with growing pauses;
 * a fatal one ends the loop, and with it the process.
 */
import { AppError } from './errors.ts'
import type { Runtime } from './runtime.ts'

/** Longest pause after failures in a row: what a database or Redis that is back again waits for at most. */
const MAX_PAUSE_MS = 10_000

export interface LoopOptions {
  readonly runtime: Runtime
  readonly signal: AbortSignal
  /** Pause between rounds that found nothing more to do. */
  readonly intervalMs: number
  readonly onFailure: (error: unknown) => void
}

/** `body` answers whether it should be called again at once. */
export async function runLoop(
  options: LoopOptions,
  body: () => Promise<{ readonly again: boolean }>,
): Promise<void> {
  const { runtime, signal, intervalMs, onFailure } = options
  let failures = 0
  while (!signal.aborted) {
    let pauseMs = intervalMs
    try {
      const { again } = await body()
      failures = 0
      if (again) pauseMs = 0
    } catch (error) {
      if (error instanceof AppError && error.next === 'fatal') throw error
      onFailure(error)
      pauseMs =
        Math.min(MAX_PAUSE_MS, intervalMs * 2 ** Math.min(failures++, 10)) * (0.5 + runtime.random() / 2)
    }
    if (pauseMs > 0) await runtime.sleep(pauseMs, signal)
  }
}
