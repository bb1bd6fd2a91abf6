/**
 * Dates and times from ISO 8601 text, in the forms that docs/types.md lists. The proleptic Gregorian calendar, years 0001 to 9999:
 * what every reader of Iceberg can show. Fractions of a second may have up to nine digits; those past microseconds are cut off.
 */

export const MICROS_PER_SECOND = 1_000_000n
export const MICROS_PER_DAY = 86_400n * MICROS_PER_SECOND
/** 0001-01-01 and 9999-12-31 as days since 1970-01-01. */
export const FIRST_DAY = -719_162
export const LAST_DAY = 2_932_896
/** First and last microsecond of those days. */
export const FIRST_MICROS = BigInt(FIRST_DAY) * MICROS_PER_DAY
export const LAST_MICROS = (BigInt(LAST_DAY) + 1n) * MICROS_PER_DAY - 1n

const DATE = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/
const TIME = /^([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?$/
const TIMESTAMP = /^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9:.]+)(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?$/
const ZONE = /^([+-])([0-9]{2}):?([0-9]{2})?$/
const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]

/** Days since 1970-01-01; undefined when the text is no such date. */
export function parseDate(text: string): number | undefined {
  const match = DATE.exec(text)
  if (match === null) return undefined
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])]
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined
  const leapDay = month > 2 && isLeapYear(year) ? 1 : 0
  return daysBeforeYear(year) + (DAYS_BEFORE_MONTH[month - 1] ?? 0) + leapDay + day - 1 - daysBeforeYear(1970)
}

/** Microseconds since midnight; undefined when the text is no such time. */
export function parseTime(text: string): bigint | undefined {
  const match = TIME.exec(text)
  if (match === null) return undefined
  const [hour, minute, second] = [Number(match[1]), Number(match[2]), Number(match[3] ?? '0')]
  if (hour > 23 || minute > 59 || second > 59) return undefined
  const micros = Number((match[4] ?? '').slice(0, 6).padEnd(6, '0'))
  return BigInt((hour * 60 + minute) * 60 + second) * MICROS_PER_SECOND + BigInt(micros)
}

/** Microseconds since 1970-01-01T00:00:00 by the clock in the text, and that clock's distance from UTC when the text names a zone. */
export function parseTimestamp(
  text: string,
): { localMicros: bigint; zoneMicros: bigint | undefined } | undefined {
  const match = TIMESTAMP.exec(text)
  if (match === null) return undefined
  const days = parseDate(match[1] ?? '')
  const micros = parseTime(match[2] ?? '')
  if (days === undefined || micros === undefined) return undefined
  const localMicros = BigInt(days) * MICROS_PER_DAY + micros
  if (match[3] === undefined) return { localMicros, zoneMicros: undefined }
  const zoneMicros = parseZone(match[3])
  return zoneMicros === undefined ? undefined : { localMicros, zoneMicros }
}

function parseZone(text: string): bigint | undefined {
  if (text === 'Z') return 0n
  const match = ZONE.exec(text)
  if (match === null) return undefined
  const [hour, minute] = [Number(match[2]), Number(match[3] ?? '0')]
  if (hour > 18 || minute > 59 || hour * 60 + minute > 18 * 60) return undefined
  const micros = BigInt(hour * 60 + minute) * 60n * MICROS_PER_SECOND
  return match[1] === '-' ? -micros : micros
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return isLeapYear(year) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Days from 0001-01-01 to the first day of `year`. */
function daysBeforeYear(year: number): number {
  const before = year - 1
  return before * 365 + Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400)
}
