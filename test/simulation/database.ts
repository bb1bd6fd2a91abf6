/** The metadata database of a simulated world: SQLite in memory on the world's clock, and its content as text. */

import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import { createSqlMetadataStore } from '../../shared/metadata/sql-store.ts'
import { openConnection } from '../../shared/metadata/sqlite/connection.ts'
import { migrate } from '../../shared/metadata/sqlite/migrate.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'

export interface SimulatedDatabase {
  readonly store: MetadataStore
  /** Every row of every table. */
  dump(): string
}

export async function openSimulatedDatabase(
  clock: () => number,
  runtime: Pick<Runtime, 'sleep' | 'random'>,
): Promise<SimulatedDatabase> {
  const connection = openConnection({ path: ':memory:', clock, runtime })
  const store = createSqlMetadataStore({
    read: steps => connection.transact('read', steps),
    write: (_lock, steps) => connection.transact('write', steps),
    migrate: () => migrate(connection),
    close: async () => connection.close(),
  })
  await store.migrate()
  return { store, dump: () => dump(connection.db) }
}

function dump(db: ReturnType<typeof openConnection>['db']): string {
  const names = db
    .prepare("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by name")
    .all()
    .map(row => String(row.name))
    // It says when the schema was made, by the real clock.
    .filter(name => name !== 'schema_migration')
  return names.map(name => `${name}\n${rowsOf(db, name).join('\n')}`).join('\n\n')
}

function rowsOf(db: ReturnType<typeof openConnection>['db'], table: string): readonly string[] {
  const statement = db.prepare(`select * from "${table}"`)
  statement.setReadBigInts(true)
  return statement
    .all()
    .map(row => JSON.stringify(row, asText))
    .sort()
}

function asText(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
}
