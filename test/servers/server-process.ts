/**
 * A server started from a program for the length of a test: on a free loopback port, with its data in a temporary folder.
 * It ends with `stop()`, when this process exits, and on Linux also when this process is killed (by `setpriv --pdeathsig`).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { get as getSecurely } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isOnPath } from './install.ts'

const MAX_START_MS = 180_000
const MAX_STOP_MS = 5_000
const POLL_MS = 50
/** Of a server's output, kept for error messages. */
const MAX_LOG_CHARS = 16_384

export interface ServerProcess {
  /** The end of what it wrote to stdout and stderr. */
  log(): string
  /** SIGTERM, then SIGKILL; `kill` sends SIGKILL at once, as a crash would. */
  stop(options?: { readonly kill?: boolean }): Promise<void>
  /** Its exit code, null after a signal, once it has ended. */
  readonly exited: Promise<number | null>
  /** For example SIGSTOP, which hangs it until SIGCONT. */
  signal(name: NodeJS.Signals): void
}

export interface ServerCommand {
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd: string
  /** Whether it serves by now; exceptions count as "not yet". */
  readonly isReady: () => Promise<boolean>
}

let diesWithParent: boolean | undefined
const running = new Set<ChildProcess>()
const folders = new Set<string>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of folders) removeFolder(folder)
})

/** A temporary folder for a server's data, which goes when this process exits or with `removeFolder`. */
export function dataFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `tidewater-${name}-`))
  folders.add(folder)
  return folder
}

export function removeFolder(folder: string): void {
  // A server killed a moment ago may still be writing.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  folders.delete(folder)
}

/** It ends when this process does, on Linux also when this process is killed. */
export function spawnTied(command: Pick<ServerCommand, 'program' | 'args' | 'env' | 'cwd'>) {
  diesWithParent ??= process.platform === 'linux' && isOnPath('setpriv')
  const wrapper = diesWithParent ? ['setpriv', '--pdeathsig', 'KILL', command.program] : [command.program]
  const [program = command.program, ...rest] = wrapper
  const child = spawn(program, [...rest, ...command.args], {
    cwd: command.cwd,
    env: { ...process.env, ...command.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

export async function startProcess(command: ServerCommand): Promise<ServerProcess> {
  const child = spawnTied(command)
  let log = ''
  const keep = (chunk: Buffer) => {
    log = (log + chunk.toString('utf8')).slice(-MAX_LOG_CHARS)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  let failure: Error | undefined
  child.once('error', error => {
    failure = error
  })
  const exited = new Promise<number | null>(resolve => child.once('exit', resolve))
  const server = {
    log: () => log,
    exited,
    stop: (options = {}) => stopProcess(child, options.kill ?? false),
    signal: name => {
      child.kill(name)
    },
  } satisfies ServerProcess
  const until = Date.now() + MAX_START_MS
  while (Date.now() < until) {
    if (failure !== undefined || hasEnded(child)) {
      throw new Error(
        `${command.name} ended while starting (${failure?.message ?? child.exitCode ?? child.signalCode}):\n${log}`,
      )
    }
    if (await command.isReady().catch(() => false)) return server
    await sleep(POLL_MS)
  }
  await server.stop()
  throw new Error(`${command.name} was not ready after ${MAX_START_MS / 1000} s:\n${log}`)
}

async function stopProcess(child: ChildProcess, kill: boolean): Promise<void> {
  if (hasEnded(child)) return
  const ended = once(child, 'exit')
  child.kill(kill ? 'SIGKILL' : 'SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), MAX_STOP_MS)
  await ended
  clearTimeout(timer)
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** A loopback port that nothing listens on now. Another process may take it before its user does: start again then. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('the system gave no port')
  return address.port
}

/** `ca`: PEM of the authority that an https address is signed by. */
export async function answersOk(url: string, ca?: string): Promise<boolean> {
  const timeout = { timeout: 2_000 }
  const request = ca === undefined ? get(url, timeout) : getSecurely(url, { ...timeout, ca })
  request.once('timeout', () => request.destroy(new Error('no answer')))
  const [response] = await once(request, 'response')
  response.resume()
  return response.statusCode >= 200 && response.statusCode < 300
}
