/** Keeps the dead-letter topic of a declared table up to what is committed: at every commit interval, or now. */
import type { DeadLetterTopic } from '../../shared/metadata/metadata-store.ts'
import { withLease } from '../../shared/metadata/with-lease.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { patiently, type Verdict } from '../../shared/runtime/patiently.ts'
import { type Parts, problemOf } from '../parts.ts'
import type { DeclaredTable } from '../tables/declare-table.ts'
import { runTableRounds } from '../tables/table-rounds.ts'
import type { TableSet } from '../tables/table-set.ts'
import { topicPlaceOf } from './topic-place.ts'
import { writeTopic } from './write-topic.ts'

/** Topics in one place rendered at once by one process. */
const MAX_RENDERED_AT_ONCE = 4
/** How often it is asked which topics lack dead letters, where commit intervals are longer. */
const MAX_TICK_MS = 1_000

export async function renderUntilStopped(
  parts: Parts,
  tables: Pick<TableSet, 'all'>,
  signal: AbortSignal,
): Promise<void> {
  const intervals = parts.config.tables.map(table => table.commitIntervalMs)
  await runTableRounds<DeclaredTable, true>({
    runtime: parts.runtime,
    signal,
    tickMs: Math.min(MAX_TICK_MS, ...intervals),
    maxAtOnce: MAX_RENDERED_AT_ONCE,
    lineOf: ({ config }) => config.dlqUrl ?? '',
    all: () => new Map(tables.all().map(table => [table.deadLetters.tableId, table])),
    choose: async () =>
      new Map((await parts.metadata.listUnrenderedTopics()).map(tableId => [tableId, true])),
    async round(table) {
      await renderRound(parts, table, signal)
      return table.config.commitIntervalMs
    },
    onFailure: (error, table) =>
      problemOf(parts, RENDERING, table === undefined ? {} : { table: table.config.name })(error),
  })
}

/** Answers with why dead letters are not in their topic, in words. */
export async function renderNow(
  parts: Parts,
  table: DeclaredTable,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const outcome = await patiently({ ...parts, signal, verdictOf }, () => renderOnce(parts, table, signal))
  if (outcome.kind === 'done') return []
  const why =
    outcome.kind === 'busy' ? 'another process has been rendering it for too long' : outcome.error.message
  return [`${table.config.name}: ${RENDERING}: ${why}`]
}

function verdictOf(outcome: Attempt): Verdict {
  if (outcome.kind === 'failed') return outcome.error.next === 'retry' ? 'failing' : 'settled'
  return outcome.kind === 'busy' ? 'busy' : 'settled'
}

type RoundOutcome = { readonly kind: 'done' } | { readonly kind: 'busy' }

type Attempt = RoundOutcome | { readonly kind: 'failed'; readonly error: AppError }

async function renderOnce(parts: Parts, table: DeclaredTable, signal: AbortSignal): Promise<Attempt> {
  try {
    return await renderRound(parts, table, signal)
  } catch (error) {
    if (!(error instanceof AppError) || error.next === 'fatal') throw error
    problemOf(parts, RENDERING, { table: table.config.name })(error)
    return { kind: 'failed', error }
  }
}

/** Renders all that was committed when it began, or up to the segment under way when told to stop. */
export async function renderRound(
  parts: Parts,
  table: DeclaredTable,
  signal: AbortSignal,
): Promise<RoundOutcome> {
  const { metadata } = parts
  const { tableId } = table.deadLetters
  if (!hasPending(await metadata.loadDeadLetterTopic(tableId))) return { kind: 'done' }
  const outcome = await withLease(parts, `dead-letter-topic:${tableId}`, async (): Promise<RoundOutcome> => {
    const topic = await metadata.loadDeadLetterTopic(tableId)
    if (!hasPending(topic)) return { kind: 'done' }
    let endOffset = topic.renderedOffset
    try {
      for await (const rendered of writeTopic(parts, topic, topicPlaceOf(parts, table.config))) {
        endOffset = rendered
        if (signal.aborted) break
      }
    } catch (error) {
      // What waits for a person is kept where people look, and tried again all the same: it may have been put right.
      if (error instanceof AppError && (error.next === 'park' || error.next === 'wait'))
        await metadata.failDeadLetterTopic(tableId, error)
      throw error
    } finally {
      reportRendered(parts, table, { ...topic, endOffset })
    }
    return { kind: 'done' }
  })
  return outcome ?? { kind: 'busy' }
}

function reportRendered(
  { report }: Pick<Parts, 'report'>,
  { config }: DeclaredTable,
  { topic, location, renderedOffset, endOffset }: DeadLetterTopic,
): void {
  if (endOffset === renderedOffset) return
  const range = { baseOffset: renderedOffset, endOffset }
  report({ kind: 'rendered', table: config.name, topic, ...range, url: location })
}

function hasPending(topic: DeadLetterTopic | undefined): topic is DeadLetterTopic {
  return topic !== undefined && topic.renderedOffset < topic.endOffset
}

const RENDERING = 'dead-letter topic'
