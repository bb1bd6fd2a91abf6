/**
 * One statement from text to rows:
 *
 *   parse → name tables → load their states → choose files → place files → open tables → run
 *
 * Everything is made for the statement and goes with it: the database in memory, the temporary folder with what was fetched. So each
 * statement sees the newest snapshots, and a failure at any step, or the signal, leaves nothing behind.
 */
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBResult } from '@duckdb/node-api'
import type { TableDetail } from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { type ChosenFiles, chooseFiles } from './choose-files.ts'
import { checkFetchSize, folderOf, placeFiles } from './data-places.ts'
import { confine, type DuckDB, type DuckDBLimits, openSession, type Session, withFolder } from './duckdb.ts'
import { Places, requireStableMembers, standInSql, viewSql } from './open-tables.ts'
import { openOutputFile } from './output-file.ts'
import { type Predicate, predicatesOf } from './predicates.ts'
import { type Mention, resolveTables } from './resolve-tables.ts'
import { explainFailure } from './sql-failure.ts'
import { quoteText } from './sql-text.ts'
import { parseStatement, type Statement } from './statement.ts'
import { nodesOfType, type SyntaxNode } from './syntax-tree.ts'
import { createSystemTable } from './system-tables.ts'
import { loadTableState, type QueryMetadata, type TableState, type TimeTravel } from './table-state.ts'

export interface QueryContext {
  readonly duckdb: DuckDB
  readonly metadata: QueryMetadata
  readonly warehouse: ObjectStore
  readonly runtime: Pick<Runtime, 'uuid' | 'sleep'>
  /** Each statement makes a folder of its own below it. */
  readonly temporaryRoot: string
}

export interface QueryOptions {
  readonly limits: DuckDBLimits & { readonly fetchBytes: number }
  readonly signal: AbortSignal
  readonly travel?: TimeTravel
  /** Explain the statement, whatever it says itself. */
  readonly explain?: boolean
  /** Write the rows into this Parquet file, at most `rowLimit` of them. */
  readonly parquet?: { readonly path: string; readonly rowLimit: number | undefined }
}

const INTERRUPT_EVERY_MS = 50

/** What of a table a statement reads. */
export interface TableReading extends ChosenFiles {
  readonly state: TableState
}

export type QueryOutcome =
  | { readonly kind: 'rows'; readonly result: DuckDBResult }
  | { readonly kind: 'written'; readonly rowCount: number; readonly cut: boolean }
  | {
      readonly kind: 'explained'
      readonly readings: readonly TableReading[]
      /** Whether the chosen files would be fetched before they are read. */
      readonly fetches: boolean
      readonly plan: string
    }

/** `take` gets the outcome while everything is open; rows are computed as it reads them. */
export async function runStatement<T>(
  context: QueryContext,
  text: string,
  options: QueryOptions,
  take: (outcome: QueryOutcome) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(context.temporaryRoot, 'tidewater-query-'))
  return await withFolder(folder, async () => {
    const session = await openSession(context.duckdb, {
      ...options.limits,
      spillFolder: join(folder, 'spill'),
    })
    let ended = false
    // DuckDB forgets an interruption that comes just before a query begins.
    const interrupt = async () => {
      while (!ended) {
        session.connection.interrupt()
        await context.runtime.sleep(INTERRUPT_EVERY_MS)
      }
    }
    options.signal.addEventListener('abort', interrupt)
    try {
      options.signal.throwIfAborted()
      return await runIn(session, context, text, { ...options, folder }, take)
    } catch (error) {
      throw explainFailure(error, options.signal, await context.metadata.listTables())
    } finally {
      ended = true
      options.signal.removeEventListener('abort', interrupt)
      session.close()
    }
  })
}

async function runIn<T>(
  session: Session,
  context: QueryContext,
  text: string,
  options: QueryOptions & { readonly folder: string },
  take: (outcome: QueryOutcome) => Promise<T>,
): Promise<T> {
  const parsed = await parseStatement(session.connection, text)
  const statement: Statement = options.explain === true ? { ...parsed, kind: 'explain' } : parsed
  const tables = await context.metadata.listTables()
  const mentions = resolveTables(statement.tree, tables)
  const states = await loadStates(context.metadata, mentions, options.travel)
  const readings = await chooseAll(session, statement.tree, mentions, states)
  const describes = [...nodesOfType(statement.tree, 'SHOW_REF')].some(node => node.show_type === 'DESCRIBE')
  // Names and types need no file; nor does a plan, where files would have to be fetched for it.
  const standIn = describes || (statement.kind === 'explain' && folderOf(context.warehouse) === undefined)
  const paths = await openAll({ session, context, mentions, tables, readings, standIn }, options)
  // Stand-ins are empty, and DuckDB would otherwise plan for what comes of nothing.
  if (standIn) await session.connection.run("SET disabled_optimizers = 'statistics_propagation'")
  options.signal.throwIfAborted()
  const { parquet } = options
  if (statement.kind === 'run' && parquet !== undefined)
    return await take(await writtenFile(session, context, statement.sql, { ...parquet, reads: paths }))
  await confine(session, paths)
  if (statement.kind !== 'run') return await take(await explained(session, context, statement, readings))
  return await take({ kind: 'rows', result: await session.connection.stream(statement.sql) })
}

