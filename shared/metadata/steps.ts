/**
 * Transactions as generators: a method of the store yields the statements that it wants run, one at a time, and a runner of the
 * dialect answers. SQLite's runner answers at once, so that no other code of the process runs inside a transaction (`node:sqlite`
 * blocks anyway); PostgreSQL's awaits between the same statements, and sends changes that nobody counts together with what comes next.
 * `queries/` is written once for both.
 *
 * Locks are for databases with several writers; SQLite has one, and passes over them. Every write transaction begins with a lock that
 * `sql-store.ts` names, and the log of events is locked last, so that no two transactions wait for each other.
 *
 * Statements are built with Kysely once, with placeholders, and kept as SQL text: building takes longer than running.
 */
import type { CompiledQuery, Insertable, Kysely, RawBuilder } from 'kysely'
import { AppError, invariant } from '../runtime/errors.ts'
import type { Database } from './database.ts'

/** What a statement may be given: `boolean` becomes 0 or 1, a `number` must be an integer. */
export type SqlValue = null | string | number | bigint | boolean | Uint8Array

interface Compilable<R> {
  compile(): CompiledQuery<R>
}

/** A statement that takes the named parameters `P` and answers rows `R`. */
export interface Statement<P, R> {
  readonly build: (db: Kysely<Database>, parameters: P) => Compilable<R>
  /** The same for several sets of parameters at once, where a database over the network gains by that. */
  readonly buildRows?: (db: Kysely<Database>, rows: readonly P[]) => Compilable<R>
}

/** Any statement, as runners see it. */
export type AnyStatement = Statement<never, unknown>

/** A statement with its parameters. */
export interface Query<R> {
  readonly statement: Statement<never, R>
  readonly parameters: object
}

export type Step =
  /** Answered by the database's clock, Unix ms, as a bigint. */
  | { readonly kind: 'now' }
  /** Answered by an array of rows for each query, their integers as bigint. */
  | { readonly kind: 'rows'; readonly queries: readonly Query<unknown>[] }
  /** Runs once for each set of parameters; answered by the number of rows changed, summed, where they are counted. */
  | {
      readonly kind: 'change'
      readonly statement: AnyStatement
      readonly sets: readonly object[]
      readonly isCounted: boolean
    }
  /** Held to the end of the transaction; answered by nothing. */
  | { readonly kind: 'lock'; readonly lock: Lock }

/** What no other transaction may change meanwhile. The lock of a table covers its dead-letter table. */
export type Lock =
  | { readonly on: 'tables'; readonly tableIds: readonly string[] }
  /** The table of the task; nothing when there is no such task. */
  | { readonly on: 'task'; readonly taskId: string }
  | { readonly on: 'lease'; readonly name: string }
  /** The names and locations of tables. */
  | { readonly on: 'names' }
  /** The order of events: ids rise with the commits, so that who reads on from an id misses none. */
  | { readonly on: 'events' }
  /** For reports, which no other row depends on. */
  | { readonly on: 'nothing' }

export type Steps<T> = Generator<Step, T, unknown>

/** `build` must use the parameters only as values; it runs once per database, with placeholders in their stead. */
export function statement<P, R>(build: Statement<P, R>['build']): Statement<P, R> {
  return { build }
}

/** A statement written with Kysely's `sql` template. */
export function sqlStatement<P, R>(build: (parameters: P) => RawBuilder<R>): Statement<P, R> {
  return { build: (db, parameters) => ({ compile: () => build(parameters).compile(db) }) }
}

/** Inserts one row of the named columns. */
export function insertStatement<T extends keyof Database, C extends keyof Insertable<Database[T]> & string>(
  table: T,
  columns: readonly C[],
): Statement<Pick<Insertable<Database[T]>, C>, unknown> {
  const buildRows = (db: Kysely<Database>, rows: readonly Pick<Insertable<Database[T]>, C>[]) => {
    const values = rows.map(row => Object.fromEntries(columns.map(column => [column, row[column]])))
    // Kysely cannot follow a table name that is itself a type parameter; the signature above has checked the columns.
    return db.insertInto(table).values(values as never)
  }
  return { build: (db, parameters) => buildRows(db, [parameters]), buildRows }
}

export function* now(): Steps<bigint> {
  const answer = yield { kind: 'now' }
  invariant(typeof answer === 'bigint', `the database's clock answered ${String(answer)}`)
  return answer
}

export function query<P extends object, R>(of: Statement<P, R>, parameters: P): Query<R> {
  return { statement: of, parameters }
}

