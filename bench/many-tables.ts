/**
 * What a thousand tables of eight partitions cost while nothing happens, and while each gets a segment a minute: requests to S3, SQL
 * statements, Redis commands, CPU time and memory per minute; for one process with all stages, and for a process for each stage.
 *
 * Real servers, started for the bench on this machine; each counts what it was asked. Linux only: CPU time and memory are from /proc.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ObjectStore } from '../shared/object-store/object-store.ts'
import { mapBounded } from '../shared/runtime/map-bounded.ts'
import { indexObjectKey, segmentObjectKey } from '../shared/segment/segment-key.ts'
import { encodeSegment } from '../shared/segment/segment-writer.ts'
import { busyShareSince, startTidewater, type TidewaterProcess } from './many-tables/processes.ts'
import { SCHEMA, type Servers, startServers } from './many-tables/servers.ts'

const TABLES = 1000
const PARTITIONS = 8
const COMMIT_INTERVAL_S = 10
/** Quiet partitions are listed ever less often; after twice `poll_interval_max` they have all come to it. */
const SETTLE_S = 65
const MEASURED_S = 60
const CONCURRENT_PUTS = 16
const PATIENCE_S = 900

/** What each process runs; undefined: everything. */
const DIVISIONS = {
  all: [undefined],
  divided: ['discover,plan', 'convert', 'publish', 'maintain', 'serve'],
} as const satisfies Record<string, readonly (string | undefined)[]>

export interface ManyTablesFigures {
  readonly stages: keyof typeof DIVISIONS
  readonly load: 'idle' | 'trickle'
  readonly tables: number
  readonly partitions: number
  readonly processes: number
  /** Until the last process was ready, all tables being known already. */
  readonly ready_s: number
  readonly measured_s: number
  readonly s3_requests_per_min: number
  readonly sql_transactions_per_min: number
  readonly sql_statements_per_min: number
  readonly redis_commands_per_min: number
  /** Of all processes of Tidewater together, as is `rss_mb`. */
  readonly cpu_s_per_min: number
  readonly rss_mb: number
  /** Of the whole machine, servers and all, as a share of what it has. */
  readonly machine_busy: number
  /** Of `/metrics`, and of `/api/v1/tables`, which reads every table; −1 where it was refused. */
  readonly metrics_ms: number
  readonly list_ms: number
  readonly segments: number
  readonly data_files: number
  readonly snapshots: number
}

export interface ManyTablesOptions {
  readonly quick?: boolean
  readonly progress?: (line: string) => void
}

interface Scale {
  readonly tables: number
  readonly settleS: number
  readonly measuredS: number
}

export async function benchManyTables({
  quick = false,
  progress = () => undefined,
}: ManyTablesOptions = {}): Promise<readonly ManyTablesFigures[]> {
  const scale: Scale = quick
    ? { tables: 3, settleS: 0, measuredS: 2 }
    : { tables: TABLES, settleS: SETTLE_S, measuredS: MEASURED_S }
  const folder = await mkdtemp(join(tmpdir(), 'tidewater-bench-'))
  let servers: Servers | undefined
  try {
    servers = await startServers()
    await writeFile(join(folder, 'tidewater.yaml'), configOf(servers, scale.tables))
    const world = { servers, folder, scale, progress, landing: createLanding(servers.open('landed'), scale) }
    await world.landing.everyPartition()
    progress(`${scale.tables * PARTITIONS} segments landed`)
    const figures: ManyTablesFigures[] = []
    // The first start creates the tables, which is not measured.
    await withProcesses(world, 'all', async ({ readyS }) => {
      progress(`tables created in ${readyS.toFixed(1)} s`)
      await untilPublished(world)
    })
    for (const stages of keysOf(DIVISIONS))
      await withProcesses(world, stages, async running => {
        await sleep(scale.settleS * 1000)
        for (const load of ['idle', 'trickle'] as const) figures.push(await measure(world, running, load))
      })
    return figures
  } finally {
    await servers?.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

interface World {
  readonly servers: Servers
  readonly folder: string
  readonly scale: Scale
  readonly progress: (line: string) => void
  readonly landing: Landing
}

interface Running {
  readonly stages: keyof typeof DIVISIONS
  readonly processes: readonly TidewaterProcess[]
  readonly readyS: number
}

async function withProcesses(
  { servers, folder }: World,
  stages: keyof typeof DIVISIONS,
  body: (running: Running) => Promise<void>,
): Promise<void> {
  const started = await Promise.allSettled(
    DIVISIONS[stages].map(only =>
      startTidewater({
        folder,
        environment: servers.environment,
        args: only === undefined ? [] : ['--stages', only],
      }),
    ),
  )
  const processes = started.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []))
  try {
    for (const one of started) if (one.status === 'rejected') throw one.reason
    await body({ stages, processes, readyS: Math.max(...processes.map(({ readyS }) => readyS)) })
  } finally {
    await Promise.all(processes.map(one => one.stop()))
  }
}

