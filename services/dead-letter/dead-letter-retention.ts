/**
 * `dlq_retention`: dead letters that were committed longer ago leave the dead-letter table, a whole task at a time, and are counted as
 * purged from then on. Rows of the database change here; the next snapshot of the table shows it, and cleanup deletes the files once
 * no snapshot references them.
 */
import { runLoop } from '../../shared/runtime/loop.ts'
import { type Parts, problemOf } from '../parts.ts'
import type { DeclaredTable } from '../tables/declare-table.ts'

/** Batches purged in one transaction, so that it holds up no commit. */
const MAX_BATCHES_PER_PURGE = 500
/** Retention counts in hours and days: nobody waits for it. */
const MAX_INTERVAL_MS = 10 * 60_000
const ROUNDS_PER_RETENTION = 10

export async function purgeUntilStopped(
  parts: Parts,
  table: DeclaredTable,
  signal: AbortSignal,
): Promise<void> {
  const { dlqRetentionMs, name } = table.config
  if (dlqRetentionMs === undefined) return
  const intervalMs = Math.min(MAX_INTERVAL_MS, dlqRetentionMs / ROUNDS_PER_RETENTION)
  const onFailure = problemOf(parts, `${name}: purging dead letters`)
  await runLoop({ runtime: parts.runtime, signal, intervalMs, onFailure }, async () => ({
    again: await purgeOld(parts, table),
  }))
}

/** Everything that is too old now. */
export async function purgeNow(parts: Parts, table: DeclaredTable): Promise<void> {
  while (await purgeOld(parts, table));
}

/** Answers whether there may be more. */
async function purgeOld({ metadata }: Parts, { rows, config }: DeclaredTable): Promise<boolean> {
  if (config.dlqRetentionMs === undefined) return false
  const committedBeforeMs = (await metadata.nowMs()) - config.dlqRetentionMs
  const { batchCount } = await metadata.purgeDeadLetters(rows.tableId, {
    committedBeforeMs,
    maxBatches: MAX_BATCHES_PER_PURGE,
  })
  return batchCount >= MAX_BATCHES_PER_PURGE
}
