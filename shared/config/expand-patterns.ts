/**
 * From the topics that there are to the tables that the patterns of the configuration make of them. Pure, and independent of the order of
 * topics, so that every process comes to the same tables.
 *
 * A topic goes to the tables that name it; without one, to the first entry in the file with a pattern that matches it. No two topics share
 * a table: a table that exists keeps its topic, and where several new ones would take one name, none gets it until a person decides.
 */
import type { Config, TableConfig, TablePattern } from './config.ts'
import { MAX_TABLES } from './file-schema.ts'
import { fillTemplate } from './name-template.ts'
import { isTableName, namespacesAround, reservedName } from './table-name.ts'
import { isTopicName, matchGlob } from './topic-glob.ts'

export interface SourceTopic {
  /** Name of a source. */
  readonly source: string
  readonly topic: string
}

/** A table of the metadata database, and what it was declared to read. */
export interface ExistingTable extends SourceTopic {
  readonly name: string
}

/** A topic that a pattern matches and that becomes no table. */
export interface TopicProblem extends SourceTopic {
  /** The entry's template. */
  readonly pattern: string
  readonly code: 'topic-name-unfit' | 'table-name-taken' | 'too-many-tables'
  readonly message: string
}

export interface Expansion {
  /** Without those that name their topic; by source and topic. */
  readonly tables: readonly TableConfig[]
  readonly problems: readonly TopicProblem[]
}

type Declared = Pick<Config, 'tables' | 'patterns'>

interface Candidate extends SourceTopic {
  readonly pattern: TablePattern
  readonly name: string
}

export function expandPatterns(
  config: Declared,
  topics: readonly SourceTopic[],
  existing: readonly ExistingTable[],
): Expansion {
  if (config.patterns.length === 0) return { tables: [], problems: [] }
  const candidates = candidatesOf(config, topics)
  const judge = createJudge(config, candidates, existing)
  const tables: Candidate[] = []
  const problems: TopicProblem[] = []
  for (const candidate of candidates) {
    const problem = judge(candidate)
    if (problem === undefined) tables.push(candidate)
    else problems.push(problemOf(candidate, problem))
  }
  const room = Math.max(0, MAX_TABLES - config.tables.length)
  // What exists goes first when there is no room for all.
  const isOld = ownershipOf(existing)
  const byAge =
    tables.length > room ? [...tables.filter(isOld), ...tables.filter(one => !isOld(one))] : tables
  const [first, ...more] = byAge.slice(room)
  if (first !== undefined) problems.push(tooMany(first, more.length))
  return { tables: byAge.slice(0, room).map(tableOf), problems }
}

/** The tables of patterns that the metadata database holds: what a process knows without looking into a source. */
export function existingPatternTables(
  config: Declared,
  existing: readonly ExistingTable[],
): readonly TableConfig[] {
  return expandPatterns(config, madeByPatterns(config, existing), existing).tables
}

/** Those whose name a pattern makes of their topic today. */
export function madeByPatterns(
  config: Pick<Config, 'patterns'>,
  existing: readonly ExistingTable[],
): readonly ExistingTable[] {
  return existing.filter(table => patternOf(config, table)?.name === table.name)
}

/** The entry whose tables a topic belongs to, apart from tables that name it. */
export function patternOf(
  { patterns }: Pick<Config, 'patterns'>,
  { source, topic }: SourceTopic,
): { readonly pattern: TablePattern; readonly name: string } | undefined {
  for (const pattern of patterns) {
    if (pattern.source !== source) continue
    if (pattern.excludeTopics.some(glob => matchGlob(glob, topic) !== undefined)) continue
    for (const glob of pattern.topics) {
      const captured = matchGlob(glob, topic)
      if (captured !== undefined) return { pattern, name: fillTemplate(pattern.name, { topic, captured }) }
    }
  }
  return undefined
}

function candidatesOf(config: Declared, topics: readonly SourceTopic[]): readonly Candidate[] {
  const seen = new Set(config.tables.map(({ source, sourceTopic }) => keyOf({ source, topic: sourceTopic })))
  const candidates: Candidate[] = []
  for (const { source, topic } of topics) {
    const key = keyOf({ source, topic })
    if (seen.has(key) || !isTopicName(topic)) continue
    seen.add(key)
    const found = patternOf(config, { source, topic })
    if (found !== undefined) candidates.push({ source, topic, ...found })
  }
  return candidates.sort((a, b) => compare(keyOf(a), keyOf(b)))
}

