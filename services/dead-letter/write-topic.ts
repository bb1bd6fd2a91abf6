/**
 * Renders the dead letters that a commit has given offsets as segments of their topic: segment planned → `.kfs` → `.index` → rendered.
 *
 * The plan fixes where a segment ends and what its header says, so that after a crash anywhere the next round, or another process,
 * writes the same bytes under the same keys. Segments are not compressed: their bytes must not hang on the version of a codec.
 */
import type {
  DeadLetterSegment,
  DeadLetterTopic,
  MetadataStore,
} from '../../shared/metadata/metadata-store.ts'
import { resolveUrl } from '../../shared/object-store/locations.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { putImmutable } from '../../shared/object-store/put-immutable.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { BatchCollector } from '../../shared/segment/batch-collector.ts'
import type { RecordToWrite } from '../../shared/segment/record-encoder.ts'
import { baseOffsetOfKey } from '../../shared/segment/segment-key.ts'
import { assembleSegment, type WrittenSegment } from '../../shared/segment/segment-writer.ts'
import { readTopicRecords } from './read-topic-records.ts'
import { deleteSegment, segmentKeysOf, type TopicPlace } from './topic-place.ts'

/** What brokers cut segments at by default. */
const SEGMENT_BYTES = 4 * 1024 * 1024
/**
 * Consumers fetch 1 MiB of a partition at a time unless told otherwise, and a broker that cuts its answer there (docs/kfs.md) never gets
 * them past a larger batch. So batches stay well below it, and a record of this size is a batch of its own.
 */
const BATCH_BYTES = 256 * 1024
/** An entry for every batch: a fetch then begins with the batch that it asks for, and not up to 100 messages before it. */
const INDEX_INTERVAL = 1
/** Small records make no larger segments than this many of them. */
const MAX_SEGMENT_RECORDS = 10_000n

export interface WriteContext {
  readonly metadata: MetadataStore
  readonly warehouse: ObjectStore
}

/** Yields the end offset of each segment once it is rendered. Errors: `dead-letter-topic-differs`, `dead-letter-topic-overtaken`, those of reading and of the stores. */
export async function* writeTopic(
  context: WriteContext,
  { tableId, renderedOffset, endOffset, planned }: DeadLetterTopic,
  place: TopicPlace,
): AsyncGenerator<bigint> {
  await refuseStanding(context, { tableId, renderedOffset }, place)
  let begun = planned
  let collector = collectorAt(renderedOffset)
  const range = { fromOffset: renderedOffset, endOffset }
  let baseOffset = renderedOffset
  for await (const { record } of readTopicRecords(context, tableId, range)) {
    if (isLarge(record)) collector.cut()
    collector.append(record)
    const isWhole =
      begun === undefined
        ? collector.endOffset === endOffset || isFull(collector, baseOffset)
        : collector.endOffset === begun.endOffset
    if (!isWhole) continue
    const segment =
      begun ?? (await planSegment(context, tableId, { baseOffset, endOffset: collector.endOffset }))
    await putSegment(place, assembleSegment(collector.take(), stampOf(segment)))
    if ((await context.metadata.completeDeadLetterSegment(tableId, baseOffset)) === 'expired') {
      // Another process wrote it while this one stood still, and retention has deleted it since.
      await deleteSegment(place, baseOffset)
      throw overtaken(tableId, baseOffset)
    }
    yield segment.endOffset
    begun = undefined
    baseOffset = segment.endOffset
    collector = collectorAt(baseOffset)
  }
}

const stampOf = ({ createdAtMs }: DeadLetterSegment) => ({ createdAtMs, indexInterval: INDEX_INTERVAL })

function isLarge({ key, value, headers = [] }: RecordToWrite): boolean {
  const parts = [key, value, ...headers.flatMap(header => [header.key, header.value])]
  return parts.reduce((sum, part) => sum + (part?.byteLength ?? 0), 0) >= BATCH_BYTES
}

function collectorAt(baseOffset: bigint): BatchCollector {
  return new BatchCollector({ codec: 'none', baseOffset, maxBatchBytes: BATCH_BYTES })
}

function isFull(collector: BatchCollector, baseOffset: bigint): boolean {
  return collector.pendingBytes >= SEGMENT_BYTES || collector.endOffset - baseOffset >= MAX_SEGMENT_RECORDS
}

async function planSegment(
  { metadata }: WriteContext,
  tableId: string,
  range: { readonly baseOffset: bigint; readonly endOffset: bigint },
) {
  const segment = await metadata.planDeadLetterSegment(tableId, range)
  if (segment !== undefined) return segment
  throw overtaken(tableId, range.baseOffset)
}

function overtaken(tableId: string, baseOffset: bigint): AppError {
  return new AppError({
    code: 'dead-letter-topic-overtaken',
    next: 'retry',
    message: `Rendering the dead-letter segment at offset ${baseOffset} of table ${tableId}: another process has seen to it meanwhile; what is left is looked for again.`,
    details: { tableId, baseOffset },
  })
}

/**
 * Segments beyond what the database knows of are not ours, or are those of a time that a restored database has forgotten. Written up
 * to them, the topic would hold two segments with the same offsets.
 */
async function refuseStanding(
  { metadata }: WriteContext,
  { tableId, renderedOffset }: Pick<DeadLetterTopic, 'tableId' | 'renderedOffset'>,
  place: TopicPlace,
): Promise<void> {
  const { store } = place
  const { segment } = segmentKeysOf(place, renderedOffset)
  const folder = segment.slice(0, segment.lastIndexOf('/') + 1)
  for await (const { key } of store.list({ prefix: folder, startAfter: segment })) {
    if (baseOffsetOfKey(key) === undefined) continue
    const now = await metadata.loadDeadLetterTopic(tableId)
    if (now?.renderedOffset !== renderedOffset) throw overtaken(tableId, renderedOffset)
    throw differs(resolveUrl(store.url, key), renderedOffset)
  }
}

async function putSegment(place: TopicPlace, written: WrittenSegment): Promise<void> {
  const { store } = place
  const keys = segmentKeysOf(place, written.baseOffset)
  const [segmentUrl, indexUrl] = [resolveUrl(store.url, keys.segment), resolveUrl(store.url, keys.index)]
  const outcome = await putImmutable(store, segmentUrl, written.segment)
  if (outcome === 'differs') throw differs(segmentUrl, written.baseOffset)
  // A segment much older than its index looks like a broker's orphan, and readers would wait for its replacement (docs/kfs.md).
  if (outcome === 'same' && (await store.head(keys.index)) === undefined)
    await store.put(keys.segment, written.segment)
  if ((await putImmutable(store, indexUrl, written.index)) === 'differs')
    throw differs(indexUrl, written.baseOffset)
}

function differs(url: string, fromOffset: bigint): AppError {
  return new AppError({
    code: 'dead-letter-topic-differs',
    next: 'park',
    message: `Writing ${url}: another content stands there already, and is left alone. Another deployment or program writes to this topic, or the database was restored from a backup that is older than the topic. Move every segment of it from offset ${fromOffset} on away; rendering goes on by itself.`,
    details: { url, fromOffset },
  })
}
