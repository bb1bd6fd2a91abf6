/**
 * A commit to a catalog that keeps only a pointer replaces the whole metadata file. What others have put there, and Tidewater does not
 * render, goes along: table properties, and branches and tags with the snapshots that they stand on. Pure.
 */
import { currentSnapshotOf, heldByRefs } from '../../shared/iceberg/table-changes.ts'
import type { TableMetadata } from '../../shared/iceberg/table-metadata.ts'

/** `shown`: what the catalog shows now; `wanted`: what Tidewater would show there if it were alone. */
export function keepingOthers(wanted: TableMetadata, shown: TableMetadata): TableMetadata {
  const theirs = Object.entries(shown.properties).filter(([name]) => !name.startsWith('tidewater.'))
  const properties = { ...Object.fromEntries(theirs), ...wanted.properties }
  const current = currentSnapshotOf(wanted)
  if (shown.refs === undefined || current === undefined) return { ...wanted, properties }
  const ours = new Set(wanted.snapshots.map(({ snapshotId }) => snapshotId))
  const held = heldByRefs(shown)
  const kept = shown.snapshots.filter(({ snapshotId }) => held.has(snapshotId) && !ours.has(snapshotId))
  const sequenceNumbers = [wanted.lastSequenceNumber, ...kept.map(({ sequenceNumber }) => sequenceNumber)]
  return {
    ...wanted,
    properties,
    refs: shown.refs,
    snapshots: [...kept, ...wanted.snapshots],
    currentSnapshotId: current,
    lastSequenceNumber: sequenceNumbers.reduce((last, next) => (next > last ? next : last)),
  }
}
