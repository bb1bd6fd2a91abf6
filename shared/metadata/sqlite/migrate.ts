/**
 * Brings a SQLite database to the schema of this version: numbered SQL files, each applied once, all in one transaction under the
 * write lock, so that several processes may start at once and a crash leaves the old schema or the new one.
 * A database from a newer version, one whose applied migrations differ from ours, and one that is not ours at all are refused.
 */
import type { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../runtime/errors.ts'
import { checksumOf, type Migration, readMigrations } from '../read-migrations.ts'
import type { SqliteConnection } from './connection.ts'

export async function migrate(
  connection: SqliteConnection,
  migrations: readonly Migration[] = readMigrations('sqlite'),
): Promise<void> {
  const { db, path, retryBusy } = connection
  await retryBusy(() => db.exec('PRAGMA journal_mode = WAL'))
  await retryBusy(() => {
    db.exec('BEGIN IMMEDIATE')
    try {
      applyMissing(db, path, migrations)
      db.exec('COMMIT')
    } catch (cause) {
      if (db.isTransaction) db.exec('ROLLBACK')
      throw cause
    }
  })
}

interface Applied {
  readonly number: number
  readonly name: string
  readonly checksum: string
}

function applyMissing(db: DatabaseSync, path: string, migrations: readonly Migration[]): void {
  const applied = readApplied(db, path)
  for (const [position, done] of applied.entries()) {
    const ours = migrations[position]
    if (ours === undefined) throw newer(path, done, migrations.length)
    if (ours.number !== done.number || checksumOf(ours) !== done.checksum) throw differs(path, done)
  }
  const record = db.prepare(
    "insert into schema_migration (number, name, checksum, applied_at_ms) values (?, ?, ?, cast(unixepoch('subsec') * 1000 as integer))",
  )
  for (const migration of migrations.slice(applied.length)) {
    db.exec(migration.sql)
    record.run(migration.number, migration.name, checksumOf(migration))
  }
}

function readApplied(db: DatabaseSync, path: string): readonly Applied[] {
  const names = db
    .prepare("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'")
    .all()
  if (names.length > 0 && !names.some(row => row.name === 'schema_migration')) throw notOurs(path)
  db.exec(`create table if not exists schema_migration (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at_ms INTEGER NOT NULL) STRICT`)
  return db
    .prepare('select number, name, checksum from schema_migration order by number')
    .all()
    .map(({ number, name, checksum }) => ({
      number: Number(number),
      name: String(name),
      checksum: String(checksum),
    }))
}

function newer(path: string, done: Applied, known: number): AppError {
  return new AppError({
    code: 'metadata-newer',
    next: 'fatal',
    message: `The metadata database ${path} has migration ${done.number} (${done.name}), and this version of Tidewater knows ${known}. It was opened by a newer version; run that one.`,
    details: { path, migration: done.number, known },
  })
}

function differs(path: string, done: Applied): AppError {
  return new AppError({
    code: 'metadata-migration-differs',
    next: 'fatal',
    message: `The metadata database ${path} was made with another text of migration ${done.number} (${done.name}) than this version ships. It comes from a development build; use that build, or a new database.`,
    details: { path, migration: done.number },
  })
}

function notOurs(path: string): AppError {
  return new AppError({
    code: 'metadata-not-ours',
    next: 'fatal',
    message: `${path} is a SQLite database of another program: it has tables, but none that Tidewater's migrations make. Name another file under \`metadata\`.`,
    details: { path },
  })
}
