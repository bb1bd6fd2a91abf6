/**
 * Lists one partition's folder and says what is new in it. Costs by what is new: the listing begins at the last planned segment,
 * and only the last ready segment's footer is fetched. Changes nothing; a crash leaves nothing behind.
 */

import type { Witness } from '../../shared/metadata/metadata-store.ts'
import type { ObjectInfo, ObjectStore } from '../../shared/object-store/object-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { parseFooter, SEGMENT_FOOTER_BYTES } from '../../shared/segment/segment-file.ts'
import {
  baseOffsetOfKey,
  partitionFolder,
  partitionOfFolder,
  segmentNameOf,
  segmentObjectKey,
  segmentStem,
} from '../../shared/segment/segment-key.ts'
import { type ExaminedListing, examineListing, type ReadySegment } from './examine-listing.ts'
import { type Cursor, type Following, followPartition } from './follow-partition.ts'
import { holdForLateArrivals } from './late-arrivals.ts'

/** Objects looked at in one listing of one partition; a longer backlog is taken in several visits. */
const MAX_OBJECTS_PER_LISTING = 20_000
/** Objects looked at, from the folder's start, for where a new life begins. */
const MAX_OBJECTS_OF_NEW_LIFE = 1_000
/** Within this no topic is deleted and begun again. */
const MOMENT_MS = 1_000
/** Listings in one visit, on the way to a start that lies far into the folder. */
const MAX_LISTINGS_TO_START = 100_000

export interface PartitionToDiscover {
  readonly store: ObjectStore
  readonly topic: string
  readonly partition: number
  readonly cursor: Cursor
  readonly nowMs: number
  readonly settleMs: number
  /** A listing that takes long by this clock is held against the store once more; without it none is. */
  readonly monotonicMs?: () => number
  /** Whether any of these very objects was converted into the current incarnation. */
  readonly anyConverted?: (objects: readonly ObjectInfo[]) => Promise<boolean>
  /** At least 4; `MAX_OBJECTS_PER_LISTING` without it. */
  readonly maxObjectsPerListing?: number
}

export interface PartitionDiscovery {
  readonly following: Following
  /** End of the last segment of `following`, exclusive; absent when there is none. */
  readonly endOffset?: bigint
  /** The last segment that stands whole, where it belongs to the life that is followed. */
  readonly witness?: Witness
  readonly waiting?: ExaminedListing['waiting']
  readonly abandoned: readonly bigint[]
  /** The last segment's footer is damaged; the segments before it are in `following`. */
  readonly broken?: { readonly segment: ReadySegment; readonly error: AppError }
}

/** Partition numbers of a topic that have objects, ascending. */
export async function listPartitionNumbers(
  store: Pick<ObjectStore, 'listFolders'>,
  topic: string,
): Promise<readonly number[]> {
  const folders = await store.listFolders(`${topic}/`)
  return folders
    .map(partitionOfFolder)
    .filter(partition => partition !== undefined)
    .sort((a, b) => a - b)
}

export async function discoverPartition(input: PartitionToDiscover): Promise<PartitionDiscovery> {
  const { store, topic, partition, cursor } = input
  const objects = await listInOneLife(input)
  const { nowMs, settleMs } = input
  const examined = examineListing(objects, { topic, partition, nowMs, settleMs })
  const { ready, waiting, abandoned } = await holdForLateArrivals(input, examined)
  const known = cursor.lastPlanned ?? cursor.witness
  const knownStands = known !== undefined && (await standsStill(input, known, objects))
  const lowestBaseOffset = known === undefined || knownStands ? undefined : await newLifeAt(input, known)
  const following = followPartition(cursor, {
    ready,
    knownStands,
    ...(lowestBaseOffset !== undefined && { lowestBaseOffset }),
  })

  const found = { abandoned, ...(waiting !== undefined && { waiting }) }
  if (following.kind !== 'segments') return { following, ...found }
  const last = ready.at(-1)
  // Where neither is so, the folder may hold what is left of one life beside the beginning of another.
  const isOneLife = known === undefined || knownStands || lowestBaseOffset !== undefined
  return {
    ...(await withEnd(store, following.segments)),
    ...found,
    ...(last !== undefined && isOneLife && { witness: witnessOf(last) }),
  }
}

/**
 * A listing is a call for each page: one that was held up between two of them may show the beginning of one life of the topic and the end
 * of the next. They are of one life where the first segment still stands after the last came.
 */
async function listInOneLife(input: PartitionToDiscover): Promise<readonly ObjectInfo[]> {
  const { store, topic, partition, monotonicMs = () => 0 } = input
  const beganMs = monotonicMs()
  const objects = await listFromCursor(input)
  const first = objects.find(({ key }) => segmentNameOf(key)?.extension === 'kfs')
  if (first === undefined || monotonicMs() - beganMs <= MOMENT_MS) return objects
  if ((await store.head(first.key))?.etag === first.etag) return objects
  throw new AppError({
    code: 'listing-outdated',
    next: 'retry',
    message: `Listing ${topic}-${partition}: ${first.key} went away or changed while what lies behind it was listed. The partition is listed again.`,
  })
}

