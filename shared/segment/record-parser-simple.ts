/**
 * The record parser as one would write it from the protocol's text: the twin that the tuned one (record-parser.ts) is held
 * against, and the one that says what is wrong with a batch and where.
 */
import { malformed } from './malformed.ts'
import type { RecordBatchHeader } from './record-batch.ts'
import type { RecordSlices } from './record-slices.ts'
import { reserveRecords } from './record-slices-buffer.ts'
import { readVarint, readVarlong, type VarintFault, type VarintValue } from './varint.ts'

/** A record of nothing: length, attributes, two deltas, null key, null value, no headers. */
const MIN_RECORD_BYTES = 7
/** Bounds the slices, 44 bytes a record. A producer's batch of 1 MiB holds at most some 150,000 records. */
export const MAX_RECORDS_PER_BATCH = 4 * 1024 * 1024

export interface ParseRecordsInput {
  /** With at least 64 readable bytes after `end`. */
  readonly bytes: Uint8Array
  /** The records lie in `[start, end)`. */
  readonly start: number
  readonly end: number
  readonly header: RecordBatchHeader
  /** The segment, for messages. */
  readonly key: string
  /** Whether `bytes` is the batch's decompressed records rather than the segment itself. */
  readonly isInflated: boolean
}

/** Fills `slices` as `parseRecords` does. Errors: `record-malformed`. */
export function parseRecordsSimply(input: ParseRecordsInput, slices: RecordSlices): void {
  checkRecordCount(input)
  const { bytes, start, end, header } = input
  reserveRecords(slices, header.recordCount)
  slices.bytes = bytes
  slices.byteLength = end
  slices.baseOffset = header.baseOffset
  slices.count = header.recordCount
  const cursor = new RecordCursor(input, start, end)
  let previousDelta = -1
  for (let i = 0; i < header.recordCount; i++) {
    previousDelta = parseRecord(cursor, { slices, i, previousDelta, header })
  }
  if (cursor.position !== end) {
    throw cursor.refuse(
      cursor.position,
      `the end of the batch after its ${header.recordCount} records`,
      `${end - cursor.position} more bytes`,
    )
  }
}

/** Before anything is allocated by the count that the batch claims. Errors: `record-malformed`. */
export function checkRecordCount(input: ParseRecordsInput): void {
  const room = Math.min(MAX_RECORDS_PER_BATCH, Math.floor((input.end - input.start) / MIN_RECORD_BYTES))
  if (input.header.recordCount <= room) return
  const found = `${input.header.recordCount}`
  throw refusal(
    input,
    input.start,
    `at most the ${room} records that ${input.end - input.start} bytes can hold`,
    found,
  )
}

interface RecordSlot {
  readonly slices: RecordSlices
  readonly i: number
  readonly previousDelta: number
  readonly header: RecordBatchHeader
}

function parseRecord(cursor: RecordCursor, { slices, i, previousDelta, header }: RecordSlot): number {
  const length = cursor.size('a record length', { min: 0, within: cursor.end })
  const recordEnd = cursor.position + length
  cursor.skip(1, recordEnd, 'record attributes')
  const timestampDelta = cursor.varlong('a timestamp delta', recordEnd)
  slices.timestampsMs[i] =
    header.timestampType === 'log-append'
      ? header.maxTimestampMs
      : header.baseTimestampMs + Number(timestampDelta)

  const deltaAt = cursor.position
  const offsetDelta = cursor.varint('an offset delta', recordEnd)
  if (offsetDelta <= previousDelta || offsetDelta > header.lastOffsetDelta) {
    const expected = `an offset delta above ${previousDelta} and at most ${header.lastOffsetDelta}`
    throw cursor.refuse(deltaAt, expected, `${offsetDelta}`)
  }
  slices.offsetDeltas[i] = offsetDelta

  const keyBytes = cursor.size('a key length', { min: -1, within: recordEnd })
  slices.keyStarts[i] = keyBytes < 0 ? -1 : cursor.position
  cursor.position += Math.max(keyBytes, 0)
  slices.keyEnds[i] = keyBytes < 0 ? -1 : cursor.position

  const valueBytes = cursor.size('a value length', { min: -1, within: recordEnd })
  slices.valueStarts[i] = valueBytes < 0 ? -1 : cursor.position
  cursor.position += Math.max(valueBytes, 0)
  slices.valueEnds[i] = valueBytes < 0 ? -1 : cursor.position

  const countAt = cursor.position
  const headerCount = cursor.varint('a header count', recordEnd)
  const room = (recordEnd - cursor.position) >>> 1
  if (headerCount < 0 || headerCount > room) {
    throw cursor.refuse(countAt, `a header count from 0 to ${room}`, `${headerCount}`)
  }
  slices.headerCounts[i] = headerCount
  slices.headersStarts[i] = cursor.position
  for (let h = 0; h < headerCount; h++) {
    const headerKeyBytes = cursor.size('a header key length', { min: 0, within: recordEnd })
    cursor.position += headerKeyBytes
    const headerValueBytes = cursor.size('a header value length', { min: -1, within: recordEnd })
    cursor.position += Math.max(headerValueBytes, 0)
  }
  slices.headersEnds[i] = cursor.position
  if (cursor.position !== recordEnd) {
    const found = `${recordEnd - cursor.position} more bytes`
    throw cursor.refuse(cursor.position, "the record's end after its headers", found)
  }
  return offsetDelta
}

/** A position in the records, with checked reads. */
class RecordCursor {
  readonly end: number
  position: number
  private readonly input: ParseRecordsInput

  constructor(input: ParseRecordsInput, start: number, end: number) {
    this.input = input
    this.position = start
    this.end = end
  }

  varint(what: string, end: number): number {
    return this.take(what, readVarint(this.input.bytes, this.position, end))
  }

  varlong(what: string, end: number): bigint {
    return this.take(what, readVarlong(this.input.bytes, this.position, end))
  }

  /** A length whose bytes must lie before `within`. */
  size(what: string, { min, within }: { readonly min: number; readonly within: number }): number {
    const at = this.position
    const size = this.varint(what, within)
    const room = within - this.position
    if (size >= min && size <= room) return size
    throw this.refuse(at, `${what} from ${min} to ${room}`, `${size}`)
  }

  skip(count: number, end: number, what: string): void {
    if (this.position + count > end) throw this.refuse(this.position, what, "the record's end")
    this.position += count
  }

  private take<T>(what: string, read: VarintValue<T> | VarintFault): T {
    if (typeof read === 'string') {
      throw this.refuse(
        this.position,
        what,
        read === 'too-long' ? 'a varint too long for its type' : 'the end',
      )
    }
    this.position = read.end
    return read.value
  }

  refuse(position: number, expected: string, found: string) {
    return refusal(this.input, position, expected, found)
  }
}

function refusal(input: ParseRecordsInput, position: number, expected: string, found: string) {
  return malformed({
    code: 'record-malformed',
    key: input.key,
    byteOffset: input.isInflated ? input.header.position : position,
    ...(input.isInflated ? { inflatedOffset: position } : {}),
    reading: `the records of the batch at offset ${input.header.baseOffset}`,
    expected,
    found,
    advice:
      'The checksums are right, so the batch was wrong when the broker received it: look at the client that produced it, and pass over the batch with skip-to.',
  })
}
