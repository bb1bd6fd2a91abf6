/** Looks at a PostgreSQL database as it is, without changing it: only one that has all migrations of this version can be read. */
import { AppError } from '../../runtime/errors.ts'
import type { MetadataPreview } from '../preview.ts'
import { readMigrations } from '../read-migrations.ts'
import { type PostgresAddress, placeOf } from './address.ts'
import { explain } from './errors.ts'
import { openPool } from './pool.ts'
import { openPostgresMetadataStore } from './store.ts'

export async function openPostgresPreview(address: PostgresAddress): Promise<MetadataPreview> {
  const migrations = readMigrations('postgres')
  const names = migrations.map(({ number, name }) => `${String(number).padStart(4, '0')}-${name}`)
  const applied = await countApplied(address)
  if (applied === 0) return { migrations: names, close: async () => undefined }
  if (applied < names.length) throw older(placeOf(address), names.slice(applied))
  const metadata = openPostgresMetadataStore({ address })
  return { metadata, migrations: [], close: () => metadata.close() }
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

function older(place: string, missing: readonly string[]): AppError {
  return new AppError({
    code: 'metadata-older',
    next: 'fatal',
    message: `The metadata database ${place} was last used by an older version: it lacks ${missing.join(', ')}. \`tidewater run\` of this version upgrades it at its start; look again after that, or look with the older version.`,
    details: { database: place },
  })
}
