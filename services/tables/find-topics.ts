/**
 * What patterns make of the topics that there are now. Nothing is created: a run takes up what is found, `plan` shows it, so that the two
 * cannot disagree.
 */
import type { Config, TableConfig } from '../../shared/config/config.ts'
import { patternOf } from '../../shared/config/expand-patterns.ts'
import type { AppError } from '../../shared/runtime/errors.ts'
import { listTopics, type Sources, type TopicListing, withPartitions } from '../discovery/list-topics.ts'
import { byName, type KnownTables, refusalOf } from './declare-table.ts'
import { patternTablesOf } from './pattern-tables.ts'

/** A topic that a pattern matches and that becomes no table. Field names are a stable interface (docs/cli.md). */
export interface RefusedTopic {
  readonly source: string
  readonly topic: string
  /** The template of the entry. */
  readonly pattern: string
  readonly code: string
  readonly message: string
}

export interface FoundTopics {
  readonly listing: TopicListing
  /** Tables that patterns have made, whether their topic is still there or not. */
  readonly existing: readonly TableConfig[]
  /** Tables to be created. */
  readonly appeared: readonly TableConfig[]
  readonly refused: readonly RefusedTopic[]
}

/** Errors: those of listing a topic's partitions; a source that cannot be listed at all is a failure of the listing. */
export async function findTopics(config: Config, known: KnownTables, sources: Sources): Promise<FoundTopics> {
  const listing = await listTopics(config, sources)
  const { existing, appeared, problems } = patternTablesOf(config, known.tables, listing.topics)
  const knownAs = byName(known)
  const refused: RefusedTopic[] = [...problems]
  const fitting: TableConfig[] = []
  for (const table of appeared) {
    const refusal = refusalOf(config, table, knownAs(table.name))
    if (refusal === undefined) fitting.push(table)
    else refused.push(refusedTopic(config, table, refusal))
  }
  return { listing, existing, appeared: await withPartitions(fitting, sources), refused }
}

/** A table of a pattern that cannot be declared concerns its topic alone. */
export function refusedTopic(
  config: Pick<Config, 'patterns'>,
  { name, source, sourceTopic: topic }: TableConfig,
  { code, message }: AppError,
): RefusedTopic {
  const pattern = patternOf(config, { source, topic })?.pattern.name ?? name
  return {
    source,
    topic,
    pattern,
    code,
    message: `Topic ${topic} of source ${source} becomes no table: ${message}`,
  }
}
