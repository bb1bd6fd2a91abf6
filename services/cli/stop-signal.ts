/** What the terminal and supervisors ask a process to do: SIGINT and SIGTERM ask it to end. */
import { EXIT } from './exit-code.ts'

/** Calls `stop` at the first SIGINT or SIGTERM; a second one ends the process at once. Answers with what takes this back. */
export function onStopSignal(stop: () => void): () => void {
  let isStopping = false
  const onSignal = () => {
    if (isStopping) process.exit(EXIT.failed)
    isStopping = true
    stop()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return () => process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
}
