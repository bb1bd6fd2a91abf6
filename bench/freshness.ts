/**
 * How long after a segment has landed (its index is put) its rows can be read through the REST catalog, at a steady load: a client loads
 * the table again and again, and notes which watermarks the newest snapshot carries. On one machine's own stores, and on real servers.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { OFFSETS_KEY, parseOffsets } from '../shared/iceberg/snapshot-offsets.ts'
import type { ObjectStore } from '../shared/object-store/object-store.ts'
import { openObjectStore } from '../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../shared/runtime/system-runtime.ts'
import { indexObjectKey, segmentObjectKey } from '../shared/segment/segment-key.ts'
import { encodeSegment } from '../shared/segment/segment-writer.ts'
import { startTidewater } from './many-tables/processes.ts'
import { type Servers, startServers } from './many-tables/servers.ts'

const TOPIC = 'orders'
const PARTITIONS = 4
const RECORDS_PER_SEGMENT = 100
const SEGMENTS_PER_S = 10
/** Shorter than what is measured; a client that asks more often would be measured too. */
const LOOK_MS = 25
const PATIENCE_S = 300
const INTERVALS_S = [1, 10]

export interface FreshnessFigures {
  readonly stores: 'embedded' | 'servers'
  readonly commit_interval_s: number
  readonly segments: number
  readonly records_per_s: number
  readonly p50_s: number
  readonly p99_s: number
  readonly max_s: number
}

export interface FreshnessOptions {
  readonly quick?: boolean
  readonly progress?: (line: string) => void
}

export async function benchFreshness({
  quick = false,
  progress = () => undefined,
}: FreshnessOptions = {}): Promise<readonly FreshnessFigures[]> {
  const figures: FreshnessFigures[] = []
  const servers = await startServers()
  try {
    for (const stores of ['embedded', 'servers'] as const)
      for (const intervalS of quick ? INTERVALS_S.slice(0, 1) : INTERVALS_S) {
        // Six commit intervals at least, after one to warm up.
        const load = quick
          ? { warmUpS: 0, measuredS: 2 }
          : { warmUpS: 10, measuredS: Math.max(30, 6 * intervalS) }
        figures.push(await measure({ stores, intervalS, servers, ...load }))
        progress(`freshness: ${JSON.stringify(figures.at(-1))}`)
      }
  } finally {
    await servers.stop()
  }
  return figures
}

interface Measured {
  readonly stores: FreshnessFigures['stores']
  readonly intervalS: number
  readonly servers: Servers
  readonly warmUpS: number
  readonly measuredS: number
}

async function measure({
  stores,
  intervalS,
  servers,
  warmUpS,
  measuredS,
}: Measured): Promise<FreshnessFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'tidewater-bench-'))
  const landed = `landed-${intervalS}`
  const source =
    stores === 'servers'
      ? servers.open(landed)
      : openObjectStore(`file://${join(folder, landed)}`, { runtime: systemRuntime })
  try {
    await writeFile(
      join(folder, 'tidewater.yaml'),
      configOf(stores === 'servers' ? servers : undefined, { intervalS, landed }),
    )
    for (let partition = 0; partition < PARTITIONS; partition++) await land(source, partition, 0)
    const running = await startTidewater({ folder, environment: servers.environment, args: [] })
    try {
      const waits = await waitsOf({
        source,
        tableUrl: `${running.url}/catalog/v1/local/namespaces/bench/tables/orders`,
        warmUpS,
        measuredS,
      })
      const at = (share: number) =>
        Number(((waits[Math.ceil(waits.length * share) - 1] ?? 0) / 1000).toFixed(2))
      return {
        stores,
        commit_interval_s: intervalS,
        segments: waits.length,
        records_per_s: SEGMENTS_PER_S * RECORDS_PER_SEGMENT,
        p50_s: at(0.5),
        p99_s: at(0.99),
        max_s: at(1),
      }
    } finally {
      await running.stop()
    }
  } finally {
    await source.close()
    await rm(folder, { recursive: true, force: true })
  }
}

interface Watch {
  readonly source: ObjectStore
  readonly tableUrl: string
  readonly warmUpS: number
  readonly measuredS: number
}

interface Landed {
  readonly partition: number
  readonly endOffset: bigint
  readonly atMs: number
}

