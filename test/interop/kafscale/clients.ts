/**
 * Real Kafka clients that produce what a test tells them to, and consume a topic: the Java client (xerial-framed snappy) and franz-go
 * (raw snappy). Beside them, a program that reads segments with the broker's own code.
 *
 * Each producer is a small program that takes steps as JSON lines and answers each record with the partition and offset that the broker
 * gave it. Without retries: a record whose flush failed has an error for an answer, and is in no segment.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { cached, runStep } from '../../servers/cache.ts'
import { requireGo } from '../../servers/install.ts'

export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof CODECS)[number]
export const CLIENTS = ['java', 'franz'] as const
export type Client = (typeof CLIENTS)[number]

export interface OutgoingRecord {
  readonly topic: string
  readonly partition: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [key: string, value: Buffer | null])[]
}

/**
 * `batch` goes out as one record batch, in a produce request of its own, all of one topic and partition: this broker cannot parse
 * a Java or franz-go request for several partitions. The next step waits for its answer.
 */
export type Step =
  | { readonly batch: readonly OutgoingRecord[] }
  | { readonly pauseMs: number }
  /** Only franz-go: more partitions for a topic that is there. */
  | { readonly topic: string; readonly growTo: number }

export type Answer = { readonly partition: number; readonly offset: number } | { readonly error: string }

export interface Produced {
  /** Name and version, as the client tells them. */
  readonly client: string
  readonly answers: readonly { readonly record: OutgoingRecord; readonly answer: Answer }[]
}

const greetingSchema = z.object({ client: z.string() })
const answerSchema = z.union([
  z.object({ partition: z.int(), offset: z.int() }),
  z.object({ error: z.string() }),
])

/** A record as consumers and readers of segments tell it. */
const consumedSchema = z.object({
  offset: z.int(),
  timestamp: z.int(),
  key: z.base64().nullable(),
  value: z.base64().nullable(),
  headers: z.array(z.tuple([z.string(), z.base64().nullable()])),
})
export type ConsumedRecord = z.infer<typeof consumedSchema>

const JAVA_FOLDER = join(import.meta.dirname, 'java-producer')
const FRANZ_FOLDER = join(import.meta.dirname, 'franz-producer')
const READER_FOLDER = join(import.meta.dirname, 'log-reader')
const COPY_JARS = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'
/** Far above what any test produces or consumes. */
const MAX_RUN_MS = 90_000

/** Produces the steps and returns what became of each record. */
export async function produce(
  client: Client,
  options: { readonly bootstrap: string; readonly codec: Codec },
  steps: readonly Step[],
): Promise<Produced> {
  const [program, ...args] = await (client === 'java' ? installJavaClient('Producer') : installFranzClient())
  const [greeting, ...lines] = await linesOf(
    `the ${client} producer`,
    [program, ...args, options.bootstrap, options.codec],
    steps.flatMap(commandsOf).join(''),
  )
  const records = steps.flatMap(step => ('batch' in step ? step.batch : []))
  if (lines.length !== records.length) {
    throw new Error(`the ${client} producer answered ${lines.length} of ${records.length} records`)
  }
  return {
    client: greetingSchema.parse(JSON.parse(greeting ?? '')).client,
    answers: records.map((record, i) => ({ record, answer: answerSchema.parse(JSON.parse(lines[i] ?? '')) })),
  }
}

/** The first `count` records of partition 0, from its beginning, in fetches of at most `fetchBytes`. */
export async function consume(
  client: Client,
  options: {
    readonly bootstrap: string
    readonly topic: string
    readonly count: number
    readonly fetchBytes: number
  },
): Promise<readonly ConsumedRecord[]> {
  const { bootstrap, topic, count, fetchBytes } = options
  const program =
    client === 'java' ? await installJavaClient('Consumer') : [...(await installFranzClient()), 'consume']
  const command = [...program, bootstrap, topic, String(count), String(fetchBytes)]
  const [, ...lines] = await linesOf(`the ${client} consumer`, command)
  return lines.map(line => consumedSchema.parse(JSON.parse(line)))
}