/**
 * From the last planned segment on, itself included. Where none is known, from the folder's start; a start that lies beyond what
 * one listing holds is reached by listing on from the last segment of each, which may be the one that holds it.
 */
async function listFromCursor(input: PartitionToDiscover): Promise<readonly ObjectInfo[]> {
  const { store, topic, partition, cursor } = input
  const limit = input.maxObjectsPerListing ?? MAX_OBJECTS_PER_LISTING
  const prefix = partitionFolder(topic, partition)
  let from = cursor.lastPlanned?.baseOffset
  for (let listings = 0; listings < MAX_LISTINGS_TO_START; listings++) {
    const objects = await collect(store, {
      prefix,
      ...(from !== undefined && { startAfter: segmentStem({ topic, partition, baseOffset: from }) }),
      limit,
    })
    const reached = objects.findLast(object => baseOffsetOfKey(object.key) !== undefined)
    const reachedOffset = reached === undefined ? undefined : baseOffsetOfKey(reached.key)
    const isWhole = cursor.lastPlanned !== undefined || objects.length < limit
    if (isWhole || reachedOffset === undefined || reachedOffset > cursor.plannedOffset) return objects
    from = reachedOffset
  }
  throw new AppError({
    code: 'listing-too-long',
    next: 'retry',
    message: `Listing ${topic}-${partition}: offset ${cursor.plannedOffset} was not reached in ${MAX_LISTINGS_TO_START} listings of ${limit} objects.`,
  })
}

function witnessOf({ baseOffset, landedAtMs }: ReadySegment): Witness {
  return { baseOffset, landedAtMs }
}

/** The listing begins with the last planned segment; that of another segment may end before it, or begin behind it. */
async function standsStill(
  { store, topic, partition, cursor }: PartitionToDiscover,
  { baseOffset }: { readonly baseOffset: bigint },
  objects: readonly ObjectInfo[],
): Promise<boolean> {
  const key = segmentObjectKey({ topic, partition, baseOffset })
  if (objects.some(object => object.key === key)) return true
  return cursor.lastPlanned === undefined && (await store.head(key)) !== undefined
}

/**
 * Where a new life of the topic begins, if the folder begins below a segment of this one that is gone. Objects go one by one: while the
 * old life is being deleted, or after somebody removed some of it, what is left is no new one. So there must be a whole segment below it,
 * none that was converted, and all must have landed after the last one that was seen of this life: not everything of it is converted
 * where offsets were given up, or where the table began later.
 */
async function newLifeAt(
  input: PartitionToDiscover,
  known: { readonly baseOffset: bigint },
): Promise<bigint | undefined> {
  const { store, topic, partition } = input
  const prefix = `${partitionFolder(topic, partition)}segment-`
  const objects = await collect(store, { prefix, limit: MAX_OBJECTS_OF_NEW_LIFE })
  const indexed = new Set(
    objects
      .map(({ key }) => segmentNameOf(key))
      .flatMap(name => (name?.extension === 'index' ? [name.baseOffset] : [])),
  )
  const segments = objects.filter(({ key }) => {
    const name = segmentNameOf(key)
    return name?.extension === 'kfs' && indexed.has(name.baseOffset)
  })
  const lowest = objects.find(({ key }) => baseOffsetOfKey(key) !== undefined)
  const baseOffset = lowest === undefined || segments.length === 0 ? undefined : baseOffsetOfKey(lowest.key)
  if (baseOffset === undefined || baseOffset >= known.baseOffset) return baseOffset
  // Half a segment of this life may lie below one of it that was not seen yet.
  if (!segments.some(({ key }) => (baseOffsetOfKey(key) ?? known.baseOffset) < known.baseOffset))
    return undefined
  if (!landedAfter(segments, input.cursor.witness)) return undefined
  return (await input.anyConverted?.(segments)) === true ? undefined : baseOffset
}

/** Stores that count in seconds give neighbours the same time, which tells nothing: none may be older, and one must be younger. */
function landedAfter(segments: readonly ObjectInfo[], witness: Witness | undefined): boolean {
  if (witness === undefined) return true
  const times = segments.map(({ lastModifiedMs }) => lastModifiedMs)
  return Math.min(...times) >= witness.landedAtMs && Math.max(...times) > witness.landedAtMs
}

/** Reads the end of the last segment; a segment whose footer is damaged is left out, so that those before it go on. */
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
    // An object that went away since the listing is no damage: the next listing shows what is there.
    if (!(error instanceof AppError) || error.next !== 'park' || error.code === 'object-not-found')
      throw error
    return {
      following: { kind: 'segments', segments: segments.slice(0, -1) },
      endOffset: last.baseOffset,
      broken: { segment: last, error },
    }
  }
}

/** The offset after the segment's last one, from its footer. */
async function readEndOffset(store: ObjectStore, segment: ReadySegment): Promise<bigint> {
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

async function collect(
  store: ObjectStore,
  options: Parameters<ObjectStore['list']>[0],
): Promise<readonly ObjectInfo[]> {
  const objects: ObjectInfo[] = []
  for await (const object of store.list(options)) objects.push(object)
  return objects
}
