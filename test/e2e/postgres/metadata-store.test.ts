/** The whole contract of the metadata store, on a PostgreSQL server. */
import { afterAll, beforeAll } from 'vitest'
import type { MetadataStore } from '../../../shared/metadata/metadata-store.ts'
import { openPostgresMetadataStore } from '../../../shared/metadata/postgres/store.ts'
import { describeMetadataStore } from '../../contract/metadata-store.ts'
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts'

let server: PostgresServer
let databases = 0
beforeAll(async () => {
  server = await startPostgres()
  const store = openPostgresMetadataStore({ address: server.address('contract') })
  await store.migrate()
  await store.close()
})
afterAll(() => server.remove())

/** Making the tables anew for each test would take most of the time. */
async function emptyTables(): Promise<void> {
  await server.query(`do $$ begin execute (select 'truncate ' || string_agg('contract.' || tablename, ', ') || ' restart identity'
    from pg_tables where schemaname = 'contract' and tablename <> 'schema_migration'); end $$`)
}

describeMetadataStore(
  'postgres',
  async clock => {
    await emptyTables()
    const store = openPostgresMetadataStore({ address: server.address('contract'), clock })
    return { store, remove: () => store.close() }
  },
  async () => {
    const address = server.address(`shared_${++databases}`)
    const stores: MetadataStore[] = []
    return {
      another: clock => {
        const store = openPostgresMetadataStore({ address, clock })
        stores.push(store)
        return store
      },
      remove: async () => {
        for (const store of stores) await store.close()
      },
    }
  },
)
