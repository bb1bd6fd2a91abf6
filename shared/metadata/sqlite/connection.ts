/**
 * One connection to a SQLite database: its settings, its prepared statements, and transactions that run to their end at once.
 *
 * `node:sqlite` blocks the event loop, so a transaction never awaits: no other code of the process runs inside it. Waiting for another
 * process's write lock is different: SQLite's own busy timeout would block the loop, so it is short, and longer waits are asynchronous.
 * With WAL and `synchronous=FULL` a transaction is on the disk when COMMIT returns; after a crash it is there whole or not at all.
 * The file must be on a local disk: WAL needs shared memory between the processes that open it.
 */
import { mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import { AppError, unreachable } from '../../runtime/errors.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { Database } from '../database.ts'
import {
  type AnyStatement,
  type CompiledStatement,
  compileStatement,
  runSteps,
  type Step,
  type Steps,
} from '../steps.ts'

/** SQLite's own wait for a lock: it blocks the event loop, so it only bridges a commit of another process. */
const BUSY_TIMEOUT_MS = 10
/** Asynchronous tries after that, with a pause of up to `MAX_BUSY_PAUSE_MS` between them: about half a minute. */
const MAX_BUSY_TRIES = 1000
const MAX_BUSY_PAUSE_MS = 50
/** After a checkpoint the WAL file is cut back to this. */
const WAL_SIZE_LIMIT_BYTES = 64 << 20
const CACHE_KIB = 32 << 10

export interface SqliteOptions {
  /** Path of the database file; `:memory:` for a database of this connection alone. */
  readonly path: string
  /** Unix ms in the place of the database's own clock: for simulation. */
  readonly clock?: () => number
  readonly runtime: Pick<Runtime, 'sleep' | 'random'>
}

export interface SqliteConnection {
  readonly path: string
  readonly db: DatabaseSync
  /** Runs the steps in a transaction; waits asynchronously for the write lock. */
  transact<T>(mode: 'read' | 'write', steps: () => Steps<T>): Promise<T>
  /** Runs `work` at once, again later for as long as another process holds a lock that it needs. */
  retryBusy<T>(work: () => T): Promise<T>
  close(): void
}

interface Prepared extends CompiledStatement {
  readonly statement: StatementSync
}

export function openConnection(options: SqliteOptions): SqliteConnection {
  const db = openDatabase(options.path)
  const prepared = new Map<AnyStatement, Prepared>()

  function prepare(statement: AnyStatement): Prepared {
    const known = prepared.get(statement)
    if (known !== undefined) return known
    const compiled = compileOnce(statement)
    const fresh = { ...compiled, statement: db.prepare(compiled.sql) }
    // The one place where 64-bit integers are decoded: all of them as bigint.
    fresh.statement.setReadBigInts(true)
    prepared.set(statement, fresh)
    return fresh
  }

  const clock = options.clock
  const clockStatement = db.prepare("select cast(unixepoch('subsec') * 1000 as integer) as now_ms")
  clockStatement.setReadBigInts(true)

  function answer(step: Step): unknown {
    switch (step.kind) {
      case 'now':
        return clock === undefined ? clockStatement.get()?.now_ms : BigInt(Math.floor(clock()))
      case 'rows':
        return step.queries.map(query => {
          const { statement, bind } = prepare(query.statement)
          return statement.all(...bind(query.parameters))
        })
      case 'change': {
        const { statement, bind } = prepare(step.statement)
        let changes = 0
        for (const parameters of step.sets) changes += Number(statement.run(...bind(parameters)).changes)
        return changes
      }
      case 'lock':
        // BEGIN IMMEDIATE has locked everything.
        return undefined
      default:
        return unreachable(step)
    }
  }

  function runTransaction<T>(mode: 'read' | 'write', steps: () => Steps<T>): T {
    // IMMEDIATE takes the write lock first: a transaction that only later turned to writing could fail in its middle.
    db.exec(mode === 'write' ? 'BEGIN IMMEDIATE' : 'BEGIN')
    try {
      const result = runSteps(steps(), answer)
      db.exec('COMMIT')
      return result
    } catch (cause) {
      if (db.isTransaction) db.exec('ROLLBACK')
      throw cause
    }
  }

  async function retryBusy<T>(work: () => T): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return work()
      } catch (cause) {
        if (!isBusy(cause)) throw explain(cause, options.path)
        if (tries === MAX_BUSY_TRIES) throw stillBusy(cause, options.path)
        await options.runtime.sleep(1 + options.runtime.random() * Math.min(tries, MAX_BUSY_PAUSE_MS))
      }
    }
  }

  return {
    path: options.path,
    db,
    transact: (mode, steps) => retryBusy(() => runTransaction(mode, steps)),
    retryBusy,
    close: () => {
      if (db.isOpen) db.close()
    },
  }
}

