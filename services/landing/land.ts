/**
 * `tidewater land <topic>`: NDJSON becomes valid segments, for trials and backfills. Values are the lines' bytes, untouched
 * and unjudged; empty lines are passed over. Keyed records go where Kafka's partitioner puts them, others move on to the
 * next partition every `STICKY_BYTES`. Each partition goes on after the last offset that the store holds.
 * Memory is bounded by `MAX_PENDING_BYTES`, whatever the number of partitions. On bad input the lines before it are landed
 * first, so that the user can go on from there.
 */
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { DEFAULT_WORKER_MEMORY_BYTES, divideWorkerMemory } from '../../shared/runtime/worker-memory.ts'
import { BATCH_BYTES } from '../../shared/segment/batch-collector.ts'
import type { WriterCodec } from '../../shared/segment/codec.ts'
import { partitionOfKey } from '../../shared/segment/murmur2.ts'
import { keyOfLineAt } from './key-path.ts'
import { readPartitionTail } from './partition-tail.ts'
import { PartitionWriter } from './partition-writer.ts'
import { splitLines } from './split-lines.ts'

export const MAX_PARTITIONS = 4096
export const MIN_SEGMENT_BYTES = 1024
export const MAX_LANDED_SEGMENT_BYTES = 1024 * 1024 * 1024
/** What brokers cut segments at by default. */
export const DEFAULT_SEGMENT_BYTES = 4 * 1024 * 1024
/** Held back over all partitions; beyond it the fullest one is uploaded early. */
const MAX_PENDING_BYTES = 256 * 1024 * 1024
/** Lengths, deltas and attributes of a record, about. */
const RECORD_OVERHEAD_BYTES = 16
const STICKY_BYTES = 64 * 1024

const TOPIC_NAME = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/

export interface LandOptions {
  /** Rooted at the brokers' bucket and namespace, or at the folder that stands for them. */
  readonly store: ObjectStore
  readonly topic: string
  readonly partitions: number
  /** Path of the record key in each line; without it records have no key. */
  readonly keyPath?: string
  readonly codec: WriterCodec
  readonly segmentBytes?: number
  /** What the workers may hold that will convert the segments; the default of `limits.worker_memory` without it. */
  readonly workerMemoryBytes?: number
  /** NDJSON as it comes from a file or stdin, cut anywhere. */
  readonly input: AsyncIterable<Uint8Array>
  readonly runtime: Runtime
}

export interface LandedPartition {
  readonly partition: number
  /** Offsets `[startOffset, endOffset)` were landed. */
  readonly startOffset: bigint
  readonly endOffset: bigint
}

export interface LandResult {
  readonly recordCount: number
  readonly segmentCount: number
  /** Of the `.kfs` objects written. */
  readonly sizeBytes: number
  /** Those that received records, by number. */
  readonly partitions: readonly LandedPartition[]
}

/** Errors: `land-option-invalid`, and those of the files beside this one. */
export async function landTopic(options: LandOptions): Promise<LandResult> {
  checkOptions(options)
  const landing: Landing = {
    options,
    writers: new Map(),
    stickyPartition: 0,
    stickyBytes: 0,
    pendingBytes: 0,
    recordCount: 0,
  }
  const keyOfLine = options.keyPath === undefined ? () => null : keyOfLineAt(options.keyPath)
  let lineNumber = 0
  try {
    for await (const lines of splitLines(options.input)) {
      const timestampMs = options.runtime.nowMs()
      for (const line of lines) {
        lineNumber++
        if (line.byteLength > 0)
          await landLine(landing, { key: keyOfLine(line, lineNumber), value: line, timestampMs })
      }
    }
  } catch (cause) {
    const badLine = cause instanceof AppError ? cause.details.lineNumber : undefined
    if (!(cause instanceof AppError) || typeof badLine !== 'number') throw cause
    await flushAll(landing)
    throw new AppError({
      code: cause.code,
      next: cause.next,
      message: `${cause.message} The lines before it are landed; go on with the rest: tail -n +${badLine}.`,
      details: { ...cause.details, landedRecordCount: landing.recordCount },
      cause,
    })
  }
  await flushAll(landing)
  return summary(landing)
}

interface Landing {
  readonly options: LandOptions
  readonly writers: Map<number, PartitionWriter>
  /** Where unkeyed records go, and how many bytes of them have gone there in this run. */
  stickyPartition: number
  stickyBytes: number
  /** An upper bound of what the writers hold; compression makes it less. */
  pendingBytes: number
  recordCount: number
}

