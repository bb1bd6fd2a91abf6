/**
 * Single-value binary serialization (table spec, appendix D): how column bounds and partition summaries are written in manifests,
 * and the truncation that keeps bounds of long strings and binaries short while they still bound.
 *
 * Values come in the shapes of `PartitionValue`: bigint for long, time, timestamp, timestamptz and the unscaled decimal,
 * number for int, date, float and double, lower-case text for uuid.
 */
import { AppError, unreachable } from '../runtime/errors.ts'
import type { PartitionValue } from './partition-spec.ts'
import type { PrimitiveType } from './schema.ts'

/** Iceberg's default metrics mode is `truncate(16)`: code points of a string, bytes of a binary. */
const BOUND_TRUNCATION_WIDTH = 16

const UUID_PATTERN = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/
const HIGHEST_CODE_POINT = 0x10ffff
const FIRST_SURROGATE = 0xd800
const LAST_SURROGATE = 0xdfff

const utf8Encoder = new TextEncoder()
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Throws `single-value-mismatch` when the value is null or not of the shape that its type has. */
export function serializeSingleValue(type: PrimitiveType, value: PartitionValue): Uint8Array {
  switch (type.kind) {
    case 'boolean':
      if (typeof value === 'boolean') return Uint8Array.of(value ? 1 : 0)
      break
    case 'int':
    case 'date':
      if (typeof value === 'number') return fixedBytes(4, view => view.setInt32(0, value, true))
      break
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      if (typeof value === 'bigint') return fixedBytes(8, view => view.setBigInt64(0, value, true))
      break
    case 'float':
      if (typeof value === 'number') return fixedBytes(4, view => view.setFloat32(0, value, true))
      break
    case 'double':
      if (typeof value === 'number') return fixedBytes(8, view => view.setFloat64(0, value, true))
      break
    case 'decimal':
      if (typeof value === 'bigint') return minimalTwosComplement(value)
      break
    case 'string':
      if (typeof value === 'string') return utf8Encoder.encode(value)
      break
    case 'uuid':
      if (typeof value === 'string' && UUID_PATTERN.test(value)) return uuidBytes(value)
      break
    case 'fixed':
      if (value instanceof Uint8Array && value.length === type.length) return value.slice()
      break
    case 'binary':
      if (value instanceof Uint8Array) return value.slice()
      break
    default:
      unreachable(type)
  }
  throw new AppError({
    code: 'single-value-mismatch',
    next: 'fatal',
    message:
      `Serializing a single value of type ${type.kind}: the value ${describe(value)} does not have that type's shape. ` +
      'This is a defect in Tidewater; please report it.',
  })
}

/** The inverse of `serializeSingleValue`. Throws `single-value-length` when the bytes cannot be of that type. */
export function deserializeSingleValue(
  type: PrimitiveType,
  bytes: Uint8Array,
): Exclude<PartitionValue, null> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (type.kind) {
    case 'boolean':
      requireLength(type, bytes, 1)
      return bytes[0] !== 0
    case 'int':
    case 'date':
      requireLength(type, bytes, 4)
      return view.getInt32(0, true)
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      // A column promoted from int keeps the four-byte bounds of its older files (spec, "Schema Evolution").
      if (type.kind === 'long' && bytes.length === 4) return BigInt(view.getInt32(0, true))
      requireLength(type, bytes, 8)
      return view.getBigInt64(0, true)
    case 'float':
      requireLength(type, bytes, 4)
      return view.getFloat32(0, true)
    case 'double':
      if (bytes.length === 4) return view.getFloat32(0, true)
      requireLength(type, bytes, 8)
      return view.getFloat64(0, true)
    case 'decimal':
      return readTwosComplement(type, bytes)
    case 'string':
      return utf8Decoder.decode(bytes)
    case 'uuid':
      requireLength(type, bytes, 16)
      return uuidText(bytes)
    case 'fixed':
      requireLength(type, bytes, type.length)
      return bytes.slice()
    case 'binary':
      return bytes.slice()
    default:
      return unreachable(type)
  }
}

