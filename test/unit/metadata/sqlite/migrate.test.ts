import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Migration, readMigrations } from '../../../../shared/metadata/read-migrations.ts'
import { openConnection, type SqliteConnection } from '../../../../shared/metadata/sqlite/connection.ts'
import { migrate } from '../../../../shared/metadata/sqlite/migrate.ts'
import { systemRuntime } from '../../../../shared/runtime/system-runtime.ts'

const one: Migration = { number: 1, name: 'one', sql: 'create table a (x INTEGER) STRICT' }
const two: Migration = { number: 2, name: 'two', sql: 'create table b (y INTEGER) STRICT' }

describe('migrate', () => {
  let folder: string
  let connection: SqliteConnection
  const open = () => openConnection({ path: join(folder, 't.db'), runtime: systemRuntime })
  const tables = () =>
    connection.db
      .prepare("select name from sqlite_schema where type = 'table' order by name")
      .all()
      .map(row => row.name)
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidewater-migrate-'))
    connection = open()
  })
  afterEach(async () => {
    connection.close()
    await rm(folder, { recursive: true })
  })

  it('applies what is missing, once, and keeps the log in WAL mode', async () => {
    await migrate(connection, [one])
    await migrate(connection, [one, two])
    await migrate(connection, [one, two])
    expect(tables()).toEqual(['a', 'b', 'schema_migration'])
    expect(connection.db.prepare('select number, name from schema_migration').all()).toMatchObject([
      { number: 1, name: 'one' },
      { number: 2, name: 'two' },
    ])
    expect(connection.db.prepare('pragma journal_mode').get()).toMatchObject({ journal_mode: 'wal' })
    expect(connection.db.prepare('pragma synchronous').get()).toMatchObject({ synchronous: 2 })
    expect(connection.db.prepare('pragma foreign_keys').get()).toMatchObject({ foreign_keys: 1 })
  })

  it('refuses a database from a newer version, and leaves it alone', async () => {
    await migrate(connection, [one, two])
    await expect(migrate(connection, [one])).rejects.toMatchObject({ code: 'metadata-newer' })
  })

  it('refuses a database whose applied migrations read differently', async () => {
    await migrate(connection, [one])
    const changed = { ...one, sql: `${one.sql} -- changed` }
    await expect(migrate(connection, [changed, two])).rejects.toMatchObject({
      code: 'metadata-migration-differs',
    })
    expect(tables()).toEqual(['a', 'schema_migration'])
  })

  it('refuses the database of another program', async () => {
    connection.db.exec('create table bookmarks (url TEXT)')
    await expect(migrate(connection, [one])).rejects.toMatchObject({ code: 'metadata-not-ours' })
    expect(tables()).toEqual(['bookmarks'])
  })

  it('leaves nothing of a migration that fails', async () => {
    const broken = {
      number: 2,
      name: 'broken',
      sql: 'create table b (y INTEGER) STRICT; create table b (y INTEGER)',
    }
    await expect(migrate(connection, [one, broken])).rejects.toMatchObject({
      code: 'metadata-statement-failed',
    })
    expect(tables()).toEqual([])
    await migrate(connection, [one, two])
    expect(tables()).toEqual(['a', 'b', 'schema_migration'])
  })

  it('refuses a file that is no database', async () => {
    const { writeFile } = await import('node:fs/promises')
    await writeFile(
      join(folder, 'notes.txt'),
      'not a database, but long enough to be read as one '.repeat(20),
    )
    const other = openConnectionTo(join(folder, 'notes.txt'))
    await expect(other()).rejects.toMatchObject({
      code: expect.stringMatching(/^metadata-(damaged|unavailable)$/),
    })
  })
})

function openConnectionTo(path: string) {
  return async () => {
    const connection = openConnection({ path, runtime: systemRuntime })
    try {
      await migrate(connection, [one])
    } finally {
      connection.close()
    }
  }
}

describe('readMigrations', () => {
  it('finds the shipped migrations, numbered from 1 without a hole, each of which SQLite accepts', () => {
    const migrations = readMigrations('sqlite')
    expect(migrations.map(migration => migration.number)).toEqual(migrations.map((_, index) => index + 1))
    const db = new DatabaseSync(':memory:')
    for (const { sql } of migrations) db.exec(sql)
    db.close()
  })

  it('gives dead letters that were committed before there were topics their offsets in the order of their commits', () => {
    const [initial, topics] = readMigrations('sqlite')
    const db = new DatabaseSync(':memory:')
    db.exec(initial?.sql ?? '')
    const table = (id: string, kind: string, parent: string) =>
      `insert into iceberg_table (table_id, name, kind, parent_table_id, location, current_schema_id, default_spec_id, last_column_id, last_partition_id, properties, declaration, created_at_ms)
       values ('${id}', '${id}', '${kind}', ${parent}, '/${id}', 0, 0, 1, 999, '{}', '{}', 0);
       insert into table_schema values ('${id}', 0, '{}'); insert into partition_spec values ('${id}', 0, '{}');`
    const file = (tableId: string, path: string, count: number, version: string) =>
      `insert into data_file (table_id, path, task_key, spec_id, partition, record_count, file_size_bytes, encoded, added_version)
       values ('${tableId}', '${path}', 1, 0, '[]', ${count}, 100, x'00', ${version});`
    db.exec(`${table('rows', 'rows', 'null')}${table('letters', 'dead_letters', "'rows'")}${table('other', 'rows', 'null')}${table('quiet', 'dead_letters', "'other'")}
      insert into convert_task (task_key, task_id, table_id, schema_id, spec_id, state, created_at_ms) values (1, 't', 'rows', 0, 0, 'committed', 0);
      ${file('letters', 'second', 5, '2')}${file('letters', 'first-b', 4, '1')}${file('letters', 'first-a', 3, '1')}
      ${file('letters', 'staged', 9, 'null')}${file('rows', 'of-rows', 70, '1')}`)
    db.exec(topics?.sql ?? '')
    expect(db.prepare('select base_offset, path from dead_letter_topic_file').all()).toMatchObject([
      { base_offset: 0, path: 'first-a' },
      { base_offset: 3, path: 'first-b' },
      { base_offset: 7, path: 'second' },
    ])
    expect(db.prepare('select table_id, next_offset from dead_letter_topic order by 1').all()).toMatchObject([
      { table_id: 'letters', next_offset: 12 },
      { table_id: 'quiet', next_offset: 0 },
    ])
    db.close()
  })
})
