/** Says when a topic is not where the configuration looks for it: a wrong folder or a typing error would otherwise pass in silence. */
import type { Config, TableConfig } from '../../shared/config/config.ts'
import { patternOf } from '../../shared/config/expand-patterns.ts'
import { closest } from '../../shared/config/suggest.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { partitionOfFolder } from '../../shared/segment/segment-key.ts'
import type { TopicListing } from './list-topics.ts'

const MAX_LISTED_TOPICS = 20

/** What is there instead, in words; `undefined` when the topic has a partition. */
export async function describeMissingTopic(
  store: ObjectStore,
  source: string,
  topic: string,
): Promise<string | undefined> {
  const folders = await store.listFolders(`${topic}/`)
  if (folders.some(folder => partitionOfFolder(folder) !== undefined)) return undefined
  const missing = `source ${source} (${store.url}) has no topic ${topic} yet`
  const topics = await store.listFolders('')
  if (topics.length === 0)
    return `${missing}; there is nothing below that URL, so look whether it is the right one`
  const near = closest(topic, topics)
  if (near !== undefined) return `${missing}; did you mean ${near}?`
  return `${missing}; it has ${someOf(topics)}`
}

function someOf(topics: readonly string[]): string {
  const more = topics.length > MAX_LISTED_TOPICS ? `, and ${topics.length - MAX_LISTED_TOPICS} more` : ''
  return `${topics.slice(0, MAX_LISTED_TOPICS).join(', ')}${more}`
}

/** Patterns that match nothing, and topics that were there when their table was made and are gone, in words. */
export function describeMissingTopics(
  config: Pick<Config, 'tables' | 'patterns'>,
  tables: readonly TableConfig[],
  { topics, listed }: TopicListing,
): readonly { readonly table: string; readonly what: string }[] {
  const found = topics.map(topic => patternOf(config, topic)?.pattern)
  const idle = config.patterns
    .filter(pattern => listed.has(pattern.source) && !found.includes(pattern))
    .map(({ name, source, topics: globs }) => {
      const there = topics.filter(topic => topic.source === source).map(({ topic }) => topic)
      const has = there.length === 0 ? 'nothing' : someOf(there)
      return {
        table: name,
        what: `no topic of source ${source} matches ${globs.join(', ')} yet; it has ${has}`,
      }
    })
  const explicit = new Set(config.tables.map(({ name }) => name))
  const isThere = new Set(topics.map(({ source, topic }) => `${source}/${topic}`))
  const gone = tables
    .filter(({ name, source, sourceTopic: topic }) => {
      return !explicit.has(name) && listed.has(source) && !isThere.has(`${source}/${topic}`)
    })
    .map(({ name, source, sourceTopic: topic }) => ({
      table: name,
      what: `source ${source} has no topic ${topic} any more; the table stays as it is`,
    }))
  return [...idle, ...gone]
}
