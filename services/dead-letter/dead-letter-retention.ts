/**
 * `dlq_retention`: dead letters that were committed longer ago leave the dead-letter table, a whole task at a time, and are counted as
 * purged from then on; segments of their topic that were rendered longer ago are deleted.
 *
 * Of the table only rows of the database change here: the next snapshot shows it, and cleanup deletes the files once no snapshot
 * references them. Of the topic, the start offset moves first; objects below it whose deletion a crash cut short go in the next round.
 */
import { AppError } from '../../shared/runtime/errors.ts'
import { type Parts, problemOf } from '../parts.ts'
import type { DeclaredTable } from '../tables/declare-table.ts'
import { runTableRounds } from '../tables/table-rounds.ts'
import type { TableSet } from '../tables/table-set.ts'
import { deleteSegment, topicPlaceOf } from './topic-place.ts'

/** Batches purged in one transaction, so that it holds up no commit. */
const MAX_BATCHES_PER_PURGE = 500
const MAX_SEGMENTS_PER_EXPIRY = 500
/** Retention counts in hours and days: nobody waits for it. */
const MAX_INTERVAL_MS = 10 * 60_000
const ROUNDS_PER_RETENTION = 10
/** How often it is looked whose time has come; that costs no request. */
const TICK_MS = 1_000
/** Tables whose dead letters lie in one place, purged at once by one process. */
const MAX_PURGED_AT_ONCE = 4

const PURGING = 'purging dead letters'

export async function purgeUntilStopped(
  parts: Parts,
  tables: Pick<TableSet, 'all'>,
  signal: AbortSignal,
): Promise<void> {
  await runTableRounds<DeclaredTable, true>({
    runtime: parts.runtime,
    signal,
    tickMs: TICK_MS,
    maxAtOnce: MAX_PURGED_AT_ONCE,
    lineOf: ({ config }) => config.dlqUrl ?? '',
    all: () => new Map(tables.all().map(table => [table.rows.tableId, table])),
    choose: async due => new Map(Array.from(due.keys(), tableId => [tableId, true])),
    async round(table) {
      await purgeOld(parts, table)
      const { dlqRetentionMs = Number.POSITIVE_INFINITY } = table.config
      return Math.min(MAX_INTERVAL_MS, dlqRetentionMs / ROUNDS_PER_RETENTION)
    },
    onFailure: (error, table) =>
      problemOf(parts, PURGING, table === undefined ? {} : { table: table.config.name })(error),
  })
}

/** Answers with why not everything that is too old now went, in words. */
export async function purgeNow(parts: Parts, table: DeclaredTable): Promise<readonly string[]> {
  try {
    await purgeOld(parts, table)
    return []
  } catch (error) {
    if (!(error instanceof AppError) || error.next === 'fatal') throw error
    return [`${table.config.name}: ${PURGING}: ${error.message}`]
  }
}

async function purgeOld(parts: Parts, table: DeclaredTable): Promise<void> {
  const { dlqRetentionMs } = table.config
  if (dlqRetentionMs === undefined) return
  const beforeMs = (await parts.metadata.nowMs()) - dlqRetentionMs
  // The table first: whatever is still in it has its offset in the topic.
  await purgeTable(parts, table, beforeMs)
  await expireTopic(parts, table, beforeMs)
}

async function purgeTable(
  { metadata }: Parts,
  { rows }: DeclaredTable,
  committedBeforeMs: number,
): Promise<void> {
  const purge = { committedBeforeMs, maxBatches: MAX_BATCHES_PER_PURGE }
  for (let count = MAX_BATCHES_PER_PURGE; count >= MAX_BATCHES_PER_PURGE; )
    count = (await metadata.purgeDeadLetters(rows.tableId, purge)).batchCount
}

async function expireTopic(parts: Parts, table: DeclaredTable, createdBeforeMs: number): Promise<void> {
  const { metadata } = parts
  const { tableId } = table.deadLetters
  const place = topicPlaceOf(parts, table.config)
  const expiry = { createdBeforeMs, limit: MAX_SEGMENTS_PER_EXPIRY }
  for (let count = MAX_SEGMENTS_PER_EXPIRY; count === MAX_SEGMENTS_PER_EXPIRY; ) {
    const segments = await metadata.expireDeadLetterSegments(tableId, expiry)
    for (const { baseOffset } of segments) await deleteSegment(place, baseOffset)
    const last = segments.at(-1)
    if (last !== undefined) await metadata.forgetDeadLetterSegments(tableId, last.endOffset)
    count = segments.length
  }
}
