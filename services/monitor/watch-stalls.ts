/**
 * Looks whether every partition moves whose source does. What it finds is a mark and an event in the database, written by a
 * compare-and-set: any number of processes may look, and a crash leaves the mark with its event or neither.
 */
import { runLoop } from '../../shared/runtime/loop.ts'
import { type Parts, problemOf } from '../parts.ts'
import type { DeclaredTable } from '../tables/declare-table.ts'
import { judgeStalls, stalledAfterMs, type Watched } from './judge-stalls.ts'

/** Between two looks: half the shortest commit interval, within these. */
const MIN_LOOK_INTERVAL_MS = 5_000
const MAX_LOOK_INTERVAL_MS = 30_000

export async function watchStallsUntilStopped(
  parts: Parts,
  tables: readonly DeclaredTable[],
  signal: AbortSignal,
): Promise<void> {
  if (tables.length === 0) return
  const shortestMs = Math.min(...tables.map(({ config }) => config.commitIntervalMs))
  const intervalMs = Math.min(Math.max(shortestMs / 2, MIN_LOOK_INTERVAL_MS), MAX_LOOK_INTERVAL_MS)
  const onFailure = problemOf(parts, 'looking for stalls')
  const look = stallWatch(parts, tables)
  await runLoop({ runtime: parts.runtime, signal, intervalMs, onFailure }, async () => {
    await look()
    return { again: false }
  })
}

/** One look at all tables; the first one begins the time that counts. */
export function stallWatch(
  { metadata }: Pick<Parts, 'metadata'>,
  tables: readonly DeclaredTable[],
): () => Promise<void> {
  const watched: readonly Watched[] = tables.map(({ rows, config }) => ({
    tableId: rows.tableId,
    commitIntervalMs: config.commitIntervalMs,
  }))
  const shortestMs = Math.min(...watched.map(({ commitIntervalMs }) => commitIntervalMs))
  let watchedSinceMs: number | undefined
  return async () => {
    const found = await metadata.listStallCandidates(stalledAfterMs(shortestMs))
    watchedSinceMs ??= found.atMs
    const changes = judgeStalls(found, watched, watchedSinceMs)
    if (changes.length > 0) await metadata.recordStalls(changes)
  }
}
