/** The metadata database of a simulated world: SQLite in memory on a clock of its own, and its content as text. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { AccountedRange } from '../../shared/flow.ts'
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import { createSqlMetadataStore } from '../../shared/metadata/sql-store.ts'
import { openConnection } from '../../shared/metadata/sqlite/connection.ts'
import { migrate } from '../../shared/metadata/sqlite/migrate.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'

export interface SimulatedDatabase {
  readonly store: MetadataStore
  readonly db: DatabaseSync
  /** The database's clock, Unix ms. */
  nowMs(): number
  /** The latest that its clock has shown, wherever it stands now. */
  latestMs(): number
  /** Somebody sets the clock of the database's machine. */
  jumpClock(byMs: number): void
  /** `look` runs after every transaction that may have changed something. */
  afterEachChange(look: () => void): void
  /** Of every incarnation; `key` is table id, topic-partition and incarnation. */
  watermarks(): readonly { readonly key: string; readonly committedOffset: bigint }[]
  /** Ranges of a table below its watermarks that became no record, and whether a person gave them up. */
  ranges(tableId: string): readonly LedgerRange[]
  /** Every row of every table. */
  dump(): string
  close(): void
}

export interface LedgerRange extends AccountedRange {
  readonly partition: number
  readonly incarnation: number
  readonly byOperator: boolean
}

export async function openSimulatedDatabase(
  worldMs: () => number,
  runtime: Pick<Runtime, 'sleep' | 'random'>,
): Promise<SimulatedDatabase> {
  let jumpedMs = 0
  let shownMs = 0
  const nowMs = () => worldMs() + jumpedMs
  const looks: (() => void)[] = []
  const connection = openConnection({ path: ':memory:', clock: nowMs, runtime })
  const { db } = connection
  const store = createSqlMetadataStore({
    read: steps => connection.transact('read', steps),
    write: async (_lock, steps) => {
      const answer = await connection.transact('write', steps)
      for (const look of looks) look()
      return answer
    },
    migrate: () => migrate(connection),
    close: async () => connection.close(),
  })
  await store.migrate()
  const selectWatermarks = exact(
    db,
    `select table_id || ' ' || topic || '-' || partition || ' ' || incarnation as key, committed_offset as upTo from source_partition`,
  )
  const selectRanges = exact(
    db,
    `select kind, start_offset as startOffset, end_offset as endOffset, by_operator as byOperator, partition, incarnation
     from accounted_range r join source_partition s using (source_key) where r.table_id = ?`,
  )
  return {
    store,
    db,
    nowMs,
    latestMs: () => Math.max(shownMs, nowMs()),
    jumpClock(byMs) {
      shownMs = Math.max(shownMs, nowMs())
      jumpedMs += byMs
    },
    afterEachChange: look => looks.push(look),
    watermarks: () =>
      selectWatermarks
        .all()
        .map(row => ({ key: String(row.key), committedOffset: BigInt(String(row.upTo)) })),
    ranges: tableId =>
      selectRanges.all(tableId).map(row => ({
        kind: kindOf(row.kind),
        startOffset: BigInt(String(row.startOffset)),
        endOffset: BigInt(String(row.endOffset)),
        byOperator: row.byOperator === 1n,
        partition: Number(row.partition),
        incarnation: Number(row.incarnation),
      })),
    dump: () => dump(db),
    close: () => connection.close(),
  }
}

function exact(db: DatabaseSync, sql: string): StatementSync {
  const statement = db.prepare(sql)
  statement.setReadBigInts(true)
  return statement
}

function kindOf(value: unknown): AccountedRange['kind'] {
  if (value === 'absent' || value === 'control' || value === 'skipped' || value === 'source_gap') return value
  throw new Error(`a range is of kind ${String(value)}`)
}

function dump(db: DatabaseSync): string {
  const names = db
    .prepare("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by name")
    .all()
    .map(row => String(row.name))
    // It says when the schema was made, by the real clock.
    .filter(name => name !== 'schema_migration')
  return names.map(name => `${name}\n${rowsOf(db, name).join('\n')}`).join('\n\n')
}

function rowsOf(db: DatabaseSync, table: string): readonly string[] {
  return exact(db, `select * from "${table}"`)
    .all()
    .map(row => JSON.stringify(row, asText))
    .sort()
}

function asText(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
}
