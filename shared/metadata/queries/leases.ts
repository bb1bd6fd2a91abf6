/**
 * Leases: mutual exclusion for per-table work. A lease is held until it is released or its time is over by the database's clock.
 *
 * The leases of a group are shared out: every process that wants some says so by a row of its own, and holds no more than its share, so
 * that work spreads over processes that come and go. Their names are `<group>:<name>`, and a process's own row is `<group>@<holder>`.
 */
import { sql } from 'kysely'
import type { Row } from '../database.ts'
import type { LeaseShare } from '../metadata-store.ts'
import {
  all,
  change,
  changeMany,
  first,
  insertStatement,
  now,
  type Steps,
  sqlStatement,
  statement,
} from '../steps.ts'

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

type Lease = Row<'lease'>

/** From `<group>:` up to `<group>;`, the next character: a range that the key's index serves. */
const selectGroup = sqlStatement<{ from: string; to: string }, Lease>(
  p => sql`select * from lease where name >= ${p.from} and name < ${p.to} order by name`,
)
const renewGroup = sqlStatement<
  { from: string; to: string; holder: string; nowMs: bigint; untilMs: bigint },
  unknown
>(
  p => sql`update lease set until_ms = ${p.untilMs}
    where name >= ${p.from} and name < ${p.to} and holder = ${p.holder} and until_ms > ${p.nowMs}`,
)
const endGroup = sqlStatement<{ from: string; to: string; holder: string }, unknown>(
  p => sql`update lease set until_ms = 0 where name >= ${p.from} and name < ${p.to} and holder = ${p.holder}`,
)
const deleteLease = statement((db, p: { name: string }) => db.deleteFrom('lease').where('name', '=', p.name))

const leasesOf = (group: string) => ({ from: `${group}:`, to: `${group};` })
const membersOf = (group: string) => ({ from: `${group}@`, to: `${group}A` })

/**
 * Renews what the holder has of the group, takes what is free up to its share, and gives back what is beyond it; answers the names that
 * it holds now. The caller holds the lock of the group's name.
 */
export function* shareLeases({ group, names, holder, ttlMs }: LeaseShare): Steps<readonly string[]> {
  const nowMs = yield* now()
  const untilMs = nowMs + BigInt(Math.ceil(ttlMs))
  const members = yield* countMembers({ group, holder, nowMs, untilMs })
  const share = Math.ceil(names.length / members)
  const known = new Map((yield* all(selectGroup, leasesOf(group))).map(lease => [lease.name, lease]))
  const held: string[] = []
  const free: string[] = []
  for (const name of names) {
    const lease = known.get(`${group}:${name}`)
    if (lease === undefined || lease.until_ms <= nowMs) free.push(name)
    else if (lease.holder === holder) held.push(name)
  }
  const kept = held.slice(0, share)
  const taken = free.slice(0, Math.max(0, share - kept.length))
  yield* change(renewGroup, { ...leasesOf(group), holder, nowMs, untilMs })
  yield* changeMany(
    endLease,
    held.slice(share).map(name => ({ name: `${group}:${name}`, holder })),
  )
  for (const name of taken)
    yield* takeLease({ name: `${group}:${name}`, holder, untilMs }, known.get(`${group}:${name}`))
  return [...kept, ...taken]
}

/** Whoever wants a share, this holder included. Rows of those that are gone go too: no fence rests on them. */
function* countMembers(own: {
  readonly group: string
  readonly holder: string
  readonly nowMs: bigint
  readonly untilMs: bigint
}): Steps<number> {
  const { group, holder, nowMs, untilMs } = own
  const name = `${group}@${holder}`
  const rows = yield* all(selectGroup, membersOf(group))
  const others = rows.filter(row => row.name !== name)
  yield* changeMany(
    deleteLease,
    others.filter(row => row.until_ms <= nowMs).map(row => ({ name: row.name })),
  )
  yield* takeLease(
    { name, holder, untilMs },
    rows.find(row => row.name === name),
  )
  return 1 + others.filter(row => row.until_ms > nowMs).length
}

function* takeLease(
  { name, holder, untilMs }: { readonly name: string; readonly holder: string; readonly untilMs: bigint },
  known: Lease | undefined,
): Steps<void> {
  if (known === undefined) yield* change(insertLease, { name, holder, until_ms: untilMs, fencing_token: 1 })
  else yield* change(updateLease, { name, holder, untilMs, fencingToken: known.fencing_token + 1n })
}

/** The holder wants none any more; what it has is free at once. */
export function* leaveLeases(group: string, holder: string): Steps<void> {
  yield* change(endGroup, { ...leasesOf(group), holder })
  yield* change(deleteLease, { name: `${group}@${holder}` })
}