/** Partition 0 of a topic whose segments lie in `folder`, as the broker's own code restores and serves it. */
export async function readAsBroker(
  folder: string,
  { topic, fetchBytes }: { readonly topic: string; readonly fetchBytes: number },
): Promise<readonly ConsumedRecord[]> {
  const command = [await installLogReader(), folder, topic, '0', String(fetchBytes)]
  const lines = await linesOf("the broker's log reader", command)
  return lines.map(line => consumedSchema.parse(JSON.parse(line)))
}

/** What a program prints, line by line. Fails with what it says on stderr. */
async function linesOf(what: string, command: readonly string[], input = ''): Promise<readonly string[]> {
  const [program = '', ...args] = command
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: MAX_RUN_MS,
    killSignal: 'SIGKILL',
  })
  const out: Buffer[] = []
  const errors: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  // A program that ended early says why on stderr, and breaks this pipe.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [code, signal] = await once(child, 'close')
  if (code !== 0) throw new Error(`${what} failed (${code ?? signal}):\n${Buffer.concat(errors)}`)
  return Buffer.concat(out).toString('utf8').trim().split('\n')
}

/** The lines that the producers read. */
function commandsOf(step: Step): string[] {
  const commands = 'batch' in step ? [...step.batch, { flush: true }] : [step]
  return commands.map(command => `${JSON.stringify(command, encode)}\n`)
}

/** Buffers as base64. `JSON.stringify` calls `toJSON` first, so the buffer itself is found in its holder. */
function encode(this: unknown, key: string, value: unknown): unknown {
  const original = (this as Record<string, unknown>)[key]
  return Buffer.isBuffer(original) ? original.toString('base64') : value
}

export async function installClients(): Promise<void> {
  await installJavaClient('Producer')
  await installFranzClient()
}

async function installJavaClient(program: 'Producer' | 'Consumer'): Promise<[string, ...string[]]> {
  const folder = await cached(
    `java-producer-${contentHash(JAVA_FOLDER, ['pom.xml', 'Producer.java', 'Consumer.java'])}`,
    target => {
      runStep('Fetching the Java client from Maven Central (needs JDK 17 or later and Maven)', [
        'mvn',
        '--batch-mode',
        '--quiet',
        '--file',
        join(JAVA_FOLDER, 'pom.xml'),
        COPY_JARS,
        `-DoutputDirectory=${target}`,
      ])
      runStep('Compiling the Java clients', [
        'javac',
        '-cp',
        join(target, '*'),
        '-d',
        target,
        join(JAVA_FOLDER, 'Producer.java'),
        join(JAVA_FOLDER, 'Consumer.java'),
      ])
    },
  )
  return ['java', '-cp', `${folder}:${join(folder, '*')}`, program]
}

async function installFranzClient(): Promise<[string]> {
  const folder = await cached(
    `franz-producer-${contentHash(FRANZ_FOLDER, ['go.mod', 'go.sum', 'main.go'])}`,
    target => {
      requireGo('the franz-go producer')
      runStep(
        'Building the franz-go producer',
        ['go', 'build', '-mod=readonly', '-o', join(target, 'producer'), '.'],
        {
          cwd: FRANZ_FOLDER,
        },
      )
    },
  )
  return [join(folder, 'producer')]
}

async function installLogReader(): Promise<string> {
  const folder = await cached(
    `log-reader-${contentHash(READER_FOLDER, ['go.mod', 'go.sum', 'main.go'])}`,
    target => {
      requireGo("the broker's log reader")
      const command = ['go', 'build', '-mod=readonly', '-o', join(target, 'log-reader'), '.'] as const
      runStep("Building the broker's log reader", command, { cwd: READER_FOLDER })
    },
  )
  return join(folder, 'log-reader')
}

/** Programs are built anew when their source changes. */
function contentHash(folder: string, names: readonly string[]): string {
  const hash = createHash('sha256')
  for (const name of names) hash.update(readFileSync(join(folder, name)))
  return hash.digest('hex').slice(0, 12)
}
