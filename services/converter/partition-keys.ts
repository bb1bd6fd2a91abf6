/**
 * Partition values straight from column buffers: for each row a key that is equal exactly where the partition value is, and the value
 * itself once per distinct key. Its simple twin is `applyTransform` in `shared/iceberg/transforms.ts`; tests hold the two together.
 *
 * The trick: 64-bit integers are read as two 32-bit halves and kept as doubles while they are exact, so that `day(ts)` over a batch
 * makes no bigint; strings are compared as bytes and decoded once per distinct value.
 */
import type { Column, FixedWidthColumn, VariableColumn } from '../../shared/columns/column.ts'
import { bucketOf, hashBytes, hashLong } from '../../shared/iceberg/murmur3.ts'
import type { PartitionValue } from '../../shared/iceberg/partition-spec.ts'
import type { BoundPartitionField } from '../../shared/iceberg/partition-type.ts'
import { deserializeSingleValue, serializeSingleValue } from '../../shared/iceberg/single-value.ts'
import {
  applyTransform,
  floorDivide,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  monthsSinceEpoch,
  yearsSinceEpoch,
} from '../../shared/iceberg/transforms.ts'
import { AppError, unreachable } from '../../shared/runtime/errors.ts'

export type PartitionRowKey = boolean | number | bigint | string

export interface PartitionKeys {
  /** For rows that are not null. */
  keyAt(row: number): PartitionRowKey
  valueOf(key: PartitionRowKey, row: number): PartitionValue
}

/** High halves of 64-bit integers that a double holds exactly, with room for the division below: ±2^52. */
const EXACT_HIGH = 0x100000
const TWO_32 = 4_294_967_296

const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true })

export function partitionKeyReader(column: Column, field: BoundPartitionField): PartitionKeys {
  if (column.layout !== 'fixed' && column.layout !== 'variable') throw notPrimitive(field)
  const { transform } = field
  switch (transform.kind) {
    case 'identity':
      return identityReader(column)
    case 'bucket':
      return bucketReader(column, transform.buckets)
    case 'truncate':
      return truncateReader(column, field, transform.width)
    case 'year':
      return periodReader(column, field, { unitMicros: MICROS_PER_DAY, periodOf: yearsSinceEpoch })
    case 'month':
      return periodReader(column, field, { unitMicros: MICROS_PER_DAY, periodOf: monthsSinceEpoch })
    case 'day':
      return periodReader(column, field, { unitMicros: MICROS_PER_DAY, periodOf: days => days })
    case 'hour':
      return periodReader(column, field, { unitMicros: MICROS_PER_HOUR, periodOf: hours => hours })
    case 'void':
      return { keyAt: () => 0, valueOf: () => null }
    default:
      return unreachable(transform)
  }
}

const keyIsValue = (key: PartitionRowKey): PartitionValue => key

function identityReader(column: FixedWidthColumn | VariableColumn): PartitionKeys {
  if (column.layout === 'variable') {
    const { kind } = column.type
    return {
      keyAt: row => latin1(column.values, column.offsets[row] ?? 0, column.offsets[row + 1] ?? 0),
      valueOf: (_key, row) => {
        const bytes = column.values.slice(column.offsets[row], column.offsets[row + 1])
        return kind === 'string' ? textDecoder.decode(bytes) : bytes
      },
    }
  }
  const { data, type } = column
  const view = viewOf(data)
  switch (type.kind) {
    case 'boolean':
      return { keyAt: row => (((data[row >> 3] ?? 0) >> (row & 7)) & 1) === 1, valueOf: keyIsValue }
    case 'int':
    case 'date':
      return { keyAt: row => view.getInt32(row * 4, true), valueOf: keyIsValue }
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return { keyAt: row => longKey(view, row), valueOf: key => BigInt(key) }
    case 'float':
      // By bits: +0.0 and −0.0 are different partitions, all NaN one.
      return {
        keyAt: row => bitsKey(view.getFloat32(row * 4, true), view.getInt32(row * 4, true)),
        valueOf: (_key, row) => view.getFloat32(row * 4, true),
      }
    case 'double':
      return {
        keyAt: row => bitsKey(view.getFloat64(row * 8, true), view.getBigInt64(row * 8, true)),
        valueOf: (_key, row) => view.getFloat64(row * 8, true),
      }
    case 'decimal':
      return { keyAt: row => decimalAt(view, row), valueOf: keyIsValue }
    case 'uuid':
    case 'fixed': {
      const width = type.kind === 'uuid' ? 16 : type.length
      return {
        keyAt: row => latin1(data, row * width, (row + 1) * width),
        valueOf: (_key, row) => deserializeSingleValue(type, data.slice(row * width, (row + 1) * width)),
      }
    }
    default:
      return unreachable(type)
  }
}

function bucketReader(column: FixedWidthColumn | VariableColumn, buckets: number): PartitionKeys {
  const hashAt = hashReader(column)
  return { keyAt: row => bucketOf(hashAt(row), buckets), valueOf: keyIsValue }
}

