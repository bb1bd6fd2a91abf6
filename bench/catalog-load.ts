/**
 * Many clients load a table with a long history, all at once, again every second, while Tidewater converts a backlog into that table and
 * publishes it every second. How long do they wait, and what does ingestion lose? Phases with and without the load take turns in one
 * run, so that what else the machine does weighs on both; clients and server share its processors.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { IcebergType } from '../shared/iceberg/schema.ts'
import type { WrittenBatch } from '../shared/segment/record-batch-writer.ts'
import { openTableClients, type TableClients } from './catalog-load/load-tables.ts'
import type { Ingested, ServeQuestion } from './catalog-load/serve-child.ts'
import { batchesOf, recordsOf, TOPIC, writeSegments } from './whole-way/backlog.ts'
import { type Child, startChild } from './whole-way/child.ts'

export interface CatalogLoadFigure {
  /** What is asked for: every snapshot, or those that a branch or tag points at. */
  readonly mode: 'all' | 'refs'
  /** What clients say that they accept; all that are known accept gzip. */
  readonly encoding: 'gzip' | 'identity'
  readonly snapshots: number
  readonly concurrent: number
  readonly requests: number
  readonly answer_bytes: number
  readonly p50_ms: number
  readonly p99_ms: number
  /** Raw JSON values, 10^6 bytes per second of time, without the load and with it. */
  readonly ingest_mb_per_s: number
  readonly ingest_mb_per_s_loaded: number
  readonly ingest_ratio: number
  /** The same per second of the server's own CPU time: what clients on other machines would leave of it. */
  readonly ingest_cpu_ratio: number
}

export interface CatalogLoadOptions {
  /** A short history and a small backlog: to see that it works, not how fast. */
  readonly quick: boolean
  readonly progress: (line: string) => void
}

const CONCURRENT = 200
const BURST_INTERVAL_MS = 1000
const FULL = { snapshots: 1000, valueBytes: 64 << 20, timesAhead: 32, phaseMs: 3000, pairs: 3 }
const QUICK = { snapshots: 20, valueBytes: 4 << 20, timesAhead: 160, phaseMs: 500, pairs: 1 }
const REQUESTS = [
  { mode: 'all', encoding: 'gzip' },
  { mode: 'all', encoding: 'identity' },
  { mode: 'refs', encoding: 'gzip' },
] as const

export async function benchCatalogLoad(options: CatalogLoadOptions): Promise<readonly CatalogLoadFigure[]> {
  const effort = options.quick ? QUICK : FULL
  const folder = await mkdtemp(join(tmpdir(), 'tidewater-bench-'))
  const child = startChild<ServeQuestion>('../catalog-load/serve-child')
  const clients = openTableClients(CONCURRENT)
  try {
    const records = recordsOf('flat', effort.valueBytes)
    const batches = batchesOf(records.values, 'zstd')
    options.progress('catalog_load: landing the backlog')
    const backlog = openBacklog(join(folder, 'segments'), batches, { child, timesAhead: effort.timesAhead })
    await backlog.fill()
    const configPath = join(folder, 'tidewater.yaml')
    const config = configOf(records.schema.fields)
    await writeFile(configPath, config)
    options.progress(`catalog_load: making ${effort.snapshots} snapshots`)
    const { snapshots } = effort
    const catalog = await child.ask<string>({ kind: 'open', configPath, config, snapshots })
    await child.ask({ kind: 'start' })
    await untilRowsCome(child, 0)
    const valueBytes = records.valueBytes / records.values.length
    const figures: CatalogLoadFigure[] = []
    for (const { mode, encoding } of REQUESTS) {
      const url = `${catalog}/v1/local/namespaces/bench/tables/orders?snapshots=${mode}`
      const figure = await measure({ child, clients, backlog, url, encoding, valueBytes }, effort)
      figures.push({ mode, encoding, snapshots, ...figure })
      options.progress(
        `catalog_load ${mode} ${encoding}: p50 ${figure.p50_ms} ms, p99 ${figure.p99_ms} ms, ingestion ${figure.ingest_ratio} of what it is without, ${figure.ingest_cpu_ratio} by CPU time`,
      )
    }
    await child.ask({ kind: 'close' })
    return figures
  } finally {
    clients.close()
    await child.end()
    await rm(folder, { recursive: true })
  }
}

interface Backlog {
  /** Lands until `timesAhead` times all records wait to be converted: more than a phase takes, however fast the machine is. */
  fill(): Promise<void>
  landedRows(): number
}

function openBacklog(
  folder: string,
  batches: readonly WrittenBatch[],
  { child, timesAhead }: { readonly child: Child<ServeQuestion>; readonly timesAhead: number },
): Backlog {
  const rowsPerTime = Number(batches.at(-1)?.lastOffset ?? -1n) + 1
  let landedTimes = 0
  return {
    landedRows: () => landedTimes * rowsPerTime,
    async fill() {
      const { rows } = await child.ask<Ingested>({ kind: 'ingested' })
      const missing = timesAhead - (landedTimes - Math.floor(rows / rowsPerTime))
      if (missing <= 0) return
      await writeSegments(folder, batches, missing, landedTimes)
      landedTimes += missing
    },
  }
}

