/**
 * Smallest and largest value of a leaf, over the batches of a file: one loop per layout, straight over the buffers.
 *
 * What is ugly here is so for speed; `test/property/parquet/column-metrics.test.ts` holds every loop against a plain twin that compares
 * JavaScript values. Measured on lineitem rows: see `bench/parquet.ts`, key `metrics_share`.
 * - 64-bit integers are compared as doubles, and by 32-bit words when those would round: a bigint per value would cost ten times as much.
 * - `as number` after an index: the loops stay within lengths that `arrow-data.ts` has checked, and `?? 0` would cost a test per value.
 */
import type { FixedWidthColumn, VariableColumn } from '../columns/column.ts'
import type { PrimitiveType } from '../iceberg/schema.ts'
import { serializeSingleValue } from '../iceberg/single-value.ts'
import { unreachable } from '../runtime/errors.ts'
import { byteBounds } from './byte-bounds.ts'

type LeafColumn = FixedWidthColumn | VariableColumn

export interface BoundsResult {
  /** Serialized single values; strings and binaries cut after 65 bytes, not yet truncated. Undefined when only nulls and NaNs came. */
  readonly lower: Uint8Array | undefined
  readonly upper: Uint8Array | undefined
  readonly nans: number
}

export interface Bounds {
  /** `validity` undefined: no slot is null. */
  add(column: LeafColumn, validity: Uint8Array | undefined): void
  result(): BoundsResult
}

/**
 * uuid columns get none: the specs order uuids by unsigned bytes, Iceberg's Java library (1.11, its issue 14216) by two signed longs, and
 * Spark would skip files that hold matching rows. Outside readers hold this in `test/interop/readers/types.test.ts`.
 */
const NO_BOUNDS: Bounds = {
  add: () => undefined,
  result: () => ({ lower: undefined, upper: undefined, nans: 0 }),
}

export function createBounds(type: PrimitiveType): Bounds {
  switch (type.kind) {
    case 'boolean':
      return booleanBounds(type)
    case 'int':
    case 'date':
      return int32Bounds(type)
    case 'float':
    case 'double':
      return floatBounds(type)
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return wordBounds(type, 2, 2)
    case 'decimal':
      // Up to 18 digits the upper 64 bits are only the sign.
      return wordBounds(type, 4, type.precision <= 18 ? 2 : 4)
    case 'uuid':
      return NO_BOUNDS
    case 'fixed':
      return byteBounds(type.length)
    case 'string':
    case 'binary':
      return byteBounds(undefined)
    default:
      return unreachable(type)
  }
}

function booleanBounds(type: PrimitiveType): Bounds {
  let sawFalse = false
  let sawTrue = false
  return {
    add(column, validity) {
      const data = fixedData(column)
      const slots = column.length
      for (let at = 0; at < slots; at += 8) {
        const used = slots - at >= 8 ? 255 : (1 << (slots - at)) - 1
        const valid = (validity === undefined ? 255 : (validity[at >> 3] ?? 0)) & used
        const bits = data[at >> 3] ?? 0
        if ((bits & valid) !== 0) sawTrue = true
        if ((~bits & valid) !== 0) sawFalse = true
      }
    },
    result() {
      if (!sawFalse && !sawTrue) return { lower: undefined, upper: undefined, nans: 0 }
      return {
        lower: serializeSingleValue(type, !sawFalse),
        upper: serializeSingleValue(type, sawTrue),
        nans: 0,
      }
    },
  }
}

function int32Bounds(type: PrimitiveType): Bounds {
  let least = 0x7fffffff
  let most = -0x80000000
  let seen = false
  return {
    add(column, validity) {
      const values = dense(words(fixedData(column), column.length), 1, column.length, validity)
      let low = least
      let high = most
      for (let i = 0; i < values.length; i++) {
        const value = values[i] as number
        if (value < low) low = value
        if (value > high) high = value
      }
      least = low
      most = high
      seen ||= values.length > 0
    },
    result() {
      if (!seen) return { lower: undefined, upper: undefined, nans: 0 }
      return { lower: serializeSingleValue(type, least), upper: serializeSingleValue(type, most), nans: 0 }
    },
  }
}

