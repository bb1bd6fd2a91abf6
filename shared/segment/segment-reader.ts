/**
 * Reads a whole segment: envelope, batches, decompression, records, with every checksum verified and every count held
 * against the others. What callers get is either exactly what the producers sent, or an AppError with next `park`.
 * The header's offsets and count and the footer's last offset lie outside the body's checksum, so they are checked here,
 * the last of them after the last batch: a caller must treat nothing as read until the generator has ended.
 */

import { decompressRecords } from './codec.ts'
import { createScratch, type DecompressionScratch } from './decompression.ts'
import { malformed } from './malformed.ts'
import { type PaddedBytes, padBytes } from './padded-bytes.ts'
import { type RecordBatchHeader, verifyBatchCrc, walkRecordBatches } from './record-batch.ts'
import { parseRecords } from './record-parser.ts'
import type { RecordSlices } from './record-slices.ts'
import { createRecordSlices } from './record-slices-buffer.ts'
import { parseSegment, type Segment } from './segment-file.ts'
import { baseOffsetOfKey } from './segment-key.ts'

/** Memory kept between batches and segments; one per worker. */
export interface SegmentBuffers {
  readonly slices: RecordSlices
  readonly scratch: DecompressionScratch
}

export function createSegmentBuffers(): SegmentBuffers {
  return { slices: createRecordSlices(), scratch: createScratch() }
}

export interface ReadBatchesOptions {
  /** Key or path of the segment, for messages; its base offset is checked when the name holds one. */
  readonly key: string
  /** First offset wanted, inclusive; batches wholly before it are skipped at the price of their header. */
  readonly startOffset?: bigint
  /** End offset, exclusive. */
  readonly endOffset?: bigint
  readonly buffers?: SegmentBuffers
  /** The most that one batch may decompress to; at most, and by default, MAX_DECOMPRESSED_BATCH_BYTES. */
  readonly maxBatchBytes?: number
}

export type ReadBatch =
  | {
      readonly kind: 'data'
      readonly header: RecordBatchHeader
      /** Valid until the next batch is asked for. */
      readonly records: RecordSlices
      /** The records within the wanted offsets are those of index `[firstRecord, endRecord)`; maybe none. */
      readonly firstRecord: number
      readonly endRecord: number
    }
  /** Offsets `header.baseOffset` to `header.lastOffset` hold no user records. */
  | { readonly kind: 'control'; readonly header: RecordBatchHeader }

/**
 * The batches that touch `[startOffset, endOffset)`, in offset order. Offsets that no batch covers, and those without a
 * record within a batch, are absent from the segment. Errors: every code of malformed.ts but `index-malformed`.
 */
export function* readBatches(bytes: Uint8Array, options: ReadBatchesOptions): Generator<ReadBatch> {
  const { key, startOffset = 0n, endOffset = 2n ** 63n } = options
  const buffers = options.buffers ?? createSegmentBuffers()
  const segment = parseSegment(bytes, { key })
  const padded = padBytes(bytes)
  const totals = createTotals()
  for (const header of walkRecordBatches(bytes, segment)) {
    if (totals.batchCount === 0) checkBaseOffset(segment, header)
    addToTotals(totals, header)
    if (header.lastOffset < startOffset || header.baseOffset >= endOffset) continue
    verifyBatchCrc(bytes, header, key)
    if (header.isControl) {
      yield { kind: 'control', header }
      continue
    }
    const records = readRecords(padded, header, { key, buffers, maxBatchBytes: options.maxBatchBytes })
    yield {
      kind: 'data',
      header,
      records,
      firstRecord: firstRecordAt(records, startOffset),
      endRecord: firstRecordAt(records, endOffset),
    }
  }
  checkTotals(segment, totals)
}

interface ReadRecordsOptions {
  readonly key: string
  readonly buffers: SegmentBuffers
  readonly maxBatchBytes: number | undefined
}

/** The records of one batch of the padded segment. Errors: `decompression-failed`, `record-malformed`. */
export function readRecords(
  segment: PaddedBytes,
  header: RecordBatchHeader,
  { key, buffers, maxBatchBytes }: ReadRecordsOptions,
): RecordSlices {
  const { slices, scratch } = buffers
  if (header.codec === 'none') {
    const { recordsStart: start, endPosition: end } = header
    parseRecords({ bytes: segment.bytes, start, end, header, key, isInflated: false }, slices)
    return slices
  }
  const { bytes, byteLength } = decompressRecords(
    header.codec,
    segment.bytes.subarray(header.recordsStart, header.endPosition),
    {
      key,
      byteOffset: header.recordsStart,
      scratch,
      ...(maxBatchBytes === undefined ? {} : { maxBytes: maxBatchBytes }),
    },
  )
  parseRecords({ bytes, start: 0, end: byteLength, header, key, isInflated: true }, slices)
  return slices
}

/** Index of the first record whose offset is at least `offset`: offset deltas rise strictly. */
function firstRecordAt(records: RecordSlices, offset: bigint): number {
  const wanted = offset - records.baseOffset
  if (wanted <= 0n) return 0
  if (wanted > 0x7fffffffn) return records.count
  const delta = Number(wanted)
  let low = 0
  let high = records.count
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((records.offsetDeltas[middle] ?? 0) < delta) low = middle + 1
    else high = middle
  }
  return low
}

interface Totals {
  batchCount: number
  messageCount: number
  lastOffset: bigint
}

export function createTotals(): Totals {
  return { batchCount: 0, messageCount: 0, lastOffset: -1n }
}

export function addToTotals(totals: Totals, header: RecordBatchHeader): void {
  totals.batchCount++
  totals.messageCount += header.recordCount
  totals.lastOffset = header.lastOffset
}

function inconsistent(segment: Segment, at: number, reading: string, expected: string, found: string) {
  return malformed({
    code: 'segment-inconsistent',
    key: segment.key,
    byteOffset: at,
    reading,
    expected,
    found,
  })
}

/** The header's base offset against the object's name and the first batch. Errors: `segment-inconsistent`. */
export function checkBaseOffset(segment: Segment, first: RecordBatchHeader): void {
  const named = baseOffsetOfKey(segment.key)
  if (named !== undefined && named !== segment.baseOffset) {
    throw inconsistent(
      segment,
      8,
      "the header's base offset",
      `${named}, as in the name`,
      `${segment.baseOffset}`,
    )
  }
  if (first.baseOffset !== segment.baseOffset) {
    const expected = `${first.baseOffset}, as in the first batch`
    throw inconsistent(segment, 8, "the header's base offset", expected, `${segment.baseOffset}`)
  }
}

/** Count and last offset against the batches. Errors: `segment-inconsistent`. */
export function checkTotals(segment: Segment, totals: Totals): void {
  if (totals.batchCount === 0) {
    throw inconsistent(segment, segment.bodyStart, "the segment's body", 'at least one record batch', 'none')
  }
  if (totals.messageCount !== segment.messageCount) {
    const expected = `${totals.messageCount}, the sum over ${totals.batchCount} batches`
    throw inconsistent(segment, 16, "the header's message count", expected, `${segment.messageCount}`)
  }
  if (totals.lastOffset !== segment.lastOffset) {
    const expected = `${totals.lastOffset}, as in the last batch`
    throw inconsistent(
      segment,
      segment.bodyEnd + 4,
      "the footer's last offset",
      expected,
      `${segment.lastOffset}`,
    )
  }
}
