/**
 * How a transaction ended whose COMMIT got no answer. Each write inserts a row under a key of its own, by the statement that reads the
 * clock for it. Whoever loses the answer inserts a row under the same key that gives the transaction up: the database lets exactly one
 * of the two stand. While the transaction is still under way, the insert waits for its end. So the answer is final, whatever happened.
 *
 * The row that is found is written anew as it stands. With synchronous replication that waits for the standby, as the lost answer would
 * have: a transaction whose connection ends in that wait is visible, and would be gone after a failover.
 *
 * PostgreSQL's own pg_xact_status would not do: after a crash, also that of a single server process, and after a failover, ids of
 * transactions that left no trace are given to others, and a commit that never was would be believed.
 */
import { sql } from 'kysely'
import type { Pool } from 'pg'
import { ownQuery } from './pool.ts'

/** Given by the server when the transaction begins. */
export interface TransactionKey {
  /** Unix ms by the server's clock. */
  readonly begunAtMs: bigint
  /** A random uuid. */
  readonly token: string
}

/** Asked later than this, a row that is not there may have been swept away. Far longer than anyone asks. */
const ANSWERED_FOR_MS = 300_000
/** Longer than that by more than a transaction can last. */
const KEPT_FOR_MS = 600_000
const SWEPT_AT_ONCE = 1000

/** Unix ms. */
export const SERVER_MS = sql`cast(floor(extract(epoch from clock_timestamp()) * 1000) as bigint)`

/** For the transaction itself: it stands when the transaction does. */
export const INSERT_OUTCOME = sql`insert into transaction_outcome (begun_at_ms, token, outcome)
  select ${SERVER_MS}, gen_random_uuid(), 'committed' returning begun_at_ms, token`

/** `undefined`: too long ago to tell. Errors are those of the database: nothing is decided then, and asking again is safe. */
export async function decideOutcome(
  pool: Pool,
  { begunAtMs, token }: TransactionKey,
): Promise<'committed' | 'given_up' | undefined> {
  const found = await pool.query<{ outcome: 'committed' | 'given_up' }>(
    ownQuery(
      'decide',
      sql`insert into transaction_outcome (begun_at_ms, token, outcome)
        select ${begunAtMs}::bigint, ${token}::uuid, 'given_up'
          where ${SERVER_MS} < ${begunAtMs}::bigint + ${sql.lit(ANSWERED_FOR_MS)}
        on conflict (begun_at_ms, token) do update set outcome = transaction_outcome.outcome
        returning outcome`,
    ),
  )
  return found.rows[0]?.outcome
}

/** Removes rows that nobody can ask for any more, as many at once as keeps a caller waiting for milliseconds. */
export async function sweepOutcomes(pool: Pool): Promise<void> {
  await pool.query(
    ownQuery(
      'sweep',
      sql`delete from transaction_outcome where (begun_at_ms, token) in (
        select begun_at_ms, token from transaction_outcome
          where begun_at_ms < ${SERVER_MS} - ${sql.lit(KEPT_FOR_MS)}
          order by begun_at_ms limit ${sql.lit(SWEPT_AT_ONCE)} for update skip locked)`,
    ),
  )
}
