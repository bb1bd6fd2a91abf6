/**
 * What a second converting process adds: the same planned backlog converted by one process of one conversion at a time, and by two. On
 * one machine's own stores, and on real servers. Warming up and the end, where a worker has nothing left to take, are not measured.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { schemaToJson } from '../shared/iceberg/schema-json.ts'
import { mapBounded } from '../shared/runtime/map-bounded.ts'
import { indexObjectKey } from '../shared/segment/segment-key.ts'
import { busyShareSince, startTidewater, type TidewaterProcess } from './many-tables/processes.ts'
import { SCHEMA, type Servers, startServers } from './many-tables/servers.ts'
import { batchesOf, recordsOf, TOPIC, writeSegments } from './whole-way/backlog.ts'

const WORKERS = [1, 2]
/** Tasks that each worker commits before the clock runs, and that may be left for each when it stops. */
const EDGE_TASKS = 2
const LOOK_MS = 50
const PATIENCE_S = 900
const CONCURRENT_PUTS = 4

export interface WorkersFigures {
  readonly stores: 'embedded' | 'servers'
  readonly workers: number
  readonly tasks: number
  readonly measured_tasks: number
  readonly measured_s: number
  /** Raw JSON values. */
  readonly mb_per_s: number
  /** To one worker on the same stores. */
  readonly ratio: number
  /** CPU seconds of the workers for each second: a worker that waits for nothing has about one. */
  readonly cpu_per_s: number
  /** Of the whole machine, everything on it, as a share of what it has. */
  readonly machine_busy: number
}

export interface WorkersOptions {
  readonly quick?: boolean
  readonly progress?: (line: string) => void
}

interface Backlog {
  readonly folder: string
  readonly segments: number
  /** Of all of them, raw JSON. */
  readonly valueBytes: number
  readonly endOffset: number
  readonly fields: readonly object[]
}

