/**
 * One reader process that speaks JSON lines (see protocol.py): requests are matched to answers by id, all of them fail when the process
 * ends, and each has a time limit, so that a stuck reader fails its test with the reader's own last words.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { z } from 'zod'

const MAX_KEPT_STDERR_CHARS = 8_000
const START_LIMIT_MS = 180_000
const REQUEST_LIMIT_MS = 300_000
const CLOSE_LIMIT_MS = 20_000

export interface Channel {
  readonly versions: Readonly<Record<string, string>>
  request(body: Record<string, unknown>): Promise<unknown>
  close(): Promise<void>
}

const answerSchema = z.union([
  z.object({ ready: z.record(z.string(), z.string()) }),
  z.object({ id: z.int(), result: z.unknown() }),
  z.object({ id: z.int(), error: z.string() }),
])

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

export async function openChannel(options: {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
}): Promise<Channel> {
  const { name } = options
  const child = spawn(options.command, options.args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  })
  let stderr = ''
  child.stderr.on('data', chunk => {
    stderr = (stderr + String(chunk)).slice(-MAX_KEPT_STDERR_CHARS)
  })
  const waiting = new Map<number, Waiting>()
  const ready = Promise.withResolvers<Readonly<Record<string, string>>>()
  child.once('exit', code => {
    const error = new Error(`${name} ended with code ${code}.\n${stderr}`)
    ready.reject(error)
    for (const one of waiting.values()) one.reject(error)
  })
  createInterface({ input: child.stdout }).on('line', line => {
    const answer = answerSchema.parse(JSON.parse(line))
    if ('ready' in answer) return ready.resolve(answer.ready)
    const one = waiting.get(answer.id)
    waiting.delete(answer.id)
    if ('error' in answer) one?.reject(new Error(`${name}: ${answer.error}`))
    else one?.resolve(answer.result)
  })
  let lastId = 0
  return {
    versions: await within(START_LIMIT_MS, ready.promise, () => `${name} did not start.\n${stderr}`),
    request: body => {
      const id = ++lastId
      const answer = Promise.withResolvers<unknown>()
      waiting.set(id, answer)
      child.stdin.write(`${JSON.stringify({ id, ...body })}\n`)
      return within(REQUEST_LIMIT_MS, answer.promise, () => `${name} did not answer ${body.op}.\n${stderr}`)
    },
    close: () => end(child),
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
  child.stdin?.end()
  const killer = setTimeout(() => child.kill('SIGKILL'), CLOSE_LIMIT_MS)
  await gone
  clearTimeout(killer)
}

async function within<T>(limitMs: number, promise: Promise<T>, message: () => string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(message())), limitMs)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