interface Measured {
  readonly child: Child<ServeQuestion>
  readonly backlog: Backlog
  readonly clients: TableClients
  readonly url: string
  readonly encoding: string
  /** Of one record. */
  readonly valueBytes: number
}

async function measure(
  { child, clients, backlog, url, encoding, valueBytes }: Measured,
  { phaseMs, pairs }: { readonly phaseMs: number; readonly pairs: number },
): Promise<Omit<CatalogLoadFigure, 'mode' | 'encoding' | 'snapshots'>> {
  const alone: Rates[] = []
  const loaded: Rates[] = []
  const durationsMs: number[] = []
  let answerBytes = 0
  await clients.burst(url, encoding)
  for (let pair = 0; pair < pairs; pair++) {
    alone.push(await ratesOf({ child, backlog }, () => sleep(phaseMs)))
    loaded.push(
      await ratesOf({ child, backlog }, async () => {
        const end = performance.now() + phaseMs
        while (performance.now() < end) {
          const next = performance.now() + BURST_INTERVAL_MS
          const burst = await clients.burst(url, encoding)
          durationsMs.push(...burst.durationsMs)
          answerBytes = burst.answerBytes
          await sleep(Math.max(0, Math.min(next, end) - performance.now()))
        }
      }),
    )
  }
  durationsMs.sort((a, b) => a - b)
  const at = (share: number) => rounded(durationsMs[Math.floor(durationsMs.length * share)] ?? 0, 1)
  const inTime = (rates: readonly Rates[]) => mean(rates.map(rate => rate.rowsPerSecond))
  const inCpuTime = (rates: readonly Rates[]) => mean(rates.map(rate => rate.rowsPerCpuSecond))
  return {
    concurrent: CONCURRENT,
    requests: durationsMs.length,
    answer_bytes: answerBytes,
    p50_ms: at(0.5),
    p99_ms: at(0.99),
    ingest_mb_per_s: rounded((inTime(alone) * valueBytes) / 1e6, 1),
    ingest_mb_per_s_loaded: rounded((inTime(loaded) * valueBytes) / 1e6, 1),
    ingest_ratio: rounded(inTime(loaded) / inTime(alone), 3),
    ingest_cpu_ratio: rounded(inCpuTime(loaded) / inCpuTime(alone), 3),
  }
}

interface Rates {
  readonly rowsPerSecond: number
  readonly rowsPerCpuSecond: number
}

/** A task is committed whole, so a phase holds many tasks; on a machine with much else to do it lasts until there is one at least. */
async function ratesOf(
  { child, backlog }: Pick<Measured, 'child' | 'backlog'>,
  during: () => Promise<void>,
): Promise<Rates> {
  await backlog.fill()
  const before = await child.ask<Ingested>({ kind: 'ingested' })
  const begin = performance.now()
  await during()
  const after = await untilRowsCome(child, before.rows)
  if (backlog.landedRows() <= after.rows) throw new Error('The backlog of the bench was used up')
  const rows = after.rows - before.rows
  return {
    rowsPerSecond: (rows / (performance.now() - begin)) * 1000,
    rowsPerCpuSecond: rows / (after.cpuSeconds - before.cpuSeconds),
  }
}

const PATIENCE_MS = 60_000

async function untilRowsCome(child: Child<ServeQuestion>, above: number): Promise<Ingested> {
  const end = performance.now() + PATIENCE_MS
  while (performance.now() < end) {
    const ingested = await child.ask<Ingested>({ kind: 'ingested' })
    if (ingested.rows > above) return ingested
    await sleep(50)
  }
  throw new Error(`The bench waited ${PATIENCE_MS} ms in vain for more than ${above} rows`)
}

/** JSON is YAML. One worker, so that a machine of two cores has one left for the server and its clients. */
function configOf(fields: readonly { readonly name: string; readonly type: IcebergType }[]): string {
  return JSON.stringify({
    warehouse: 'file:./warehouse',
    metadata: 'sqlite:./tidewater.db',
    sources: [{ name: 'local', type: 'kfs', url: 'file:./segments' }],
    catalogs: [{ name: 'local', type: 'embedded' }],
    // All its clients share an address.
    server: { max_requests_per_minute: 'none' },
    limits: { workers: 1, poll_interval: '100ms', poll_interval_max: '100ms' },
    tables: [
      {
        name: 'bench.orders',
        source: 'local',
        source_topic: TOPIC,
        source_format: 'json',
        schema: { fields: fields.map(({ name, type }) => ({ name, type: typeText(type) })) },
        commit_interval: '1s',
        task_target_bytes: '1MiB',
        snapshot_retention: { max_count: 10_000, max_age: '3650d' },
      },
    ],
  })
}

function typeText(type: IcebergType): string {
  return type.kind === 'decimal' ? `decimal(${type.precision},${type.scale})` : type.kind
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
