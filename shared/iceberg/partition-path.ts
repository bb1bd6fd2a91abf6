/**
 * The folder of a data file, `created_at_day=2026-01-02/region=eu`, as the Java library names it.
 * For people and for listings only: readers take partition values from the manifest.
 */
import { createHash } from 'node:crypto'
import { unreachable } from '../runtime/errors.ts'
import type { PartitionSpec, PartitionValue, Transform } from './partition-spec.ts'
import { partitionType } from './partition-type.ts'
import type { PrimitiveType, Schema } from './schema.ts'
import { civilFromDays, floorDivide, MICROS_PER_DAY, splitHours } from './transforms.ts'

/** File systems end at 255 bytes a name, S3 at 1024 a key; a longer value is cut and told apart by a hash. */
const MAX_SEGMENT_BYTES = 160

/** `''` for an unpartitioned spec; no slash at either end. */
export function partitionPath(
  spec: PartitionSpec,
  schema: Schema,
  partition: readonly PartitionValue[],
): string {
  return partitionType(spec, schema)
    .map((field, index) => {
      const text = humanText(field.transform, field.type, partition[index] ?? null)
      return bounded(`${urlEncode(field.name)}=${urlEncode(text)}`)
    })
    .join('/')
}

function bounded(segment: string): string {
  if (segment.length <= MAX_SEGMENT_BYTES) return segment
  const hash = createHash('sha256').update(segment).digest('hex').slice(0, 16)
  // Never cut inside an escape: a half of `%2F` would be read as another one by tools that decode names.
  const cut = segment.slice(0, MAX_SEGMENT_BYTES - 17).replace(/%.?$/, '')
  return `${cut}~${hash}`
}

/** The value as the Java library prints it: periods as dates, binary as base64, null as `null`. */
export function humanText(transform: Transform, type: PrimitiveType, value: PartitionValue): string {
  if (value === null) return 'null'
  if (typeof value === 'number') {
    if (transform.kind === 'year') return pad(1970 + value, 4)
    if (transform.kind === 'month') return monthText(value)
    if (transform.kind === 'day' || type.kind === 'date') return dayText(value)
    if (transform.kind === 'hour') {
      const { epochDays, hour } = splitHours(value)
      return `${dayText(epochDays)}-${pad(hour, 2)}`
    }
    return String(value)
  }
  if (typeof value === 'bigint') return bigintText(type, value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'boolean' || typeof value === 'string') return String(value)
  return unreachable(value)
}

function bigintText(type: PrimitiveType, value: bigint): string {
  switch (type.kind) {
    case 'decimal':
      return decimalText(value, type.scale)
    case 'time':
      return timeText(value)
    case 'timestamp':
    case 'timestamptz': {
      const epochDays = floorDivide(value, MICROS_PER_DAY)
      const time = timeText(value - epochDays * MICROS_PER_DAY)
      return `${dayText(Number(epochDays))}T${time}${type.kind === 'timestamptz' ? '+00:00' : ''}`
    }
    default:
      return value.toString()
  }
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const sign = unscaled < 0n ? '-' : ''
  return scale === 0
    ? sign + digits
    : `${sign}${digits.slice(0, -scale)}.${digits.slice(digits.length - scale)}`
}

/** Java's local time: seconds always, the fraction in groups of three digits and only as long as needed. */
function timeText(micros: bigint): string {
  const total = Number(micros)
  const seconds = Math.floor(total / 1_000_000)
  const fraction = total - seconds * 1_000_000
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(part =>
    pad(part, 2),
  )
  if (fraction === 0) return clock.join(':')
  return `${clock.join(':')}.${fraction % 1000 === 0 ? pad(fraction / 1000, 3) : pad(fraction, 6)}`
}

function dayText(epochDays: number): string {
  const date = civilFromDays(epochDays)
  return `${pad(date.year, 4)}-${pad(date.month, 2)}-${pad(date.day, 2)}`
}

function monthText(epochMonths: number): string {
  const year = Math.floor(epochMonths / 12)
  return `${pad(1970 + year, 4)}-${pad(epochMonths - year * 12 + 1, 2)}`
}

function pad(value: number, width: number): string {
  return value < 0 ? `-${String(-value).padStart(width - 1, '0')}` : String(value).padStart(width, '0')
}

/** `java.net.URLEncoder`: letters, digits, `.`, `-`, `*` and `_` stay, a space becomes `+`, the rest is percent-encoded UTF-8. */
function urlEncode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll('%20', '+')
    .replace(/[!'()~]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}