interface Problem {
  readonly code: TopicProblem['code']
  readonly message: string
}

/** Says why a candidate cannot be, held against the declared tables, those that exist, and the other candidates. */
function createJudge(
  config: Declared,
  candidates: readonly Candidate[],
  existing: readonly ExistingTable[],
): (candidate: Candidate) => Problem | undefined {
  const isOld = ownershipOf(existing)
  const declaredNames = new Map(config.tables.map(table => [table.name.toLowerCase(), table]))
  const existingNames = new Map(existing.map(table => [table.name.toLowerCase(), table]))
  const rivals = Map.groupBy(candidates, ({ name }) => name.toLowerCase())
  const names = new Set([...declaredNames.keys(), ...existingNames.keys(), ...rivals.keys()])
  const namespaces = new Set([...names].flatMap(namespacesAround))
  return candidate => {
    const name = candidate.name.toLowerCase()
    const declared = declaredNames.get(name)
    if (declared !== undefined) return taken(candidate, `is declared with topic ${declared.sourceTopic}`)
    if (isOld(candidate)) return undefined
    const unfit = unfitness(candidate)
    if (unfit !== undefined) return { code: 'topic-name-unfit', message: unfit }
    const other = existingNames.get(name)
    if (other !== undefined)
      return taken(
        candidate,
        `exists${caseOf(other, candidate)} with topic ${other.topic} of ${other.source}`,
      )
    const rival = rivals.get(name)?.find(found => found !== candidate)
    if (rival !== undefined)
      return taken(
        candidate,
        `would also be${caseOf(rival, candidate)} that of topic ${rival.topic} of ${rival.source}`,
      )
    const parent = namespacesAround(name).find(found => names.has(found))
    if (parent !== undefined) return taken(candidate, `would lie in the folder of table ${parent}`)
    return namespaces.has(name)
      ? taken(candidate, 'is the namespace of another table, which would lie in its folder')
      : undefined
  }
}

function unfitness({ name, pattern }: Candidate): string | undefined {
  const [reserved] = reservedName(name, pattern.dlqMode)
  if (reserved !== undefined) return `its table would be ${name}, and ${reserved.message}`
  return isTableName(name)
    ? undefined
    : `its table would be ${name}, which is no name of a table: each part between dots has 1 to 128 letters, digits, _ and -, and does not begin with -`
}

function taken({ name }: Candidate, how: string): Problem {
  return { code: 'table-name-taken', message: `its table would be ${name}, which ${how}` }
}

function caseOf({ name }: { readonly name: string }, candidate: Candidate): string {
  return name === candidate.name ? '' : ` as ${name} (catalogs do not tell case apart)`
}

function problemOf(candidate: Candidate, { code, message }: Problem): TopicProblem {
  const { source, topic, pattern } = candidate
  return {
    source,
    topic,
    pattern: pattern.name,
    code,
    message: `Topic ${topic} of source ${source} becomes no table: ${message}. Declare a table with source_topic: ${topic} and a name of its own, or add the topic to exclude_topics of ${pattern.name}.`,
  }
}

function tooMany({ source, topic, pattern }: Candidate, more: number): TopicProblem {
  return {
    source,
    topic,
    pattern: pattern.name,
    code: 'too-many-tables',
    message: `Topic ${topic} of source ${source}${more === 0 ? ' becomes' : ` and ${more} more become`} no table: there are ${MAX_TABLES} tables already, as many as one configuration may have. Narrow source_topics of ${pattern.name}, or divide the topics among several configurations.`,
  }
}

function tableOf({ pattern, name, topic }: Candidate): TableConfig {
  const { topics: _topics, excludeTopics: _excluded, ...settings } = pattern
  return { ...settings, name, sourceTopic: topic }
}

function ownershipOf(existing: readonly ExistingTable[]): (table: ExistingTable) => boolean {
  const owners = new Map(existing.map(table => [table.name, keyOf(table)]))
  return table => owners.get(table.name) === keyOf(table)
}

function keyOf({ source, topic }: SourceTopic): string {
  return `${source}/${topic}`
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
