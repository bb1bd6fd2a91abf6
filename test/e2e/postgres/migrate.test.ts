/** Schemas, upgrades and logins on a PostgreSQL server. */
import { execFile } from 'node:child_process'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Secret } from '../../../shared/config/secret.ts'
import { openPostgresPreview } from '../../../shared/metadata/postgres/preview.ts'
import { openPostgresMetadataStore } from '../../../shared/metadata/postgres/store.ts'
import { type Migration, readMigrations } from '../../../shared/metadata/read-migrations.ts'
import { codeOf, followTopic, planned, sliceOf } from '../../contract/metadata-store-fixture.ts'
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts'

const PROCESS = fileURLToPath(new URL('migrating-process.ts', import.meta.url))
const execute = promisify(execFile)

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.remove())

const open = (schema: string, migrations?: readonly Migration[]) =>
  openPostgresMetadataStore({
    address: server.address(schema),
    ...(migrations !== undefined && { migrations }),
  })

describe('migrate', () => {
  it('makes the tables and columns that SQLite has', async () => {
    const store = open('twins')
    await store.migrate()
    await store.close()
    const columns = await server.query(`select table_name || '.' || column_name as name
      from information_schema.columns where table_schema = 'twins' and table_name not in ('schema_migration', 'transaction_outcome')`)
    const sqlite = new DatabaseSync(':memory:')
    for (const { sql } of readMigrations('sqlite')) sqlite.exec(sql)
    const twins = sqlite
      .prepare(
        `select t.name || '.' || c.name as name from sqlite_schema t join pragma_table_info(t.name) c
         where t.type = 'table' and t.name not like 'sqlite_%'`,
      )
      .all()
    sqlite.close()
    const names = (rows: readonly Record<string, unknown>[]) => rows.map(row => String(row.name)).sort()
    expect(names(columns)).toEqual(names(twins))
    expect(columns.length).toBeGreaterThan(100)
  })

  it('lets any number of processes start at once, on an empty database and on a full one', async () => {
    const stores = Array.from({ length: 6 }, () => open('starting'))
    await Promise.all(stores.map(store => store.migrate()))
    await Promise.all(stores.map(store => store.migrate()))
    const [{ n } = {}] = await server.query('select count(*) as n from starting.schema_migration')
    expect(Number(n)).toBe(readMigrations('postgres').length)
    await Promise.all(stores.map(store => store.close()))
  })

  it('lets real processes start at once, on an empty database and on an older one', async () => {
    const known = readMigrations('postgres')
    const older = open('processes_older', known.slice(0, -1))
    await older.migrate()
    await older.close()
    for (const schema of ['processes_empty', 'processes_older']) {
      const names = Array.from({ length: 5 }, (_, i) => `process ${i}`)
      const url = `${server.url}?schema=${schema}`
      await Promise.all(names.map(name => execute(process.execPath, [PROCESS, url, name])))
      const applied = await server.query(`select number from ${schema}.schema_migration order by number`)
      expect(applied.map(({ number }) => Number(number))).toEqual(known.map(({ number }) => number))
      const leases = await server.query(`select name from ${schema}.lease order by name`)
      expect(leases.map(({ name }) => name)).toEqual(names)
    }
  })

  it('refuses tables of another program, and migrations of another text', async () => {
    await server.query('create schema foreign_tables; create table foreign_tables.data_file (x bigint)')
    const foreign = open('foreign_tables')
    expect(await codeOf(foreign.migrate())).toBe('metadata-not-ours')
    await foreign.close()
    const [first, ...rest] = readMigrations('postgres')
    if (first === undefined) throw new Error('no migration')
    const ours = open('differing')
    await ours.migrate()
    await ours.close()
    const other = open('differing', [{ ...first, sql: `${first.sql}-- other` }, ...rest])
    expect(await codeOf(other.migrate())).toBe('metadata-migration-differs')
    await other.close()
  })

  it('applies all of an upgrade or nothing', async () => {
    const known = readMigrations('postgres')
    const broken = { number: known.length + 2, name: 'broken', sql: 'create table nowhere (x nonsense)' }
    const store = open('halfway', [...known, addition(known.length + 1), broken])
    expect(await codeOf(store.migrate())).toBe('metadata-statement-failed')
    await store.close()
    expect(
      await server.query("select 1 from information_schema.tables where table_schema = 'halfway'"),
    ).toEqual([])
  })
})

