/** Encodes records of the v2 format into one growing buffer: the counterpart of record-parser.ts. */
import { invariant } from '../runtime/errors.ts'

export interface HeaderToWrite {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

export interface RecordToWrite {
  /** Above the previous record's; by default the next one. Holes are allowed. */
  readonly offsetDelta?: number
  /** Unix ms, a whole number. */
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers?: readonly HeaderToWrite[]
}

const INITIAL_BYTES = 4096
/** Length, attributes, deltas, and the lengths of key, value and headers: varints of at most 5 and 10 bytes. */
const MAX_RECORD_OVERHEAD_BYTES = 5 + 1 + 10 + 5 + 5 + 5 + 5
const MAX_HEADER_OVERHEAD_BYTES = 5 + 5

export interface RecordEncoder {
  bytes: Uint8Array
  byteLength: number
}

export function createRecordEncoder(): RecordEncoder {
  return { bytes: new Uint8Array(INITIAL_BYTES), byteLength: 0 }
}

export interface RecordDeltas {
  readonly timestampDelta: number
  readonly offsetDelta: number
}

export function appendRecord(encoder: RecordEncoder, record: RecordToWrite, deltas: RecordDeltas): void {
  const headers = record.headers ?? []
  const bodyBytes =
    1 +
    varintBytes(deltas.timestampDelta) +
    varintBytes(deltas.offsetDelta) +
    nullableBytes(record.key) +
    nullableBytes(record.value) +
    varintBytes(headers.length) +
    headers.reduce((sum, header) => sum + nullableBytes(header.key) + nullableBytes(header.value), 0)
  grow(encoder, bodyBytes + MAX_RECORD_OVERHEAD_BYTES + headers.length * MAX_HEADER_OVERHEAD_BYTES)
  writeVarint(encoder, bodyBytes)
  encoder.bytes[encoder.byteLength++] = 0
  writeVarint(encoder, deltas.timestampDelta)
  writeVarint(encoder, deltas.offsetDelta)
  writeNullable(encoder, record.key)
  writeNullable(encoder, record.value)
  writeVarint(encoder, headers.length)
  for (const header of headers) {
    writeNullable(encoder, header.key)
    writeNullable(encoder, header.value)
  }
}

function grow(encoder: RecordEncoder, moreBytes: number): void {
  const needed = encoder.byteLength + moreBytes
  if (needed <= encoder.bytes.byteLength) return
  const bytes = new Uint8Array(Math.max(needed, encoder.bytes.byteLength * 2))
  bytes.set(encoder.bytes.subarray(0, encoder.byteLength))
  encoder.bytes = bytes
}

function writeNullable(encoder: RecordEncoder, content: Uint8Array | null): void {
  writeVarint(encoder, content === null ? -1 : content.byteLength)
  if (content === null) return
  encoder.bytes.set(content, encoder.byteLength)
  encoder.byteLength += content.byteLength
}

function nullableBytes(content: Uint8Array | null): number {
  return content === null ? 1 : varintBytes(content.byteLength) + content.byteLength
}

/** Divisions rather than shifts, since timestamp deltas go beyond 32 bits. */
function writeVarint(encoder: RecordEncoder, value: number): void {
  let zigzag = zigzagOf(value)
  while (zigzag > 127) {
    encoder.bytes[encoder.byteLength++] = (zigzag % 128) | 128
    zigzag = Math.floor(zigzag / 128)
  }
  encoder.bytes[encoder.byteLength++] = zigzag
}

function varintBytes(value: number): number {
  let zigzag = zigzagOf(value)
  let count = 1
  for (; zigzag > 127; count++) zigzag = Math.floor(zigzag / 128)
  return count
}

function zigzagOf(value: number): number {
  const zigzag = value >= 0 ? value * 2 : -value * 2 - 1
  invariant(Number.isSafeInteger(zigzag), `a varint to write is a whole number below 2^52, found ${value}`)
  return zigzag
}