export async function benchWorkers({
  quick = false,
  progress = () => undefined,
}: WorkersOptions = {}): Promise<readonly WorkersFigures[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tidewater-bench-'))
  let servers: Servers | undefined
  try {
    servers = await startServers()
    const backlog = await land(
      join(folder, 'landed'),
      servers,
      quick ? { segments: 100, segmentValueBytes: 200_000 } : { segments: 40, segmentValueBytes: 8_000_000 },
    )
    progress(`workers: ${backlog.segments} segments landed`)
    const figures: WorkersFigures[] = []
    for (const stores of ['embedded', 'servers'] as const) {
      let one: number | undefined
      for (const workers of WORKERS) {
        const { rate, ...measured } = await measure({ stores, workers, servers, folder, backlog })
        one ??= rate
        figures.push({ stores, workers, ...measured, ratio: rounded(rate / one, 2) })
        progress(`workers: ${JSON.stringify(figures.at(-1))}`)
      }
    }
    return figures
  } finally {
    await servers?.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** The same objects in a folder and in S3, in one partition. */
async function land(
  folder: string,
  servers: Servers,
  { segments, segmentValueBytes }: { readonly segments: number; readonly segmentValueBytes: number },
): Promise<Backlog> {
  const { schema, values, valueBytes } = recordsOf('flat', segmentValueBytes)
  const slices = await writeSegments(folder, batchesOf(values, 'lz4'), segments)
  const store = servers.open('landed')
  await mapBounded(
    slices.flatMap(slice => slice.segments),
    CONCURRENT_PUTS,
    async segment => {
      for (const key of [segment.key, indexObjectKey(segment)])
        await store.put(key, await readFile(join(folder, key)))
    },
  )
  const { fields } = fieldsSchema.parse(schemaToJson(schema))
  const endOffset = Number(slices.at(-1)?.endOffset)
  return { folder, segments, valueBytes: valueBytes * segments, endOffset, fields }
}

const fieldsSchema = z.object({ fields: z.array(z.object({ name: z.string(), type: z.string() })) })

interface Measured {
  readonly stores: WorkersFigures['stores']
  readonly workers: number
  readonly servers: Servers
  readonly folder: string
  readonly backlog: Backlog
}

async function measure({ stores, workers, servers, folder, backlog }: Measured) {
  const place = join(folder, `${stores}-${workers}`)
  await mkdir(place)
  const config = configOf(stores === 'servers' ? servers : undefined, workers, backlog)
  await writeFile(join(place, 'tidewater.yaml'), config)
  const started: TidewaterProcess[] = []
  const start = async (...args: string[]) => {
    const process = await startTidewater({ folder: place, environment: servers.environment, args })
    started.push(process)
    return process
  }
  try {
    // It also puts tasks into the queue again that were lost from it, so it stays.
    const planner = await start('--stages', 'discover,plan,serve')
    await until(async () => (await standingOf(planner)).plannedOffset === backlog.endOffset, 'planned')
    const { queued: tasks } = await standingOf(planner)
    const converting = await Promise.all(
      Array.from({ length: workers }, () => start('--stages', 'convert', '--concurrency', '1')),
    )
    const edge = EDGE_TASKS * workers
    const read = async () => ({
      done: (await standingOf(planner)).done,
      atMs: performance.now(),
      cpu: (await Promise.all(converting.map(one => one.cpuSeconds()))).reduce((sum, one) => sum + one, 0),
    })
    let first = await read()
    await until(async () => {
      first = await read()
      return first.done >= edge
    }, 'begun')
    const busy = busyShareSince()
    let last = first
    await until(async () => {
      last = await read()
      return last.done >= tasks - edge
    }, 'converted')
    const seconds = (last.atMs - first.atMs) / 1000
    const measuredTasks = last.done - first.done
    if (measuredTasks <= 0)
      throw new Error('the backlog is too small for this machine: all of it was converted at once')
    const rate = ((measuredTasks / tasks) * backlog.valueBytes) / seconds / 1e6
    return {
      rate,
      tasks,
      measured_tasks: measuredTasks,
      measured_s: rounded(seconds, 2),
      mb_per_s: rounded(rate, 2),
      cpu_per_s: rounded((last.cpu - first.cpu) / seconds, 2),
      machine_busy: rounded(busy(), 2),
    }
  } finally {
    await Promise.all(started.map(one => one.stop()))
  }
}

const statusAnswer = z.object({
  tables: z.array(
    z.object({
      tasks: z.object({ queued: z.int(), staged: z.int(), committed: z.int() }),
      partitions: z.array(z.object({ planned_offset: z.int() })),
    }),
  ),
})

async function standingOf({ url }: TidewaterProcess) {
  const answer = await fetch(`${url}/api/v1/status`)
  if (!answer.ok) throw new Error(`${url}/api/v1/status answered ${answer.status}: ${await answer.text()}`)
  const [table] = statusAnswer.parse(await answer.json()).tables
  const { queued = 0, staged = 0, committed = 0 } = table?.tasks ?? {}
  return { queued, done: staged + committed, plannedOffset: table?.partitions[0]?.planned_offset ?? 0 }
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + PATIENCE_S * 1000; !(await isSo()); await sleep(LOOK_MS))
    if (performance.now() > end) throw new Error(`the backlog was not ${what} in ${PATIENCE_S} s`)
}

/** JSON is YAML. */
function configOf(
  servers: Servers | undefined,
  workers: number,
  { folder, fields, segments }: Backlog,
): string {
  return JSON.stringify({
    ...(servers === undefined
      ? { warehouse: 'file:./warehouse', metadata: 'sqlite:./tidewater.db' }
      : {
          warehouse: servers.place(`warehouse-${workers}`),
          metadata: servers.metadataUrl.replace(`schema=${SCHEMA}`, `schema=workers_${workers}`),
          queue: servers.queueUrl,
        }),
    sources: [
      {
        name: 'brokers',
        type: 'kfs',
        ...(servers === undefined ? { url: `file://${folder}` } : servers.place('landed')),
      },
    ],
    catalogs: [{ name: 'local', type: 'embedded' }],
    server: { listen: '127.0.0.1:0' },
    limits: { max_tasks_in_flight: segments + 1 },
    tables: [
      {
        name: `bench.orders_${workers}`,
        source: 'brokers',
        source_topic: TOPIC,
        schema: { fields },
        // A segment of the whole bench is larger, and so a task of its own.
        task_target_bytes: '64KiB',
      },
    ],
  })
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}

if (import.meta.main)
  console.table(await benchWorkers({ quick: process.argv.includes('--quick'), progress: console.error }))
