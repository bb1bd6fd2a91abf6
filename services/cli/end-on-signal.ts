/** How a run ends when it is asked to: work under way may end, then goes to others, then is left. */
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { EXIT } from './exit-code.ts'
import { onStopSignal } from './stop-signal.ts'

/** What a process that has handed back its tasks may still take to end what else was under way, such as a publication. */
const MAX_LEAVING_MS = 10_000

export interface Ending {
  /** No new work begins. */
  readonly signal: AbortSignal
  /** Tasks under way go to other workers. */
  readonly handBack: AbortSignal
  /** The run has ended: nothing is to be ended any more. */
  close(): void
}

/**
 * The first SIGINT or SIGTERM begins no new work; tasks under way have the grace period to end, and are handed back after it. What is
 * then still under way is left as a crash would leave it, which loses nothing. A second signal does so at once.
 */
export function endOnSignal(graceMs: number, say: (message: string) => void): Ending {
  const stop = new AbortController()
  const handBack = new AbortController()
  const over = new AbortController()
  const passed = async (ms: number) => {
    await systemRuntime.sleep(ms, over.signal)
    return !over.signal.aborted
  }
  const end = async () => {
    say(
      `stopping: tasks under way have ${graceMs / 1000} s to end, then other workers get them; a second signal leaves at once`,
    )
    stop.abort()
    if (!(await passed(graceMs))) return
    handBack.abort()
    if (!(await passed(MAX_LEAVING_MS))) return
    say('leaving in the middle of what is still under way; the next start goes on with it')
    process.exit(EXIT.failed)
  }
  const forget = onStopSignal(() => void end())
  return {
    signal: stop.signal,
    handBack: handBack.signal,
    close() {
      over.abort()
      forget()
    },
  }
}
