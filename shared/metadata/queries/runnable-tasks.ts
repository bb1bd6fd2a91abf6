/**
 * Which tasks may be run now, in the order in which they should be: tables take turns, so that the backlog of one does not hold up the
 * others. Costs by the number of tables and of tasks asked for, not by how many wait.
 */
import { type RawBuilder, sql } from 'kysely'
import { all, now, type Steps, sqlStatement } from '../steps.ts'

interface Turn {
  readonly table_id: string
  readonly task_id: string
  readonly task_key: bigint
}

/** The next task of a table by key. One active partition makes it runnable: at the claim, slices of the others leave it. */
const nextOf = (table: RawBuilder<unknown>, after: RawBuilder<unknown>, nowMs: bigint) => sql`(
  select c.task_key from convert_task c
  where c.table_id = ${table} and c.state = 'queued' and c.task_key > ${after} and c.not_before_ms <= ${nowMs}
    and exists (select 1 from task_slice s join source_partition p on p.source_key = s.source_key
      where s.task_key = c.task_key and s.state = 'planned' and p.state = 'active')
  order by c.task_key limit 1)`

/**
 * Every table's first task, then every table's second, and so on: the rows of a recursive query come breadth first, and no more of them are
 * computed than the limit outside takes (both databases stop there).
 */
const selectTurns = sqlStatement<{ nowMs: bigint; limit: number }, Turn>(
  p => sql`with recursive turn (table_id, task_key, turns) as (
      select t.table_id, ${nextOf(sql`t.table_id`, sql`0`, p.nowMs)}, 1 from iceberg_table t where t.state = 'active'
      union all
      select turn.table_id, ${nextOf(sql`turn.table_id`, sql`turn.task_key`, p.nowMs)}, turns + 1
      from turn where turn.task_key is not null and turns < ${p.limit})
    select table_id, task_key, (select c.task_id from convert_task c where c.task_key = turn.task_key) as task_id
    from turn where task_key is not null limit ${p.limit}`,
)
/** Few: no more than workers. The cross join keeps SQLite from looking through all tasks for them. */
const selectClaimed = sqlStatement<Record<string, never>, Turn & { readonly lease_until_ms: bigint }>(
  () => sql`select c.table_id, c.task_key, c.task_id, c.lease_until_ms
    from iceberg_table t cross join convert_task c
    where c.table_id = t.table_id and c.state = 'claimed' and t.state = 'active'
      and exists (select 1 from task_slice s join source_partition p on p.source_key = s.source_key
        where s.task_key = c.task_key and s.state = 'planned' and p.state = 'active')`,
)

/** The oldest first. */
export function* listLostTasks(limit: number): Steps<readonly string[]> {
  const nowMs = yield* now()
  const claimed = yield* all(selectClaimed, {})
  return claimed
    .filter(({ lease_until_ms }) => lease_until_ms <= nowMs)
    .sort(byKey)
    .slice(0, limit)
    .map(({ task_id }) => task_id)
}

export function* listRunnableTasks(limit: number): Steps<readonly string[]> {
  const nowMs = yield* now()
  const running = new Map<string, number>()
  const byTable = new Map<string, Turn[]>()
  const add = (turn: Turn) => {
    const turns = byTable.get(turn.table_id)
    if (turns === undefined) byTable.set(turn.table_id, [turn])
    else turns.push(turn)
  }
  for (const claimed of yield* all(selectClaimed, {})) {
    if (claimed.lease_until_ms <= nowMs) add(claimed)
    else running.set(claimed.table_id, (running.get(claimed.table_id) ?? 0) + 1)
  }
  for (const turn of yield* all(selectTurns, { nowMs, limit })) add(turn)

  // A table with tasks that run has had as many turns already.
  const ranked = [...byTable].flatMap(([tableId, turns]) =>
    turns.sort(byKey).map((turn, position) => ({ ...turn, rank: position + (running.get(tableId) ?? 0) })),
  )
  return ranked
    .sort((a, b) => a.rank - b.rank || byKey(a, b))
    .slice(0, limit)
    .map(turn => turn.task_id)
}

function byKey(a: Turn, b: Turn): number {
  return a.task_key < b.task_key ? -1 : 1
}
