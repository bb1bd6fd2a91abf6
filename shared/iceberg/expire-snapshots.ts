/** Which snapshots leave the metadata. Metadata only: the objects they reference are deleted elsewhere, with proof. */

import type { SnapshotRecord } from '../metadata/metadata-store.ts'
import { invariant } from '../runtime/errors.ts'

export interface ExpiryPolicy {
  readonly nowMs: number
  /** Older snapshots expire, except the newest `minCount`. */
  readonly maxAgeMs: number
  readonly minCount: number
  /** With this many younger ones a snapshot expires whatever its age, so that metadata files stay small. */
  readonly maxCount?: number
}

/** Ids to expire, oldest first; never the current (newest) snapshot. `snapshots` are those that are cut, in any order. */
export function selectExpired(snapshots: readonly SnapshotRecord[], policy: ExpiryPolicy): readonly bigint[] {
  const keepAtLeast = Math.max(1, policy.minCount)
  const keepAtMost = Math.max(keepAtLeast, policy.maxCount ?? Number.POSITIVE_INFINITY)
  invariant(policy.maxAgeMs >= 0, 'the age of snapshots to keep is not negative')
  const newestFirst = [...snapshots].sort((left, right) =>
    left.sequenceNumber < right.sequenceNumber ? 1 : left.sequenceNumber > right.sequenceNumber ? -1 : 0,
  )
  return newestFirst
    .filter(
      (snapshot, index) =>
        index >= keepAtMost ||
        (index >= keepAtLeast && snapshot.timestampMs < policy.nowMs - policy.maxAgeMs),
    )
    .map(snapshot => snapshot.snapshotId)
    .toReversed()
}
