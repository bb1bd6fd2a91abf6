/**
 * Partition transforms (table spec, "Partition Transforms"): value → value, the type of the result, and the text form.
 * Values come in the shapes of `PartitionValue`. Every transform of null is null.
 * `services/converter/partition-rows.ts` computes the same from column buffers; tests hold the two together.
 */
import { AppError, unreachable } from '../runtime/errors.ts'
import { unsupported } from './iceberg-error.ts'
import { bucketOf, hashBytes, hashLong } from './murmur3.ts'
import type { PartitionValue, Transform } from './partition-spec.ts'
import type { PrimitiveType } from './schema.ts'
import { serializeSingleValue } from './single-value.ts'

export const MICROS_PER_DAY = 86_400_000_000n
export const MICROS_PER_HOUR = 3_600_000_000n
const HOURS_PER_DAY = 24
const MAX_INT = 2_147_483_647

/** For example `day`, `bucket[16]`, `truncate[4]`. */
export function transformText(transform: Transform): string {
  switch (transform.kind) {
    case 'bucket':
      return `bucket[${transform.buckets}]`
    case 'truncate':
      return `truncate[${transform.width}]`
    case 'identity':
    case 'year':
    case 'month':
    case 'day':
    case 'hour':
    case 'void':
      return transform.kind
    default:
      return unreachable(transform)
  }
}

/** The inverse of `transformText`; `what` names the object in errors. */
export function parseTransform(text: string, what: string): Transform {
  const parameter = /^(bucket|truncate)\[(\d{1,10})\]$/.exec(text)
  if (parameter !== null) {
    const value = Number(parameter[2])
    if (value < 1 || value > MAX_INT)
      throw unsupported(what, `transform "${text}" has a parameter out of range`)
    return parameter[1] === 'bucket' ? { kind: 'bucket', buckets: value } : { kind: 'truncate', width: value }
  }
  switch (text) {
    case 'identity':
    case 'year':
    case 'month':
    case 'day':
    case 'hour':
    case 'void':
      return { kind: text }
    default:
      throw unsupported(what, `unknown transform "${text}"`)
  }
}

/** Type of the values that the transform gives; `undefined` when it does not take this source type. */
export function resultType(transform: Transform, source: PrimitiveType): PrimitiveType | undefined {
  switch (transform.kind) {
    case 'identity':
    case 'void':
      return source
    case 'bucket':
      return ['boolean', 'float', 'double'].includes(source.kind) ? undefined : { kind: 'int' }
    case 'truncate':
      return ['int', 'long', 'decimal', 'string', 'binary'].includes(source.kind) ? source : undefined
    case 'year':
    case 'month':
      return ['date', 'timestamp', 'timestamptz'].includes(source.kind) ? { kind: 'int' } : undefined
    case 'day':
      // The spec says int; the Java library and every reader after it use date, whose encoding is the same.
      return ['date', 'timestamp', 'timestamptz'].includes(source.kind) ? { kind: 'date' } : undefined
    case 'hour':
      return ['timestamp', 'timestamptz'].includes(source.kind) ? { kind: 'int' } : undefined
    default:
      return unreachable(transform)
  }
}

/** Throws `transform-mismatch` when the value or its type does not suit the transform. */
export function applyTransform(
  transform: Transform,
  source: PrimitiveType,
  value: PartitionValue,
): PartitionValue {
  if (value === null || transform.kind === 'void') return null
  if (resultType(transform, source) === undefined) throw mismatch(transform, source, value)
  switch (transform.kind) {
    case 'identity':
      return value
    case 'bucket':
      return bucketOf(hashValue(transform, source, value), transform.buckets)
    case 'truncate':
      return truncate(transform, source, value)
    case 'year':
      return yearsSinceEpoch(days(transform, source, value))
    case 'month':
      return monthsSinceEpoch(days(transform, source, value))
    case 'day':
      return days(transform, source, value)
    case 'hour':
      if (typeof value !== 'bigint') throw mismatch(transform, source, value)
      return Number(floorDivide(value, MICROS_PER_HOUR))
    default:
      return unreachable(transform)
  }
}

function hashValue(
  transform: Transform,
  source: PrimitiveType,
  value: Exclude<PartitionValue, null>,
): number {
  if ((source.kind === 'int' || source.kind === 'date') && typeof value === 'number')
    return hashLong(value, value < 0 ? -1 : 0)
  if (
    (source.kind === 'long' ||
      source.kind === 'time' ||
      source.kind === 'timestamp' ||
      source.kind === 'timestamptz') &&
    typeof value === 'bigint'
  )
    return hashLong(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)))
  if (['decimal', 'string', 'uuid', 'fixed', 'binary'].includes(source.kind))
    return hashBytes(serializeSingleValue(source, value))
  throw mismatch(transform, source, value)
}

/** Java's arithmetic: a result below the type's minimum wraps around, so that every writer puts such a row into the same partition. */
function truncate(
  transform: Transform & { kind: 'truncate' },
  source: PrimitiveType,
  value: Exclude<PartitionValue, null>,
): PartitionValue {
  const width = transform.width
  if (source.kind === 'int' && typeof value === 'number')
    return (value - (((value % width) + width) % width)) | 0
  if ((source.kind === 'long' || source.kind === 'decimal') && typeof value === 'bigint') {
    const floored = floorDivide(value, BigInt(width)) * BigInt(width)
    return source.kind === 'long' ? BigInt.asIntN(64, floored) : floored
  }
  if (source.kind === 'string' && typeof value === 'string') return firstCodePoints(value, width)
  if (source.kind === 'binary' && value instanceof Uint8Array) return value.slice(0, width)
  throw mismatch(transform, source, value)
}

function firstCodePoints(text: string, count: number): string {
  if (text.length <= count) return text
  let end = 0
  for (let taken = 0; taken < count && end < text.length; taken++)
    end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1
  return text.slice(0, end)
}

function days(transform: Transform, source: PrimitiveType, value: Exclude<PartitionValue, null>): number {
  if (source.kind === 'date' && typeof value === 'number') return value
  if (source.kind !== 'date' && typeof value === 'bigint') return Number(floorDivide(value, MICROS_PER_DAY))
  throw mismatch(transform, source, value)
}

/** Rounds towards negative infinity, so that instants before 1970 fall into the period that they lie in. */
export function floorDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor
  return value % divisor < 0n ? quotient - 1n : quotient
}

export interface CivilDate {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
}

/**
 * Proleptic Gregorian date of a day number. Days are counted in 400-year eras that begin on the first of March, which puts the
 * leap day last; `Date` is not used because its range ends long before that of an Iceberg date.
 */
export function civilFromDays(epochDays: number): CivilDate {
  const shifted = epochDays + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  }
}

export function yearsSinceEpoch(epochDays: number): number {
  return civilFromDays(epochDays).year - 1970
}

export function monthsSinceEpoch(epochDays: number): number {
  const date = civilFromDays(epochDays)
  return (date.year - 1970) * 12 + date.month - 1
}

/** Hours since the epoch split into the day and the hour of that day. */
export function splitHours(epochHours: number): { readonly epochDays: number; readonly hour: number } {
  const epochDays = Math.floor(epochHours / HOURS_PER_DAY)
  return { epochDays, hour: epochHours - epochDays * HOURS_PER_DAY }
}

function mismatch(transform: Transform, source: PrimitiveType, value: PartitionValue): AppError {
  return new AppError({
    code: 'transform-mismatch',
    next: 'fatal',
    message: `Applying ${transformText(transform)} to a ${typeof value} as ${source.kind}: the transform does not take it. This is a defect in Tidewater; please report it.`,
  })
}
