/**
 * The contract once more, with every step of every write transaction looked at: whatever belongs to a table is changed under that
 * table's lock, events under theirs, and the lock of the events is the last to be taken. SQLite needs none of it; PostgreSQL does.
 */
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import { expect, it } from 'vitest'
import type { Database } from '../../shared/metadata/database.ts'
import { setTableState } from '../../shared/metadata/queries/tables.ts'
import { createSqlMetadataStore, type TransactionRunner } from '../../shared/metadata/sql-store.ts'
import { openConnection, type SqliteConnection } from '../../shared/metadata/sqlite/connection.ts'
import { migrate } from '../../shared/metadata/sqlite/migrate.ts'
import {
  type AnyStatement,
  change,
  compileStatement,
  insertStatement,
  type Lock,
  type Step,
  type Steps,
} from '../../shared/metadata/steps.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { describeMetadataStore } from './metadata-store.ts'
import { followTopic, NOTE, TABLE } from './metadata-store-fixture.ts'

const insertLease = insertStatement('lease', ['name', 'holder', 'until_ms', 'fencing_token'])

const writer = new Kysely<Database>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: db => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
})

/** Whose lock covers a row that is named by one of these. */
const OWNERS: Readonly<Record<string, string>> = {
  tableId: 'select ? as table_id',
  table_id: 'select ? as table_id',
  taskKey: 'select table_id from convert_task where task_key = ?',
  task_key: 'select table_id from convert_task where task_key = ?',
  sourceKey: 'select table_id from source_partition where source_key = ?',
  source_key: 'select table_id from source_partition where source_key = ?',
  rangeKey: 'select table_id from accounted_range where range_key = ?',
  manifestKey: 'select table_id from manifest where manifest_key = ?',
  from: 'select table_id from manifest where manifest_key = ?',
}
/** Rows that belong to no table, and the lock that they need. */
const OTHERS: Readonly<Record<string, Lock['on']>> = {
  event: 'events',
  lease: 'lease',
  scan_report: 'nothing',
  process: 'nothing',
}

function checkedRunner(connection: SqliteConnection): TransactionRunner {
  return {
    read: steps => connection.transact('read', () => watched(connection, undefined, steps)),
    write: (lock, steps) => connection.transact('write', () => watched(connection, lock, steps)),
    migrate: () => migrate(connection),
    close: async () => connection.close(),
  }
}

function* watched<T>(connection: SqliteConnection, lock: Lock | undefined, steps: () => Steps<T>): Steps<T> {
  const held = new Set<string>()
  const take = (taken: Lock) => {
    if (held.has('events') && taken.on !== 'events') throw new Error(`${taken.on} is locked after the events`)
    held.add(taken.on)
    for (const tableId of tablesOf(connection, taken)) held.add(`table ${tableId}`)
  }
  if (lock !== undefined) take(lock)
  const running = steps()
  let next = running.next()
  while (!next.done) {
    if (next.value.kind === 'lock') take(next.value.lock)
    else if (next.value.kind !== 'now') check(connection, held, next.value)
    next = running.next(yield next.value)
  }
  return next.value
}

function tablesOf({ db }: SqliteConnection, lock: Lock): readonly string[] {
  const ids =
    lock.on === 'tables'
      ? lock.tableIds
      : lock.on === 'task'
        ? rowsOf(db, 'select table_id from convert_task where task_id = ?', lock.taskId)
        : []
  return ids.flatMap(id => [
    id,
    ...rowsOf(db, 'select table_id from iceberg_table where parent_table_id = ?', id),
  ])
}

function rowsOf(db: SqliteConnection['db'], sql: string, value: string | bigint): readonly string[] {
  return db
    .prepare(sql)
    .all(value)
    .map(row => String(row.table_id))
}

function check(
  { db }: SqliteConnection,
  held: ReadonlySet<string>,
  step: Extract<Step, { kind: 'rows' | 'change' }>,
): void {
  const changes =
    step.kind === 'change'
      ? [step]
      : step.queries.map(({ statement, parameters }) => ({ statement, sets: [parameters] }))
  for (const { statement, sets } of changes) checkChange(db, held, statement, sets)
}

function checkChange(
  db: SqliteConnection['db'],
  held: ReadonlySet<string>,
  statement: AnyStatement,
  sets: readonly object[],
): void {
  const { sql } = compileStatement(writer, statement)
  const target = /^\s*(?:insert into|update|delete from)\s+"?(\w+)"?/i.exec(sql)?.[1]
  if (target === undefined) return
  const needed = OTHERS[target]
  if (needed !== undefined) {
    if (!held.has(needed)) throw new Error(`${target} is changed without the lock of ${needed}: ${sql}`)
    return
  }
  for (const parameters of sets) {
    const owners = Object.entries(OWNERS).flatMap(([name, query]) => {
      const value: unknown = Reflect.get(parameters, name)
      return typeof value === 'string' || typeof value === 'bigint' ? rowsOf(db, query, value) : []
    })
    if (owners.length === 0) throw new Error(`a change names no table that it belongs to: ${sql}`)
    // The rows of a table that is being made are nobody else's yet: the names are locked.
    const isCovered = owners.every(id => held.has(`table ${id}`)) || held.has('names')
    if (!isCovered) throw new Error(`${owners.join(', ')} is changed before it is locked: ${sql}`)
  }
}

async function open(clock: () => number) {
  const store = createSqlMetadataStore(
    checkedRunner(openConnection({ path: ':memory:', clock, runtime: systemRuntime })),
  )
  await store.migrate()
  return { store, remove: () => store.close() }
}

describeMetadataStore('sqlite, its locks watched', open)

it('a change under the lock of another table, or of events under none, is told', async () => {
  const connection = openConnection({ path: ':memory:', runtime: systemRuntime })
  const runner = checkedRunner(connection)
  await runner.migrate()
  const pause = () => setTableState(TABLE, 'paused', NOTE)
  await expect(runner.write({ on: 'tables', tableIds: ['other'] }, pause)).rejects.toThrow(
    'no table with the id',
  )
  await followTopic(createSqlMetadataStore(runner))
  await expect(runner.write({ on: 'tables', tableIds: ['other'] }, pause)).rejects.toThrow(
    `${TABLE} is changed before it is locked`,
  )
  await expect(
    runner.write({ on: 'nothing' }, () =>
      change(insertLease, { name: 'a', holder: 'b', until_ms: 0, fencing_token: 1 }),
    ),
  ).rejects.toThrow('lease is changed without the lock')
  await runner.close()
})
