/**
 * Numbers straight from their digits. Up to 15 digits fit a double exactly, and a decimal point then is one exact division by a power
 * of ten; longs of up to 19 digits are put together from two halves. Anything else goes the plain way (`json-numbers.ts`).
 */
import type { FixedBuilder } from '../columns/fixed-builder.ts'
import { latin1 } from './json-text.ts'
import type { ScanState } from './scan-state.ts'

/** Integers of this many digits are exact in a double. */
const EXACT_DIGITS = 15
/** Multiplying by a power of two is exact, and faster than dividing. */
const PER_TWO_32 = 1 / 4294967296
const POWERS_OF_TEN = Float64Array.from({ length: 39 }, (_, exponent) => Number(`1e${exponent}`))

const isDigit = (byte: number) => (byte - 48) >>> 0 <= 9

/** A whole number of up to 15 digits, its end in `s.next`; NaN when it is anything else. */
export function readShortInteger(s: ScanState, position: number): number {
  const { bytes } = s
  let p = position
  const isNegative = bytes[p] === 45
  if (isNegative) p++
  const first = p
  let value = (bytes[p] ?? 0) - 48
  if (value >>> 0 > 9) return Number.NaN
  p++
  let c = bytes[p] ?? 0
  if (value !== 0) {
    while (isDigit(c)) {
      value = value * 10 + (c - 48)
      c = bytes[++p] ?? 0
    }
  }
  if (p - first > EXACT_DIGITS || c === 46 || (c | 32) === 101 || isDigit(c)) return Number.NaN
  s.next = p
  return isNegative ? -value : value
}

export function scanInt(s: ScanState, column: FixedBuilder, slot: number, position: number): number {
  const value = readShortInteger(s, position)
  // −0 is 0 as an int, and passes the comparison; NaN does not.
  if ((value | 0) !== value) return -1
  column.int32[slot] = value
  return s.next
}

/** Epoch numbers: `multiplier` turns the unit into microseconds. Doubles are exact up to the year 2255. */
export function scanEpoch(
  s: ScanState,
  column: FixedBuilder,
  slot: number,
  position: number,
  multiplier: number,
): number {
  const micros = readShortInteger(s, position) * multiplier
  if (!(micros <= Number.MAX_SAFE_INTEGER && micros >= Number.MIN_SAFE_INTEGER)) return -1
  const { int32 } = column
  int32[2 * slot] = micros | 0
  int32[2 * slot + 1] = Math.floor(micros * PER_TWO_32)
  return s.next
}

export function scanLong(s: ScanState, column: FixedBuilder, slot: number, position: number): number {
  const { bytes } = s
  let p = position
  const isNegative = bytes[p] === 45
  if (isNegative) p++
  const first = p
  let high = (bytes[p] ?? 0) - 48
  if (high >>> 0 > 9) return -1
  p++
  let c = bytes[p] ?? 0
  let low = 0
  if (high !== 0) {
    const highEnd = first + 9
    while (p < highEnd && isDigit(c)) {
      high = (Math.imul(high, 10) + (c - 48)) | 0
      c = bytes[++p] ?? 0
    }
    const lowEnd = first + 19
    while (p < lowEnd && isDigit(c)) {
      low = low * 10 + (c - 48)
      c = bytes[++p] ?? 0
    }
  }
  if (c === 46 || (c | 32) === 101 || isDigit(c)) return -1
  const lowDigits = p - first - 9
  const { int32 } = column
  if (lowDigits <= EXACT_DIGITS - 9) {
    const value =
      (lowDigits <= 0 ? high : high * (POWERS_OF_TEN[lowDigits] ?? 0) + low) * (isNegative ? -1 : 1)
    int32[2 * slot] = value | 0
    int32[2 * slot + 1] = Math.floor(value * PER_TWO_32)
    return p
  }
  return storeWideLong(int32, slot, { high, low, lowDigits, isNegative }) ? p : -1
}

interface WideLong {
  /** The first nine digits. */
  readonly high: number
  readonly low: number
  readonly lowDigits: number
  readonly isNegative: boolean
}

/** high × 10^lowDigits + low as 64 bits, in products that stay exact in doubles; false when it does not fit 63 bits. */
function storeWideLong(
  int32: Int32Array,
  slot: number,
  { high, low, lowDigits, isNegative }: WideLong,
): boolean {
  const power = POWERS_OF_TEN[lowDigits] ?? 0
  // high = upper × 2^15 + lower, so the value is upper × power × 2^15 + lower × power + low.
  const upper = (high >>> 15) * power
  const upperWords = Math.floor(upper / 131072)
  const rest = (high & 32767) * power + low + (upper - upperWords * 131072) * 32768
  let highWord = upperWords + Math.floor(rest * PER_TWO_32)
  let lowWord = rest | 0
  if (highWord > 0x7fffffff) return false
  if (isNegative) {
    lowWord = -lowWord | 0
    highWord = ~highWord + (lowWord === 0 ? 1 : 0)
  }
  int32[2 * slot] = lowWord
  int32[2 * slot + 1] = highWord
  return true
}