async function loadStates(
  metadata: QueryMetadata,
  mentions: readonly Mention[],
  travel: TimeTravel | undefined,
): Promise<ReadonlyMap<string, TableState>> {
  const tables = new Map<string, TableDetail>()
  for (const { named } of mentions) if (named.kind === 'data') tables.set(named.table.tableId, named.table)
  if (travel !== undefined && tables.size !== 1)
    throw new AppError({
      code: 'sql-invalid',
      next: 'fatal',
      message: `--snapshot and --at go back in the history of one table, and the statement names ${tables.size}.`,
    })
  const states = new Map<string, TableState>()
  for (const [tableId, table] of tables) states.set(tableId, await loadTableState(metadata, table, travel))
  return states
}

/** By table id. A constant that DuckDB cannot evaluate keeps every file: the statement itself will say what is wrong with it. */
async function chooseAll(
  session: Session,
  tree: SyntaxNode,
  mentions: readonly Mention[],
  states: ReadonlyMap<string, TableState>,
): Promise<ReadonlyMap<string, TableReading>> {
  const stateOf = ({ named }: Mention) =>
    named.kind === 'data' ? states.get(named.table.tableId) : undefined
  const byNode = new Map(mentions.map(mention => [mention.node, stateOf(mention)]))
  const predicates = predicatesOf(tree, node => byNode.get(node)?.schema)
  const readings = new Map<string, TableReading>()
  for (const [tableId, state] of states) {
    const needed = mentions
      .filter(mention => stateOf(mention) === state)
      .map(({ node }) => predicates.get(node))
    const all = { files: state.files, prunedByPartition: 0, prunedByBounds: 0 }
    const chosen = needed.every((predicate): predicate is Predicate => predicate !== undefined)
      ? await chooseFiles(session, state, needed).catch((error: unknown) => {
          if (error instanceof AppError) throw error
          return all
        })
      : all
    readings.set(tableId, { state, ...chosen })
  }
  return readings
}

/** Answers with the paths that the statement may open. */
async function openAll(
  opening: {
    readonly session: Session
    readonly context: QueryContext
    readonly mentions: readonly Mention[]
    readonly tables: readonly TableDetail[]
    readonly readings: ReadonlyMap<string, TableReading>
    readonly standIn: boolean
  },
  { limits, signal, folder }: QueryOptions & { readonly folder: string },
): Promise<readonly string[]> {
  const { session, context, mentions, readings, standIn } = opening
  const places = new Places(
    session,
    mentions.map(({ reference }) => reference),
  )
  if (!standIn && folderOf(context.warehouse) === undefined)
    checkFetchSize(
      [...readings.values()].map(({ state, files }) => ({ name: state.table.name, files })),
      limits.fetchBytes,
    )
  const opened = new Map<string, readonly string[]>()
  for (const { reference, named } of mentions) {
    const name = await places.make(reference)
    if (name === undefined) continue
    if (named.kind === 'system') {
      await createSystemTable(session, named.table, { metadata: context.metadata, tables: opening.tables })
      continue
    }
    const reading = readings.get(named.table.tableId)
    if (reading === undefined) continue
    const { state, files } = reading
    requireStableMembers(state.table, state.schema)
    if (standIn || files.length === 0) {
      await session.connection.run(standInSql(name, state.schema))
      continue
    }
    const paths =
      opened.get(named.table.tableId) ??
      (await placeFiles(files, {
        store: context.warehouse,
        temporaryFolder: await mkdtemp(join(folder, 'files-')),
        signal,
      }))
    opened.set(named.table.tableId, paths)
    await session.connection.run(viewSql(name, state.schema, paths))
  }
  return [...opened.values()].flat()
}

async function explained(
  { connection }: Session,
  { warehouse }: QueryContext,
  { kind, sql }: Statement,
  readings: ReadonlyMap<string, TableReading>,
): Promise<QueryOutcome> {
  const result = await connection.runAndReadAll(`EXPLAIN ${kind === 'analyze' ? 'ANALYZE ' : ''}${sql}`)
  const plan = result
    .getRows()
    .map(row => String(row[1] ?? ''))
    .join('\n')
  return {
    kind: 'explained',
    readings: [...readings.values()],
    fetches: folderOf(warehouse) === undefined,
    plan,
  }
}

async function writtenFile(
  session: Session,
  { runtime }: QueryContext,
  sql: string,
  { path, rowLimit, reads }: NonNullable<QueryOptions['parquet']> & { readonly reads: readonly string[] },
): Promise<QueryOutcome> {
  const file = await openOutputFile(path, runtime.uuid())
  try {
    await confine(session, [...reads, file.partialPath])
    const written = await writeParquet(session, sql, { path: file.partialPath, rowLimit })
    await file.keep()
    return written
  } finally {
    await file.discard()
  }
}

async function writeParquet(
  { connection }: Session,
  sql: string,
  { path, rowLimit }: { readonly path: string; readonly rowLimit: number | undefined },
): Promise<QueryOutcome> {
  const to = `TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)`
  if (rowLimit === undefined) {
    const result = await connection.run(`COPY (${sql}\n) ${to}`)
    return { kind: 'written', rowCount: result.rowsChanged, cut: false }
  }
  // One row more than the limit tells whether there were more.
  await connection.run(`CREATE TEMP TABLE _rows AS FROM (${sql}\n) LIMIT ${rowLimit + 1}`)
  const counted = await connection.runAndReadAll('SELECT count(*) FROM _rows')
  const total = Number(counted.getRows()[0]?.[0] ?? 0)
  await connection.run(`COPY (FROM _rows LIMIT ${rowLimit}) ${to}`)
  return { kind: 'written', rowCount: Math.min(total, rowLimit), cut: total > rowLimit }
}
