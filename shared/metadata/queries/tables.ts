/** Tables with their schemas and partition specs. */
import { sql } from 'kysely'
import { stringifyExactJson } from '../../iceberg/exact-json.ts'
import { partitionSpecToJson } from '../../iceberg/partition-spec-json.ts'
import { schemaToJson } from '../../iceberg/schema-json.ts'
import { AppError } from '../../runtime/errors.ts'
import type { Row } from '../database.ts'
import { jsonText } from '../json-columns.ts'
import type { NewTable, OperatorNote, TableDetail } from '../metadata-store.ts'
import { schemaOf, specOf, tableOf } from '../rows.ts'
import {
  all,
  change,
  first,
  insertStatement,
  now,
  type Query,
  query,
  type Steps,
  statement,
  takeLock,
  together,
} from '../steps.ts'
import { tableLocationTaken } from '../table-location-taken.ts'
import { appendEvent } from './events.ts'
import { restartClocksOf } from './partitions.ts'

const selectTables = statement(db => db.selectFrom('iceberg_table').selectAll().orderBy('name'))
const selectTableByName = statement((db, p: { name: string }) =>
  db.selectFrom('iceberg_table').selectAll().where('name', '=', p.name),
)
const selectTableById = statement((db, p: { tableId: string }) =>
  db.selectFrom('iceberg_table').selectAll().where('table_id', '=', p.tableId),
)
const selectDeadLetterTable = statement((db, p: { parentTableId: string }) =>
  db.selectFrom('iceberg_table').selectAll().where('parent_table_id', '=', p.parentTableId),
)
const selectSchemas = statement((db, p: { tableId: string }) =>
  db.selectFrom('table_schema').selectAll().where('table_id', '=', p.tableId).orderBy('schema_id'),
)
const selectSpecs = statement((db, p: { tableId: string }) =>
  db.selectFrom('partition_spec').selectAll().where('table_id', '=', p.tableId).orderBy('spec_id'),
)
const selectAllSchemas = statement(db => db.selectFrom('table_schema').selectAll().orderBy('schema_id'))
const selectAllSpecs = statement(db => db.selectFrom('partition_spec').selectAll().orderBy('spec_id'))
const selectNameOrLocation = statement((db, p: { name: string; location: string }) =>
  db
    .selectFrom('iceberg_table')
    .selectAll()
    .where(eb => eb.or([eb('name', '=', p.name), eb('location', '=', p.location)])),
)
const insertTable = insertStatement('iceberg_table', [
  'table_id',
  'name',
  'kind',
  'parent_table_id',
  'location',
  'current_schema_id',
  'default_spec_id',
  'last_column_id',
  'last_partition_id',
  'properties',
  'declaration',
  'created_at_ms',
])
const insertSchema = insertStatement('table_schema', ['table_id', 'schema_id', 'schema_json'])
const insertSpec = insertStatement('partition_spec', ['table_id', 'spec_id', 'spec_json'])
const insertTopic = insertStatement('dead_letter_topic', ['table_id'])
const updateState = statement(
  (db, p: { tableId: string; state: Row<'iceberg_table'>['state']; reason: string | null }) =>
    db
      .updateTable('iceberg_table')
      .set({ state: p.state, state_reason: p.reason })
      .where('table_id', '=', p.tableId),
)
const addToVersion = statement((db, p: { tableId: string }) =>
  db
    .updateTable('iceberg_table')
    .set({ version: sql`version + 1` })
    .where('table_id', '=', p.tableId)
    .returning('version'),
)

const setVersion = statement((db, p: { tableId: string; version: bigint }) =>
  db.updateTable('iceberg_table').set({ version: p.version }).where('table_id', '=', p.tableId),
)

export function* requireTable(tableId: string): Steps<Row<'iceberg_table'>> {
  return foundTable(tableId, yield* first(selectTableById, { tableId }))
}

export function queryTable(tableId: string): Query<Row<'iceberg_table'>> {
  return query(selectTableById, { tableId })
}

export function foundTable(tableId: string, table: Row<'iceberg_table'> | undefined): Row<'iceberg_table'> {
  if (table !== undefined) return table
  throw new AppError({
    code: 'table-unknown',
    next: 'fatal',
    message: `The metadata database has no table with the id ${tableId}. Was the database replaced while Tidewater was running? Restart it.`,
    details: { tableId },
  })
}

/** Raises the version that the caller has read under the table's lock; answers the new one. */
export function* raiseVersionFrom(tableId: string, version: bigint): Steps<bigint> {
  yield* change(setVersion, { tableId, version: version + 1n })
  return version + 1n
}

export function* findDeadLetterTable(parentTableId: string): Steps<Row<'iceberg_table'> | undefined> {
  return yield* first(selectDeadLetterTable, { parentTableId })
}

