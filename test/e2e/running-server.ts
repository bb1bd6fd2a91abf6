/** `tidewater run` with its HTTP server on a free port, for tests that talk to it. */
import type { ChildProcess } from 'node:child_process'
import type { Workspace } from './tidewater-cli.ts'

const PATIENCE_MS = 60_000

export interface RunningTidewater {
  readonly url: string
  readonly child: ChildProcess
  /** Everything that it printed. */
  said(): string
  /** Waits until it has printed this, or ended. */
  seen(what: RegExp): Promise<void>
  /** Sends the signal and waits for the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

export async function startServing(
  workspace: Workspace,
  args: readonly string[] = [],
): Promise<RunningTidewater> {
  const child = workspace.start(['run', ...args])
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', chunk => {
      said += String(chunk)
    })
  const closed = new Promise<number | null>(resolve => child.once('close', resolve))
  const end = Date.now() + PATIENCE_MS
  let url: string | undefined
  while (url === undefined) {
    if (child.exitCode !== null || Date.now() > end) throw new Error(`no server was started:\n${said}`)
    await new Promise(resolve => setTimeout(resolve, 50))
    url = /\bserver: (\S+)/.exec(said)?.[1]
  }
  return {
    url,
    child,
    said: () => said,
    async seen(what) {
      const patience = Date.now() + PATIENCE_MS
      while (!what.test(said)) {
        if (child.exitCode !== null || Date.now() > patience)
          throw new Error(`${what} was not printed:\n${said}`)
        await new Promise(resolve => setTimeout(resolve, 50))
      }
    },
    stop(signal = 'SIGTERM') {
      child.kill(signal)
      return closed
    },
  }
}
