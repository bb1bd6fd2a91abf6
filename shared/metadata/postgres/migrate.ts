/**
 * Brings a PostgreSQL database to the schema of this version: numbered SQL files, each applied once, all in one transaction under an
 * advisory lock, so that several processes may start at once and a crash leaves the old schema or the new one.
 *
 * Old and new programs side by side: a migration whose first line is `-- Additive` may be applied while older programs run, and older
 * programs may start afterwards. Any other is applied when no transaction is under way, and from then on every transaction of an older
 * program is refused (`metadata-newer`), whether it runs already or starts later. Nothing is lost by that: what it held is taken up by
 * the programs that know the schema.
 */
import type { Pool, PoolClient } from 'pg'
import { AppError } from '../../runtime/errors.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { checksumOf, type Migration } from '../read-migrations.ts'
import { explain, kindOf, newerSchema } from './errors.ts'

/** Moving a large database takes long, and others wait for it at start. */
const MIGRATION_TIMEOUT_MS = 3_600_000
const MAX_TRIES = 8
const PAUSE_MS = 500
const ADDITIVE = /^-- Additive\b/
/** Of the advisory lock, beside those of transactions. */
const LOCK_KIND = 4

export interface MigrateOptions {
  readonly pool: Pool
  readonly place: string
  readonly schema: string
  readonly migrations: readonly Migration[]
  readonly runtime: Pick<Runtime, 'sleep'>
}

export async function migrate(options: MigrateOptions): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await migrateOnce(options)
    } catch (cause) {
      if (kindOf(cause) === 'other' || tries === MAX_TRIES) throw explain(cause, options.place)
      await options.runtime.sleep(PAUSE_MS)
    }
  }
}

async function migrateOnce(options: MigrateOptions): Promise<void> {
  const client = await options.pool.connect()
  try {
    await client.query('BEGIN')
    await client.query(`SET LOCAL statement_timeout = ${MIGRATION_TIMEOUT_MS}`)
    await client.query(`SET LOCAL lock_timeout = ${MIGRATION_TIMEOUT_MS}`)
    await run(client, `select pg_advisory_xact_lock(${LOCK_KIND}, hashtext('${options.schema}'))`)
    await applyMissing(client, options)
    await client.query('COMMIT')
    client.release()
  } catch (error) {
    // The connection goes, and with it whatever was under way.
    client.release(true)
    throw error
  }
}

/** Statements that may take long. */
function run(client: PoolClient, text: string) {
  const query = { text, query_timeout: MIGRATION_TIMEOUT_MS }
  return client.query(query)
}

interface Applied {
  readonly number: bigint
  readonly name: string
  readonly checksum: string
  readonly additive: bigint
}

async function applyMissing(client: PoolClient, options: MigrateOptions): Promise<void> {
  const { place, schema, migrations } = options
  const applied = await readApplied(client, { place, schema })
  for (const [position, done] of applied.entries()) {
    const ours = migrations[position]
    if (ours === undefined) {
      if (done.additive === 1n) continue
      throw newerSchema(place, { schema: Number(done.number), known: migrations.length })
    }
    if (BigInt(ours.number) !== done.number || checksumOf(ours) !== done.checksum) throw differs(place, done)
  }
  for (const migration of migrations.slice(applied.length)) {
    const additive = ADDITIVE.test(migration.sql) ? 1 : 0
    // Waits for the transactions under way, and holds up those that begin, which then find the new number.
    if (additive === 0 && applied.length > 0)
      await run(client, 'LOCK TABLE iceberg_table IN ACCESS EXCLUSIVE MODE')
    await run(client, migration.sql)
    await client.query(
      `insert into schema_migration (number, name, checksum, additive, applied_at_ms)
       values ($1, $2, $3, $4, floor(extract(epoch from clock_timestamp()) * 1000))`,
      [migration.number, migration.name, checksumOf(migration), additive],
    )
  }
}

async function readApplied(
  client: PoolClient,
  { place, schema }: { readonly place: string; readonly schema: string },
): Promise<readonly Applied[]> {
  const schemas = await client.query('select 1 from pg_namespace where nspname = $1', [schema])
  if (schemas.rowCount === 0) await client.query(`CREATE SCHEMA ${schema}`)
  const { rows } = await client.query<{ name: string }>(
    'select tablename as name from pg_tables where schemaname = $1',
    [schema],
  )
  if (rows.some(({ name }) => name === 'schema_migration')) {
    const found = await client.query<Applied>(
      'select number, name, checksum, additive from schema_migration order by number',
    )
    return found.rows
  }
  if (rows.some(({ name }) => name === 'iceberg_table' || name === 'data_file')) throw notOurs(place)
  await client.query(`CREATE TABLE schema_migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL,
    checksum TEXT NOT NULL, additive BIGINT NOT NULL CHECK (additive IN (0, 1)), applied_at_ms BIGINT NOT NULL)`)
  return []
}

function differs(place: string, done: Applied): AppError {
  return new AppError({
    code: 'metadata-migration-differs',
    next: 'fatal',
    message: `The metadata database ${place} was made with another text of migration ${done.number} (${done.name}) than this version ships. It comes from a development build; use that build, or a new database.`,
    details: { database: place, migration: done.number },
  })
}

function notOurs(place: string): AppError {
  return new AppError({
    code: 'metadata-not-ours',
    next: 'fatal',
    message: `${place} has tables with names that Tidewater's have, made by another program. Give Tidewater a schema of its own: add \`?schema=tidewater\` to \`metadata\`.`,
    details: { database: place },
  })
}