function openDatabase(path: string): DatabaseSync {
  try {
    if (path !== ':memory:') mkdirSync(dirname(resolve(path)), { recursive: true })
    const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true })
    db.exec(`PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${WAL_SIZE_LIMIT_BYTES};
      PRAGMA cache_size = -${CACHE_KIB}; PRAGMA temp_store = MEMORY;`)
    return db
  } catch (cause) {
    throw new AppError({
      code: 'metadata-unavailable',
      next: 'fatal',
      message: `Opening the metadata database ${path} failed: ${String(cause)}. Check that the folder exists, is on a local disk and may be written.`,
      details: { path },
      cause,
    })
  }
}

/** Kysely as a writer of SQL for SQLite; it runs nothing. */
const writer = new Kysely<Database>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: db => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
})
/** One for each statement in the program's text, for all connections. */
const compiledStatements = new Map<AnyStatement, CompiledStatement>()

function compileOnce(statement: AnyStatement): CompiledStatement {
  const known = compiledStatements.get(statement)
  if (known !== undefined) return known
  const compiled = compileStatement(writer, statement)
  compiledStatements.set(statement, compiled)
  return compiled
}

/** Primary result codes of SQLite (sqlite.org/rescode.html); the low byte of an extended code. */
const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6
const SQLITE_IOERR = 10
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_NOTADB = 26

function resultCode(cause: unknown): number | undefined {
  if (!(cause instanceof Error) || !('errcode' in cause) || typeof cause.errcode !== 'number')
    return undefined
  return cause.errcode & 0xff
}

function isBusy(cause: unknown): boolean {
  const code = resultCode(cause)
  return code === SQLITE_BUSY || code === SQLITE_LOCKED
}

function stillBusy(cause: unknown, path: string): AppError {
  return new AppError({
    code: 'metadata-busy',
    next: 'retry',
    message: `The metadata database ${path} was locked by another process for ${MAX_BUSY_TRIES} tries. Look for a program that holds it open in a transaction, such as a database shell.`,
    details: { path },
    cause,
  })
}

/** Errors of SQLite itself in our words; others as they are. */
function explain(cause: unknown, path: string): unknown {
  const code = resultCode(cause)
  if (code === undefined) return cause
  const isSpace = code === SQLITE_FULL || code === SQLITE_IOERR
  const isDamage = code === SQLITE_CORRUPT || code === SQLITE_NOTADB
  const advice = isSpace
    ? 'Make room on its disk, or mend the disk; nothing was changed, and `tidewater run` tries again by itself.'
    : isDamage
      ? 'The file is damaged or is no SQLite database. Restore it from a backup, or rebuild its tables from their published metadata.'
      : 'This is a defect in Tidewater, or the file was changed by something else; please report it.'
  return new AppError({
    code: isSpace ? 'metadata-disk' : isDamage ? 'metadata-damaged' : 'metadata-statement-failed',
    next: isSpace ? 'retry' : 'fatal',
    message: `A transaction in the metadata database ${path} failed: ${String(cause)}. ${advice}`,
    details: { path },
    cause,
  })
}