async function landLine(
  landing: Landing,
  record: { readonly key: Uint8Array | null; readonly value: Uint8Array; readonly timestampMs: number },
): Promise<void> {
  const { partitions } = landing.options
  const partition = record.key === null ? landing.stickyPartition : partitionOfKey(record.key, partitions)
  const writer = landing.writers.get(partition) ?? (await openWriter(landing, partition))
  landing.recordCount++
  writer.append(record)
  if (record.key === null) moveOn(landing, record.value.byteLength)
  if (writer.isSegmentFull) await writer.flush()
  landing.pendingBytes += record.value.byteLength + (record.key?.byteLength ?? 0) + RECORD_OVERHEAD_BYTES
  if (landing.pendingBytes > MAX_PENDING_BYTES) await relieve(landing)
}

function moveOn(landing: Landing, valueBytes: number): void {
  landing.stickyBytes += valueBytes
  if (landing.stickyBytes < STICKY_BYTES) return
  landing.stickyPartition = (landing.stickyPartition + 1) % landing.options.partitions
  landing.stickyBytes = 0
}

async function openWriter(landing: Landing, partition: number): Promise<PartitionWriter> {
  const { store, runtime, topic, codec, segmentBytes = DEFAULT_SEGMENT_BYTES } = landing.options
  const tail = await readPartitionTail(store, `${topic}/${partition}/`)
  const writer = new PartitionWriter({ store, runtime, topic, partition, codec, segmentBytes, tail })
  landing.writers.set(partition, writer)
  return writer
}

/** Counts anew what the writers really hold, and uploads the fullest ones early while that is more than half of the maximum. */
async function relieve(landing: Landing): Promise<void> {
  const writers = [...landing.writers.values()].sort((a, b) => b.pendingBytes - a.pendingBytes)
  let pendingBytes = writers.reduce((sum, writer) => sum + writer.pendingBytes, 0)
  for (const writer of writers) {
    if (pendingBytes <= MAX_PENDING_BYTES / 2) break
    pendingBytes -= writer.pendingBytes
    await writer.flush()
  }
  landing.pendingBytes = pendingBytes
}

async function flushAll({ writers }: Landing): Promise<void> {
  for (const writer of writers.values()) await writer.flush()
}

function summary({ writers, recordCount }: Landing): LandResult {
  const landed = [...writers].sort(([a], [b]) => a - b)
  return {
    recordCount,
    segmentCount: landed.reduce((sum, [, writer]) => sum + writer.segmentCount, 0),
    sizeBytes: landed.reduce((sum, [, writer]) => sum + writer.sizeBytes, 0),
    partitions: landed.map(([partition, { startOffset, endOffset }]) => ({
      partition,
      startOffset,
      endOffset,
    })),
  }
}

function checkOptions(options: LandOptions): void {
  const { topic, partitions, segmentBytes = DEFAULT_SEGMENT_BYTES } = options
  const { workerMemoryBytes = DEFAULT_WORKER_MEMORY_BYTES } = options
  const refuse = (option: string, expected: string, found: string | number) =>
    new AppError({
      code: 'land-option-invalid',
      next: 'fatal',
      message: `Landing into topic ${topic}: expected ${option} to be ${expected}, found ${found}.`,
      details: { option, expected, found },
    })
  if (!TOPIC_NAME.test(topic))
    throw refuse('the topic', '1 to 249 letters, digits, dots, dashes or underscores', topic)
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > MAX_PARTITIONS) {
    throw refuse('--partitions', `a whole number from 1 to ${MAX_PARTITIONS}`, partitions)
  }
  if (segmentBytes < MIN_SEGMENT_BYTES || segmentBytes > MAX_LANDED_SEGMENT_BYTES)
    throw refuse('--segment-bytes', `from ${MIN_SEGMENT_BYTES} to ${MAX_LANDED_SEGMENT_BYTES}`, segmentBytes)
  // A segment ends with the batch that fills it, and a batch with the record that fills it.
  const convertible = divideWorkerMemory(workerMemoryBytes).segmentBytes - 2 * BATCH_BYTES
  if (segmentBytes > convertible)
    throw refuse(
      '--segment-bytes',
      `at most ${convertible}, because workers with limits.worker_memory of ${workerMemoryBytes} bytes convert no larger segments (raise it in the configuration that this command and the workers use)`,
      segmentBytes,
    )
}
