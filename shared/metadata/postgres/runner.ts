/**
 * Runs transactions of the store, each again when it came to nothing through no fault of its own: the server restarted, the connection
 * was cut, or the server undid it in favour of another. After so many tries the error goes to the caller, who tries again later.
 *
 * A COMMIT whose answer never came is looked up (`outcome.ts`), so that every method of the store answers what really happened: its
 * result when the transaction was committed; when it was not, the transaction is run again.
 */
import type { Pool, PoolClient } from 'pg'
import type { Runtime } from '../../runtime/runtime.ts'
import type { TransactionRunner } from '../sql-store.ts'
import { explain, kindOf, outcomeUnknown } from './errors.ts'
import { decideOutcome, sweepOutcomes } from './outcome.ts'
import { runTransaction, type TransactionOptions, type TransactionOutcome } from './transaction.ts'

/** With the pauses between them about 8 seconds: a restart of the server. More than a pool has connections, all of which may be stale. */
const MAX_TRIES = 12
const FIRST_PAUSE_MS = 50
const MAX_PAUSE_MS = 1500
/** Asking for an outcome may have to wait for a server that recovers from a crash: half a minute. */
const MAX_OUTCOME_TRIES = 25
/** Half as many as are swept at once. */
const WRITES_PER_SWEEP = 500

export interface RunnerOptions {
  readonly pool: Pool
  /** For messages. */
  readonly place: string
  readonly runtime: Pick<Runtime, 'sleep' | 'random'>
  readonly clock?: () => number
  readonly checkSchema: (schema: bigint | null) => void
}

export function createRunner(options: RunnerOptions): Pick<TransactionRunner, 'read' | 'write'> {
  const { pool, place, runtime, clock, checkSchema } = options
  const fixed = { checkSchema, ...(clock !== undefined && { clock }) }

  async function run<T>(transaction: TransactionOptions<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        const outcome = await once(pool, transaction)
        if (outcome.kind === 'done') return outcome.value
        if (await wasCommitted(outcome)) return outcome.value
      } catch (cause) {
        const kind = kindOf(cause)
        if (kind === 'other' || tries === MAX_TRIES) throw explain(cause, place)
        if (kind === 'stale') continue
      }
      await pause(tries)
    }
  }

  /** Whether the transaction with an unknown outcome took place. */
  async function wasCommitted<T>({ key, cause }: Extract<TransactionOutcome<T>, { kind: 'unknown' }>) {
    for (let tries = 1; tries <= MAX_OUTCOME_TRIES; tries++) {
      await pause(tries)
      try {
        const outcome = await decideOutcome(pool, key)
        if (outcome === undefined) break
        return outcome === 'committed'
      } catch {
        // Still committing, or the server is not back yet, or not the one that takes writes.
      }
    }
    throw outcomeUnknown(place, cause)
  }

  /** Whoever writes also removes what writes before left behind. */
  let writes = 0
  async function write<T>(transaction: TransactionOptions<T>): Promise<T> {
    const value = await run(transaction)
    // What fails here is done by the next.
    if (writes++ % WRITES_PER_SWEEP === 0) await sweepOutcomes(pool).catch(() => undefined)
    return value
  }

  function pause(tries: number): Promise<void> {
    const most = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1))
    return runtime.sleep(most * (0.5 + runtime.random() / 2))
  }

  return {
    read: steps => run({ ...fixed, steps }),
    write: (lock, steps) => write({ ...fixed, steps, lock }),
  }
}

async function once<T>(pool: Pool, transaction: TransactionOptions<T>): Promise<TransactionOutcome<T>> {
  const client = await pool.connect()
  let outcome: TransactionOutcome<T>
  try {
    outcome = await runTransaction(client, transaction)
  } catch (error) {
    await abandon(client, error)
    throw error
  }
  client.release(outcome.kind === 'unknown')
  return outcome
}

/**
 * A connection whose transaction cannot be ended is of no more use, nor one whose prepared statements are of an older schema, nor one
 * to a standby, which would be used again and again for as long as it is busy.
 */
async function abandon(client: PoolClient, error: unknown): Promise<void> {
  try {
    await client.query('ROLLBACK')
    client.release(['stale', 'lost'].includes(kindOf(error)))
  } catch {
    client.release(true)
  }
}
