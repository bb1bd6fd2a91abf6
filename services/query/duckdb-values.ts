/** Between the shapes in which Iceberg's single values travel here and DuckDB's own value objects. */
import type { DuckDBValue } from '@duckdb/node-api'
import type { PartitionValue } from '../../shared/iceberg/partition-spec.ts'
import type { PrimitiveType } from '../../shared/iceberg/schema.ts'
import type { DuckDB } from './duckdb.ts'

/** For the appender. */
export function toDuckDBValue(duckdb: DuckDB, type: PrimitiveType, value: PartitionValue): DuckDBValue {
  switch (typeof value) {
    case 'bigint':
      switch (type.kind) {
        case 'decimal':
          return new duckdb.DuckDBDecimalValue(value, type.precision, type.scale)
        case 'time':
          return new duckdb.DuckDBTimeValue(value)
        case 'timestamp':
          return new duckdb.DuckDBTimestampValue(value)
        case 'timestamptz':
          return new duckdb.DuckDBTimestampTZValue(value)
        default:
          return value
      }
    case 'number':
      return type.kind === 'date' ? new duckdb.DuckDBDateValue(value) : value
    case 'string':
      return type.kind === 'uuid'
        ? duckdb.DuckDBUUIDValue.fromUint128(BigInt(`0x${value.replaceAll('-', '')}`))
        : value
    default:
      return value instanceof Uint8Array ? new duckdb.DuckDBBlobValue(value) : value
  }
}

/** A value of this type that DuckDB computed; `undefined` for what has no place in Iceberg. */
export function fromDuckDBValue(
  duckdb: DuckDB,
  type: PrimitiveType,
  value: DuckDBValue,
): Exclude<PartitionValue, null> | undefined {
  if (value === null) return undefined
  if (value instanceof duckdb.DuckDBDecimalValue) return value.value
  if (value instanceof duckdb.DuckDBTimeValue) return value.micros
  if (value instanceof duckdb.DuckDBTimestampValue || value instanceof duckdb.DuckDBTimestampTZValue)
    return value.micros
  if (value instanceof duckdb.DuckDBDateValue) return value.days
  if (value instanceof duckdb.DuckDBUUIDValue) return value.toString()
  if (value instanceof duckdb.DuckDBBlobValue) return value.bytes
  if (typeof value === 'bigint') return type.kind === 'int' ? Number(value) : value
  return typeof value === 'object' ? undefined : value
}
