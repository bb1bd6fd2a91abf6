/** What a segment says, as plain comparable rows, and small builders of segments for tests. */
import { AppError } from '../../shared/runtime/errors.ts'
import type { WriterCodec } from '../../shared/segment/codec.ts'
import type { BatchToWrite } from '../../shared/segment/record-batch-writer.ts'
import type { RecordToWrite } from '../../shared/segment/record-encoder.ts'
import { parseHeaders } from '../../shared/segment/record-headers.ts'
import type { RecordSlices } from '../../shared/segment/record-slices.ts'
import { type ReadBatchesOptions, readBatches } from '../../shared/segment/segment-reader.ts'
import { encodeSegment, type WrittenSegment } from '../../shared/segment/segment-writer.ts'

export interface Row {
  readonly offset: bigint
  readonly timestampMs: number
  /** Hex, so that a difference is readable and bytes are compared exactly. */
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

const hex = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('hex'))

export function rowAt(slices: RecordSlices, i: number): Row {
  const cut = (start = -1, end = -1) => (start < 0 ? null : slices.bytes.subarray(start, end))
  return {
    offset: slices.baseOffset + BigInt(slices.offsetDeltas[i] ?? -1),
    timestampMs: slices.timestampsMs[i] ?? Number.NaN,
    key: hex(cut(slices.keyStarts[i], slices.keyEnds[i])),
    value: hex(cut(slices.valueStarts[i], slices.valueEnds[i])),
    headers: parseHeaders(slices, i).map(({ key, value }) => [hex(key) ?? '', hex(value)] as const),
  }
}

/** Every row that the reader yields, clipped as it says. */
export function rowsOf(bytes: Uint8Array, options: ReadBatchesOptions): Row[] {
  const rows: Row[] = []
  for (const batch of readBatches(bytes, options)) {
    if (batch.kind === 'control') continue
    for (let i = batch.firstRecord; i < batch.endRecord; i++) rows.push(rowAt(batch.records, i))
  }
  return rows
}

export const utf8 = (text: string) => new TextEncoder().encode(text)

/** `count` records with keys and values that tell them apart, one with headers and one tombstone among each ten. */
export function sampleRecords(count: number, tag = 'r'): RecordToWrite[] {
  return Array.from({ length: count }, (_, i) => ({
    timestampMs: 1_700_000_000_000 + i * 7,
    key: i % 3 === 0 ? null : utf8(`${tag}-key-${i}`),
    value: i % 10 === 4 ? null : utf8(`${tag} value ${i} `.repeat(1 + (i % 5))),
    ...(i % 10 === 7
      ? {
          headers: [
            { key: utf8('h'), value: utf8(`${i}`) },
            { key: utf8('h'), value: null },
          ],
        }
      : {}),
  }))
}

export function expectedRows(batches: readonly BatchToWrite[], baseOffset: bigint): Row[] {
  const rows: Row[] = []
  let next = baseOffset
  for (const batch of batches) {
    const base = batch.baseOffset ?? next
    let delta = -1
    for (const record of batch.records) {
      delta = record.offsetDelta ?? delta + 1
      if (batch.isControl) continue
      rows.push({
        offset: base + BigInt(delta),
        timestampMs: batch.logAppendTimeMs ?? record.timestampMs,
        key: hex(record.key),
        value: hex(record.value),
        headers: (record.headers ?? []).map(({ key, value }) => [hex(key) ?? '', hex(value)] as const),
      })
    }
    next = base + BigInt(batch.lastOffsetDelta ?? Math.max(delta, 0)) + 1n
  }
  return rows
}

export function sampleSegment(
  codec: WriterCodec,
  baseOffset = 100n,
): WrittenSegment & { batches: BatchToWrite[] } {
  const batches: BatchToWrite[] = [
    { codec, records: sampleRecords(20, 'a') },
    { codec, records: sampleRecords(3, 'b'), lastOffsetDelta: 9 },
    { codec, records: sampleRecords(5, 'c') },
  ]
  return { ...encodeSegment({ baseOffset, createdAtMs: 1_700_000_001_000, batches }), batches }
}

/** The AppError that `action` throws; anything else fails the test. */
export function appErrorOf(action: () => unknown): AppError {
  try {
    action()
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  throw new Error('expected an AppError, nothing was thrown')
}
