/**
 * DuckDB's values as text: exact JSON for programs, and a shorter form for people and CSV. Decimals and 64-bit integers keep all their
 * digits. Times are ISO 8601, `timestamptz` in UTC with a Z. In JSON, bytes are base64, and numbers that JSON does not have are text.
 */
import type { DuckDBType, DuckDBValue } from '@duckdb/node-api'
import type { DuckDB } from './duckdb.ts'

export function jsonText(duckdb: DuckDB, type: DuckDBType, value: DuckDBValue): string {
  if (value === null) return 'null'
  switch (typeof value) {
    case 'boolean':
    case 'bigint':
      return String(value)
    case 'number': {
      const text = numberText(duckdb, type, value)
      return Number.isFinite(value) ? text : JSON.stringify(text)
    }
    case 'string':
      return JSON.stringify(value)
  }
  if (value instanceof duckdb.DuckDBDecimalValue) return value.toString()
  if (value instanceof duckdb.DuckDBBlobValue)
    return JSON.stringify(Buffer.from(value.bytes).toString('base64'))
  const nested = nestedText(value, {
    duckdb,
    type,
    inner: (innerType, item) => jsonText(duckdb, innerType, item),
  })
  return nested ?? JSON.stringify(plainText(duckdb, type, value))
}

/** Nested values are written as JSON, bytes with \xNN for those that are no printable ASCII. `null` has no text here. */
export function plainText(duckdb: DuckDB, type: DuckDBType, value: Exclude<DuckDBValue, null>): string {
  if (typeof value === 'number') return numberText(duckdb, type, value)
  if (value instanceof duckdb.DuckDBTimestampTZValue)
    return value.isFinite ? `${timestampText(value.micros)}Z` : value.toString()
  if (value instanceof duckdb.DuckDBTimestampValue)
    return value.isFinite ? timestampText(value.micros) : value.toString()
  return (
    nestedText(value, { duckdb, type, inner: (innerType, item) => jsonText(duckdb, innerType, item) }) ??
    String(value)
  )
}

interface Nesting {
  readonly duckdb: DuckDB
  readonly type: DuckDBType
  readonly inner: (type: DuckDBType, value: DuckDBValue) => string
}

/** Structs as objects, lists as arrays, maps as arrays of [key, value]: keys of any type, in their order. */
function nestedText(value: DuckDBValue, { duckdb, type, inner }: Nesting): string | undefined {
  if (value instanceof duckdb.DuckDBStructValue && type instanceof duckdb.DuckDBStructType) {
    const members = type.entryNames.map(
      (name, index) =>
        `${JSON.stringify(name)}:${inner(type.entryTypes[index] ?? duckdb.ANY, value.entries[name] ?? null)}`,
    )
    return `{${members.join(',')}}`
  }
  if (
    (value instanceof duckdb.DuckDBListValue && type instanceof duckdb.DuckDBListType) ||
    (value instanceof duckdb.DuckDBArrayValue && type instanceof duckdb.DuckDBArrayType)
  )
    return `[${value.items.map(item => inner(type.valueType, item)).join(',')}]`
  if (value instanceof duckdb.DuckDBMapValue && type instanceof duckdb.DuckDBMapType) {
    const entries = value.entries.map(
      entry => `[${inner(type.keyType, entry.key)},${inner(type.valueType, entry.value)}]`,
    )
    return `[${entries.join(',')}]`
  }
  return undefined
}

function numberText(duckdb: DuckDB, type: DuckDBType, value: number): string {
  if (Object.is(value, -0)) return '-0'
  return type.typeId === duckdb.DuckDBTypeId.FLOAT && Number.isFinite(value)
    ? shortestFloat(value)
    : String(value)
}

/** A float's own digits: 0.1, not those of the nearest double. Nine always suffice. */
function shortestFloat(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = value.toPrecision(digits)
    if (Math.fround(Number(text)) === value) return String(Number(text))
  }
  return String(Number(value.toPrecision(9)))
}

const MICROS_PER_SECOND = 1_000_000n

function timestampText(micros: bigint): string {
  const fraction = ((micros % MICROS_PER_SECOND) + MICROS_PER_SECOND) % MICROS_PER_SECOND
  const date = new Date(Number((micros - fraction) / 1000n))
  // Iceberg's timestamps go further than Date does.
  if (Number.isNaN(date.getTime())) return `${micros} microseconds since 1970`
  const digits = fraction === 0n ? '' : `.${fraction.toString().padStart(6, '0').replace(/0+$/, '')}`
  return date.toISOString().replace(/\.000Z$/, digits)
}
