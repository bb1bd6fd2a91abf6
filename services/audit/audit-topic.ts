/**
 * Holds the topic of a table's dead letters against the ledger and the dead-letter table: every dead letter has one offset, offsets
 * have no holes, and each offset below the rendered one stands once in a segment, with the record that the table's file says.
 * What is committed and not rendered yet is no finding, nor is what retention removes while the audit reads.
 */
import type {
  DeadLetterSegment,
  DeadLetterTopic,
  MetadataStore,
  TableDetail,
} from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { baseOffsetOfKey, partitionFolder } from '../../shared/segment/segment-key.ts'
import { readTopicRecords } from '../dead-letter/read-topic-records.ts'
import { segmentKeysOf, type TopicPlace } from '../dead-letter/topic-place.ts'
import { liveFiles } from '../tables/live-files.ts'
import type { AuditTally } from './audit-tally.ts'
import { compareRecords, readSegmentRecords } from './compare-records.ts'

export interface TopicAudit {
  readonly metadata: MetadataStore
  readonly warehouse: ObjectStore
  readonly place: TopicPlace
  readonly deadLetters: TableDetail
  readonly tally: AuditTally
}

const ROWS_PER_PAGE = 1000

export async function auditTopic(audit: TopicAudit): Promise<void> {
  const { metadata, deadLetters, tally, place } = audit
  // Files and objects first: the rows that are read after them know all of them.
  const live = new Map<string, bigint>()
  for await (const file of liveFiles(metadata, deadLetters)) live.set(file.path, file.recordCount)
  const standing = new Set<bigint>()
  for await (const { key } of place.store.list({
    prefix: `${place.prefix}${partitionFolder(place.topic, 0)}`,
  })) {
    const baseOffset = baseOffsetOfKey(key)
    if (baseOffset !== undefined) standing.add(baseOffset)
  }
  const topic = await metadata.loadDeadLetterTopic(deadLetters.tableId)
  if (topic === undefined) return
  const { startOffset, renderedOffset } = topic
  await checkOffsets(audit, live, topic)
  let next = startOffset
  const range = { fromOffset: startOffset, endOffset: renderedOffset }
  for await (const segment of segmentsWithin(metadata, deadLetters.tableId, range)) {
    if (segment.baseOffset !== next) await addHole(audit, next, segment.baseOffset)
    next = segment.endOffset
    standing.delete(segment.baseOffset)
    await checkSegment(audit, segment)
  }
  if (next !== renderedOffset) await addHole(audit, next, renderedOffset)
  for (const baseOffset of standing) {
    // What retention is removing may still stand.
    if (baseOffset >= renderedOffset || baseOffset < startOffset) continue
    const what = `segment ${baseOffset} stands in the topic, and the ledger knows of none there`
    tally.add('topic_duplicates', 1n, `${place.topic}: ${what}`)
  }
}

/** The files of the topic follow one another, and every file of the table is among them. */
async function checkOffsets(
  { metadata, deadLetters, tally, place }: TopicAudit,
  live: ReadonlyMap<string, bigint>,
  { startOffset, endOffset }: DeadLetterTopic,
): Promise<void> {
  const seen = new Set<string>()
  // The first file that is left may begin below the start.
  const from = { fromOffset: startOffset, limit: 1 }
  const [first] = await metadata.listDeadLetterFiles(deadLetters.tableId, from)
  let next = startOffset === 0n ? 0n : (first?.baseOffset ?? endOffset)
  while (next < endOffset) {
    const page = { fromOffset: next, limit: ROWS_PER_PAGE }
    const files = await metadata.listDeadLetterFiles(deadLetters.tableId, page)
    const before = next
    for (const { path, baseOffset, recordCount } of files) {
      if (baseOffset !== next || seen.has(path)) {
        const what = `${path} begins at offset ${baseOffset}, where ${next} comes next`
        tally.add('topic_duplicates', recordCount, `${place.topic}: ${what}`)
      }
      seen.add(path)
      next = baseOffset + recordCount
    }
    if (next <= before) break
  }
  const missing = [...live].filter(([path]) => !seen.has(path))
  if (missing.length === 0) return
  const stillLive = new Set<string>()
  for await (const { path } of liveFiles(metadata, deadLetters)) stillLive.add(path)
  for (const [path, recordCount] of missing) {
    if (!stillLive.has(path)) continue
    tally.add('topic_gaps', recordCount, `${place.topic}: the dead letters of ${path} have no offsets`)
  }
}

async function* segmentsWithin(
  metadata: MetadataStore,
  tableId: string,
  { fromOffset: first, endOffset }: { readonly fromOffset: bigint; readonly endOffset: bigint },
): AsyncGenerator<DeadLetterSegment> {
  let fromOffset = first
  while (fromOffset < endOffset) {
    const page = await metadata.listDeadLetterSegments(tableId, { fromOffset, limit: ROWS_PER_PAGE })
    const last = page.at(-1)
    if (last === undefined) return
    yield* page
    fromOffset = last.endOffset
  }
}

/** Retention moves the start first, and then deletes what is below it. */
async function startNow({ metadata, deadLetters }: TopicAudit): Promise<bigint> {
  return (await metadata.loadDeadLetterTopic(deadLetters.tableId))?.startOffset ?? 0n
}

async function addHole(audit: TopicAudit, first: bigint, to: bigint): Promise<void> {
  const { tally, place } = audit
  const start = await startNow(audit)
  const from = first < start ? start : first
  if (from >= to) return
  const what = `no segment holds offsets ${from} to ${to - 1n}, and the ledger says that they are rendered`
  tally.add('topic_gaps', to - from, `${place.topic}: ${what}`)
}

async function checkSegment(audit: TopicAudit, segment: DeadLetterSegment): Promise<void> {
  const { metadata, warehouse, deadLetters, place, tally } = audit
  const keys = segmentKeysOf(place, segment.baseOffset)
  const count = segment.endOffset - segment.baseOffset
  const range = { fromOffset: segment.baseOffset, endOffset: segment.endOffset }
  const expected = readTopicRecords({ metadata, warehouse }, deadLetters.tableId, range)
  const found = await orGone(place.store.get(keys.segment))
  const hasIndex = (await place.store.head(keys.index)) !== undefined
  if (found === undefined && !hasIndex) {
    // As with a source: somebody's retention, and only the ledger vouches for it.
    tally.add('unverifiable', count)
    return
  }
  const isExpired = async () => segment.endOffset <= (await startNow(audit))
  if (found === undefined || !hasIndex) {
    if (await isExpired()) return
    const missing = found === undefined ? keys.segment : keys.index
    tally.add('topic_gaps', count, `${place.topic}: ${place.store.url}/${missing} is gone`)
    return
  }
  const comparing = compareRecords(expected, readSegmentRecords(found, keys.segment))
  // The file of the table may be gone by retention: then only the segment vouches for its records.
  const compared = await orGone(comparing).catch(async (error: unknown) => {
    // With a segment its rows go, which say what it should hold.
    if (await isExpired()) return 'expired' as const
    throw error
  })
  if (compared === 'expired') return
  if (compared === undefined) {
    tally.add('topic_records', count)
    tally.add('unverifiable', count)
    return
  }
  tally.add('topic_records', compared.equal)
  for (const { count: name, offset, what } of compared.findings)
    tally.add(name, 1n, `${place.topic} offset ${offset} ${what}`)
}

/** `undefined` when an object that is asked for is gone. */
async function orGone<T>(reading: Promise<T>): Promise<T | undefined> {
  return await reading.catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'object-not-found') return undefined
    throw error
  })
}
