/**
 * Dead-letter retention: what is too old leaves the dead-letter table, and stays counted in the ledger. One transaction, a whole task at
 * a time, because a file holds the dead letters of one task: a reader sees all of them or none.
 */
import { sql } from 'kysely'
import { invariant } from '../../runtime/errors.ts'
import { all, change, countChanged, now, type Steps, sqlStatement } from '../steps.ts'
import { findDeadLetterTable, raiseVersion } from './tables.ts'

/** By batch, of which a task has several; those of one task follow one another. */
const selectExpiredTasks = sqlStatement<
  { tableId: string; before: number; limit: number },
  { readonly task_key: bigint }
>(
  p => sql`select d.task_key from dead_letter_batch d join convert_task t using (task_key)
    where d.table_id = ${p.tableId} and d.purged_at_ms is null and d.committed_at_ms < ${p.before}
      and t.state = 'committed'
    order by d.committed_at_ms, d.task_key limit ${p.limit}`,
)
const selectBatches = sqlStatement<
  { taskKey: bigint },
  { readonly source_key: bigint; readonly count: bigint }
>(
  p =>
    sql`select source_key, count from dead_letter_batch where task_key = ${p.taskKey} and purged_at_ms is null`,
)
const markPurged = sqlStatement<{ taskKey: bigint; atMs: bigint }, unknown>(
  p =>
    sql`update dead_letter_batch set purged_at_ms = ${p.atMs} where task_key = ${p.taskKey} and purged_at_ms is null`,
)
const countPurged = sqlStatement<{ sourceKey: bigint; count: bigint }, unknown>(
  p => sql`update source_partition set purged_dead_letter_count = purged_dead_letter_count + ${p.count}
    where source_key = ${p.sourceKey}`,
)
const removeFiles = sqlStatement<{ taskKey: bigint; tableId: string; version: bigint }, unknown>(
  p => sql`update data_file set removed_version = ${p.version}
    where task_key = ${p.taskKey} and table_id = ${p.tableId} and added_version is not null and removed_version is null`,
)

export function* purgeDeadLetters(
  tableId: string,
  { committedBeforeMs, maxBatches }: { readonly committedBeforeMs: number; readonly maxBatches: number },
): Steps<{ readonly batchCount: number; readonly deadLetterCount: bigint }> {
  const expired = yield* all(selectExpiredTasks, { tableId, before: committedBeforeMs, limit: maxBatches })
  const taskKeys = new Set(expired.map(batch => batch.task_key))
  if (taskKeys.size === 0) return { batchCount: 0, deadLetterCount: 0n }
  const letters = yield* findDeadLetterTable(tableId)
  invariant(letters !== undefined, `table ${tableId} has dead letters, and no table for them`)
  const version = yield* raiseVersion(letters.table_id)
  const atMs = yield* now()
  let batchCount = 0
  let deadLetterCount = 0n
  for (const taskKey of taskKeys) {
    for (const { source_key: sourceKey, count } of yield* all(selectBatches, { taskKey })) {
      yield* change(countPurged, { sourceKey, count })
      batchCount++
      deadLetterCount += count
    }
    yield* change(markPurged, { taskKey, atMs })
    const removed = yield* countChanged(removeFiles, [{ taskKey, tableId: letters.table_id, version }])
    invariant(removed > 0, `task ${taskKey} of table ${tableId} has dead letters in at least one file`)
  }
  return { batchCount, deadLetterCount }
}
