/**
 * Looks whether every partition moves whose source does. What it finds is a mark and an event in the database, written by a
 * compare-and-set: any number of processes may look, and a crash leaves the mark with its event or neither.
 */
import { runLoop } from '../../shared/runtime/loop.ts'
import { type Parts, problemOf } from '../parts.ts'
import type { TableSet } from '../tables/table-set.ts'
import { judgeStalls, stalledAfterMs, type Watched } from './judge-stalls.ts'

const LOOK_INTERVAL_MS = 5_000

export async function watchStallsUntilStopped(
  parts: Parts,
  tables: TableSet,
  signal: AbortSignal,
): Promise<void> {
  const { runtime } = parts
  const onFailure = problemOf(parts, 'looking for stalls')
  const look = stallWatch(parts, tables)
  await runLoop({ runtime, signal, intervalMs: LOOK_INTERVAL_MS, onFailure }, async () => {
    await look()
    return { again: false }
  })
}

/** One look at all tables; the first one begins the time that counts. */
export function stallWatch({ metadata }: Pick<Parts, 'metadata'>, tables: TableSet): () => Promise<void> {
  let watchedSinceMs: number | undefined
  return async () => {
    const watched: readonly Watched[] = tables.all().map(({ rows, config }) => ({
      tableId: rows.tableId,
      commitIntervalMs: config.commitIntervalMs,
    }))
    if (watched.length === 0) return
    const shortestMs = Math.min(...watched.map(({ commitIntervalMs }) => commitIntervalMs))
    const found = await metadata.listStallCandidates(stalledAfterMs(shortestMs))
    watchedSinceMs ??= found.atMs
    const changes = judgeStalls(found, watched, watchedSinceMs)
    if (changes.length > 0) await metadata.recordStalls(changes)
  }
}
