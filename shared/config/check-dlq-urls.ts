/**
 * Where dead-letter topics go, held against where topics come from. Brokers overwrite what they do not know in their namespace, so
 * nothing is written there; and a table that reads its own dead letters would go round for ever.
 */
import { parseStoreUrl } from '../object-store/open-object-store.ts'
import type { PartialTable } from './check-tables.ts'
import { deadLetterTopicOf, TOPICS_FOLDER } from './config.ts'
import type { ConfigIssue } from './config-error.ts'

export interface StoresInFile {
  /** As written; `undefined` where a value is wrong or missing. */
  readonly warehouse: unknown
  readonly sources: readonly { readonly name: unknown; readonly url: unknown }[]
  readonly baseFolder: string
}

export function checkDeadLetterUrls(
  tables: readonly PartialTable[],
  stores: StoresInFile,
  issues: ConfigIssue[],
): void {
  const { warehouse, baseFolder } = stores
  const warehouseUrl = absoluteUrl(warehouse, baseFolder)
  const sources = stores.sources.map(({ name, url }) => ({ name, url: absoluteUrl(url, baseFolder) }))
  for (const [i, table] of tables.entries()) {
    const ownUrl = absoluteUrl(table.dlq_url, baseFolder)
    for (const { name, url } of sources) {
      if (ownUrl === undefined || url === undefined || !overlap(ownUrl, url)) continue
      issues.push({
        path: ['tables', i, 'dlq_url'],
        message: `dead letters would be written where source \`${String(name)}\` is read: brokers overwrite what they do not know in their namespace`,
        suggestion: 'Name a place of its own, neither inside the source nor around it.',
      })
    }
    const topicsUrl = ownUrl ?? (warehouseUrl === undefined ? undefined : `${warehouseUrl}/${TOPICS_FOLDER}`)
    const readsUrl = sources.find(({ name }) => name === table.source)?.url
    const readsWhatItWrites = topicsUrl !== undefined && topicsUrl === readsUrl
    if (readsWhatItWrites && table.source_topics !== undefined) {
      issues.push({
        path: ['tables', i, 'source_topics'],
        message:
          'the source is where dead letters of these very tables go: each topic of them would become a table, whose dead letters would become another',
        suggestion:
          'Give these tables a dlq_url of their own, or name the topics one by one with source_topic.',
      })
    }
    const ownTopic = table.name === undefined ? undefined : deadLetterTopicOf(table.name)
    if (readsWhatItWrites && ownTopic !== undefined && table.source_topic === ownTopic) {
      issues.push({
        path: ['tables', i, 'source_topic'],
        message: 'the table would read its own dead letters, and fail them again for ever',
        suggestion: 'Read them into another table.',
      })
    }
  }
}

/** One is the other, or lies inside it. Endpoints do not count: one server may have several names. */
function overlap(a: string, b: string): boolean {
  return `${a}/`.startsWith(`${b}/`) || `${b}/`.startsWith(`${a}/`)
}

function absoluteUrl(url: unknown, baseFolder: string): string | undefined {
  if (typeof url !== 'string') return undefined
  try {
    return parseStoreUrl(url, baseFolder).url
  } catch {
    // Reported where the value stands.
    return undefined
  }
}
