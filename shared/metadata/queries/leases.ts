/** Leases: mutual exclusion for per-table work. A lease is held until it is released or its time is over by the database's clock. */
import { change, first, insertStatement, now, type Steps, statement } from '../steps.ts'

const selectLease = statement((db, p: { name: string }) =>
  db.selectFrom('lease').selectAll().where('name', '=', p.name),
)
const insertLease = insertStatement('lease', ['name', 'holder', 'until_ms', 'fencing_token'])
const updateLease = statement(
  (db, p: { name: string; holder: string; untilMs: bigint; fencingToken: bigint }) =>
    db
      .updateTable('lease')
      .set({ holder: p.holder, until_ms: p.untilMs, fencing_token: p.fencingToken })
      .where('name', '=', p.name),
)
const endLease = statement((db, p: { name: string; holder: string }) =>
  db.updateTable('lease').set({ until_ms: 0 }).where('name', '=', p.name).where('holder', '=', p.holder),
)

/** The holder itself may extend it, and keeps its fencing token; every new holder gets a higher one. */
export function* acquireLease(
  name: string,
  holder: string,
  ttlMs: number,
): Steps<{ readonly fencingToken: bigint } | undefined> {
  const nowMs = yield* now()
  const untilMs = nowMs + BigInt(Math.ceil(ttlMs))
  const lease = yield* first(selectLease, { name })
  if (lease === undefined) {
    yield* change(insertLease, { name, holder, until_ms: untilMs, fencing_token: 1 })
    return { fencingToken: 1n }
  }
  const isRunning = lease.until_ms > nowMs
  if (isRunning && lease.holder !== holder) return undefined
  const fencingToken = isRunning ? lease.fencing_token : lease.fencing_token + 1n
  yield* change(updateLease, { name, holder, untilMs, fencingToken })
  return { fencingToken }
}

export function* releaseLease(name: string, holder: string): Steps<void> {
  yield* change(endLease, { name, holder })
}
