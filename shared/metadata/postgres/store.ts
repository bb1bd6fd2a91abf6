/** The metadata store of many machines: a PostgreSQL database that any number of processes open at once. */
import type { Runtime } from '../../runtime/runtime.ts'
import { systemRuntime } from '../../runtime/system-runtime.ts'
import type { MetadataStore } from '../metadata-store.ts'
import { type Migration, readMigrations } from '../read-migrations.ts'
import { createSqlMetadataStore } from '../sql-store.ts'
import { type PostgresAddress, placeOf } from './address.ts'
import { newerSchema } from './errors.ts'
import { migrate } from './migrate.ts'
import { MAX_CONNECTIONS, openPool } from './pool.ts'
import { createRunner } from './runner.ts'

export interface OpenPostgresOptions {
  readonly address: PostgresAddress
  readonly maxConnections?: number
  /** Unix ms in the place of the server's clock: for tests. */
  readonly clock?: () => number
  /** For waiting on a server that is not there. */
  readonly runtime?: Pick<Runtime, 'sleep' | 'random'>
  /** Those that this version knows, unless a test plays another. */
  readonly migrations?: readonly Migration[]
}

/** Connects when it is first asked something; `migrate()` comes before anything else. */
export function openPostgresMetadataStore(options: OpenPostgresOptions): MetadataStore {
  const { address, runtime = systemRuntime, clock, migrations = readMigrations('postgres') } = options
  const pool = openPool(address, options.maxConnections ?? address.poolSize ?? MAX_CONNECTIONS)
  const place = placeOf(address)
  const known = migrations.at(-1)?.number ?? 0
  const runner = createRunner({
    pool,
    place,
    runtime,
    ...(clock !== undefined && { clock }),
    checkSchema: schema => {
      if (schema !== null && schema > BigInt(known))
        throw newerSchema(place, { schema: Number(schema), known })
    },
  })
  return createSqlMetadataStore({
    ...runner,
    migrate: () => migrate({ pool, place, schema: address.schema, migrations, runtime }),
    close: async () => {
      if (!pool.ending) await pool.end()
    },
  })
}