async function measure(
  world: World,
  { stages, processes, readyS }: Running,
  load: ManyTablesFigures['load'],
): Promise<ManyTablesFigures> {
  const { servers, scale, landing, progress } = world
  const read = async () => ({
    ...(await servers.asked()),
    ...(await madeBy(servers)),
    cpu: await sumOf(processes, one => one.cpuSeconds()),
    atMs: performance.now(),
  })
  const busyShare = busyShareSince()
  const before = await read()
  const segments = load === 'idle' ? 0 : await landing.trickle(scale.measuredS)
  await sleep(Math.max(0, scale.measuredS * 1000 - (performance.now() - before.atMs)))
  const after = await read()
  const busy = busyShare()
  const seconds = (after.atMs - before.atMs) / 1000
  const perMinute = (key: keyof typeof before) => Math.round(((after[key] - before[key]) / seconds) * 60)
  const [serving] = processes.slice(-1)
  const figures: ManyTablesFigures = {
    stages,
    load,
    tables: scale.tables,
    partitions: scale.tables * PARTITIONS,
    processes: processes.length,
    ready_s: rounded(readyS, 1),
    measured_s: rounded(seconds, 1),
    // What landing itself asks for is taken off: two objects a segment.
    s3_requests_per_min: perMinute('s3Requests') - Math.round(((segments * 2) / seconds) * 60),
    sql_transactions_per_min: perMinute('sqlTransactions'),
    sql_statements_per_min: perMinute('sqlStatements'),
    redis_commands_per_min: perMinute('redisCommands'),
    cpu_s_per_min: rounded(((after.cpu - before.cpu) / seconds) * 60, 1),
    rss_mb: Math.round((await sumOf(processes, one => one.rssBytes())) / 1e6),
    machine_busy: rounded(busy, 2),
    metrics_ms: await timeOf(`${serving?.url}/metrics`),
    list_ms: await timeOf(`${serving?.url}/api/v1/tables`),
    segments,
    data_files: after.files - before.files,
    snapshots: after.snapshots - before.snapshots,
  }
  progress(`${stages} ${load}: ${JSON.stringify(figures)}`)
  return figures
}

async function madeBy(servers: Servers): Promise<{ readonly files: number; readonly snapshots: number }> {
  const [row] = await servers.query(
    `select (select count(*) from ${SCHEMA}.data_file) as files, (select count(*) from ${SCHEMA}.snapshot) as snapshots`,
  )
  return { files: Number(row?.files), snapshots: Number(row?.snapshots) }
}

