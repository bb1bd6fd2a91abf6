/**
 * Decides, from one listing of a partition's folder, which segments are ready to be planned. Pure.
 *
 * A segment counts only when both its `.kfs` and its `.index` are there. Brokers upload the two in parallel and, after a crash,
 * overwrite an unindexed `.kfs` under the same key, so what looks unfinished waits:
 * - an unpaired object at the end of the listing waits for its other half;
 * - one with a successor is given up only once it is older than `settleMs`, because a listing is not a moment in time: its index
 *   may have landed behind the lister's back. What it would have held is then a hole in the source;
 * - a `.kfs` older than its `.index` by more than `settleMs` may be an orphan about to be replaced: it waits for the replacement
 *   or for a successor, which the broker writes only after it.
 */
import type { SegmentRef } from '../../shared/flow.ts'
import type { ObjectInfo } from '../../shared/object-store/object-store.ts'
import { segmentNameOf } from '../../shared/segment/segment-key.ts'

/** A segment whose two objects are there and settled. */
export interface ReadySegment extends SegmentRef {
  /** When its later half landed, Unix ms by the store's clock. */
  readonly landedAtMs: number
}

export interface ExaminedListing {
  /** In offset order, without a hole in readiness: nothing behind a waiting segment is ready. */
  readonly ready: readonly ReadySegment[]
  /** The first segment that is not ready yet, and why. */
  readonly waiting?: {
    readonly baseOffset: bigint
    readonly reason: 'no-index' | 'no-segment' | 'older-than-index'
    /** When the later of what is there landed, Unix ms. */
    readonly landedAtMs: number
  }
  /** Base offsets of unpaired objects that were given up because a successor stands and they are old. */
  readonly abandoned: readonly bigint[]
}

interface Pair {
  readonly baseOffset: bigint
  kfs?: ObjectInfo
  index?: ObjectInfo
}

export interface ExamineOptions {
  readonly topic: string
  readonly partition: number
  readonly nowMs: number
  readonly settleMs: number
}

export function examineListing(objects: readonly ObjectInfo[], options: ExamineOptions): ExaminedListing {
  const pairs = pairObjects(objects)
  const lastComplete = pairs.findLastIndex(pair => pair.kfs !== undefined && pair.index !== undefined)
  const ready: ReadySegment[] = []
  const abandoned: bigint[] = []

  for (const [position, pair] of pairs.entries()) {
    const { kfs, index, baseOffset } = pair
    const hasSuccessor = position < lastComplete
    if (kfs === undefined || index === undefined) {
      const landedAtMs = (kfs ?? index)?.lastModifiedMs ?? 0
      if (hasSuccessor && options.nowMs - landedAtMs > options.settleMs) {
        abandoned.push(baseOffset)
        continue
      }
      return {
        ready,
        abandoned,
        waiting: { baseOffset, reason: kfs === undefined ? 'no-segment' : 'no-index', landedAtMs },
      }
    }
    if (!hasSuccessor && index.lastModifiedMs - kfs.lastModifiedMs > options.settleMs) {
      const waiting = { baseOffset, reason: 'older-than-index', landedAtMs: index.lastModifiedMs } as const
      return { ready, abandoned, waiting }
    }
    ready.push({
      topic: options.topic,
      partition: options.partition,
      key: kfs.key,
      baseOffset,
      sizeBytes: kfs.sizeBytes,
      etag: kfs.etag,
      landedAtMs: Math.max(kfs.lastModifiedMs, index.lastModifiedMs),
    })
  }
  return { ready, abandoned }
}

/** Objects of one folder paired by base offset, in offset order (which is key order). Other names are passed over. */
function pairObjects(objects: readonly ObjectInfo[]): readonly Pair[] {
  const pairs = new Map<bigint, Pair>()
  for (const object of objects) {
    const name = segmentNameOf(object.key)
    if (name === undefined) continue
    const pair = pairs.get(name.baseOffset) ?? { baseOffset: name.baseOffset }
    pair[name.extension] = object
    pairs.set(name.baseOffset, pair)
  }
  return [...pairs.values()]
}
