/**
 * Record batches v2 as they lie in a segment's body, read frame by frame without touching the records.
 * Invariants of what `walkRecordBatches` yields: batches are whole and back to back, and their offsets rise.
 */
import { crc32c } from '@node-rs/crc32'
import { type Codec, codecOfAttributes } from './codec.ts'
import { malformed } from './malformed.ts'
import { viewOf } from './padded-bytes.ts'
import { hex, type Segment } from './segment-file.ts'

/** Base offset and batch length, which the batch length does not count. */
export const BATCH_FRAME_BYTES = 12
/** Everything before the records, frame included. */
export const BATCH_HEADER_BYTES = 61
export const BATCH_MAGIC = 2

export const TIMESTAMP_TYPE_BIT = 0x08
export const TRANSACTIONAL_BIT = 0x10
export const CONTROL_BIT = 0x20

export interface RecordBatchHeader {
  /** Position of the frame in the segment file, and of the byte after the batch. */
  readonly position: number
  readonly endPosition: number
  /** The records, compressed or not, lie in `[recordsStart, endPosition)`. */
  readonly recordsStart: number
  readonly baseOffset: bigint
  /** Base offset + last offset delta: decides the next offset, whatever the record count. */
  readonly lastOffset: bigint
  readonly lastOffsetDelta: number
  readonly codec: Codec
  readonly timestampType: 'create' | 'log-append'
  readonly isTransactional: boolean
  /** Control batches carry no user records, yet their offsets count. */
  readonly isControl: boolean
  readonly leaderEpoch: number
  readonly crc: number
  /** Unix ms. Beyond ±2^53 the nearest double: no table format can hold such a time anyway. */
  readonly baseTimestampMs: number
  readonly maxTimestampMs: number
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
}

const OLD_MAGIC_ADVICE =
  'Some client produced in the message format from before Kafka 0.11. librdkafka does so when it turns its MsgVer2 feature off, ' +
  'as it may on brokers that advertise few API versions (check with `kcat -d feature`). Offsets and counts that the broker ' +
  'noted for such data cannot be trusted: produce it again with a client that writes v2, then pass over this segment with skip-to.'

const UNPATCHED_ADVICE =
  'Brokers patch only the first batch of a produce request, so a request that held several batches lands offsets that go back. ' +
  'Produce one batch per partition and request, and pass over this segment with skip-to.'

/**
 * Walks the batches of a parsed segment in file order. Errors: `batch-malformed`, `batch-magic-unsupported`, `codec-unsupported`.
 * Batch checksums are left to `verifyBatchCrc`, so that skipping a batch costs no more than its header.
 */
export function* walkRecordBatches(bytes: Uint8Array, segment: Segment): Generator<RecordBatchHeader> {
  const view = viewOf(bytes)
  let position = segment.bodyStart
  let nextOffset = 0n
  while (position < segment.bodyEnd) {
    const header = parseBatchHeader(view, position, segment)
    if (header.baseOffset < nextOffset) {
      throw malformed({
        code: 'batch-malformed',
        key: segment.key,
        byteOffset: position,
        reading: "a record batch's base offset",
        expected: `at least ${nextOffset}, after the batches before it`,
        found: `${header.baseOffset}`,
        advice: UNPATCHED_ADVICE,
      })
    }
    yield header
    nextOffset = header.lastOffset + 1n
    position = header.endPosition
  }
}

