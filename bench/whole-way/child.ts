/** What the bench and its child processes say to each other, by Node's IPC with structured clones. One question is open at a time. */
import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { siblingModule } from '../../shared/runtime/module-url.ts'

/** CPU time of the whole process, its garbage collector and compiler threads included. */
export interface RunFigure {
  readonly cpuSeconds: number
  readonly rows: number
}

export interface Child<Question> {
  /** What a question is answered with is said where the child answers it. */
  ask<Answer>(question: Question): Promise<Answer>
  end(): Promise<void>
}

type Reply = { readonly answer: unknown } | { readonly failure: string }

/** A child that was hung up on ends by itself within this time. */
const PATIENCE_MS = 5000

/** Starts `<name>.ts` of this folder, with these flags of Node. What it prints goes to stderr. */
export function startChild<Question extends object>(
  name: string,
  nodeFlags: readonly string[] = [],
): Child<Question> {
  const child: ChildProcess = fork(siblingModule(import.meta.url, `./${name}`), {
    serialization: 'advanced',
    execArgv: [...nodeFlags],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  child.stdout?.pipe(process.stderr)
  const exited = new Promise<never>((_, reject) => {
    child.once('exit', code => reject(new Error(`The bench's ${name} process ended with exit code ${code}`)))
  })
  exited.catch(() => undefined)
  return {
    async ask<Answer>(question: Question) {
      const reply = new Promise<Reply>(resolve => child.once('message', message => resolve(message as Reply)))
      child.send(question)
      const found = await Promise.race([reply, exited])
      if ('failure' in found) throw new Error(`The bench's ${name} process failed: ${found.failure}`)
      // Both ends are this folder's.
      return found.answer as Answer
    },
    async end() {
      child.disconnect()
      // After a failure it may have work under way that nobody will ever stop.
      const patience = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
      await exited.catch(() => undefined)
      clearTimeout(patience)
    },
  }
}

/** The child's side: answers questions until the parent hangs up. */
export function answerQuestions<Question>(answer: (question: Question) => Promise<unknown>): void {
  process.on('message', (question: Question) => {
    void reply(answer, question)
  })
}

async function reply<Question>(answer: (question: Question) => Promise<unknown>, question: Question) {
  const found = await answer(question).then(
    value => ({ answer: value }),
    error => ({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
  // A parent that was stopped waits for nothing.
  if (process.connected) process.send?.(found)
}

export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/**
 * The most memory that this process had. On Linux `maxRSS` will not do: it is never less than what the parent had when it started this
 * process, and the bench has hundreds of megabytes once it has made its data.
 */
export function peakRssBytes(): number {
  const { maxRSS } = process.resourceUsage()
  const peakKib =
    process.platform === 'linux'
      ? Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
      : maxRSS
  return peakKib * 1024
}
