/** `tidewater run` in processes of its own, and what each costs: CPU time and memory, as Linux counts them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const LAUNCHER = fileURLToPath(new URL('../../services/cli/launcher.js', import.meta.url))
const PATIENCE_MS = 600_000
/** Of /proc/<pid>/stat: `getconf CLK_TCK`, 100 on every Linux that Node runs on. */
const TICKS_PER_S = 100

export interface TidewaterProcess {
  readonly url: string
  /** From its start until it said that it is ready. */
  readonly readyS: number
  cpuSeconds(): Promise<number>
  rssBytes(): Promise<number>
  stop(): Promise<void>
}

export interface ProcessOptions {
  readonly folder: string
  readonly environment: Readonly<Record<string, string>>
  /** After `run`. */
  readonly args: readonly string[]
}

export async function startTidewater({
  folder,
  environment,
  args,
}: ProcessOptions): Promise<TidewaterProcess> {
  const begin = performance.now()
  const child = spawn(process.execPath, [LAUNCHER, 'run', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  const closed = new Promise<void>(resolve => child.once('close', () => resolve()))
  const said = outputOf(child)
  const stop = async () => {
    child.kill('SIGTERM')
    await closed
  }
  try {
    const url = await urlIn(said, child)
    await until(async () => (await fetch(`${url}/readyz`)).ok, said)
    const readyS = (performance.now() - begin) / 1000
    return {
      url,
      readyS,
      async cpuSeconds() {
        // After the name in brackets, which may hold anything: user and system time are the 12th and 13th.
        const fields = (await ofProcess(child, 'stat')).replace(/^.*\) /s, '').split(' ')
        return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S
      },
      rssBytes: async () =>
        Number(/^VmRSS:\s+(\d+) kB/m.exec(await ofProcess(child, 'status'))?.[1] ?? 0) * 1024,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Answers what share of the machine has been busy since, everything on it. */
export function busyShareSince(): () => number {
  const beganMs = performance.now()
  const before = busySeconds()
  return () => (busySeconds() - before) / ((performance.now() - beganMs) / 1000) / cpus().length
}

function busySeconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000
}

/** The last lines are enough to say what went wrong. */
const MAX_KEPT = 10_000

function outputOf(child: ChildProcess): () => string {
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', chunk => {
      said = (said + String(chunk)).slice(-MAX_KEPT)
    })
  return () => said
}

async function urlIn(said: () => string, child: ChildProcess): Promise<string> {
  let url: string | undefined
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`tidewater ended:\n${said()}`)
    url ??= /server: (http\S+)/.exec(said())?.[1]
    return url !== undefined
  }, said)
  return url ?? ''
}

async function until(isSo: () => Promise<boolean>, said: () => string): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !(await isSo()); await sleep(50))
    if (performance.now() > end) throw new Error(`tidewater was not ready in ${PATIENCE_MS} ms:\n${said()}`)
}

function ofProcess(child: ChildProcess, file: string): Promise<string> {
  return readFile(`/proc/${child.pid}/${file}`, 'utf8')
}
