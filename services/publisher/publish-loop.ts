/** Publishes a declared table and its dead letters: at every commit interval, or now. */
import { AppError, invariant } from '../../shared/runtime/errors.ts'
import { patiently, type Verdict } from '../../shared/runtime/patiently.ts'
import { factsOf, type Parts, problemOf } from '../parts.ts'
import type { DeclaredTable } from '../tables/declare-table.ts'
import { runTableRounds } from '../tables/table-rounds.ts'
import type { TableSet } from '../tables/table-set.ts'
import { type PublishOutcome, publishTable } from './publish-table.ts'

/** Tables of the same catalogs published at once by one process. */
const MAX_PUBLISHED_AT_ONCE = 8
/** How often it is asked which tables have something new, where commit intervals are longer. */
const MAX_TICK_MS = 1_000

/**
 * A table is published as soon as it has something new, and at most once in its commit interval. Rows and dead letters each on their own:
 * trouble with the ones does not hold up the others.
 */
export async function publishUntilStopped(
  parts: Parts,
  tables: Pick<TableSet, 'all'>,
  signal: AbortSignal,
): Promise<void> {
  const intervals = parts.config.tables.map(table => table.commitIntervalMs)
  await runTableRounds<Published, true>({
    runtime: parts.runtime,
    signal,
    tickMs: Math.min(MAX_TICK_MS, ...intervals),
    maxAtOnce: MAX_PUBLISHED_AT_ONCE,
    lineOf: ({ table }) => table.config.catalogs.join(),
    all: () => new Map(tables.all().flatMap(table => publishedOf(table).map(one => [one.tableId, one]))),
    choose: due => chooseUnpublished(parts, due),
    async round({ table, name }) {
      await publishAndReport(parts, table, name)
      return table.config.commitIntervalMs
    },
    onFailure: (error, one) =>
      problemOf(parts, 'publishing', one === undefined ? {} : { table: one.name })(error),
  })
}

interface Published {
  readonly tableId: string
  readonly name: string
  readonly table: DeclaredTable
}

function publishedOf(table: DeclaredTable): readonly Published[] {
  return [table.rows, table.deadLetters].map(({ tableId, name }) => ({ tableId, name, table }))
}

/** A catalog that a table is not in shows nothing of it, and should not. */
async function chooseUnpublished(
  { metadata, catalogs }: Parts,
  due: ReadonlyMap<string, Published>,
): Promise<ReadonlyMap<string, true>> {
  const { uncut, unshown } = await metadata.listUnpublished([...catalogs.keys()])
  const missing = unshown.filter(({ tableId, catalog }) =>
    due.get(tableId)?.table.config.catalogs.includes(catalog),
  )
  return new Map([...uncut, ...missing.map(({ tableId }) => tableId)].map(tableId => [tableId, true]))
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
  const mayPass = outcomes.some(outcome => outcome.kind === 'failed' && outcome.error.next === 'retry')
  return mayPass ? 'failing' : 'settled'
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
        next: outcome.error.next,
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
