/** Dates and timestamps in their common form straight from the digits; `temporal-text.ts` takes the other forms. */
import type { FixedBuilder } from '../columns/fixed-builder.ts'
import type { ScanState } from './scan-state.ts'

const QUOTE = 34
const MICROS_PER_SECOND = 1_000_000
const DAYS_IN_MONTH = Uint8Array.of(0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
/** Days from 1 March to the first of each month, in years that begin in March. */
const DAYS_FROM_MARCH = Int32Array.of(0, 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275)
const MAX_FRACTION_DIGITS = 9

/** No date. */
const NONE = 0x7fffffff

/** `"YYYY-MM-DD"`. */
export function scanDate(s: ScanState, column: FixedBuilder, slot: number, position: number): number {
  const { bytes } = s
  if (bytes[position] !== QUOTE || bytes[position + 11] !== QUOTE) return -1
  const days = readDate(s.view, position + 1)
  if (days === NONE) return -1
  column.int32[slot] = days
  return position + 12
}

/** `"YYYY-MM-DDTHH:MM:SS[.fraction]Z"`. */
export function scanTimestamptz(s: ScanState, column: FixedBuilder, slot: number, position: number): number {
  const p = scanClock(s, column, slot, position)
  return p > 0 && s.bytes[p] === 90 && s.bytes[p + 1] === QUOTE ? p + 2 : -1
}

/** `"YYYY-MM-DDTHH:MM:SS[.fraction]"`. */
export function scanTimestamp(s: ScanState, column: FixedBuilder, slot: number, position: number): number {
  const p = scanClock(s, column, slot, position)
  return p > 0 && s.bytes[p] === QUOTE ? p + 1 : -1
}

/** Date and time of day into the slot; the position after them. */
function scanClock(s: ScanState, column: FixedBuilder, slot: number, position: number): number {
  const { bytes } = s
  if (bytes[position] !== QUOTE) return -1
  const days = readDate(s.view, position + 1)
  const separator = bytes[position + 11]
  if (days === NONE || (separator !== 84 && separator !== 32)) return -1
  if (bytes[position + 14] !== 58 || bytes[position + 17] !== 58) return -1
  const hour = twoDigits(bytes, position + 12)
  const minute = twoDigits(bytes, position + 15)
  const second = twoDigits(bytes, position + 18)
  if (hour > 23 || minute > 59 || second > 59) return -1
  let p = position + 20
  let micros = 0
  if (bytes[p] === 46) {
    const first = p + 1
    let unit = 100_000
    for (let digit = (bytes[++p] ?? 0) - 48; digit >>> 0 <= 9; digit = (bytes[++p] ?? 0) - 48) {
      micros += digit * unit
      unit = (unit / 10) | 0
    }
    if (p === first || p - first > MAX_FRACTION_DIGITS) return -1
  }
  const total = (days * 86400 + hour * 3600 + minute * 60 + second) * MICROS_PER_SECOND + micros
  if (total > Number.MAX_SAFE_INTEGER || total < Number.MIN_SAFE_INTEGER) return -1
  const { int32 } = column
  int32[2 * slot] = total | 0
  int32[2 * slot + 1] = Math.floor(total / 4294967296)
  return p
}

/** Days since 1970-01-01 of `YYYY-MM-DD`, or `NONE`. */
function readDate(view: DataView, p: number): number {
  const yearWord = view.getInt32(p, true)
  const monthWord = view.getInt32(p + 4, true)
  const dayWord = view.getInt32(p + 7, true)
  // Digits are 0x30 to 0x39: the high halves are 3, and adding 6 to the low halves does not carry into them.
  if (
    ((yearWord & 0xf0f0f0f0) | 0) !== 0x30303030 ||
    (((yearWord + 0x06060606) & 0xf0f0f0f0) | 0) !== 0x30303030
  )
    return NONE
  // `-MM-` and `-DD?`
  if (((monthWord & 0xfff0f0ff) | 0) !== 0x2d30302d || (dayWord & 0xf0f0ff) !== 0x30302d) return NONE
  if (
    (((monthWord + 0x00060600) & 0xf0f000) | 0) !== 0x303000 ||
    ((dayWord + 0x00060600) & 0xf0f000) !== 0x303000
  )
    return NONE
  const century = (yearWord & 15) * 10 + ((yearWord >> 8) & 15)
  const yearOfCentury = ((yearWord >> 16) & 15) * 10 + ((yearWord >> 24) & 15)
  const month = ((monthWord >> 8) & 15) * 10 + ((monthWord >> 16) & 15)
  const day = ((dayWord >> 8) & 15) * 10 + ((dayWord >> 16) & 15)
  if (month > 12 || day > (DAYS_IN_MONTH[month] ?? 0) || day === 0) return NONE
  const year = century * 100 + yearOfCentury
  if (year === 0) return NONE
  const isLeapYear = (year & 3) === 0 && (yearOfCentury !== 0 || (century & 3) === 0)
  if (day === 29 && month === 2 && !isLeapYear) return NONE
  // Years that begin in March put the leap day last; 719,468 days lie between 0000-03-01 and 1970-01-01.
  const marchYear = month <= 2 ? year - 1 : year
  const marchCentury = ((marchYear * 5243) >> 19) | 0
  const leapDays = (marchYear >> 2) - marchCentury + (marchCentury >> 2)
  return marchYear * 365 + leapDays + (DAYS_FROM_MARCH[month] ?? 0) + day - 719469
}

/** 0 to 99, or 255 when they are no digits. */
function twoDigits(bytes: Uint8Array, p: number): number {
  const tens = (bytes[p] ?? 0) - 48
  const ones = (bytes[p + 1] ?? 0) - 48
  return tens >>> 0 > 9 || ones >>> 0 > 9 ? 255 : tens * 10 + ones
}