function parseBatchHeader(view: DataView, position: number, segment: Segment): RecordBatchHeader {
  const { key, bodyEnd } = segment
  const refuse = (byteOffset: number, expected: string, found: string) =>
    malformed({ code: 'batch-malformed', key, byteOffset, reading: 'a record batch', expected, found })

  const room = bodyEnd - position
  // The magic byte stands at the same place in all three message formats, so it is looked at before the length is judged.
  if (room > 16) checkMagic(view.getInt8(position + 16), position, key)
  if (room < BATCH_HEADER_BYTES)
    throw refuse(position, `a batch header of ${BATCH_HEADER_BYTES} bytes`, `${room}`)
  const batchLength = view.getInt32(position + 8)
  if (batchLength < BATCH_HEADER_BYTES - BATCH_FRAME_BYTES || batchLength > room - BATCH_FRAME_BYTES) {
    const most = room - BATCH_FRAME_BYTES
    throw refuse(
      position + 8,
      `a batch length from ${BATCH_HEADER_BYTES - BATCH_FRAME_BYTES} to ${most}`,
      `${batchLength}`,
    )
  }
  const baseOffset = view.getBigInt64(position)
  const lastOffsetDelta = view.getInt32(position + 23)
  const recordCount = view.getInt32(position + 57)
  if (baseOffset < 0n) throw refuse(position, 'a base offset of 0 or more', `${baseOffset}`)
  if (lastOffsetDelta < 0)
    throw refuse(position + 23, 'a last offset delta of 0 or more', `${lastOffsetDelta}`)
  if (recordCount < 0 || recordCount > lastOffsetDelta + 1) {
    throw refuse(
      position + 57,
      `at most one record for each of ${lastOffsetDelta + 1} offsets`,
      `${recordCount}`,
    )
  }
  const attributes = view.getInt16(position + 21)
  return {
    position,
    endPosition: position + BATCH_FRAME_BYTES + batchLength,
    recordsStart: position + BATCH_HEADER_BYTES,
    baseOffset,
    lastOffset: baseOffset + BigInt(lastOffsetDelta),
    lastOffsetDelta,
    codec: codecOfAttributes(attributes, { key, byteOffset: position + 21 }),
    timestampType: (attributes & TIMESTAMP_TYPE_BIT) === 0 ? 'create' : 'log-append',
    isTransactional: (attributes & TRANSACTIONAL_BIT) !== 0,
    isControl: (attributes & CONTROL_BIT) !== 0,
    leaderEpoch: view.getInt32(position + 12),
    crc: view.getUint32(position + 17),
    baseTimestampMs: Number(view.getBigInt64(position + 27)),
    maxTimestampMs: Number(view.getBigInt64(position + 35)),
    producerId: view.getBigInt64(position + 43),
    producerEpoch: view.getInt16(position + 51),
    baseSequence: view.getInt32(position + 53),
    recordCount,
  }
}

function checkMagic(magic: number, position: number, key: string): void {
  if (magic === BATCH_MAGIC) return
  throw malformed({
    code: 'batch-magic-unsupported',
    key,
    byteOffset: position + 16,
    reading: "a record batch's magic byte",
    expected: `${BATCH_MAGIC}`,
    found: magic === 0 || magic === 1 ? `${magic}: a message set of the old format` : `${magic}`,
    ...(magic === 0 || magic === 1 ? { advice: OLD_MAGIC_ADVICE } : {}),
  })
}

/** Whether the batch's own CRC-32C, over everything after it, is right. Brokers do not check it, so a wrong one may come from a client. */
export function isBatchCrcRight(bytes: Uint8Array, header: RecordBatchHeader): boolean {
  return crc32c(bytes.subarray(header.position + 21, header.endPosition)) === header.crc
}

/** Errors: `batch-crc-mismatch`. */
export function verifyBatchCrc(bytes: Uint8Array, header: RecordBatchHeader, key: string): void {
  if (isBatchCrcRight(bytes, header)) return
  throw malformed({
    code: 'batch-crc-mismatch',
    key,
    byteOffset: header.position + 17,
    reading: "a record batch's checksum",
    expected: `CRC-32C ${hex(header.crc)}, as the batch says`,
    found: hex(crc32c(bytes.subarray(header.position + 21, header.endPosition))),
    advice:
      "The segment's own checksum is right, so the batch was wrong when the broker received it: look at the client that produced it, and pass over the batch with skip-to.",
  })
}
