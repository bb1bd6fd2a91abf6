/**
 * The load: segments as brokers land them, one writer per partition, straight to the store, since brokers have connections of their own.
 * Now and then a broker "crashes" between a segment and its index, and what it writes there afterwards is another segment.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { PartitionWriter } from '../../services/landing/partition-writer.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { BatchCollector } from '../../shared/segment/batch-collector.ts'
import { segmentObjectKey } from '../../shared/segment/segment-key.ts'
import { assembleSegment } from '../../shared/segment/segment-writer.ts'
import { createSeededRandom, type SeededRandom } from '../simulation/seeded-random.ts'
import { brokenRecordOf, recordOf, TOPICS, type Topic } from './topics.ts'

const ROUND_MS = 1_000
const BROKER_CRASH_RATE = 0.01
const SEGMENT_BYTES = 1 << 20
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export interface LandedTopic {
  readonly topic: Topic
  /** Ids of the records that are rows. */
  readonly ids: readonly number[]
  /** `partition/offset` of the records that do not fit. */
  readonly broken: readonly string[]
  /** By partition. */
  readonly endOffsets: readonly bigint[]
}

interface Growing {
  readonly topic: Topic
  readonly ids: number[]
  readonly broken: string[]
  readonly endOffsets: bigint[]
  readonly writers: readonly PartitionWriter[]
  nextId: number
}

export interface Landing {
  landed(): readonly LandedTopic[]
  /** One more segment of a topic, now. */
  landOne(topic: string): Promise<void>
  stop(): Promise<void>
}

export function startLanding(store: ObjectStore, seed: number): Landing {
  const random = createSeededRandom(seed, 'landing')
  const orphanKeys = new Set<string>()
  const growing = TOPICS.map(topic => ({
    topic,
    ids: [],
    broken: [],
    endOffsets: Array.from({ length: topic.partitions }, () => 0n),
    writers: Array.from({ length: topic.partitions }, (_, partition) =>
      openWriter({ store, topic: topic.name, partition, orphanKeys, random }),
    ),
    nextId: 0,
  })) satisfies Growing[]
  const stop = new AbortController()
  const running = landUntilStopped({ store, growing, orphanKeys, random }, stop.signal)
  // A failure shows at `stop()`.
  running.catch(() => undefined)
  return {
    landed: () => growing,
    async landOne(name) {
      const one = growing.find(({ topic }) => topic.name === name)
      if (one !== undefined) await landSegment(one, 0)
    },
    async stop() {
      stop.abort()
      await running
    },
  }
}

function openWriter(of: {
  readonly store: ObjectStore
  readonly topic: string
  readonly partition: number
  readonly orphanKeys: ReadonlySet<string>
  readonly random: SeededRandom
}): PartitionWriter {
  return new PartitionWriter({
    ...of,
    runtime: systemRuntime,
    codec: of.random.pick(CODECS),
    segmentBytes: SEGMENT_BYTES,
    tail: { nextOffset: 0n, orphanKeys: of.orphanKeys },
  })
}

interface Load {
  readonly store: ObjectStore
  readonly growing: readonly Growing[]
  readonly orphanKeys: Set<string>
  readonly random: SeededRandom
}

async function landUntilStopped(load: Load, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const one of load.growing) {
      for (let partition = 0; partition < one.topic.partitions; partition++) {
        if (!load.random.chance(one.topic.share)) continue
        if (load.random.chance(BROKER_CRASH_RATE)) await leaveOrphan(load, one, partition)
        else await landSegment(one, partition)
      }
    }
    await sleep(ROUND_MS)
  }
}

async function landSegment(one: Growing, partition: number): Promise<void> {
  const { topic, ids, broken, endOffsets, writers } = one
  const writer = writers[partition]
  if (writer === undefined) throw new Error(`${topic.name} has no partition ${partition}`)
  const added = { ids: [] as number[], broken: [] as string[] }
  for (let i = 0; i < topic.recordsPerSegment; i++) {
    const id = one.nextId++
    const isBroken = id % topic.brokenEvery === 0
    if (isBroken) added.broken.push(`${partition}/${writer.endOffset}`)
    else added.ids.push(id)
    const value = Buffer.from(isBroken ? brokenRecordOf(id) : recordOf(id))
    writer.append({ key: Buffer.from(String(id)), value, timestampMs: Date.now() })
  }
  await writer.flush()
  ids.push(...added.ids)
  broken.push(...added.broken)
  endOffsets[partition] = writer.endOffset
}

/** A segment without an index: nobody was told that these records are kept, and the next segment takes their place. */
async function leaveOrphan({ store, orphanKeys }: Load, one: Growing, partition: number): Promise<void> {
  const baseOffset = one.writers[partition]?.endOffset ?? 0n
  const collector = new BatchCollector({ codec: 'none', baseOffset, maxBatchBytes: SEGMENT_BYTES })
  const value = Buffer.from(JSON.stringify({ id: -1, note: 'never acknowledged' }))
  collector.append({ key: null, value, timestampMs: Date.now() })
  const { segment } = assembleSegment(collector.take(), { createdAtMs: Date.now() })
  const key = segmentObjectKey({ topic: one.topic.name, partition, baseOffset })
  await store.put(key, segment)
  orphanKeys.add(key)
}