/** The serialized value cut to `width` code points (string) or bytes (binary); other types are returned as they are. */
export function truncateLowerBound(
  type: PrimitiveType,
  bytes: Uint8Array,
  width: number = BOUND_TRUNCATION_WIDTH,
): Uint8Array {
  if (type.kind === 'string') return bytes.slice(0, codePointPrefixLength(bytes, width))
  if (type.kind === 'binary') return bytes.slice(0, width)
  return bytes
}

/**
 * The shortest-effort value that is not below any value with this prefix: the cut value with its last code point (string) or byte
 * (binary) incremented. A value no longer than `width` is returned whole. `undefined` when no such value exists
 * (every code point or byte of the prefix is the highest one): the bound is then left out.
 */
export function truncateUpperBound(
  type: PrimitiveType,
  bytes: Uint8Array,
  width: number = BOUND_TRUNCATION_WIDTH,
): Uint8Array | undefined {
  if (type.kind === 'string') {
    const prefixLength = codePointPrefixLength(bytes, width)
    return prefixLength === bytes.length ? bytes.slice() : incrementString(bytes.subarray(0, prefixLength))
  }
  if (type.kind === 'binary')
    return bytes.length <= width ? bytes.slice() : incrementBinary(bytes.slice(0, width))
  return bytes
}

/** How many bytes the first `width` code points take: a byte that is not a UTF-8 continuation starts a code point. */
function codePointPrefixLength(utf8: Uint8Array, width: number): number {
  let codePoints = 0
  for (let at = 0; at < utf8.length; at++) {
    if (((utf8[at] ?? 0) & 0xc0) !== 0x80 && ++codePoints > width) return at
  }
  return utf8.length
}

function incrementString(prefix: Uint8Array): Uint8Array | undefined {
  const codePoints = Array.from(utf8Decoder.decode(prefix), char => char.codePointAt(0) ?? 0)
  for (let last = codePoints.length - 1; last >= 0; last--) {
    const codePoint = codePoints[last] ?? 0
    if (codePoint === HIGHEST_CODE_POINT) continue
    // Surrogates are not characters and have no UTF-8 form: step over the whole range.
    const next = codePoint + 1 === FIRST_SURROGATE ? LAST_SURROGATE + 1 : codePoint + 1
    return utf8Encoder.encode(String.fromCodePoint(...codePoints.slice(0, last), next))
  }
  return undefined
}

function incrementBinary(prefix: Uint8Array): Uint8Array | undefined {
  for (let last = prefix.length - 1; last >= 0; last--) {
    const byte = prefix[last] ?? 0
    if (byte === 0xff) continue
    prefix[last] = byte + 1
    return prefix.slice(0, last + 1)
  }
  return undefined
}

function fixedBytes(length: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length)
  write(new DataView(bytes.buffer))
  return bytes
}

function minimalTwosComplement(value: bigint): Uint8Array {
  let length = 1
  while (BigInt.asIntN(length * 8, value) !== value) length++
  const bytes = new Uint8Array(length)
  let rest = value
  for (let at = length - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}

function readTwosComplement(type: PrimitiveType, bytes: Uint8Array): bigint {
  if (bytes.length === 0 || bytes.length > 16) throw wrongLength(type, bytes, '1 to 16')
  let unsigned = 0n
  for (const byte of bytes) unsigned = (unsigned << 8n) | BigInt(byte)
  return BigInt.asIntN(bytes.length * 8, unsigned)
}

function uuidBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll('-', ''), 'hex'))
}

function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function requireLength(type: PrimitiveType, bytes: Uint8Array, expected: number): void {
  if (bytes.length !== expected) throw wrongLength(type, bytes, String(expected))
}

function wrongLength(type: PrimitiveType, bytes: Uint8Array, expected: string): AppError {
  return new AppError({
    code: 'single-value-length',
    next: 'fatal',
    message: `Reading a single value of type ${type.kind}: expected ${expected} bytes, found ${bytes.length}. The manifest that holds it was written by another type or is damaged.`,
    details: { type: type.kind, found: bytes.length },
  })
}

function describe(value: PartitionValue): string {
  return value instanceof Uint8Array ? `of ${value.length} bytes` : `${typeof value} ${String(value)}`
}
