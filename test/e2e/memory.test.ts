/**
 * Memory is bounded per worker, whatever the backlog: the peak of a whole `run --once` stays below `limits.worker_memory` and what the
 * process takes itself, and a backlog twice as large does not raise it. A sample with small tasks and files runs always; `npm run test:long` takes the defaults and hundreds of megabytes.
 */
import { createCipheriv } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { landTopic } from '../../services/landing/land.ts'
import { openObjectStore } from '../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { DEFAULT_WORKER_MEMORY_BYTES, MIN_WORKER_MEMORY_BYTES } from '../../shared/runtime/worker-memory.ts'
import { createSeededRuntime } from '../fakes/seeded-runtime.ts'
import { NOTING_PEAK, peakBytesOf } from './peak-memory.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

const MIB = 1024 * 1024
/** What the peaks of two equal runs may differ by: garbage is collected when V8 likes. */
const NOISE_BYTES = 120 * MIB
const SEED = 121
const MAX_TEST_MS = 1_200_000

const IS_LONG = process.env.TIDEWATER_TEST_LONG === '1'
/** Raw bytes of values; the second run has twice as many. */
const BACKLOG_BYTES = IS_LONG ? 640 * MIB : 64 * MIB
const WORKER_MEMORY_BYTES = IS_LONG ? DEFAULT_WORKER_MEMORY_BYTES : MIN_WORKER_MEMORY_BYTES
/** What docs/operating.md says of the process itself comes on top. */
const MAX_PEAK_BYTES = WORKER_MEMORY_BYTES + 400 * MIB
/** Several tasks and files even in the smaller backlog, so that what a task leaves behind would show. */
const SIZES = IS_LONG ? '' : '\n    task_target_bytes: 2MiB\n    target_file_size: 8MiB'

interface Shape {
  readonly name: string
  readonly table: string
  /** A mebibyte of lines or a little more, the same ones on every call. */
  chunk(index: number): Buffer
}

const LINES_PER_CHUNK = 4096
const ZEROS = Buffer.alloc(MIB)

/** Random bytes as text, from a stream cipher: a generator of small numbers would take longer than what is measured. */
function randomText(index: number): string {
  const counter = Buffer.alloc(16)
  counter.writeUInt32BE(index, 0)
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, SEED), counter).update(ZEROS).toString('base64')
}

/** Cuts lines of 341 characters, whatever they say. */
function opaqueLines(index: number): Buffer {
  const text = randomText(index)
  const length = Math.floor(text.length / LINES_PER_CHUNK)
  const lines = Array.from({ length: LINES_PER_CHUNK }, (_, i) => text.slice(i * length, (i + 1) * length))
  return Buffer.from(`${lines.join('\n')}\n`)
}

function orderLines(index: number): Buffer {
  const { random } = createSeededRuntime(SEED + index)
  const lines = Array.from({ length: LINES_PER_CHUNK }, (_, i) =>
    JSON.stringify(orderAt(random, index * LINES_PER_CHUNK + i)),
  )
  return Buffer.from(`${lines.join('\n')}\n`)
}

/** Two in five do not fit. */
function brokenOrderLines(index: number): Buffer {
  return Buffer.from(
    orderLines(index)
      .toString('utf8')
      .replaceAll(/("id":\d*[0-3],"at":)"[^"]*"/g, '$1"soon"'),
  )
}

function orderAt(random: () => number, at: number) {
  const hex = () => Math.floor(random() * 2 ** 48).toString(16)
  return {
    id: at,
    at: new Date(Date.UTC(2026, 0, 1 + (at % 4), 0, 0, at % 86_400)).toISOString(),
    amount: Math.floor(random() * 1e6) / 100,
    customer: { id: hex(), name: `Zoë Nº ${Math.floor(random() * 1e4)}` },
    tags: ['gift', 'express', hex()],
    note: 'Hinterhof, 2. Stock rechts – bitte klingeln. '.repeat(Math.floor(random() * 8)),
  }
}

const orders = (partitionBy: string) => `
    source_format: json
    schema:
      fields:
        - { name: id, type: long, required: true }
        - { name: at, type: timestamptz }
        - { name: amount, type: "decimal(12,2)" }
        - { name: customer, type: struct, fields: [ { name: id, type: string }, { name: name, type: string } ] }
        - { name: tags, type: list, element: string }
        - { name: note, type: string }
    partition_by: ["${partitionBy}"]`

const SHAPES: readonly Shape[] = [
  {
    name: 'raw values that hardly compress',
    table: `
    source_format: raw`,
    chunk: opaqueLines,
  },
  { name: 'nested JSON over a few days', table: orders('day(at)'), chunk: orderLines },
  // Many open files beside a file of dead letters: what takes the most. In sample size it would show nothing more.
  ...(IS_LONG
    ? [
        {
          name: 'JSON over 64 buckets, much of it broken',
          table: orders('bucket(64, id)'),
          chunk: brokenOrderLines,
        },
      ]
    : []),
]

let workspace: Workspace
beforeEach(async () => {
  workspace = await createWorkspace(NOTING_PEAK)
})
afterEach(() => workspace.remove())

async function land(shape: Shape, bytes: number): Promise<number> {
  async function* input() {
    let landed = 0
    for (let index = 0; landed < bytes; index++) {
      const chunk = shape.chunk(index)
      landed += chunk.length
      yield chunk
    }
  }
  const store = openObjectStore(workspace.path('segments'), { runtime: systemRuntime })
  const landed = await landTopic({
    store,
    topic: 'backlog',
    partitions: 4,
    codec: 'zstd',
    input: input(),
    runtime: systemRuntime,
  })
  return landed.recordCount
}

/** Converts what has landed into a new table; returns the most memory that the process had. */
async function peakOfRun(shape: Shape, recordCount: number): Promise<number> {
  await workspace.write(
    'tidewater.yaml',
    `
warehouse: file:./warehouse
sources:
  - { name: local, type: kfs, url: "file:./segments" }
tables:
  - name: backlog.all
    source: local
    source_topic: backlog${shape.table}${SIZES}
limits: { workers: 1, worker_memory: ${WORKER_MEMORY_BYTES / MIB}MiB }
`,
  )
  const run = await workspace.tidewater(['run', '--once'])
  expect(run.exitCode, run.stderr).toBe(0)
  const peak = await peakBytesOf(workspace)
  const status = await workspace.tidewater(['status', '--json'])
  const [{ rows, dead_letters }] = JSON.parse(status.stdout).tables
  expect(rows + dead_letters).toBe(recordCount)
  return peak
}

describe.each(SHAPES)('$name', shape => {
  test(
    'stay within the limit, and twice as many need no more',
    async () => {
      const peaks: number[] = []
      for (const bytes of [BACKLOG_BYTES, 2 * BACKLOG_BYTES]) {
        const recordCount = await land(shape, bytes)
        peaks.push(await peakOfRun(shape, recordCount))
        for (const name of await readdir(workspace.folder))
          await rm(workspace.path(name), { recursive: true })
      }
      const [once = 0, twice = 0] = peaks
      console.log(
        `peak memory of ${shape.name}: ${peaks.map(peak => Math.round(peak / MIB)).join(', then ')} MiB`,
      )
      expect(Math.max(once, twice)).toBeLessThan(MAX_PEAK_BYTES)
      expect(twice - once).toBeLessThan(NOISE_BYTES)
    },
    MAX_TEST_MS,
  )
})
