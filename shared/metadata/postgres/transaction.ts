/**
 * One transaction over one connection, from BEGIN to COMMIT. A write begins with its lock, and reads the clock and the schema's number
 * after it, so that what it decides by is of the time when it holds the lock.
 *
 * READ COMMITTED suffices for writes, because everything they read and decide by is under the lock; reads see one state of the database
 * (REPEATABLE READ). A write leaves a row under a key of its own, by which whoever loses the answer to COMMIT asks (`outcome.ts`).
 */
import { sql } from 'kysely'
import type { PoolClient, QueryResult } from 'pg'
import { invariant, unreachable } from '../../runtime/errors.ts'
import type { Lock, Step, Steps } from '../steps.ts'
import { kindOf } from './errors.ts'
import { INSERT_OUTCOME, SERVER_MS, type TransactionKey } from './outcome.ts'
import { type BoundQuery, boundQueries, boundQuery, openPipeline, ownQuery, type Pipeline } from './pool.ts'

/** Statements that may be on their way unanswered: what a transaction holds in memory beyond its own values. */
const MAX_POSTED = 1000

const BEGIN_READ = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'
/** Not READ WRITE: a standby refuses that as something that it does not know, and its answer to the first write says what it is. */
const BEGIN_WRITE = 'BEGIN ISOLATION LEVEL READ COMMITTED'
/** The newest migration that older programs may not run beside. */
const schema = sql`(select max(number) from schema_migration where additive = 0) as schema`
const OPEN_READ = ownQuery('open_read', sql`select ${SERVER_MS} as now_ms, ${schema}`)
const OPEN_WRITE = ownQuery(
  'open_write',
  sql`with opened as (${INSERT_OUTCOME}) select begun_at_ms as now_ms, token, ${schema} from opened`,
)

export interface TransactionOptions<T> {
  readonly steps: () => Steps<T>
  /** Absent: a transaction that only reads. */
  readonly lock?: Lock
  /** In the place of the server's clock: for tests. */
  readonly clock?: () => number
  /** Throws when this program may not run on a schema with that migration. */
  readonly checkSchema: (schema: bigint | null) => void
}

/** `unknown`: COMMIT was sent, and its answer never came. */
export type TransactionOutcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  | {
      readonly kind: 'unknown'
      readonly value: T
      readonly key: TransactionKey
      readonly cause: unknown
    }

interface Opening {
  readonly now_ms: bigint
  readonly schema: bigint | null
  /** Of a write. */
  readonly token?: string
}

/** Whatever it throws, nothing was changed; the caller ends the transaction, or the connection. */
export async function runTransaction<T>(
  client: PoolClient,
  options: TransactionOptions<T>,
): Promise<TransactionOutcome<T>> {
  const { lock } = options
  const pipeline = openPipeline(client)
  try {
    pipeline.post(lock === undefined ? BEGIN_READ : BEGIN_WRITE)
    if (lock !== undefined) postLock(pipeline, lock)
    const opening = openTransaction(pipeline, options)
    const value = await runSteps(pipeline, opening, options)
    const { now_ms: begunAtMs, token } = await opening()
    const key = token === undefined ? undefined : { begunAtMs, token }
    const committed = pipeline.post('COMMIT')
    try {
      await pipeline.flush()
    } catch (cause) {
      if (key === undefined || kindOf(cause) !== 'lost') throw cause
      return { kind: 'unknown', value, key, cause }
    }
    const { command } = await committed
    invariant(command === 'COMMIT', `a transaction was to be committed, and the server answered ${command}`)
    return { kind: 'done', value }
  } catch (error) {
    // What was posted before the steps failed must not stay in the stream; what comes of it does not matter any more.
    await pipeline.flush().catch(() => undefined)
    throw error
  }
}

/** Asks now, and reads the answer when it is first needed, with whatever was posted meanwhile. */
function openTransaction<T>(
  pipeline: Pipeline,
  { lock, checkSchema }: TransactionOptions<T>,
): () => Promise<Opening> {
  const answer = pipeline.post(lock === undefined ? OPEN_READ : OPEN_WRITE)
  let opening: Opening | undefined
  return async () => {
    if (opening !== undefined) return opening
    await pipeline.flush()
    const { rows } = await answer
    const [row]: Opening[] = rows
    invariant(row !== undefined, 'the opening statement of a transaction answered no row')
    checkSchema(row.schema)
    opening = row
    return row
  }
}

async function runSteps<T>(
  pipeline: Pipeline,
  opening: () => Promise<Opening>,
  { steps, clock }: TransactionOptions<T>,
): Promise<T> {
  async function answer(step: Step): Promise<unknown> {
    switch (step.kind) {
      case 'now':
        return clock === undefined ? (await opening()).now_ms : BigInt(Math.floor(clock()))
      case 'rows': {
        const answered = step.queries.map(query =>
          pipeline.post(boundQuery(query.statement, query.parameters)),
        )
        await pipeline.flush()
        await opening()
        return (await Promise.all(answered)).map(({ rows }) => rows)
      }
      case 'change': {
        const answered: Promise<QueryResult>[] = []
        for (const bound of boundQueries(step.statement, step.sets)) {
          answered.push(pipeline.post(bound))
          if (pipeline.length >= MAX_POSTED) await pipeline.flush()
        }
        return step.isCounted ? countChanges(pipeline, answered) : undefined
      }
      case 'lock':
        postLock(pipeline, step.lock)
        return undefined
      default:
        return unreachable(step)
    }
  }
  const running = steps()
  let next = running.next()
  while (!next.done) next = running.next(await answer(next.value))
  return next.value
}

async function countChanges(pipeline: Pipeline, answered: readonly Promise<QueryResult>[]): Promise<number> {
  await pipeline.flush()
  const results = await Promise.all(answered)
  return results.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0)
}

/**
 * The order is fixed, so that no two transactions wait for each other: names, then tables (of several, each with its dead-letter table
 * after it, by id), then events. NO KEY UPDATE leaves alone who only refers to the table.
 */
const LOCK_TABLES = 'for no key update'
const order = sql.raw(`order by coalesce(parent_table_id, table_id), kind desc ${LOCK_TABLES}`)

function lockQuery(lock: Lock): BoundQuery | undefined {
  switch (lock.on) {
    case 'tables':
      return ownQuery(
        'lock_tables',
        sql`select 1 from iceberg_table
          where table_id = any(${lock.tableIds}) or parent_table_id = any(${lock.tableIds}) ${order}`,
      )
    case 'task': {
      const table = sql`(select table_id from convert_task where task_id = ${lock.taskId})`
      return ownQuery(
        'lock_task',
        sql`select 1 from iceberg_table where table_id = ${table} or parent_table_id = ${table} ${order}`,
      )
    }
    case 'lease':
      return advisoryLock(1, `lease ${lock.name}`)
    case 'names':
      return advisoryLock(2, 'names')
    case 'events':
      return advisoryLock(3, 'events')
    case 'nothing':
      return undefined
    default:
      return unreachable(lock)
  }
}

/** Of no row, because the row may not be there yet; of this schema alone. */
function advisoryLock(kind: number, name: string): BoundQuery {
  return ownQuery(
    'lock_name',
    sql`select 1 from (select pg_advisory_xact_lock(cast(${kind} as integer), hashtext(current_schema() || ${name}))) taken`,
  )
}

function postLock(pipeline: Pipeline, lock: Lock): void {
  const query = lockQuery(lock)
  if (query !== undefined) pipeline.post(query)
}
