/**
 * Lists one partition's folder and says what is new in it. Costs by what is new: the listing begins at the last planned segment,
 * and only the last ready segment's footer is fetched. Changes nothing; a crash leaves nothing behind.
 */

import type { ObjectInfo, ObjectStore } from '../../shared/object-store/object-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { parseFooter, SEGMENT_FOOTER_BYTES } from '../../shared/segment/segment-file.ts'
import {
  baseOffsetOfKey,
  partitionFolder,
  partitionOfFolder,
  segmentStem,
} from '../../shared/segment/segment-key.ts'
import { type ExaminedListing, examineListing, type ReadySegment } from './examine-listing.ts'
import { type Cursor, type Following, followPartition } from './follow-partition.ts'

/** Objects looked at in one visit of one partition; a longer backlog is taken in several visits. */
export const MAX_OBJECTS_PER_LISTING = 20_000

export interface PartitionToDiscover {
  readonly store: ObjectStore
  readonly topic: string
  readonly partition: number
  readonly cursor: Cursor
  readonly nowMs: number
  readonly settleMs: number
}

export interface PartitionDiscovery {
  readonly following: Following
  /** End of the last segment of `following`, exclusive; absent when there is none. */
  readonly endOffset?: bigint
  readonly waiting?: ExaminedListing['waiting']
  readonly abandoned: readonly bigint[]
  /** The last segment's footer could not be read; the segments before it are in `following`. */
  readonly broken?: AppError
}

/** Partition numbers of a topic that have objects, ascending. */
export async function listPartitionNumbers(store: ObjectStore, topic: string): Promise<readonly number[]> {
  const folders = await store.listFolders(`${topic}/`)
  return folders
    .map(partitionOfFolder)
    .filter(partition => partition !== undefined)
    .sort((a, b) => a - b)
}

export async function discoverPartition(input: PartitionToDiscover): Promise<PartitionDiscovery> {
  const { store, topic, partition, cursor } = input
  const last = cursor.lastPlanned
  const objects = await collect(store, {
    prefix: partitionFolder(topic, partition),
    ...(last !== undefined && { startAfter: segmentStem({ topic, partition, baseOffset: last.baseOffset }) }),
    limit: MAX_OBJECTS_PER_LISTING,
  })
  const { ready, waiting, abandoned } = examineListing(objects, {
    topic,
    partition,
    nowMs: input.nowMs,
    settleMs: input.settleMs,
  })
  const lastPlannedStands = last !== undefined && objects.some(object => object.key === last.key)
  const lowestBaseOffset =
    last === undefined || lastPlannedStands ? undefined : await lowestOffset(store, topic, partition)
  const following = followPartition(cursor, {
    ready,
    lastPlannedStands,
    ...(lowestBaseOffset !== undefined && { lowestBaseOffset }),
  })

  const found = { abandoned, ...(waiting !== undefined && { waiting }) }
  if (following.kind !== 'segments') return { following, ...found }
  return { ...(await withEnd(store, following.segments)), ...found }
}

/** Reads the end of the last segment; a segment whose footer is broken is left out, so that those before it go on. */
async function withEnd(
  store: ObjectStore,
  segments: readonly ReadySegment[],
): Promise<Pick<PartitionDiscovery, 'following' | 'endOffset' | 'broken'>> {
  const last = segments.at(-1)
  if (last === undefined) return { following: { kind: 'segments', segments } }
  try {
    const endOffset = await readEndOffset(store, last)
    return { following: { kind: 'segments', segments }, endOffset }
  } catch (error) {
    if (!(error instanceof AppError) || error.next !== 'park') throw error
    return {
      following: { kind: 'segments', segments: segments.slice(0, -1) },
      endOffset: last.baseOffset,
      broken: error,
    }
  }
}

/** The offset after the segment's last one, from its footer. */
export async function readEndOffset(store: ObjectStore, segment: ReadySegment): Promise<bigint> {
  const start = Math.max(0, segment.sizeBytes - SEGMENT_FOOTER_BYTES)
  const bytes = await store.get(segment.key, {
    range: { start, end: segment.sizeBytes },
    ifMatch: segment.etag,
  })
  const { lastOffset } = parseFooter(bytes, { key: segment.key })
  if (lastOffset < segment.baseOffset) {
    throw new AppError({
      code: 'segment-malformed',
      next: 'park',
      message: `Reading the footer of ${segment.key}: expected a last offset of at least ${segment.baseOffset} (the base offset in its name), found ${lastOffset}. The object is damaged or misnamed; restore it, or give its records up with skip-to.`,
    })
  }
  return lastOffset + 1n
}

async function lowestOffset(
  store: ObjectStore,
  topic: string,
  partition: number,
): Promise<bigint | undefined> {
  const folder = partitionFolder(topic, partition)
  for await (const object of store.list({ prefix: `${folder}segment-`, limit: 2 })) {
    const baseOffset = baseOffsetOfKey(object.key)
    if (baseOffset !== undefined) return baseOffset
  }
  return undefined
}

async function collect(
  store: ObjectStore,
  options: Parameters<ObjectStore['list']>[0],
): Promise<readonly ObjectInfo[]> {
  const objects: ObjectInfo[] = []
  for await (const object of store.list(options)) objects.push(object)
  return objects
}
