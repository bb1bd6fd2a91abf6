/** What DuckDB reads through `tidewater query` is what the product's own reader reads, for every type, nested and not. */
import type { DuckDBType, DuckDBValue } from '@duckdb/node-api'
import * as duckdb from '@duckdb/node-api'
import { expect, it } from 'vitest'
import type { ColumnValue } from '../../../shared/columns/column-values.ts'
import { readParquetRows } from '../../../shared/parquet/read-parquet.ts'
import { createQueryFixture } from '../../fakes/query-fixture.ts'
import { EVERY_TYPE_ROWS, EVERY_TYPE_SCHEMA } from '../parquet/every-type.ts'

it('values are those of the product’s own reader', async () => {
  const fixture = await createQueryFixture()
  const { tableId } = await fixture.add({ name: 'n.t', schema: EVERY_TYPE_SCHEMA, files: [EVERY_TYPE_ROWS] })
  const { files } = await fixture.context.metadata.listFiles(tableId, { version: 1n, limit: 1 })
  const key = files[0]?.path.slice(fixture.context.warehouse.url.length + 1) ?? ''
  const bytes = new Uint8Array(await fixture.context.warehouse.get(key))
  const expected = await readParquetRows(bytes.slice().buffer)
  const { names, types, rows } = await fixture.outcome('FROM n.t', async outcome => {
    if (outcome.kind !== 'rows') throw new Error('expected rows')
    const { result } = outcome
    return { names: result.columnNames(), types: result.columnTypes(), rows: await result.getRows() }
  })
  const found = rows.map(row =>
    Object.fromEntries(row.map((value, i) => [names[i], toColumnValue(types[i] ?? duckdb.ANY, value)])),
  )
  expect(found).toEqual(expected)
  await fixture.remove()
})

it('a column is found by its id: renamed, reordered, added and widened since the file was written', async () => {
  const fixture = await createQueryFixture()
  const id = { id: 1, name: 'a', required: false, type: { kind: 'int' } } as const
  const other = { id: 2, name: 'b', required: false, type: { kind: 'string' } } as const
  const table = await fixture.add({
    name: 'n.t',
    schema: { schemaId: 0, fields: [id, other] },
    files: [[{ a: 1, b: 'one' }]],
  })
  const renamed = [
    { ...other, name: 'a' },
    { ...id, name: 'b', type: { kind: 'long' } as const },
    { id: 3, name: 'c', required: false, type: { kind: 'date' } as const },
  ]
  const schemas = [...table.schemas, { schemaId: 1, fields: renamed }]
  const snapshots = await fixture.context.metadata.listSnapshots(table.tableId)
  Object.assign(fixture.context.metadata, {
    listTables: async () => [{ ...table, schemas, currentSchemaId: 1 }],
    listSnapshots: async () => snapshots.map(snapshot => ({ ...snapshot, schemaId: 1 })),
  })
  expect(await fixture.rows('SELECT a, b, c FROM n.t')).toEqual([['one', 1n, null]])
  // Bounds follow the id too.
  expect(await fixture.rows("SELECT b FROM n.t WHERE a = 'one' AND b < 2 AND c IS NULL")).toEqual([[1n]])
  await fixture.remove()
})

/** Into the shapes of `ColumnValue`. */
function toColumnValue(type: DuckDBType, value: DuckDBValue): ColumnValue {
  if (value === null || typeof value !== 'object') return value
  if (value instanceof duckdb.DuckDBDecimalValue) return value.value
  if (value instanceof duckdb.DuckDBDateValue) return value.days
  if (
    value instanceof duckdb.DuckDBTimeValue ||
    value instanceof duckdb.DuckDBTimestampValue ||
    value instanceof duckdb.DuckDBTimestampTZValue
  )
    return value.micros
  if (value instanceof duckdb.DuckDBUUIDValue) return value.toString()
  if (value instanceof duckdb.DuckDBBlobValue) return Uint8Array.from(value.bytes)
  if (value instanceof duckdb.DuckDBStructValue && type instanceof duckdb.DuckDBStructType)
    return Object.fromEntries(
      type.entryNames.map((name, i) => [
        name,
        toColumnValue(type.entryTypes[i] ?? duckdb.ANY, value.entries[name] ?? null),
      ]),
    )
  if (value instanceof duckdb.DuckDBListValue && type instanceof duckdb.DuckDBListType)
    return value.items.map(item => toColumnValue(type.valueType, item))
  if (value instanceof duckdb.DuckDBMapValue && type instanceof duckdb.DuckDBMapType)
    return value.entries.map(entry => [
      toColumnValue(type.keyType, entry.key),
      toColumnValue(type.valueType, entry.value),
    ])
  throw new Error(`no Iceberg type is read as ${value.constructor.name}`)
}
