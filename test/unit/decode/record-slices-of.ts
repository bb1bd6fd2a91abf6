/** Record slices made by hand, for tests and benches of what reads them. */
import type { RecordSlices } from '../../../shared/segment/record-slices.ts'

export interface TestRecord {
  readonly key?: Uint8Array | string | null
  readonly value?: Uint8Array | string | null
  readonly headers?: readonly (readonly [string | Uint8Array, string | null])[]
  readonly timestampMs?: number
}

const encoder = new TextEncoder()
const toBytes = (part: Uint8Array | string) => (typeof part === 'string' ? encoder.encode(part) : part)

export function recordSlicesOf(records: readonly TestRecord[], baseOffset = 0n): RecordSlices {
  const chunks: Uint8Array[] = []
  let at = 0
  const put = (part: Uint8Array | string | null | undefined): [number, number] => {
    if (part === null || part === undefined) return [-1, -1]
    const bytes = toBytes(part)
    chunks.push(bytes)
    at += bytes.length
    return [at - bytes.length, at]
  }
  const keys = records.map(record => put(record.key))
  const values = records.map(record => put(record.value))
  const headers = records.map(record => put(encodeHeaders(record.headers ?? [])))
  const bytes = new Uint8Array(at + 64)
  let to = 0
  for (const chunk of chunks) {
    bytes.set(chunk, to)
    to += chunk.length
  }
  return {
    bytes,
    byteLength: at,
    count: records.length,
    baseOffset,
    offsetDeltas: Int32Array.from(records, (_, i) => i),
    timestampsMs: Float64Array.from(records, record => record.timestampMs ?? 1_700_000_000_000),
    keyStarts: Int32Array.from(keys, ([start]) => start),
    keyEnds: Int32Array.from(keys, ([, end]) => end),
    valueStarts: Int32Array.from(values, ([start]) => start),
    valueEnds: Int32Array.from(values, ([, end]) => end),
    headerCounts: Int32Array.from(records, record => record.headers?.length ?? 0),
    headersStarts: Int32Array.from(headers, ([start]) => start),
    headersEnds: Int32Array.from(headers, ([, end]) => end),
  }
}

function encodeHeaders(headers: readonly (readonly [string | Uint8Array, string | null])[]): Uint8Array {
  const bytes: number[] = []
  for (const [key, value] of headers) {
    const keyBytes = toBytes(key)
    bytes.push(...varint(keyBytes.length), ...keyBytes)
    if (value === null) bytes.push(...varint(-1))
    else bytes.push(...varint(toBytes(value).length), ...toBytes(value))
  }
  return Uint8Array.from(bytes)
}

function varint(value: number): number[] {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  const bytes: number[] = []
  while (zigzag > 127) {
    bytes.push((zigzag & 127) | 128)
    zigzag >>>= 7
  }
  return [...bytes, zigzag]
}
