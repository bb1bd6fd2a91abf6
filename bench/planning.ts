/**
 * One partition with a backlog of tiny segments, in a folder and in S3: what planning all of it takes, and the memory that it needs. Both
 * should be flat: ten times the backlog, the same time for each segment and the same memory.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mapBounded } from '../shared/runtime/map-bounded.ts'
import { indexObjectKey, segmentObjectKey } from '../shared/segment/segment-key.ts'
import { encodeSegment } from '../shared/segment/segment-writer.ts'
import { type Servers, startServers } from './many-tables/servers.ts'
import type { Planned, PlanQuestion } from './planning/plan-child.ts'
import { startChild } from './whole-way/child.ts'

const BACKLOGS = [10_000, 50_000, 100_000]
const QUICK_BACKLOGS = [30, 60]
const TOPIC = 'backlog'
const CONCURRENT_PUTS = 32
/** V8 keeps garbage as long as it may: with its own limits the peak says how long a process ran. With these it says what planning needs. */
const LITTLE_HEAP = ['--max-old-space-size=96', '--max-semi-space-size=8']

export interface PlanningFigures {
  readonly store: 'folder' | 's3'
  readonly segments: number
  readonly tasks: number
  readonly rounds: number
  readonly planning_s: number
  readonly us_per_segment: number
  readonly cpu_us_per_segment: number
  readonly peak_rss_mb: number
  /** Beyond what the process had before its first round. */
  readonly grown_rss_mb: number
  /** To the smallest backlog in the same store. */
  readonly time_ratio: number
  readonly memory_ratio: number
}

export interface PlanningOptions {
  readonly quick?: boolean
  readonly progress?: (line: string) => void
}

interface Landing {
  readonly kind: PlanningFigures['store']
  /** The keys of the source in the configuration. */
  readonly place: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
  put(key: string, bytes: Uint8Array): Promise<unknown>
}

export async function benchPlanning({
  quick = false,
  progress = () => undefined,
}: PlanningOptions = {}): Promise<readonly PlanningFigures[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tidewater-bench-'))
  let servers: Servers | undefined
  try {
    servers = await startServers()
    const figures: PlanningFigures[] = []
    for (const landing of [await landInFolder(folder), landInS3(servers)]) {
      let landed = 0
      let smallest: Planned | undefined
      for (const segments of quick ? QUICK_BACKLOGS : BACKLOGS) {
        await landUpTo(landing, landed, segments)
        landed = segments
        progress(`planning: ${segments} segments in ${landing.kind}`)
        const planned = await plan(folder, landing, segments)
        smallest ??= planned
        figures.push(
          figuresOf(landing.kind, { segments, planned, smallest, of: quick ? QUICK_BACKLOGS : BACKLOGS }),
        )
        progress(JSON.stringify(figures.at(-1)))
      }
    }
    return figures
  } finally {
    await servers?.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function landInFolder(folder: string): Promise<Landing> {
  const root = join(folder, 'landed')
  await mkdir(join(root, TOPIC, '0'), { recursive: true })
  // Without the store's fsync, which costs more than all the rest.
  return {
    kind: 'folder',
    place: { url: `file://${root}` },
    env: {},
    put: (key, bytes) => writeFile(join(root, key), bytes),
  }
}

function landInS3(servers: Servers): Landing {
  const store = servers.open('landed')
  return {
    kind: 's3',
    place: servers.place('landed'),
    env: servers.environment,
    put: (key, bytes) => store.put(key, bytes),
  }
}

async function landUpTo(landing: Landing, from: number, to: number): Promise<void> {
  const offsets = Array.from({ length: to - from }, (_, i) => from + i)
  await mapBounded(offsets, CONCURRENT_PUTS, async offset => {
    const { segment, index, baseOffset } = encodeSegment({
      baseOffset: BigInt(offset),
      createdAtMs: 0,
      batches: [{ codec: 'none', records: [{ timestampMs: 0, key: null, value: Buffer.from('{"id":1}') }] }],
    })
    const place = { topic: TOPIC, partition: 0, baseOffset }
    await landing.put(segmentObjectKey(place), segment)
    await landing.put(indexObjectKey(place), index)
  })
}

async function plan(folder: string, { kind, place, env }: Landing, segments: number): Promise<Planned> {
  const child = startChild<PlanQuestion>('../planning/plan-child', LITTLE_HEAP)
  try {
    const config = JSON.stringify({
      warehouse: 'file:./warehouse',
      metadata: `sqlite:./${kind}-${segments}.db`,
      sources: [{ name: 'brokers', type: 'kfs', ...place }],
      catalogs: [{ name: 'local', type: 'embedded' }],
      limits: { workers: 1 },
      tables: [
        {
          name: 'bench.backlog',
          source: 'brokers',
          source_topic: TOPIC,
          schema: { fields: [{ name: 'id', type: 'long' }] },
          task_target_bytes: '64KiB',
        },
      ],
    })
    return await child.ask<Planned>({ configPath: join(folder, 'tidewater.yaml'), config, env, segments })
  } finally {
    await child.end()
  }
}

function figuresOf(
  store: PlanningFigures['store'],
  {
    segments,
    planned,
    smallest,
    of,
  }: {
    readonly segments: number
    readonly planned: Planned
    readonly smallest: Planned
    readonly of: readonly number[]
  },
): PlanningFigures {
  const perSegment = (planned.planningS / segments) * 1e6
  const atFirst = (smallest.planningS / (of[0] ?? 1)) * 1e6
  const rounded = (value: number, digits = 0) => Number(value.toFixed(digits))
  return {
    store,
    segments,
    tasks: planned.tasks,
    rounds: planned.rounds,
    planning_s: rounded(planned.planningS, 2),
    us_per_segment: rounded(perSegment, 1),
    cpu_us_per_segment: rounded((planned.planningCpuS / segments) * 1e6, 1),
    peak_rss_mb: rounded(planned.peakRssBytes / 1e6),
    grown_rss_mb: rounded((planned.peakRssBytes - planned.startRssBytes) / 1e6),
    time_ratio: rounded(perSegment / atFirst, 2),
    memory_ratio: rounded(planned.peakRssBytes / smallest.peakRssBytes, 2),
  }
}

if (import.meta.main)
  console.table(await benchPlanning({ quick: process.argv.includes('--quick'), progress: console.error }))
