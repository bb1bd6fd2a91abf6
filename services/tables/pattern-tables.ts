/** Which tables of the metadata database the configuration means: those that it names, and those that its patterns made. */
import type { Config, TableConfig } from '../../shared/config/config.ts'
import { declaredTopicOf } from '../../shared/config/declaration.ts'
import {
  type ExistingTable,
  existingPatternTables,
  expandPatterns,
  madeByPatterns,
  type SourceTopic,
  type TopicProblem,
} from '../../shared/config/expand-patterns.ts'
import type { TableDetail } from '../../shared/metadata/metadata-store.ts'

/** Each with the topic that it was declared to read. */
function existingTablesOf(tables: readonly TableDetail[]): readonly ExistingTable[] {
  return tables.flatMap(({ name, kind, declaration }) => {
    const declared = kind === 'rows' ? declaredTopicOf(declaration) : undefined
    return declared === undefined ? [] : [{ name, ...declared }]
  })
}

/** The tables of the configuration as far as the database knows: a topic that no process has found yet is not among them. */
export function configuredTables(
  config: Pick<Config, 'tables' | 'patterns'>,
  tables: readonly TableDetail[],
): readonly TableConfig[] {
  return [...config.tables, ...existingPatternTables(config, existingTablesOf(tables))]
}

export interface PatternTables {
  /** Those that the database holds, whether their topic is still there or not. */
  readonly existing: readonly TableConfig[]
  /** Those of topics that have none yet. */
  readonly appeared: readonly TableConfig[]
  readonly problems: readonly TopicProblem[]
}

/** What patterns make of the topics that were listed, beside the tables that they have made. */
export function patternTablesOf(
  config: Pick<Config, 'tables' | 'patterns'>,
  tables: readonly TableDetail[],
  topics: readonly SourceTopic[],
): PatternTables {
  const known = existingTablesOf(tables)
  const expansion = expandPatterns(config, [...topics, ...madeByPatterns(config, known)], known)
  const names = new Set(known.map(({ name }) => name))
  const isListed = new Set(topics.map(({ source, topic }) => `${source}/${topic}`))
  return {
    existing: expansion.tables.filter(({ name }) => names.has(name)),
    appeared: expansion.tables.filter(
      ({ name, source, sourceTopic }) => !names.has(name) && isListed.has(`${source}/${sourceTopic}`),
    ),
    problems: expansion.problems,
  }
}
