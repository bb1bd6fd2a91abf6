/**
 * The processes of Tidewater, each kept running as a supervisor would: whatever ends is started again. Their output goes to one file
 * each, every line with the time at which it came.
 */
import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { spawnTied } from '../servers/server-process.ts'

const LAUNCHER = fileURLToPath(new URL('../../services/cli/launcher.js', import.meta.url))
const RESTART_DELAY_MS = 1_000
/** The line in which every process says where it answers. */
const UP = /^server: /
const UP_POLL_MS = 100
/** Beyond the grace that a stop gives its tasks. */
const MAX_STOP_MS = 60_000

export interface ProcessSpec {
  readonly name: string
  readonly args: readonly string[]
}

/** One that ended without being killed: at a SIGTERM, or by itself. */
export interface Ending {
  readonly process: string
  readonly wasTold: boolean
  /** In the calm at the end. */
  readonly isLast: boolean
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Fleet {
  readonly names: readonly string[]
  readonly endings: readonly Ending[]
  starts(): number
  /** Resolves when it has started and does its work, or `signal` aborts. */
  untilUp(name: string, signal: AbortSignal): Promise<void>
  kill(name: string, downMs: number): Promise<void>
  terminate(name: string, downMs: number): Promise<void>
  freeze(name: string, forMs: number, signal: AbortSignal): Promise<void>
  /** SIGTERM to all; resolves when they have ended. */
  stop(): Promise<void>
}

export interface FleetOptions {
  /** Where tidewater.yaml is. */
  readonly folder: string
  readonly logs: string
  readonly env: Readonly<Record<string, string>>
  readonly specs: readonly ProcessSpec[]
}

export function startFleet(options: FleetOptions): Fleet {
  const endings: Ending[] = []
  const members = new Map(
    options.specs.map(spec => [spec.name, keepRunning(spec, options, ending => endings.push(ending))]),
  )
  const member = (name: string): Member => {
    const found = members.get(name)
    if (found === undefined) throw new Error(`there is no process ${name}`)
    return found
  }
  return {
    names: options.specs.map(({ name }) => name),
    endings,
    starts: () => [...members.values()].reduce((sum, { starts }) => sum + starts(), 0),
    async untilUp(name, signal) {
      while (!member(name).isUp() && !signal.aborted)
        await sleep(UP_POLL_MS, undefined, { signal }).catch(() => undefined)
    },
    kill: (name, downMs) => member(name).end('SIGKILL', downMs),
    terminate: (name, downMs) => member(name).end('SIGTERM', downMs),
    async freeze(name, forMs, signal) {
      member(name).signal('SIGSTOP')
      await sleep(forMs, undefined, { signal }).catch(() => undefined)
      member(name).signal('SIGCONT')
    },
    async stop() {
      await Promise.all([...members.values()].map(one => one.stop()))
    },
  }
}

interface Member {
  starts(): number
  isUp(): boolean
  signal(name: NodeJS.Signals): void
  /** Resolves once it has ended; it starts again after `downMs`. */
  end(signal: 'SIGKILL' | 'SIGTERM', downMs: number): Promise<void>
  stop(): Promise<void>
}

function keepRunning(
  spec: ProcessSpec,
  { folder, logs, env }: FleetOptions,
  onEnding: (ending: Ending) => void,
): Member {
  const log = createWriteStream(join(logs, `${spec.name}.log`), { flags: 'a' })
  let starts = 0
  let isStopping = false
  let told: NodeJS.Signals | undefined
  let downMs = RESTART_DELAY_MS
  let isUp = false
  let child = start()
  const running = keep()

  function start() {
    starts++
    const started = spawnTied({ program: process.execPath, args: [LAUNCHER, ...spec.args], env, cwd: folder })
    writeLine(log, `--- started as ${started.pid}: tidewater ${spec.args.join(' ')}`)
    for (const stream of [started.stdout, started.stderr])
      createInterface({ input: stream }).on('line', line => {
        writeLine(log, line)
        if (started === child && UP.test(line)) isUp = true
      })
    return started
  }

  async function keep(): Promise<void> {
    for (;;) {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      isUp = false
      const { exitCode: code, signalCode: signal } = child
      writeLine(log, `--- ended: ${signal ?? `exit code ${code}`}`)
      if (told !== 'SIGKILL')
        onEnding({ process: spec.name, wasTold: told !== undefined, isLast: isStopping, code, signal })
      if (isStopping) return
      told = undefined
      await sleep(downMs)
      downMs = RESTART_DELAY_MS
      if (isStopping) return
      child = start()
    }
  }

  const signal = (name: NodeJS.Signals) => {
    writeLine(log, `--- ${name}`)
    child.kill(name)
  }

  return {
    starts: () => starts,
    isUp: () => isUp,
    signal,
    async end(name, forMs) {
      if (child.exitCode !== null || child.signalCode !== null) return
      told = name
      downMs = forMs
      const ended = once(child, 'exit')
      signal(name)
      const killer = setTimeout(() => signal('SIGKILL'), MAX_STOP_MS)
      await ended
      clearTimeout(killer)
    },
    async stop() {
      isStopping = true
      if (child.exitCode === null && child.signalCode === null) {
        told = 'SIGTERM'
        signal('SIGCONT')
        signal('SIGTERM')
        const killer = setTimeout(() => signal('SIGKILL'), MAX_STOP_MS)
        await running
        clearTimeout(killer)
      } else await running
      log.end()
    },
  }
}

function writeLine(log: WriteStream, line: string): void {
  if (!log.writableEnded) log.write(`${new Date().toISOString()} ${line}\n`)
}
