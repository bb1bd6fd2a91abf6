/** Uncompressed batches as the record parsers take them, and what a parser makes of them. */
import { AppError } from '../../shared/runtime/errors.ts'
import { padBytes } from '../../shared/segment/padded-bytes.ts'
import type { RecordBatchHeader } from '../../shared/segment/record-batch.ts'
import { appendRecord, createRecordEncoder, type RecordToWrite } from '../../shared/segment/record-encoder.ts'
import type { ParseRecordsInput } from '../../shared/segment/record-parser-simple.ts'
import type { RecordSlices } from '../../shared/segment/record-slices.ts'
import { createRecordSlices } from '../../shared/segment/record-slices-buffer.ts'
import { type Row, rowAt } from './segment-rows.ts'

export const BASE_TIMESTAMP_MS = 1_700_000_000_000

export function headerFor(fields: Partial<RecordBatchHeader> & { recordCount: number }): RecordBatchHeader {
  return {
    position: 32,
    endPosition: 0,
    recordsStart: 93,
    baseOffset: 1000n,
    lastOffset: 1000n,
    lastOffsetDelta: fields.recordCount - 1,
    codec: 'none',
    timestampType: 'create',
    isTransactional: false,
    isControl: false,
    leaderEpoch: -1,
    crc: 0,
    baseTimestampMs: BASE_TIMESTAMP_MS,
    maxTimestampMs: BASE_TIMESTAMP_MS + 999,
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
    ...fields,
  }
}

export function encodeRecords(records: readonly RecordToWrite[]): Uint8Array {
  const encoder = createRecordEncoder()
  records.forEach((record, i) => {
    const timestampDelta = record.timestampMs - BASE_TIMESTAMP_MS
    appendRecord(encoder, record, { timestampDelta, offsetDelta: record.offsetDelta ?? i })
  })
  return encoder.bytes.slice(0, encoder.byteLength)
}

export function inputFor(
  encoded: Uint8Array,
  header: RecordBatchHeader,
  isInflated = false,
): ParseRecordsInput {
  const { bytes, byteLength } = padBytes(encoded)
  return { bytes, start: 0, end: byteLength, header, key: 'segment.kfs', isInflated }
}

export type RecordParser = (input: ParseRecordsInput, slices: RecordSlices) => void

/** The rows, or the error as a comparable value. */
export function outcomeOf(
  parse: RecordParser,
  input: ParseRecordsInput,
): Row[] | { code: string; message: string } {
  const slices = createRecordSlices(4)
  try {
    parse(input, slices)
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, message: error.message }
    throw error
  }
  return Array.from({ length: slices.count }, (_, i) => rowAt(slices, i))
}
