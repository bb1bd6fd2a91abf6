/**
 * Lets the tables of a running process grow with the topics of its patterns. A process that plans looks for topics in the sources and
 * creates their tables; every process takes up the tables that it finds in the metadata database. A crash leaves a table without a
 * reader for a while, or nothing.
 */
import type { TableConfig } from '../../shared/config/config.ts'
import { runLoop } from '../../shared/runtime/loop.ts'
import type { TopicListing } from '../discovery/list-topics.ts'
import { describeMissingTopics } from '../discovery/missing-topic.ts'
import { type Parts, problemOf } from '../parts.ts'
import {
  byName,
  declareTable,
  isRefusal,
  type KnownTables,
  loadKnownTables,
  standingTable,
} from './declare-table.ts'
import { findTopics, refusedTopic } from './find-topics.ts'
import { configuredTables } from './pattern-tables.ts'
import type { TableSet } from './table-set.ts'
import { createTopicProblemLog } from './topic-problems.ts'

export interface TopicFollower {
  /** Takes up what any process had created when it was called. Callers that wait share one look. */
  lookInDatabase(): Promise<void>
  /** Creates tables of topics that have appeared, until `signal` aborts. Answers with what could not be looked at, in words. */
  lookInSources(signal: AbortSignal): Promise<readonly string[]>
}

export function createTopicFollower(parts: Parts, tables: TableSet): TopicFollower {
  const { config, metadata, runtime, sources, report } = parts
  const problems = createTopicProblemLog(parts)
  const missing = new Set<string>()
  let lastLook: Promise<void> = Promise.resolve()
  let nextLook: Promise<void> | undefined

  async function takeUp(
    found: readonly TableConfig[],
    known: KnownTables,
    signal?: AbortSignal,
  ): Promise<void> {
    const have = new Set(tables.all().map(table => table.config.name))
    const knownAs = byName(known)
    const existed = new Set(known.tables.map(({ name }) => name))
    for (const table of found) {
      if (signal?.aborted) return
      if (have.has(table.name)) continue
      try {
        const declared =
          standingTable(config, table, knownAs(table.name)) ??
          (await declareTable(config, table, metadata, runtime))
        // Another look may have been quicker.
        if (tables.find(declared.rows.tableId) !== undefined) continue
        tables.add(declared)
        if (!existed.has(table.name)) report({ kind: 'created', table: table.name, topic: table.sourceTopic })
      } catch (error) {
        if (!isRefusal(error)) throw error
        await problems.note(refusedTopic(config, table, error))
      }
    }
  }

  /** What a pattern waits for is said once, and again after it was there. */
  function noteMissing(listing: TopicListing): void {
    const found = describeMissingTopics(
      config,
      tables.all().map(table => table.config),
      listing,
    )
    const whats = new Set(found.map(({ what }) => what))
    for (const { table, what } of found) if (!missing.has(what)) report({ kind: 'waiting', table, what })
    missing.clear()
    for (const what of whats) missing.add(what)
  }

  return {
    lookInDatabase() {
      if (config.patterns.length === 0) return Promise.resolve()
      // One that is under way may have asked before there was what this caller is after.
      nextLook ??= lastLook
        .catch(() => undefined)
        .then(async () => {
          nextLook = undefined
          const known = await loadKnownTables(metadata)
          await takeUp(configuredTables(config, known.tables), known)
        })
      lastLook = nextLook
      return nextLook
    },
    async lookInSources(signal) {
      if (config.patterns.length === 0) return []
      const known = await loadKnownTables(metadata)
      const { listing, existing, appeared, refused } = await findTopics(config, known, sources)
      await takeUp(existing, known, signal)
      await takeUp(appeared, known, signal)
      for (const topic of refused) await problems.note(topic)
      noteMissing(listing)
      for (const { source, error } of listing.failures)
        problemOf(parts, `listing topics of source ${source}`)(error)
      return listing.failures.map(
        ({ source, error }) =>
          `topics of source ${source} could not be listed: ${error instanceof Error ? error.message : String(error)}`,
      )
    },
  }
}

/** Ends at once where no pattern can bring a table. */
export async function followTopicsUntilStopped(
  parts: Parts,
  follower: TopicFollower,
  signal: AbortSignal,
): Promise<void> {
  const { config, runtime, stages } = parts
  if (config.patterns.length === 0) return
  const intervalMs = config.limits.topicPollIntervalMs
  const onFailure = problemOf(parts, stages.has('plan') ? 'looking for new topics' : 'looking for new tables')
  await runLoop({ runtime, signal, intervalMs, onFailure }, async () => {
    if (stages.has('plan')) await follower.lookInSources(signal)
    else await follower.lookInDatabase()
    return { again: false }
  })
}
