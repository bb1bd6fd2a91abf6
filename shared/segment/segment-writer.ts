/** Encodes a segment and its index, byte for byte as a broker would for the same batches (docs/kfs.md). */
import { crc32c } from '@node-rs/crc32'
import { invariant } from '../runtime/errors.ts'
import { viewOf } from './padded-bytes.ts'
import { type BatchToWrite, encodeRecordBatch, type WrittenBatch } from './record-batch-writer.ts'
import {
  FOOTER_MAGIC,
  MAX_SEGMENT_BYTES,
  SEGMENT_FOOTER_BYTES,
  SEGMENT_HEADER_BYTES,
  SEGMENT_MAGIC,
  SEGMENT_VERSION,
} from './segment-file.ts'
import { DEFAULT_INDEX_INTERVAL, encodeIndex, type IndexedBatch } from './segment-index.ts'

export interface SegmentToWrite {
  readonly baseOffset: bigint
  readonly createdAtMs: number
  readonly batches: readonly BatchToWrite[]
  /** Messages between index entries; 100 by default. */
  readonly indexInterval?: number
}

export interface WrittenSegment {
  readonly segment: Uint8Array
  readonly index: Uint8Array
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly messageCount: number
}

export function encodeSegment(input: SegmentToWrite): WrittenSegment {
  const written: WrittenBatch[] = []
  let nextOffset = input.baseOffset
  for (const batch of input.batches) {
    const encoded = encodeRecordBatch(batch, batch.baseOffset ?? nextOffset)
    invariant(encoded.baseOffset >= nextOffset, 'the batches of a segment have rising offsets')
    written.push(encoded)
    nextOffset = encoded.lastOffset + 1n
  }
  return assembleSegment(written, input)
}

export interface SegmentStamp {
  readonly createdAtMs: number
  readonly indexInterval?: number
}

/** A segment of batches that are already encoded. */
export function assembleSegment(batches: readonly WrittenBatch[], stamp: SegmentStamp): WrittenSegment {
  const first = batches[0]
  const last = batches.at(-1)
  invariant(first !== undefined && last !== undefined, 'a segment holds at least one batch')
  const bodyBytes = batches.reduce((sum, batch) => sum + batch.bytes.byteLength, 0)
  const segment = new Uint8Array(SEGMENT_HEADER_BYTES + bodyBytes + SEGMENT_FOOTER_BYTES)
  invariant(segment.byteLength <= MAX_SEGMENT_BYTES, `a segment has at most ${MAX_SEGMENT_BYTES} bytes`)
  const indexed: IndexedBatch[] = []
  let position = SEGMENT_HEADER_BYTES
  for (const batch of batches) {
    segment.set(batch.bytes, position)
    indexed.push({ offset: batch.baseOffset, position, messageCount: batch.recordCount })
    position += batch.bytes.byteLength
  }
  const messageCount = batches.reduce((sum, batch) => sum + batch.recordCount, 0)

  const view = viewOf(segment)
  view.setUint32(0, SEGMENT_MAGIC)
  view.setUint16(4, SEGMENT_VERSION)
  view.setBigInt64(8, first.baseOffset)
  view.setInt32(16, messageCount)
  view.setBigInt64(20, BigInt(stamp.createdAtMs))
  view.setUint32(position, crc32c(segment.subarray(SEGMENT_HEADER_BYTES, position)))
  view.setBigInt64(position + 4, last.lastOffset)
  view.setUint32(position + 12, FOOTER_MAGIC)
  return {
    segment,
    index: encodeIndex(indexed, stamp.indexInterval ?? DEFAULT_INDEX_INTERVAL),
    baseOffset: first.baseOffset,
    lastOffset: last.lastOffset,
    messageCount,
  }
}
