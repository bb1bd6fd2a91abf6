/** Finds where a partition begins that no row knows yet: walks its folder, listing by listing, to the segment that `start_from` means. */
import type { StartFromConfig } from '../../shared/config/config.ts'
import { discoverPartition, type PartitionToDiscover } from './discover-partition.ts'
import type { Cursor } from './follow-partition.ts'
import { startOffset } from './start-offset.ts'

/** Listings walked to find a start; each holds thousands of segments. */
const MAX_LISTINGS = 100_000

export interface StartToDiscover extends Omit<PartitionToDiscover, 'cursor' | 'anyConverted'> {
  readonly startFrom: StartFromConfig
  readonly tableCreatedAtMs: number
}

/** `undefined` while the folder holds no segment that is ready. */
export async function discoverStart(input: StartToDiscover): Promise<bigint | undefined> {
  const { startFrom, tableCreatedAtMs, partition } = input
  let cursor: Cursor = { plannedOffset: 0n }
  let found: bigint | undefined
  for (let listings = 0; listings < MAX_LISTINGS; listings++) {
    const { following, endOffset, broken } = await discoverPartition({ ...input, cursor })
    const readable = following.kind === 'segments' ? following.segments : []
    // A damaged last segment counts too: its partition is followed, and stops there for all to see.
    const [first, ...others] = broken === undefined ? readable : [...readable, broken.segment]
    if (first === undefined || endOffset === undefined) return found
    found = startOffset(startFrom, { partition, tableCreatedAtMs, ready: [first, ...others], endOffset })
    if (startFrom.kind === 'earliest' || startFrom.kind === 'offsets') return found
    if (found < endOffset || broken !== undefined) return found
    // Everything so far landed too early; a longer folder goes on behind it.
    cursor = { plannedOffset: endOffset, lastPlanned: others.at(-1) ?? first }
  }
  return found
}