const addition = (number: number): Migration => ({
  number,
  name: 'notes',
  sql: '-- Additive\nalter table event add column mood text',
})
const breaking = (number: number): Migration => ({
  number,
  name: 'renames',
  sql: 'alter table event rename column message to words',
})

describe('old and new programs on one database', () => {
  const known = readMigrations('postgres')
  const next = known.length + 1

  it('an additive upgrade lets old programs go on, and start', async () => {
    const old = open('rolling')
    await old.migrate()
    await followTopic(old)
    // Prepared on several connections before the column is there.
    await Promise.all(Array.from({ length: 10 }, () => old.listEvents({ limit: 9 })))
    const upgraded = open('rolling', [...known, addition(next)])
    await upgraded.migrate()
    expect(await Promise.all(Array.from({ length: 10 }, () => old.listEvents({ limit: 9 })))).toHaveLength(10)
    expect(await planned(old, 'a', sliceOf(0, 0, 10))).toEqual({ kind: 'planned' })
    expect(await planned(upgraded, 'b', sliceOf(0, 10, 20))).toEqual({ kind: 'planned' })
    const late = open('rolling')
    await late.migrate()
    expect(await late.listRunnableTasks(9)).toEqual(['a', 'b'])
    await Promise.all([old, upgraded, late].map(store => store.close()))
  })

  it('any other upgrade waits for what is under way, and refuses what old programs do afterwards', async () => {
    const old = open('upgraded')
    await old.migrate()
    await followTopic(old)
    const upgraded = open('upgraded', [...known, breaking(next)])
    const writes = Array.from({ length: 20 }, (_, i) => codeOf(old.acquireLease(`l${i}`, 'me', 1000)))
    await Promise.all([upgraded.migrate(), ...writes])
    const refused = { code: 'metadata-newer', next: 'fatal' }
    await expect(planned(old, 'a', sliceOf(0, 0, 10))).rejects.toMatchObject(refused)
    await expect(old.listTables()).rejects.toMatchObject(refused)
    expect(await planned(upgraded, 'a', sliceOf(0, 0, 10))).toEqual({ kind: 'planned' })
    const late = open('upgraded')
    await expect(late.migrate()).rejects.toMatchObject(refused)
    await Promise.all([old, upgraded, late].map(store => store.close()))
  })
})

describe('looking', () => {
  it('changes nothing, and reads only what has every migration', async () => {
    const address = server.address('looked_at')
    const before = await openPostgresPreview(address)
    expect(before.metadata).toBeUndefined()
    expect(before.migrations[0]).toBe('0001-initial')
    const older = open('looked_at', readMigrations('postgres').slice(0, 2))
    await older.migrate()
    await older.close()
    expect(await codeOf(openPostgresPreview(address))).toBe('metadata-older')
    const store = open('looked_at')
    await store.migrate()
    const preview = await openPostgresPreview(address)
    expect([await preview.metadata?.listTables(), preview.migrations]).toEqual([[], []])
    await Promise.all([preview.close(), store.close()])
  })
})

describe('logging in', () => {
  const failing = async (change: object) => {
    const store = openPostgresMetadataStore({ address: { ...server.address('public'), ...change } })
    const failure = await store.migrate().catch((error: unknown) => error)
    await store.close()
    expect(String(failure)).not.toContain('secret')
    return failure
  }

  it('says what to do about a wrong password, user, database, right or TLS mode', async () => {
    await server.query("create user bob password 'b'; revoke create on schema public from public")
    const { password, ...noPassword } = server.address('public')
    expect(password).toBeDefined()
    const wrong = { passwordFile: import.meta.filename }
    expect(await failing(wrong)).toMatchObject({ code: 'metadata-login', next: 'fatal' })
    expect(await failing({ user: 'nobody' })).toMatchObject({ code: 'metadata-login' })
    expect(await failing({ database: 'none' })).toMatchObject({ code: 'metadata-database-missing' })
    expect(await failing({ tls: { verify: 'none' } })).toMatchObject({ code: 'metadata-tls' })
    expect(await failing({ passwordFile: '/nowhere' })).toMatchObject({ code: 'metadata-login' })
    const bob = { ...noPassword, user: 'bob', password: new Secret('b') }
    expect(await failing(bob)).toMatchObject({ code: 'metadata-rights', next: 'fatal' })
  })
})
