/**
 * Decides what a fresh listing means for a partition that is already followed. Pure.
 *
 * The listing begins with the last planned segment itself, so that three things show: a segment that was replaced after it was
 * planned, a topic that was recreated (its offsets begin again below the cursor), and retention that removed what was planned. Before
 * anything was planned, a folder that begins below where this life began is a recreated topic too.
 */
import type { SegmentRef } from '../../shared/flow.ts'
import type { ReadySegment } from './examine-listing.ts'

/** What is known of the partition. */
export interface Cursor {
  readonly plannedOffset: bigint
  readonly lastPlanned?: SegmentRef
  /** Where the folder began when this life was taken up from its beginning, as long as nothing of it is planned. */
  readonly beganAt?: bigint
}

export interface FreshListing {
  /** From the last planned segment on; from the folder's start when nothing was planned yet. */
  readonly ready: readonly ReadySegment[]
  /** Whether the last planned segment's `.kfs` still stands, ready or not. */
  readonly lastPlannedStands: boolean
  /** Lowest base offset in the whole folder; looked up only when the last planned segment is gone. */
  readonly lowestBaseOffset?: bigint
}

export type Following =
  /** Segments to plan next, in order; the first may begin above the planned offset: a hole in the source. */
  | { readonly kind: 'segments'; readonly segments: readonly ReadySegment[] }
  /** The last planned segment has other content now. */
  | { readonly kind: 'replaced'; readonly segment: ReadySegment }
  /** The folder begins below the cursor, and what was planned last, if anything, is gone. */
  | { readonly kind: 'new_incarnation'; readonly firstOffset: bigint }
  /** A new segment begins below what is planned already. */
  | { readonly kind: 'overlap'; readonly segment: ReadySegment }

export function followPartition(cursor: Cursor, listing: FreshListing): Following {
  const { ready } = listing
  const last = cursor.lastPlanned
  if (last === undefined) {
    const lowest = ready[0]?.baseOffset
    if (cursor.beganAt !== undefined && lowest !== undefined && lowest < cursor.beganAt)
      return { kind: 'new_incarnation', firstOffset: lowest }
    // The start may lie inside a segment: those before the one that holds it are left out.
    const holdsStart = ready.findLastIndex(segment => segment.baseOffset <= cursor.plannedOffset)
    return { kind: 'segments', segments: ready.slice(Math.max(0, holdsStart)) }
  }

  const again = ready.find(segment => segment.baseOffset === last.baseOffset)
  if (again !== undefined && (again.etag !== last.etag || again.sizeBytes !== last.sizeBytes)) {
    return { kind: 'replaced', segment: again }
  }
  const lowest = listing.lowestBaseOffset
  if (!listing.lastPlannedStands && lowest !== undefined && lowest < last.baseOffset) {
    return { kind: 'new_incarnation', firstOffset: lowest }
  }
  const segments = ready.filter(segment => segment.baseOffset > last.baseOffset)
  const first = segments[0]
  if (first !== undefined && first.baseOffset < cursor.plannedOffset)
    return { kind: 'overlap', segment: first }
  return { kind: 'segments', segments }
}
