/** Looks at a PostgreSQL database as it is, without changing it: only one that has all migrations of this version can be read. */
import { type MetadataPreview, olderSchema } from '../preview.ts'
import { readMigrations } from '../read-migrations.ts'
import { type PostgresAddress, placeOf } from './address.ts'
import { explain } from './errors.ts'
import { openPool } from './pool.ts'
import { openPostgresMetadataStore } from './store.ts'

export async function openPostgresPreview(address: PostgresAddress): Promise<MetadataPreview> {
  if (!(await hasPostgresSchema(address)))
    return { migrations: namesOfMigrations(), close: async () => undefined }
  const metadata = openPostgresMetadataStore({ address })
  return { metadata, migrations: [], close: () => metadata.close() }
}

/** Whether Tidewater has made its tables there. Throws `metadata-older` where they are not those of this version. */
export async function hasPostgresSchema(address: PostgresAddress): Promise<boolean> {
  const applied = await countApplied(address)
  const missing = namesOfMigrations().slice(applied)
  if (applied > 0 && missing.length > 0) throw olderSchema(placeOf(address), missing)
  return applied > 0
}

function namesOfMigrations(): readonly string[] {
  return readMigrations('postgres').map(({ number, name }) => `${String(number).padStart(4, '0')}-${name}`)
}

async function countApplied(address: PostgresAddress): Promise<number> {
  const pool = openPool(address, 1)
  try {
    const { rows } = await pool.query<{ found: string | null }>(
      "select cast(to_regclass('schema_migration') as text) as found",
    )
    if (rows[0]?.found === null) return 0
    const counted = await pool.query<{ n: bigint }>('select count(*) as n from schema_migration')
    return Number(counted.rows[0]?.n ?? 0n)
  } catch (cause) {
    throw explain(cause, placeOf(address))
  } finally {
    await pool.end()
  }
}
