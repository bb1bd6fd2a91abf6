/** The records of a segment in the manifest's form, as Tidewater's own reader gives them. */
import { parseHeaders } from '../../../shared/segment/record-headers.ts'
import type { RecordSlices } from '../../../shared/segment/record-slices.ts'
import { readBatches } from '../../../shared/segment/segment-reader.ts'
import { type ManifestRecord, manifestRecord } from './manifest.ts'

export function recordsOfSegment({
  key,
  bytes,
}: {
  readonly key: string
  readonly bytes: Uint8Array
}): ManifestRecord[] {
  const found: ManifestRecord[] = []
  for (const batch of readBatches(bytes, { key })) {
    if (batch.kind === 'control') continue
    for (let i = batch.firstRecord; i < batch.endRecord; i++) found.push(recordAt(batch.records, i))
  }
  return found
}

function recordAt(slices: RecordSlices, i: number): ManifestRecord {
  const offset = Number(slices.baseOffset) + (slices.offsetDeltas[i] ?? Number.NaN)
  return manifestRecord(offset, {
    timestamp: slices.timestampsMs[i] ?? Number.NaN,
    key: bytesBetween(slices.bytes, slices.keyStarts[i], slices.keyEnds[i]),
    value: bytesBetween(slices.bytes, slices.valueStarts[i], slices.valueEnds[i]),
    headers: parseHeaders(slices, i).map(({ key, value }) => [
      Buffer.from(key).toString('utf8'),
      value === null ? null : Buffer.from(value),
    ]),
  })
}

function bytesBetween(bytes: Uint8Array, start = -1, end = -1): Buffer | null {
  return start < 0 ? null : Buffer.from(bytes.subarray(start, end))
}