/** Raises the table's version by one and answers the new one. */
export function* raiseVersion(tableId: string): Steps<bigint> {
  const row = yield* first(addToVersion, { tableId })
  return row === undefined ? (yield* requireTable(tableId)).version : row.version
}

export function* detailOf(row: Row<'iceberg_table'>): Steps<TableDetail> {
  const schemas = yield* all(selectSchemas, { tableId: row.table_id })
  const specs = yield* all(selectSpecs, { tableId: row.table_id })
  return { ...tableOf(row), schemas: schemas.map(schemaOf), specs: specs.map(specOf) }
}

/** An existing table of that name is answered as it is; only its dead-letter table is added when it has none yet. */
export function* createTable(
  rows: NewTable,
  deadLetters?: NewTable,
): Steps<{ readonly kind: 'created' | 'exists'; readonly table: TableDetail }> {
  const existing = yield* first(selectTableByName, { name: rows.name })
  if (existing === undefined) yield* insertNewTable(rows, undefined)
  else yield* takeLock({ on: 'tables', tableIds: [existing.table_id] })
  const table = existing ?? (yield* requireTable(rows.tableId))
  if (deadLetters !== undefined && (yield* findDeadLetterTable(table.table_id)) === undefined) {
    yield* insertNewTable(deadLetters, table.table_id)
  }
  return { kind: existing === undefined ? 'created' : 'exists', table: yield* detailOf(table) }
}

function* insertNewTable(table: NewTable, parentTableId: string | undefined): Steps<void> {
  const [taken] = yield* all(selectNameOrLocation, { name: table.name, location: table.location })
  if (taken !== undefined) throw tableLocationTaken(table, taken)
  yield* change(insertTable, {
    table_id: table.tableId,
    name: table.name,
    kind: parentTableId === undefined ? 'rows' : 'dead_letters',
    parent_table_id: parentTableId ?? null,
    location: table.location,
    current_schema_id: table.schema.schemaId,
    default_spec_id: table.spec.specId,
    last_column_id: table.lastColumnId,
    last_partition_id: table.lastPartitionId,
    properties: jsonText(table.properties),
    declaration: table.declaration,
    created_at_ms: yield* now(),
  })
  yield* change(insertSchema, {
    table_id: table.tableId,
    schema_id: table.schema.schemaId,
    schema_json: stringifyExactJson(schemaToJson(table.schema)),
  })
  yield* change(insertSpec, {
    table_id: table.tableId,
    spec_id: table.spec.specId,
    spec_json: stringifyExactJson(partitionSpecToJson(table.spec)),
  })
  if (parentTableId !== undefined) yield* change(insertTopic, { table_id: table.tableId })
}

/** Asked once for all of them: a process looks through them as often as tables come. */
export function* listTables(): Steps<readonly TableDetail[]> {
  const [tables, schemas, specs] = yield* together<
    [Row<'iceberg_table'>, Row<'table_schema'>, Row<'partition_spec'>]
  >(query(selectTables, {}), query(selectAllSchemas, {}), query(selectAllSpecs, {}))
  const schemasOf = Map.groupBy(schemas, row => row.table_id)
  const specsOf = Map.groupBy(specs, row => row.table_id)
  return tables.map(row => ({
    ...tableOf(row),
    schemas: (schemasOf.get(row.table_id) ?? []).map(schemaOf),
    specs: (specsOf.get(row.table_id) ?? []).map(specOf),
  }))
}

export function* loadTable(name: string): Steps<TableDetail | undefined> {
  const row = yield* first(selectTableByName, { name })
  return row === undefined ? undefined : yield* detailOf(row)
}

export function* setTableState(tableId: string, state: 'active' | 'paused', note: OperatorNote): Steps<void> {
  const table = yield* requireTable(tableId)
  yield* change(updateState, { tableId, state, reason: state === 'active' ? null : note.why })
  if (state === 'active') yield* restartClocksOf(tableId)
  yield* appendEvent({
    type: state === 'active' ? 'operator.resume' : 'operator.pause',
    tableId,
    message: `Table ${table.name} was ${state === 'active' ? 'resumed' : 'paused'} by ${note.who}: ${note.why}`,
    details: { before: table.state },
    note,
  })
}

/** Stops the whole table: nothing of it is planned or run until it is resumed. */
export function* stopTable(
  tableId: string,
  stop: {
    readonly code: string
    readonly reason: string
    readonly details: Readonly<Record<string, unknown>>
  },
): Steps<void> {
  const table = yield* requireTable(tableId)
  if (table.state === 'stopped') return
  yield* change(updateState, { tableId, state: 'stopped', reason: stop.reason })
  yield* appendEvent({
    type: 'table.stopped',
    tableId,
    message: `Table ${table.name} stopped: ${stop.reason}`,
    details: { code: stop.code, ...stop.details },
  })
}