async function untilPublished({ servers, scale, progress }: World): Promise<void> {
  const end = performance.now() + PATIENCE_S * 1000
  for (;;) {
    const [row] = await servers.query(
      `select (select count(*) from ${SCHEMA}.source_partition where committed_offset > 0) as committed,
        (select count(*) from ${SCHEMA}.iceberg_table t join ${SCHEMA}.publication p using (table_id)
          where p.snapshot_id = (select snapshot_id from ${SCHEMA}.snapshot s where s.table_id = t.table_id
            and s.version = t.version and s.state = 'cut')) as published`,
    )
    const [committed, published] = [Number(row?.committed), Number(row?.published)]
    if (committed === scale.tables * PARTITIONS && published === scale.tables) return
    if (performance.now() > end)
      throw new Error(`${committed} partitions were committed, ${published} tables published`)
    progress(`${committed} partitions committed, ${published} tables published`)
    await sleep(scale.tables > 100 ? 10_000 : 200)
  }
}

interface Landing {
  /** One segment in each partition. */
  everyPartition(): Promise<void>
  /** One segment in each table, evenly over so many seconds; answers their number. */
  trickle(seconds: number): Promise<number>
}

function createLanding(store: ObjectStore, { tables }: Scale): Landing {
  const landed = new Map<string, number>()
  let turn = 0
  async function land(table: number, partition: number): Promise<void> {
    const topic = topicOf(table)
    const count = landed.get(`${topic}/${partition}`) ?? 0
    landed.set(`${topic}/${partition}`, count + 1)
    const { segment, index, baseOffset } = encodeSegment({
      baseOffset: BigInt(count),
      createdAtMs: Date.now(),
      batches: [
        { codec: 'none', records: [{ timestampMs: Date.now(), key: null, value: Buffer.from('{"id":1}') }] },
      ],
    })
    const place = { topic, partition, baseOffset }
    await store.put(segmentObjectKey(place), segment)
    await store.put(indexObjectKey(place), index)
  }
  return {
    async everyPartition() {
      const all = Array.from({ length: tables * PARTITIONS }, (_, i) => i)
      await mapBounded(all, CONCURRENT_PUTS, i => land(Math.floor(i / PARTITIONS), i % PARTITIONS))
    },
    async trickle(seconds) {
      const begin = performance.now()
      const partition = turn++ % PARTITIONS
      for (let table = 0; table < tables; table++) {
        await sleep(Math.max(0, begin + (table / tables) * seconds * 1000 - performance.now()))
        await land(table, partition)
      }
      return tables
    },
  }
}

function topicOf(table: number): string {
  return `topic-${table.toString().padStart(4, '0')}`
}

/** JSON is YAML. */
function configOf(servers: Servers, tables: number): string {
  return JSON.stringify({
    warehouse: servers.place('warehouse'),
    metadata: servers.metadataUrl,
    queue: servers.queueUrl,
    sources: [{ name: 'brokers', type: 'kfs', ...servers.place('landed') }],
    catalogs: [{ name: 'local', type: 'embedded' }],
    server: { listen: '127.0.0.1:0' },
    limits: { workers: 1 },
    tables: Array.from({ length: tables }, (_, table) => ({
      name: `bench.${topicOf(table).replace('-', '_')}`,
      source: 'brokers',
      source_topic: topicOf(table),
      schema: { fields: [{ name: 'id', type: 'long' }] },
      commit_interval: `${COMMIT_INTERVAL_S}s`,
    })),
  })
}

async function timeOf(url: string): Promise<number> {
  const begin = performance.now()
  const answer = await fetch(url)
  await answer.arrayBuffer()
  if (!answer.ok) return -1
  return Math.round(performance.now() - begin)
}

async function sumOf(
  processes: readonly TidewaterProcess[],
  figure: (one: TidewaterProcess) => Promise<number>,
): Promise<number> {
  const figures = await Promise.all(processes.map(figure))
  return figures.reduce((sum, one) => sum + one, 0)
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}

function keysOf<T extends object>(of: T): readonly (keyof T)[] {
  return Object.keys(of) as (keyof T)[]
}

if (import.meta.main)
  console.log(
    JSON.stringify(
      await benchManyTables({ quick: process.argv.includes('--quick'), progress: console.error }),
      undefined,
      2,
    ),
  )
