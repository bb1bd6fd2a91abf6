/** A record's headers, read on demand from where the record parser found (and checked) them. */
import { invariant } from '../runtime/errors.ts'
import type { RecordSlices } from './record-slices.ts'
import { readVarint } from './varint.ts'

export interface RecordHeader {
  /** UTF-8 by convention, which nothing on the way enforces. Keys may repeat. */
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

/** The headers of record `i`, in their order, as views that are valid as long as the slices. */
export function parseHeaders(slices: RecordSlices, i: number): RecordHeader[] {
  const count = slices.headerCounts[i] ?? 0
  const end = slices.headersEnds[i] ?? 0
  let position = slices.headersStarts[i] ?? 0
  const take = (): Uint8Array | null => {
    const size = readVarint(slices.bytes, position, end)
    invariant(typeof size !== 'string', 'the headers of a parsed record are well-formed')
    position = size.end + Math.max(0, size.value)
    return size.value < 0 ? null : slices.bytes.subarray(size.end, position)
  }
  const headers: RecordHeader[] = []
  for (let h = 0; h < count; h++) {
    const key = take()
    invariant(key !== null, 'the header keys of a parsed record are not null')
    headers.push({ key, value: take() })
  }
  return headers
}