function floatBounds(type: PrimitiveType): Bounds {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  let seen = false
  let nans = 0
  return {
    add(column, validity) {
      const data = aligned(fixedData(column), 8)
      const values =
        type.kind === 'float'
          ? new Float32Array(data.buffer, data.byteOffset, column.length)
          : new Float64Array(data.buffer, data.byteOffset, column.length)
      let low = least
      let high = most
      let valid = 0
      let notNumbers = 0
      for (let i = 0; i < values.length; i++) {
        if (validity !== undefined && ((validity[i >> 3] as number) & (1 << (i & 7))) === 0) continue
        const value = values[i] as number
        if (value < low) low = value
        if (value > high) high = value
        if (Number.isNaN(value)) notNumbers++
        valid++
      }
      least = low
      most = high
      seen ||= valid > notNumbers
      nans += notNumbers
    },
    result() {
      if (!seen) return { lower: undefined, upper: undefined, nans }
      // Zeros compare equal, so the sign that was seen first is chance: the lower bound takes -0.0, the upper +0.0.
      const lower = serializeSingleValue(type, least === 0 ? -0 : least)
      const upper = serializeSingleValue(type, most === 0 ? 0 : most)
      return { lower, upper, nans }
    },
  }
}

/** Integers of `stride` little-endian words per slot, of which the lower `significant` (2 or 4) say it all. */
function wordBounds(type: PrimitiveType, stride: number, significant: 2 | 4): Bounds {
  let least: bigint | undefined
  let most: bigint | undefined
  return {
    add(column, validity) {
      const values = dense(words(fixedData(column), column.length * stride), stride, column.length, validity)
      if (values.length === 0) return
      const [low, high] =
        (significant === 2 ? extremes53(values, stride) : undefined) ??
        extremesExact(values, stride, significant)
      if (least === undefined || low < least) least = low
      if (most === undefined || high > most) most = high
    },
    result() {
      if (least === undefined || most === undefined) return { lower: undefined, upper: undefined, nans: 0 }
      return { lower: serializeSingleValue(type, least), upper: serializeSingleValue(type, most), nans: 0 }
    },
  }
}

/**
 * By doubles: rounding keeps order, so when both extremes are within ±2^53, no value was rounded and they are exact.
 * Undefined when they are not.
 */
function extremes53(values: Int32Array, stride: number): readonly [bigint, bigint] | undefined {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (let at = 0; at < values.length; at += stride) {
    const value = (values[at + 1] as number) * 0x1_0000_0000 + ((values[at] as number) >>> 0)
    if (value < least) least = value
    if (value > most) most = value
  }
  if (least <= -Number.MAX_SAFE_INTEGER || most >= Number.MAX_SAFE_INTEGER) return undefined
  return [BigInt(least), BigInt(most)]
}

function extremesExact(values: Int32Array, stride: number, significant: number): readonly [bigint, bigint] {
  let least = 0
  let most = 0
  for (let at = stride; at < values.length; at += stride) {
    if (compareWords(values, at, least, significant) < 0) least = at
    if (compareWords(values, at, most, significant) > 0) most = at
  }
  return [wordsToBigint(values, least, significant), wordsToBigint(values, most, significant)]
}

function compareWords(values: Int32Array, a: number, b: number, count: number): number {
  const high = (values[a + count - 1] as number) - (values[b + count - 1] as number)
  if (high !== 0) return high
  for (let word = count - 2; word >= 0; word--) {
    const difference = ((values[a + word] as number) >>> 0) - ((values[b + word] as number) >>> 0)
    if (difference !== 0) return difference
  }
  return 0
}

function wordsToBigint(values: Int32Array, at: number, count: number): bigint {
  let value = BigInt(values[at + count - 1] ?? 0)
  for (let word = count - 2; word >= 0; word--)
    value = (value << 32n) | BigInt((values[at + word] ?? 0) >>> 0)
  return value
}

function fixedData(column: LeafColumn): Uint8Array {
  return column.layout === 'fixed' ? column.data : column.values
}

function words(data: Uint8Array, count: number): Int32Array {
  const bytes = aligned(data, 4)
  return new Int32Array(bytes.buffer, bytes.byteOffset, count)
}

/** The values of the slots that are not null, one after another: the loops over them then need no test. */
function dense(
  values: Int32Array,
  stride: number,
  slots: number,
  validity: Uint8Array | undefined,
): Int32Array {
  if (validity === undefined) return values
  const kept = new Int32Array(slots * stride)
  let to = 0
  for (let i = 0; i < slots; i++) {
    if (((validity[i >> 3] as number) & (1 << (i & 7))) === 0) continue
    for (let word = 0; word < stride; word++) kept[to++] = values[i * stride + word] as number
  }
  return kept.subarray(0, to)
}

/** Arena buffers are aligned; others are copied to where a typed array can begin. */
function aligned(data: Uint8Array, alignment: number): Uint8Array {
  return data.byteOffset % alignment === 0 ? data : data.slice()
}
