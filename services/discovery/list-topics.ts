/** Which topics the sources of patterns hold: one listing of the folders of each source, however many topics there are. */
import type { Config, TableConfig } from '../../shared/config/config.ts'
import type { SourceTopic } from '../../shared/config/expand-patterns.ts'
import { isTopicName } from '../../shared/config/topic-glob.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { mapBounded } from '../../shared/runtime/map-bounded.ts'
import { listPartitionNumbers } from './discover-partition.ts'

/** Sources, or folders of topics, that are listed at once. */
const MAX_CONCURRENT_LISTINGS = 16

export type Sources = ReadonlyMap<string, Pick<ObjectStore, 'listFolders'>>

export interface TopicListing {
  /** Folders by name; not each of them needs to be a topic. */
  readonly topics: readonly SourceTopic[]
  /** Sources that could be listed. */
  readonly listed: ReadonlySet<string>
  readonly failures: readonly { readonly source: string; readonly error: unknown }[]
}

/** A source that cannot be listed takes nothing from the others. */
export async function listTopics(
  { patterns }: Pick<Config, 'patterns'>,
  sources: Sources,
): Promise<TopicListing> {
  const names = [...new Set(patterns.map(({ source }) => source))]
  const topics: SourceTopic[] = []
  const listed = new Set<string>()
  const failures: TopicListing['failures'][number][] = []
  await mapBounded(names, MAX_CONCURRENT_LISTINGS, async source => {
    try {
      const folders = (await sources.get(source)?.listFolders('')) ?? []
      topics.push(...folders.filter(isTopicName).map(topic => ({ source, topic })))
      listed.add(source)
    } catch (error) {
      failures.push({ source, error })
    }
  })
  return { topics, listed, failures }
}

/** Those whose topic's folder holds a partition: a table that was made for any other folder would stay for good. */
export async function withPartitions(
  tables: readonly TableConfig[],
  sources: Sources,
): Promise<readonly TableConfig[]> {
  const found = await mapBounded(tables, MAX_CONCURRENT_LISTINGS, async table => {
    const store = sources.get(table.source)
    const partitions = store === undefined ? [] : await listPartitionNumbers(store, table.sourceTopic)
    return partitions.length > 0 ? [table] : []
  })
  return found.flat()
}
