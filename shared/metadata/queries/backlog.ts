/** What waits for converters. Costs by the tasks in flight, through one index, and by those of partitions that are not active. */
import { sql } from 'kysely'
import type { Backlog, ScalingFigures } from '../processes.ts'
import { numberOrNull, present, toNumber } from '../rows.ts'
import { all, now, type Steps, sqlStatement } from '../steps.ts'
import { listProcesses } from './processes.ts'

/**
 * Tasks of which no partition is active cannot be claimed: a stop that waits for a person must not keep workers. They are found from the
 * partitions that are not active, which are few; the cross join keeps SQLite from beginning with all slices there ever were.
 */
const sumTasks = sqlStatement<
  object,
  {
    readonly state: 'queued' | 'claimed'
    readonly count: bigint
    readonly size_bytes: bigint
    readonly oldest_ms: bigint | null
  }
>(
  () => sql`with halted as (
      select s.task_key from source_partition p cross join task_slice s
      where p.state <> 'active' and s.source_key = p.source_key and s.state in ('planned', 'done')
        and not exists (select 1 from task_slice o join source_partition q on q.source_key = o.source_key
          where o.task_key = s.task_key and o.state = 'planned' and q.state = 'active'))
    select c.state, count(*) as count, cast(coalesce(sum(c.size_bytes), 0) as bigint) as size_bytes, min(c.created_at_ms) as oldest_ms
    from convert_task c
    where c.state in ('queued', 'claimed') and c.table_id not in (select table_id from iceberg_table where state <> 'active')
      and c.task_key not in (select task_key from halted)
    group by c.state`,
)

export function* readScaling(): Steps<ScalingFigures> {
  const atMs = toNumber(yield* now())
  const sums = yield* all(sumTasks, {})
  const of = (state: 'queued' | 'claimed') => sums.find(sum => sum.state === state)
  const [queued, claimed] = [of('queued'), of('claimed')]
  const backlog: Backlog = {
    waitingTasks: toNumber(queued?.count ?? 0n),
    waitingBytes: toNumber(queued?.size_bytes ?? 0n),
    ...present('waitingSinceMs', numberOrNull(queued?.oldest_ms ?? null)),
    runningTasks: toNumber(claimed?.count ?? 0n),
    runningBytes: toNumber(claimed?.size_bytes ?? 0n),
  }
  return { atMs, backlog, processes: yield* listProcesses() }
}