function hashReader(column: FixedWidthColumn | VariableColumn): (row: number) => number {
  if (column.layout === 'variable')
    return row => hashBytes(column.values, column.offsets[row] ?? 0, column.offsets[row + 1] ?? 0)
  const { data, type } = column
  const view = viewOf(data)
  switch (type.kind) {
    case 'int':
    case 'date':
      return row => {
        const value = view.getInt32(row * 4, true)
        return hashLong(value, value >> 31)
      }
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return row => hashLong(view.getInt32(row * 8, true), view.getInt32(row * 8 + 4, true))
    case 'decimal':
      return row => hashBytes(serializeSingleValue(type, decimalAt(view, row)))
    case 'uuid':
      return row => hashBytes(data, row * 16, row * 16 + 16)
    case 'fixed':
      return row => hashBytes(data, row * type.length, (row + 1) * type.length)
    default:
      throw new AppError({
        code: 'broken-invariant',
        next: 'fatal',
        message: `A ${type.kind} column cannot be bucketed; the table's partition spec should have been refused. This is a defect in Tidewater; please report it.`,
      })
  }
}

function truncateReader(
  column: FixedWidthColumn | VariableColumn,
  field: BoundPartitionField,
  width: number,
): PartitionKeys {
  if (column.layout === 'variable') {
    const isString = column.type.kind === 'string'
    const endAt = (row: number) => {
      const start = column.offsets[row] ?? 0
      const end = column.offsets[row + 1] ?? 0
      return isString
        ? endOfCodePoints(column.values, { start, end, count: width })
        : Math.min(end, start + width)
    }
    return {
      keyAt: row => latin1(column.values, column.offsets[row] ?? 0, endAt(row)),
      valueOf: (_key, row) => {
        const bytes = column.values.slice(column.offsets[row], endAt(row))
        return isString ? textDecoder.decode(bytes) : bytes
      },
    }
  }
  // Numbers: the value is read as for identity and goes through the one implementation of the arithmetic.
  const identity = identityReader(column)
  const truncated = (row: number) => {
    const value = applyTransform(
      field.transform,
      field.sourceType,
      identity.valueOf(identity.keyAt(row), row),
    )
    if (typeof value === 'number' || typeof value === 'bigint') return value
    throw notPrimitive(field)
  }
  return { keyAt: truncated, valueOf: keyIsValue }
}

/** Where the first `count` code points of `bytes[start .. end)` end: every byte but a continuation begins one. */
function endOfCodePoints(bytes: Uint8Array, range: { start: number; end: number; count: number }): number {
  let taken = 0
  for (let at = range.start; at < range.end; at++)
    if (((bytes[at] ?? 0) & 0xc0) !== 0x80 && ++taken > range.count) return at
  return range.end
}

/** Dates count days already; timestamps are floored to `unitMicros` first. */
function periodReader(
  column: FixedWidthColumn | VariableColumn,
  field: BoundPartitionField,
  { unitMicros, periodOf }: { unitMicros: bigint; periodOf: (units: number) => number },
): PartitionKeys {
  if (column.layout !== 'fixed') throw notPrimitive(field)
  const view = viewOf(column.data)
  const unitsAt =
    column.type.kind === 'date'
      ? (row: number) => view.getInt32(row * 4, true)
      : (row: number) => flooredMicros(view, row, unitMicros)
  let lastUnits = Number.NaN
  let lastPeriod = 0
  return {
    keyAt: row => {
      const units = unitsAt(row)
      if (units !== lastUnits) {
        lastUnits = units
        lastPeriod = periodOf(units)
      }
      return lastPeriod
    },
    valueOf: keyIsValue,
  }
}

function flooredMicros(view: DataView, row: number, unitMicros: bigint): number {
  const high = view.getInt32(row * 8 + 4, true)
  if (high < -EXACT_HIGH || high >= EXACT_HIGH)
    return Number(floorDivide(view.getBigInt64(row * 8, true), unitMicros))
  // Below 2^52 the quotient cannot round up to a whole number that the exact one does not reach.
  return Math.floor((high * TWO_32 + view.getUint32(row * 8, true)) / Number(unitMicros))
}

function longKey(view: DataView, row: number): number | bigint {
  const high = view.getInt32(row * 8 + 4, true)
  return high < -EXACT_HIGH || high >= EXACT_HIGH
    ? view.getBigInt64(row * 8, true)
    : high * TWO_32 + view.getUint32(row * 8, true)
}

function bitsKey(value: number, bits: number | bigint): number | bigint {
  return Number.isNaN(value) ? Number.NaN : bits
}

function decimalAt(view: DataView, row: number): bigint {
  return (view.getBigInt64(row * 16 + 8, true) << 64n) | view.getBigUint64(row * 16, true)
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}

function notPrimitive(field: BoundPartitionField): AppError {
  return new AppError({
    code: 'broken-invariant',
    next: 'fatal',
    message: `Partitioning by "${field.name}": column "${field.source.name}" does not hold plain values. This is a defect in Tidewater; please report it.`,
  })
}
