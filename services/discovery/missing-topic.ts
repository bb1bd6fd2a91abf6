/** Says when a topic is not where the configuration looks for it: a wrong folder or a typing error would otherwise pass in silence. */
import { closest } from '../../shared/config/suggest.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { partitionOfFolder } from '../../shared/segment/segment-key.ts'

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
  const more = topics.length > MAX_LISTED_TOPICS ? `, and ${topics.length - MAX_LISTED_TOPICS} more` : ''
  return `${missing}; it has ${topics.slice(0, MAX_LISTED_TOPICS).join(', ')}${more}`
}
