/** The metadata store of one machine: a SQLite file that any number of its processes may open at once. */
import type { Runtime } from '../../runtime/runtime.ts'
import { systemRuntime } from '../../runtime/system-runtime.ts'
import type { MetadataStore } from '../metadata-store.ts'
import { createSqlMetadataStore } from '../sql-store.ts'
import { openConnection } from './connection.ts'
import { migrate } from './migrate.ts'

export interface OpenSqliteOptions {
  /** Path of the file, made when it is missing; `:memory:` for one that ends with the store. */
  readonly path: string
  /** Unix ms in the place of the database's own clock: for simulation. */
  readonly clock?: () => number
  /** For waiting on locks of other processes. */
  readonly runtime?: Pick<Runtime, 'sleep' | 'random'>
}

/** Opens the file; `migrate()` comes before anything else. Throws `metadata-unavailable`. */
export function openSqliteMetadataStore(options: OpenSqliteOptions): MetadataStore {
  const connection = openConnection({ runtime: systemRuntime, ...options })
  return createSqlMetadataStore({
    read: steps => connection.transact('read', steps),
    write: (_lock, steps) => connection.transact('write', steps),
    migrate: () => migrate(connection),
    close: async () => connection.close(),
  })
}
