import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import { openSqliteMetadataStore } from '../../shared/metadata/sqlite/store.ts'
import { describeMetadataStore } from './metadata-store.ts'

describeMetadataStore(
  'sqlite',
  // In memory, because every commit to a file waits for the disk; those that share a database use a file.
  async clock => {
    const store = openSqliteMetadataStore({ path: ':memory:', clock })
    await store.migrate()
    return { store, remove: () => store.close() }
  },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tidewater-metadata-'))
    const stores: MetadataStore[] = []
    return {
      another: clock => {
        const store = openSqliteMetadataStore({ path: join(folder, 'made', 'tidewater.db'), clock })
        stores.push(store)
        return store
      },
      remove: async () => {
        for (const store of stores) await store.close()
        await rm(folder, { recursive: true })
      },
    }
  },
)