/** Runs queries of which none needs the answer of another: a database over the network is asked once for all of them. */
export function* together<Rs extends readonly unknown[]>(
  ...queries: { readonly [K in keyof Rs]: Query<Rs[K]> }
): Steps<{ readonly [K in keyof Rs]: readonly Rs[K][] }> {
  const answers = yield { kind: 'rows', queries }
  // The tables are strictly typed and created by the migrations that this code ships with, so rows have the types that Kysely derived.
  return answers as { readonly [K in keyof Rs]: readonly Rs[K][] }
}

export function* all<P extends object, R>(of: Statement<P, R>, parameters: P): Steps<readonly R[]> {
  const [rows] = yield* together<[R]>(query(of, parameters))
  return rows
}

/** The first row, if any. */
export function* first<P extends object, R>(of: Statement<P, R>, parameters: P): Steps<R | undefined> {
  const rows = yield* all(of, parameters)
  return rows[0]
}

/** The change may be sent later, with the next statement that is answered: its failure ends the transaction all the same. */
export function* change<P extends object>(of: Statement<P, unknown>, parameters: P): Steps<void> {
  yield* changeMany(of, [parameters])
}

/** Runs the statement for each set of parameters. */
export function* changeMany<P extends object>(of: Statement<P, unknown>, sets: readonly P[]): Steps<void> {
  if (sets.length > 0) yield { kind: 'change', statement: of, sets, isCounted: false }
}

/** The number of rows changed, summed. */
export function* countChanged<P extends object>(
  of: Statement<P, unknown>,
  sets: readonly P[],
): Steps<number> {
  const changes = yield { kind: 'change', statement: of, sets, isCounted: true }
  invariant(
    typeof changes === 'number',
    `a statement answered ${String(changes)} instead of a number of rows`,
  )
  return changes
}

/** Takes a lock on the way; the first one of a transaction is named in `sql-store.ts`. */
export function* takeLock(lock: Lock): Steps<void> {
  yield { kind: 'lock', lock }
}

// ---- for runners -------------------------------------------------------------------------------------------------

/** What a runner needs: SQL text, and its positional values for a set of named parameters. */
export interface CompiledStatement {
  readonly sql: string
  /** As many sets of parameters as rows were compiled: one unless it was `compileRows`. */
  bind(...rows: readonly object[]): readonly (null | string | bigint | Uint8Array)[]
}

class Placeholder {
  readonly row: number
  readonly name: string
  constructor(row: number, name: string) {
    this.row = row
    this.name = name
  }
}

/** Stands for the parameters of any statement: whatever name is read, it answers a placeholder. */
const placeholders = (row: number) =>
  new Proxy({}, { get: (_target, name) => new Placeholder(row, String(name)) })

/** `db` decides the dialect; it only builds, and never runs anything. */
export function compileStatement(db: Kysely<Database>, { build }: AnyStatement): CompiledStatement {
  return compiled(build(db, placeholders(0) as never))
}

/** One statement for `count` sets of parameters; nothing where the statement takes one at a time. */
export function compileRows(
  db: Kysely<Database>,
  { buildRows }: AnyStatement,
  count: number,
): CompiledStatement | undefined {
  const rows = Array.from({ length: count }, (_, row) => placeholders(row))
  return buildRows === undefined ? undefined : compiled(buildRows(db, rows as never))
}

function compiled(built: Compilable<unknown>): CompiledStatement {
  const { sql, parameters: slots } = built.compile()
  return {
    sql,
    bind: (...rows) =>
      slots.map(slot =>
        toSql(slot instanceof Placeholder ? Reflect.get(rows[slot.row] ?? {}, slot.name) : slot, sql),
      ),
  }
}

function toSql(value: unknown, sql: string): null | string | bigint | Uint8Array {
  if (value === null || typeof value === 'string' || typeof value === 'bigint') return value
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  if (value instanceof Uint8Array) return value
  // Not `invariant`, whose message would be put together for every value that is fine.
  throw new AppError({
    code: 'broken-invariant',
    next: 'fatal',
    message: `Broken invariant: a statement was given ${String(value)} as a value: ${sql}. This is a defect in Tidewater; please report it.`,
  })
}

/** Runs the steps to their end with answers given at once. */
export function runSteps<T>(steps: Steps<T>, answer: (step: Step) => unknown): T {
  let next = steps.next()
  while (!next.done) next = steps.next(answer(next.value))
  return next.value
}