/** In milliseconds, ascending, of every segment that landed after the warm-up. */
async function waitsOf({ source, tableUrl, warmUpS, measuredS }: Watch): Promise<readonly number[]> {
  const waiting = new Set<Landed>()
  const waits: number[] = []
  const begin = performance.now()
  let isLanding = true
  const watching = (async () => {
    for (let end = Number.POSITIVE_INFINITY; isLanding || waiting.size > 0; await sleep(LOOK_MS)) {
      if (!isLanding && end === Number.POSITIVE_INFINITY) end = performance.now() + PATIENCE_S * 1000
      if (performance.now() > end) throw new Error(`${waiting.size} segments never came`)
      const watermarks = await watermarksAt(tableUrl)
      const seenMs = performance.now()
      for (const segment of waiting) {
        if ((watermarks.get(segment.partition) ?? 0n) < segment.endOffset) continue
        waiting.delete(segment)
        if (segment.atMs - begin >= warmUpS * 1000) waits.push(seenMs - segment.atMs)
      }
    }
  })()
  const count = (warmUpS + measuredS) * SEGMENTS_PER_S
  for (let i = PARTITIONS; i < count + PARTITIONS; i++) {
    await sleep(Math.max(0, begin + ((i - PARTITIONS) / SEGMENTS_PER_S) * 1000 - performance.now()))
    const partition = i % PARTITIONS
    const endOffset = await land(source, partition, Math.floor(i / PARTITIONS))
    waiting.add({ partition, endOffset, atMs: performance.now() })
  }
  isLanding = false
  await watching
  return waits.sort((a, b) => a - b)
}

const tableAnswer = z.object({
  metadata: z.object({
    'current-snapshot-id': z.unknown(),
    snapshots: z.array(z.object({ summary: z.record(z.string(), z.string()) })).default([]),
  }),
})

/** What the branch shows; nothing before the table is published. */
async function watermarksAt(tableUrl: string): Promise<ReadonlyMap<number, bigint>> {
  const answer = await fetch(`${tableUrl}?snapshots=refs`)
  const text = await answer.text()
  if (answer.status === 404) return new Map()
  if (!answer.ok) throw new Error(`${tableUrl} answered ${answer.status}: ${text}`)
  const offsets = tableAnswer.parse(JSON.parse(text)).metadata.snapshots.at(-1)?.summary[OFFSETS_KEY]
  if (offsets === undefined) return new Map()
  return new Map(
    parseOffsets(offsets, tableUrl).partitions.map(({ partition, committedOffset }) => [
      partition,
      committedOffset,
    ]),
  )
}

/** The `n`th segment of the partition; answers its end offset. */
async function land(store: ObjectStore, partition: number, n: number): Promise<bigint> {
  const { segment, index, baseOffset, lastOffset } = encodeSegment({
    baseOffset: BigInt(n * RECORDS_PER_SEGMENT),
    createdAtMs: Date.now(),
    batches: [
      {
        codec: 'none',
        records: Array.from({ length: RECORDS_PER_SEGMENT }, (_, i) => ({
          timestampMs: Date.now(),
          key: null,
          value: Buffer.from(JSON.stringify({ id: n * RECORDS_PER_SEGMENT + i })),
        })),
      },
    ],
  })
  const place = { topic: TOPIC, partition, baseOffset }
  await store.put(segmentObjectKey(place), segment)
  await store.put(indexObjectKey(place), index)
  return lastOffset + 1n
}

/** JSON is YAML. */
function configOf(
  servers: Servers | undefined,
  { intervalS, landed }: { readonly intervalS: number; readonly landed: string },
): string {
  return JSON.stringify({
    ...(servers === undefined
      ? { warehouse: 'file:./warehouse', metadata: 'sqlite:./tidewater.db' }
      : {
          warehouse: servers.place(`warehouse-${intervalS}`),
          metadata: servers.metadataUrl.replace(/schema=.*/, `schema=freshness_${intervalS}`),
          queue: servers.queueUrl,
        }),
    sources: [
      {
        name: 'brokers',
        type: 'kfs',
        ...(servers === undefined ? { url: `file:./${landed}` } : servers.place(landed)),
      },
    ],
    catalogs: [{ name: 'local', type: 'embedded' }],
    server: { listen: '127.0.0.1:0' },
    tables: [
      {
        name: 'bench.orders',
        source: 'brokers',
        source_topic: TOPIC,
        schema: { fields: [{ name: 'id', type: 'long' }] },
        commit_interval: `${intervalS}s`,
      },
    ],
  })
}

if (import.meta.main)
  console.table(await benchFreshness({ quick: process.argv.includes('--quick'), progress: console.error }))
