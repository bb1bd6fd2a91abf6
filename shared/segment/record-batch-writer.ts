/** Encodes record batches v2 as producers do, with any codec, and control batches for tests. */
import { crc32c } from '@node-rs/crc32'
import { invariant } from '../runtime/errors.ts'
import { attributesOfCodec, compressRecords, type WriterCodec } from './codec.ts'
import { viewOf } from './padded-bytes.ts'
import {
  BATCH_FRAME_BYTES,
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  CONTROL_BIT,
  TIMESTAMP_TYPE_BIT,
  TRANSACTIONAL_BIT,
} from './record-batch.ts'
import { appendRecord, createRecordEncoder, type RecordToWrite } from './record-encoder.ts'

export interface BatchToWrite {
  readonly codec: WriterCodec
  readonly records: readonly RecordToWrite[]
  /** Where offsets go on from; by default the batch before's end. */
  readonly baseOffset?: bigint
  /** At least the last record's; larger where the batch ends in a hole. */
  readonly lastOffsetDelta?: number
  /** Log-append time of all records; without it each keeps its own. */
  readonly logAppendTimeMs?: number
  readonly isControl?: boolean
  readonly isTransactional?: boolean
  readonly producerId?: bigint
}

export interface WrittenBatch {
  readonly bytes: Uint8Array
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly recordCount: number
}

const NO_PRODUCER = -1n

export function encodeRecordBatch(batch: BatchToWrite, baseOffset: bigint): WrittenBatch {
  const { records, codec } = batch
  const baseTimestampMs = records[0]?.timestampMs ?? batch.logAppendTimeMs ?? 0
  const encoder = createRecordEncoder()
  let lastDelta = -1
  let maxTimestampMs = baseTimestampMs
  for (const record of records) {
    const offsetDelta = record.offsetDelta ?? lastDelta + 1
    invariant(offsetDelta > lastDelta, `offset deltas rise, found ${offsetDelta} after ${lastDelta}`)
    appendRecord(encoder, record, { timestampDelta: record.timestampMs - baseTimestampMs, offsetDelta })
    maxTimestampMs = Math.max(maxTimestampMs, record.timestampMs)
    lastDelta = offsetDelta
  }
  const lastOffsetDelta = batch.lastOffsetDelta ?? Math.max(lastDelta, 0)
  invariant(lastOffsetDelta >= lastDelta, 'a batch ends with or after its last record')
  const bytes = frame(compressRecords(codec, encoder.bytes.subarray(0, encoder.byteLength)), {
    baseOffset,
    lastOffsetDelta,
    attributes: attributesOf(batch),
    baseTimestampMs,
    maxTimestampMs: batch.logAppendTimeMs ?? maxTimestampMs,
    producerId: batch.producerId ?? NO_PRODUCER,
    recordCount: records.length,
  })
  return { bytes, baseOffset, lastOffset: baseOffset + BigInt(lastOffsetDelta), recordCount: records.length }
}

function attributesOf(batch: BatchToWrite): number {
  return (
    attributesOfCodec(batch.codec) |
    (batch.logAppendTimeMs === undefined ? 0 : TIMESTAMP_TYPE_BIT) |
    (batch.isTransactional === true ? TRANSACTIONAL_BIT : 0) |
    (batch.isControl === true ? CONTROL_BIT : 0)
  )
}

export interface BatchFields {
  readonly baseOffset: bigint
  readonly lastOffsetDelta: number
  readonly attributes: number
  readonly baseTimestampMs: number
  readonly maxTimestampMs: number
  readonly producerId: bigint
  readonly recordCount: number
}

/** Puts encoded (and maybe compressed) records behind a batch header with the right checksum. */
export function frame(records: Uint8Array, fields: BatchFields): Uint8Array {
  const bytes = new Uint8Array(BATCH_HEADER_BYTES + records.byteLength)
  const view = viewOf(bytes)
  view.setBigInt64(0, fields.baseOffset)
  view.setInt32(8, bytes.byteLength - BATCH_FRAME_BYTES)
  view.setInt32(12, -1)
  view.setInt8(16, BATCH_MAGIC)
  view.setInt16(21, fields.attributes)
  view.setInt32(23, fields.lastOffsetDelta)
  view.setBigInt64(27, BigInt(fields.baseTimestampMs))
  view.setBigInt64(35, BigInt(fields.maxTimestampMs))
  view.setBigInt64(43, fields.producerId)
  view.setInt16(51, -1)
  view.setInt32(53, -1)
  view.setInt32(57, fields.recordCount)
  bytes.set(records, BATCH_HEADER_BYTES)
  view.setUint32(17, crc32c(bytes.subarray(21)))
  return bytes
}