/** Whether a decimal's digits fit a double; `limit` is 10^precision, at most 10^15. */
export interface DecimalShape {
  readonly scale: number
  readonly limit: number
}

export function decimalShape(type: { readonly precision: number; readonly scale: number }): DecimalShape {
  return { scale: type.scale, limit: POWERS_OF_TEN[Math.min(type.precision, EXACT_DIGITS)] ?? 0 }
}

export function scanDecimal(
  s: ScanState,
  column: FixedBuilder,
  slot: number,
  position: number,
  scale: number,
  limit: number,
): number {
  const { bytes } = s
  let p = position
  const isNegative = bytes[p] === 45
  if (isNegative) p++
  const first = p
  let digits = (bytes[p] ?? 0) - 48
  if (digits >>> 0 > 9) return -1
  p++
  let c = bytes[p] ?? 0
  if (digits !== 0) {
    while (isDigit(c)) {
      digits = digits * 10 + (c - 48)
      c = bytes[++p] ?? 0
    }
  }
  let missingDigits = scale
  if (c === 46) {
    const point = p
    c = bytes[++p] ?? 0
    while (isDigit(c)) {
      digits = digits * 10 + (c - 48)
      c = bytes[++p] ?? 0
    }
    const fractionDigits = p - point - 1
    if (fractionDigits === 0 || fractionDigits > scale) return -1
    missingDigits = scale - fractionDigits
  }
  // One more than the digits for the point.
  if (p - first > EXACT_DIGITS + 1 || (c | 32) === 101 || isDigit(c)) return -1
  const unscaled = digits * (POWERS_OF_TEN[missingDigits] ?? 0)
  if (!(unscaled < limit)) return -1
  storeInt128(column.int32, slot, isNegative ? -unscaled : unscaled)
  return p
}

function storeInt128(int32: Int32Array, slot: number, value: number): void {
  const highWord = Math.floor(value * PER_TWO_32) | 0
  const sign = highWord >> 31
  int32[4 * slot] = value | 0
  int32[4 * slot + 1] = highWord
  int32[4 * slot + 2] = sign
  int32[4 * slot + 3] = sign
}

export function scanDouble(s: ScanState, column: FixedBuilder, slot: number, position: number): number {
  const value = readDouble(s, position)
  if (Number.isNaN(value)) return -1
  column.float64[slot] = value
  return s.next
}

export function scanFloat(s: ScanState, column: FixedBuilder, slot: number, position: number): number {
  const value = Math.fround(readDouble(s, position))
  if (!(value > Number.NEGATIVE_INFINITY && value < Number.POSITIVE_INFINITY)) return -1
  column.float32[slot] = value
  return s.next
}

/** The nearest double, its end in `s.next`; NaN when the text is no number or too large for one. */
function readDouble(s: ScanState, position: number): number {
  const { bytes } = s
  let p = position
  const isNegative = bytes[p] === 45
  if (isNegative) p++
  const first = p
  let digits = (bytes[p] ?? 0) - 48
  if (digits >>> 0 > 9) return Number.NaN
  p++
  let c = bytes[p] ?? 0
  if (digits !== 0) {
    while (isDigit(c)) {
      digits = digits * 10 + (c - 48)
      c = bytes[++p] ?? 0
    }
  }
  let fractionDigits = 0
  if (c === 46) {
    const point = p
    c = bytes[++p] ?? 0
    while (isDigit(c)) {
      digits = digits * 10 + (c - 48)
      c = bytes[++p] ?? 0
    }
    fractionDigits = p - point - 1
    if (fractionDigits === 0) return Number.NaN
  }
  // One more for the point.
  const longest = fractionDigits === 0 ? EXACT_DIGITS : EXACT_DIGITS + 1
  if (p - first > longest || (c | 32) === 101 || isDigit(c)) return readLongDouble(s, position)
  s.next = p
  const value = fractionDigits === 0 ? digits : digits / (POWERS_OF_TEN[fractionDigits] ?? 1)
  return isNegative ? -value : value
}

function readLongDouble(s: ScanState, position: number): number {
  const end = skipNumber(s, position)
  if (end < 0) return Number.NaN
  s.next = end
  const value = Number(latin1(s.bytes, position, end))
  return Number.isFinite(value) ? value : Number.NaN
}

/** The position after a number of any length, by the grammar of RFC 8259, section 6. */
export function skipNumber(s: ScanState, position: number): number {
  const { bytes } = s
  let p = position
  if (bytes[p] === 45) p++
  const isZero = bytes[p] === 48
  let start = p
  p = skipDigits(bytes, p)
  if (p === start || (isZero && p - start > 1)) return -1
  if (bytes[p] === 46) {
    start = ++p
    p = skipDigits(bytes, p)
    if (p === start) return -1
  }
  if (((bytes[p] ?? 0) | 32) === 101) {
    p++
    if (bytes[p] === 43 || bytes[p] === 45) p++
    start = p
    p = skipDigits(bytes, p)
    if (p === start) return -1
  }
  return p
}

function skipDigits(bytes: Uint8Array, position: number): number {
  let p = position
  while (isDigit(bytes[p] ?? 0)) p++
  return p
}
