/**
 * What is known of one column in one file before it is opened: by the bounds in its manifest entry, and by its partition.
 * A range that is not known is `undefined`, and so is a side of it; known ranges hold every value that is neither null nor missing.
 */
import type { DataFile } from '../../shared/iceberg/data-file.ts'
import type { PartitionValue, Transform } from '../../shared/iceberg/partition-spec.ts'
import type { BoundPartitionField } from '../../shared/iceberg/partition-type.ts'
import type { PrimitiveType } from '../../shared/iceberg/schema.ts'
import {
  deserializeSingleValue,
  serializeSingleValue,
  truncateUpperBound,
} from '../../shared/iceberg/single-value.ts'
import { MICROS_PER_DAY, MICROS_PER_HOUR } from '../../shared/iceberg/transforms.ts'
import type { PredicateColumn } from './scope.ts'

type Value = Exclude<PartitionValue, null>

export interface ValueRange {
  readonly lower?: Value
  readonly upper?: Value
}

export interface ColumnStatistics {
  readonly nullCount?: bigint
  /** Of the values that are not null; NaN, which DuckDB sorts above all numbers, among them. */
  readonly bounds: ValueRange
  readonly partition: ValueRange & { readonly onlyNulls?: boolean }
}

export function columnStatistics(
  { id, type }: PredicateColumn,
  file: DataFile,
  partition: readonly BoundPartitionField[],
): ColumnStatistics {
  const { metrics } = file
  const nullCount = metrics.nullValueCounts.get(id)
  const known = partition.flatMap((field, index) =>
    field.sourceId === id ? [{ field, value: file.partition[index] ?? null }] : [],
  )
  const identity = known.some(({ field, value }) => field.transform.kind === 'identity' && value === null)
  const ranges = known.flatMap(({ field, value }) =>
    value === null ? [] : [partitionRange(field.transform, type, value)],
  )
  return {
    ...(nullCount !== undefined && { nullCount }),
    bounds: boundsOf(id, type, file),
    partition: { ...ranges.find(range => range.lower !== undefined), ...(identity && { onlyNulls: true }) },
  }
}

function boundsOf(id: number, type: PrimitiveType, { metrics }: DataFile): ValueRange {
  const lower = metrics.lowerBounds.get(id)
  const upper = metrics.upperBounds.get(id)
  // Iceberg leaves NaN out of the bounds; unless it is known that there is none, there may be one above them.
  const mayHaveNan =
    (type.kind === 'float' || type.kind === 'double') && metrics.nanValueCounts.get(id) !== 0n
  const max = mayHaveNan ? Number.NaN : upper && deserializeSingleValue(type, upper)
  return {
    ...(lower !== undefined && { lower: deserializeSingleValue(type, lower) }),
    ...(max !== undefined && { upper: max }),
  }
}

/** Every value that the transform sends to `value`; both sides inclusive. Buckets have no range. */
export function partitionRange(transform: Transform, type: PrimitiveType, value: Value): ValueRange {
  switch (transform.kind) {
    case 'identity':
      return { lower: value, upper: value }
    case 'truncate':
      return truncatedRange(type, value, transform.width)
    case 'year':
    case 'month':
    case 'day':
    case 'hour': {
      if (typeof value !== 'number') return {}
      const start = periodStart(transform.kind, value)
      const end = periodStart(transform.kind, value + 1)
      if (start === undefined || end === undefined) return {}
      if (type.kind === 'date')
        return { lower: Number(start / MICROS_PER_DAY), upper: Number(end / MICROS_PER_DAY) - 1 }
      return type.kind === 'timestamp' || type.kind === 'timestamptz' ? { lower: start, upper: end - 1n } : {}
    }
    case 'bucket':
    case 'void':
      return {}
  }
}

/** Microseconds since 1970 of the first instant of a period counted from 1970; `undefined` beyond what a Date can say. */
function periodStart(period: 'year' | 'month' | 'day' | 'hour', count: number): bigint | undefined {
  switch (period) {
    case 'hour':
      return BigInt(count) * MICROS_PER_HOUR
    case 'day':
      return BigInt(count) * MICROS_PER_DAY
    default: {
      const startMs = new Date(0).setUTCFullYear(1970, period === 'year' ? count * 12 : count, 1)
      return Number.isNaN(startMs) ? undefined : BigInt(startMs) * 1000n
    }
  }
}

function truncatedRange(type: PrimitiveType, value: Value, width: number): ValueRange {
  switch (type.kind) {
    case 'int':
    case 'long': {
      // Near the lowest number truncation wraps around to the highest ones: a range that would pass those says nothing.
      const highest = type.kind === 'int' ? 2n ** 31n - 1n : 2n ** 63n - 1n
      const upper = BigInt(value as number | bigint) + BigInt(width) - 1n
      if (upper > highest) return {}
      return { lower: value, upper: type.kind === 'int' ? Number(upper) : upper }
    }
    case 'decimal':
      return typeof value === 'bigint' ? { lower: value, upper: value + BigInt(width) - 1n } : {}
    case 'string': {
      if (typeof value !== 'string') return {}
      // What was cut to `width` characters may go on; one character more asks for the bound of all that begin so.
      if ([...value].length < width) return { lower: value, upper: value }
      const upper = truncateUpperBound(type, serializeSingleValue(type, `${value} `), width)
      const text = upper && deserializeSingleValue(type, upper)
      return { lower: value, ...(text !== undefined && { upper: text }) }
    }
    default:
      return {}
  }
}
