/** Publishes a declared table and its dead letters: at every commit interval, or now. */
import { AppError, invariant } from '../../shared/runtime/errors.ts'
import { runLoop } from '../../shared/runtime/loop.ts'
import { patiently, type Verdict } from '../../shared/runtime/patiently.ts'
import { factsOf, type Parts, problemOf } from '../parts.ts'
import type { DeclaredTable } from '../tables/declare-table.ts'
import { type PublishOutcome, publishTable } from './publish-table.ts'

export async function publishUntilStopped(
  parts: Parts,
  table: DeclaredTable,
  signal: AbortSignal,
): Promise<void> {
  const intervalMs = table.config.commitIntervalMs
  // Each on its own: trouble with the rows does not hold up the dead letters.
  const loops = namesOf(table).map(name => {
    const onFailure = problemOf(parts, 'publishing', { table: name })
    return runLoop({ runtime: parts.runtime, signal, intervalMs, onFailure }, async () => {
      await publishAndReport(parts, table, name)
      return { again: false }
    })
  })
  await Promise.all(loops)
}

/** Answers with what could not be published, in words. */
export async function publishNow(
  parts: Parts,
  table: DeclaredTable,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const reasons: string[] = []
  for (const name of namesOf(table)) {
    const outcomes = await patiently({ ...parts, signal, verdictOf }, () => publishOnce(parts, table, name))
    reasons.push(...reasonsOf(name, outcomes))
  }
  return reasons
}

function verdictOf(outcomes: readonly Attempt[]): Verdict {
  if (outcomes.some(({ kind }) => kind === 'busy')) return 'busy'
  return outcomes.some(({ kind }) => kind === 'failed') ? 'failing' : 'settled'
}

type Attempt = PublishOutcome | { readonly kind: 'failed'; readonly error: AppError }

/** A failure before any catalog was reached is an outcome too. */
async function publishOnce(parts: Parts, table: DeclaredTable, name: string): Promise<readonly Attempt[]> {
  try {
    return await publishAndReport(parts, table, name)
  } catch (error) {
    if (!(error instanceof AppError) || error.next === 'fatal') throw error
    problemOf(parts, 'publishing', { table: name })(error)
    return [{ kind: 'failed', error }]
  }
}

function reasonsOf(name: string, outcomes: readonly Attempt[]): readonly string[] {
  return outcomes.flatMap(outcome => {
    if (outcome.kind === 'busy') return [`${name}: another process has been publishing it for too long`]
    if (outcome.kind === 'failed' || outcome.kind === 'held') return [`${name}: ${outcome.error.message}`]
    return []
  })
}

const namesOf = ({ rows, deadLetters }: DeclaredTable) => [rows.name, deadLetters.name]

/** One round for the table and its dead letters. */
export async function publishRound(parts: Parts, table: DeclaredTable): Promise<readonly PublishOutcome[]> {
  const outcomes: PublishOutcome[] = []
  for (const name of namesOf(table)) outcomes.push(...(await publishAndReport(parts, table, name)))
  return outcomes
}

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
    measureOutcome(parts, table, outcome)
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
        where: 'publishing',
        table: name,
        catalog: outcome.catalog,
        ...factsOf(outcome.error),
        message: outcome.error.message,
        next: outcome.kind === 'failed' ? 'retry' : 'park',
      })
    }
  }
  return outcomes
}

function measureOutcome(parts: Parts, table: DeclaredTable, outcome: PublishOutcome): void {
  if (outcome.kind === 'busy' || outcome.kind === 'unchanged') return
  parts.report({
    kind: 'measured',
    measure: {
      step: 'publish',
      table: table.config.name,
      tableKind: outcome.table === table.rows.name ? 'rows' : 'dead_letters',
      catalog: outcome.catalog,
      outcome: outcome.kind,
      durationMs: outcome.durationMs,
    },
  })
}
