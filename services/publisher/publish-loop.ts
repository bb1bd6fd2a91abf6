/** Publishes a declared table and its dead letters: at every commit interval, or now. */
import { invariant } from '../../shared/runtime/errors.ts'
import { runLoop } from '../../shared/runtime/loop.ts'
import { type Parts, problemOf } from '../parts.ts'
import type { DeclaredTable } from '../tables/declare-table.ts'
import { type PublishOutcome, publishTable } from './publish-table.ts'

/** How long `publishNow` waits for another process that is publishing the same table. */
const MAX_BUSY_WAITS = 600
const BUSY_WAIT_MS = 200

export async function publishUntilStopped(
  parts: Parts,
  table: DeclaredTable,
  signal: AbortSignal,
): Promise<void> {
  const intervalMs = table.config.commitIntervalMs
  const onFailure = problemOf(parts, `${table.config.name}: publishing`)
  await runLoop({ runtime: parts.runtime, signal, intervalMs, onFailure }, async () => {
    for (const name of namesOf(table)) await publishAndReport(parts, table, name)
    return { again: false }
  })
}

/** Answers with what could not be published, in words. */
export async function publishNow(
  parts: Parts,
  table: DeclaredTable,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const reasons: string[] = []
  for (const name of namesOf(table)) {
    let outcomes = await publishAndReport(parts, table, name)
    for (
      let waits = 0;
      outcomes.some(outcome => outcome.kind === 'busy') && waits < MAX_BUSY_WAITS && !signal.aborted;
      waits++
    ) {
      await parts.runtime.sleep(BUSY_WAIT_MS, signal)
      outcomes = await publishAndReport(parts, table, name)
    }
    for (const outcome of outcomes) {
      if (outcome.kind === 'busy')
        reasons.push(`${name}: another process has been publishing it for too long`)
      if (outcome.kind === 'failed' || outcome.kind === 'held')
        reasons.push(`${name}: ${outcome.error.message}`)
    }
  }
  return reasons
}

const namesOf = ({ rows, deadLetters }: DeclaredTable) => [rows.name, deadLetters.name]

async function publishAndReport(
  parts: Parts,
  table: DeclaredTable,
  name: string,
): Promise<readonly PublishOutcome[]> {
  const catalogs = table.config.catalogs.map(catalogName => {
    const catalog = parts.catalogs.get(catalogName)
    invariant(catalog !== undefined, `table ${table.config.name} names a configured catalog`)
    return catalog
  })
  const outcomes = await publishTable({ ...parts, catalogs, retention: table.config.snapshotRetention }, name)
  for (const outcome of outcomes) {
    if (outcome.kind === 'published') {
      const { catalog, metadataLocation, snapshot } = outcome
      parts.report({
        kind: 'published',
        table: name,
        catalog,
        metadataLocation,
        ...(snapshot !== undefined && { snapshotId: snapshot.snapshotId }),
      })
    }
    if (outcome.kind === 'failed' || outcome.kind === 'held') {
      parts.report({
        kind: 'problem',
        where: `${name}: publishing`,
        message: outcome.error.message,
        next: outcome.kind === 'failed' ? 'retry' : 'park',
      })
    }
  }
  return outcomes
}
