/**
 * What `tidewater segment cat` prints: one JSON object for each record. Bytes that are valid UTF-8 stand as text under their
 * own name (`key`, `value`); others as base64 under `key_base64`, `value_base64`. Null stands as null.
 * Header keys are text, with U+FFFD for what is not UTF-8.
 */
import { parseHeaders, type RecordHeader } from '../../shared/segment/record-headers.ts'
import type { RecordSlices } from '../../shared/segment/record-slices.ts'
import { placeOfKey } from '../../shared/segment/segment-key.ts'
import { readBatches } from '../../shared/segment/segment-reader.ts'
import { bytesField } from './bytes-field.ts'

export interface CatOptions {
  /** Key or path of the segment; topic and partition are taken from it when it has them. */
  readonly key: string
  readonly startOffset?: bigint
  /** Exclusive. */
  readonly endOffset?: bigint
}

const lenientUtf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Lines without their line feed. Errors: those of segment-reader.ts, thrown when the reading reaches them. */
export function* catSegment(bytes: Uint8Array, options: CatOptions): Generator<string> {
  const place = placeOfKey(options.key)
  const source = place === undefined ? {} : { topic: place.topic, partition: place.partition }
  for (const batch of readBatches(bytes, options)) {
    if (batch.kind === 'control') continue
    for (let i = batch.firstRecord; i < batch.endRecord; i++) yield recordLine(batch.records, i, source)
  }
}

function recordLine(slices: RecordSlices, i: number, source: { topic?: string; partition?: number }): string {
  const offset = slices.baseOffset + BigInt(slices.offsetDeltas[i] ?? 0)
  const rest = {
    timestamp_ms: slices.timestampsMs[i],
    ...bytesField('key', cut(slices.bytes, slices.keyStarts[i], slices.keyEnds[i])),
    ...bytesField('value', cut(slices.bytes, slices.valueStarts[i], slices.valueEnds[i])),
    headers: parseHeaders(slices, i).map(headerField),
  }
  // The offset is spliced in as text, so that it is exact beyond 2^53.
  const before = JSON.stringify(source).slice(0, -1)
  return `${before}${before === '{' ? '' : ','}"offset":${offset},${JSON.stringify(rest).slice(1)}`
}

function headerField({ key, value }: RecordHeader) {
  return { key: lenientUtf8.decode(key), ...bytesField('value', value) }
}

function cut(bytes: Uint8Array, start = -1, end = -1): Uint8Array | null {
  return start < 0 ? null : bytes.subarray(start, end)
}
