/**
 * Decides what a fresh listing means for a partition that is already followed. Pure.
 *
 * The listing begins with the last planned segment itself, so that three things show: a segment that was replaced after it was
 * planned, a topic that was recreated (its offsets begin again below the cursor), and retention that removed what was planned. While
 * nothing is known to be planned, at the beginning and after `skip-to`, the last segment that was seen tells a recreated topic in the
 * same way; where none was, a folder that begins below where this life began.
 */
import type { SegmentRef } from '../../shared/flow.ts'
import type { Witness } from '../../shared/metadata/metadata-store.ts'
import type { ReadySegment } from './examine-listing.ts'

/** What is known of the partition. */
export interface Cursor {
  readonly plannedOffset: bigint
  readonly lastPlanned?: SegmentRef
  readonly witness?: Witness
  /** Where the folder began when this life was taken up from its beginning. */
  readonly beganAt?: bigint
}

export interface FreshListing {
  /** From the last planned segment on; from the folder's start when none is known. */
  readonly ready: readonly ReadySegment[]
  /** Whether the `.kfs` of the segment that this life is known by still stands, ready or not: the last planned one, else the witness. */
  readonly knownStands: boolean
  /** Lowest base offset in the whole folder; looked up only when that segment is gone. */
  readonly lowestBaseOffset?: bigint
}

export type Following =
  /** Segments to plan next, in order; the first may begin above the planned offset: a hole in the source. */
  | { readonly kind: 'segments'; readonly segments: readonly ReadySegment[] }
  /** The last planned segment has other content now. */
  | { readonly kind: 'replaced'; readonly segment: ReadySegment }
  /** The folder begins below the segment that this life is known by, which is gone. */
  | { readonly kind: 'new_incarnation'; readonly firstOffset: bigint }
  /** A new segment begins below what is planned already. */
  | { readonly kind: 'overlap'; readonly segment: ReadySegment }

export function followPartition(cursor: Cursor, listing: FreshListing): Following {
  const { ready } = listing
  const last = cursor.lastPlanned
  if (last === undefined) {
    const firstOffset = newBeginning(cursor, listing)
    if (firstOffset !== undefined) return { kind: 'new_incarnation', firstOffset }
    // The start may lie inside a segment: those before the one that holds it are left out.
    const holdsStart = ready.findLastIndex(segment => segment.baseOffset <= cursor.plannedOffset)
    return { kind: 'segments', segments: ready.slice(Math.max(0, holdsStart)) }
  }

  const again = ready.find(segment => segment.baseOffset === last.baseOffset)
  if (again !== undefined && (again.etag !== last.etag || again.sizeBytes !== last.sizeBytes)) {
    return { kind: 'replaced', segment: again }
  }
  const firstOffset = newBeginning(cursor, listing)
  if (firstOffset !== undefined) return { kind: 'new_incarnation', firstOffset }
  const segments = ready.filter(segment => segment.baseOffset > last.baseOffset)
  const first = segments[0]
  if (first !== undefined && first.baseOffset < cursor.plannedOffset)
    return { kind: 'overlap', segment: first }
  return { kind: 'segments', segments }
}

/** Where the folder begins, if it begins again below what is known of this life. */
function newBeginning(cursor: Cursor, listing: FreshListing): bigint | undefined {
  const known = cursor.lastPlanned ?? cursor.witness
  const [bound, lowest] =
    known === undefined
      ? [cursor.beganAt, listing.ready[0]?.baseOffset]
      : [known.baseOffset, listing.knownStands ? undefined : listing.lowestBaseOffset]
  return bound !== undefined && lowest !== undefined && lowest < bound ? lowest : undefined
}
