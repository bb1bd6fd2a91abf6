/**
 * A backlog of one partition, as a broker lands it: segments of about 4 MiB, of record batches of about 512 KiB of values, as a producer
 * with a large `batch.size` on a busy topic sends them. The same records go to DuckDB as NDJSON.
 */
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SegmentRef, TaskSlice } from '../../shared/flow.ts'
import { createFileObjectStore } from '../../shared/object-store/file-object-store.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import type { Codec } from '../../shared/segment/codec.ts'
import { encodeRecordBatch, type WrittenBatch } from '../../shared/segment/record-batch-writer.ts'
import { indexObjectKey, segmentObjectKey } from '../../shared/segment/segment-key.ts'
import { assembleSegment } from '../../shared/segment/segment-writer.ts'
import { flatOrders, nestedEvents, type Shape } from '../shapes.ts'

export const BATCH_VALUE_BYTES = 512 * 1024
export const SEGMENT_BYTES = 4 * 1024 * 1024
export const TOPIC = 'bench'
const FIRST_TIMESTAMP_MS = 1_750_000_000_000
const SEED = 1

export type ShapeName = 'flat' | 'nested'

/** At least this many bytes of values of the named shape. */
export function recordsOf(name: ShapeName, valueBytes: number): Shape & { readonly valueBytes: number } {
  const make = name === 'flat' ? flatOrders : nestedEvents
  const sample = make(1000, SEED).values
  const sampleBytes = sample.reduce((sum, value) => sum + value.length, 0)
  const { schema, values } = make(Math.ceil((valueBytes / sampleBytes) * sample.length), SEED)
  return { schema, values, valueBytes: values.reduce((sum, value) => sum + value.length, 0) }
}

/** Record batches of offsets from 0, each with keys of eight digits, and timestamps that rise. */
export function batchesOf(values: readonly Uint8Array[], codec: Codec): readonly WrittenBatch[] {
  const text = new TextEncoder()
  const batches: WrittenBatch[] = []
  for (let from = 0; from < values.length; ) {
    let to = from
    for (let size = 0; to < values.length && size < BATCH_VALUE_BYTES; to++) size += values[to]?.length ?? 0
    const records = values.slice(from, to).map((value, i) => ({
      timestampMs: FIRST_TIMESTAMP_MS + from + i,
      key: text.encode(`${from + i}`.padStart(8, '0')),
      value,
    }))
    batches.push(encodeRecordBatch({ codec, records }, BigInt(from)))
    from = to
  }
  return batches
}

/**
 * Writes the batches, `times` over at rising offsets, as segments with their indexes below `folder`; one slice for each time.
 * `firstTime` goes on where an earlier call ended.
 */
export async function writeSegments(
  folder: string,
  batches: readonly WrittenBatch[],
  times: number,
  firstTime = 0,
): Promise<readonly TaskSlice[]> {
  const store = createFileObjectStore(folder, systemRuntime)
  const count = (batches.at(-1)?.lastOffset ?? -1n) + 1n
  const slices: TaskSlice[] = []
  await mkdir(join(folder, TOPIC, '0'), { recursive: true })
  for (let time = firstTime; time < firstTime + times; time++) {
    const startOffset = count * BigInt(time)
    const segments: SegmentRef[] = []
    for (const group of groupsOf(batches)) {
      const { segment, index, baseOffset } = assembleSegment(
        group.map(batch => movedBy(batch, startOffset)),
        { createdAtMs: FIRST_TIMESTAMP_MS },
      )
      const place = { topic: TOPIC, partition: 0, baseOffset }
      const key = segmentObjectKey(place)
      await writeFile(join(folder, key), segment)
      await writeFile(join(folder, indexObjectKey(place)), index)
      const info = await store.head(key)
      segments.push({
        topic: TOPIC,
        partition: 0,
        key,
        baseOffset,
        sizeBytes: segment.length,
        etag: info?.etag ?? '',
      })
    }
    const endOffset = startOffset + count
    slices.push({ topic: TOPIC, partition: 0, incarnation: 0, startOffset, endOffset, segments })
  }
  await store.close()
  return slices
}

function groupsOf(batches: readonly WrittenBatch[]): readonly WrittenBatch[][] {
  const groups: WrittenBatch[][] = []
  let size = SEGMENT_BYTES
  for (const batch of batches) {
    if (size >= SEGMENT_BYTES) {
      groups.push([])
      size = 0
    }
    groups.at(-1)?.push(batch)
    size += batch.bytes.length
  }
  return groups
}

/** A batch's base offset lies outside its checksum, so that brokers can assign it. */
function movedBy(batch: WrittenBatch, offsets: bigint): WrittenBatch {
  const bytes = batch.bytes.slice()
  const baseOffset = batch.baseOffset + offsets
  new DataView(bytes.buffer).setBigInt64(0, baseOffset)
  return { ...batch, bytes, baseOffset, lastOffset: batch.lastOffset + offsets }
}

export async function writeNdjson(path: string, values: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, 'w')
  const lines = 10_000
  for (let from = 0; from < values.length; from += lines) {
    const newline = Uint8Array.of(10)
    await file.write(Buffer.concat(values.slice(from, from + lines).flatMap(value => [value, newline])))
  }
  await file.close()
}
