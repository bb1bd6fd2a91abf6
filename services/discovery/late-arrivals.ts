/**
 * A last look before records are given up. A listing is not a moment in time: while its later pages were fetched, the missing half of
 * an earlier segment may have landed behind the lister's back, and its successor after it. What is given up becomes a hole in the source
 * for good, so what looks abandoned is asked for by name first.
 */
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { indexObjectKey, segmentObjectKey } from '../../shared/segment/segment-key.ts'
import type { ExaminedListing } from './examine-listing.ts'

export interface LookedAt {
  readonly store: ObjectStore
  readonly topic: string
  readonly partition: number
}

/** As `examined`, up to the first segment that is whole by now: that one waits for the next listing. */
export async function holdForLateArrivals(
  { store, topic, partition }: LookedAt,
  examined: ExaminedListing,
): Promise<ExaminedListing> {
  for (const [position, baseOffset] of examined.abandoned.entries()) {
    const place = { topic, partition, baseOffset }
    const kfs = await store.head(segmentObjectKey(place))
    const index = kfs && (await store.head(indexObjectKey(place)))
    if (index === undefined || kfs === undefined) continue
    const landedAtMs = Math.max(kfs.lastModifiedMs, index.lastModifiedMs)
    return {
      ready: examined.ready.filter(segment => segment.baseOffset < baseOffset),
      abandoned: examined.abandoned.slice(0, position),
      waiting: { baseOffset, reason: 'no-index', landedAtMs },
    }
  }
  return examined
}
