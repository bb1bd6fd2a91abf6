/** What waits in a topic for a table that is to be created: one bounded listing of each partition, and the footer of its last segment. */
import type { TableConfig } from '../../shared/config/config.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { mapBounded } from '../../shared/runtime/map-bounded.ts'
import { discoverPartition, listPartitionNumbers } from '../discovery/discover-partition.ts'
import { type StartContext, startOffset } from '../discovery/start-offset.ts'

const MAX_PARTITIONS = 1000
const MAX_CONCURRENT_LISTINGS = 16
const MAX_OBJECTS_PER_PARTITION = 20_000

export interface WaitingSource {
  readonly partitions: number
  /** Segments that `start_from` takes, and their bytes as they are stored. */
  readonly segments: number
  readonly size_bytes: bigint
  /** Whether there may be more than was listed. */
  readonly at_least: boolean
}

export interface SourceToList {
  readonly store: ObjectStore
  readonly table: Pick<TableConfig, 'sourceTopic' | 'startFrom'>
  readonly nowMs: number
  readonly settleMs: number
}

export async function listWaiting({ store, table, nowMs, settleMs }: SourceToList): Promise<WaitingSource> {
  const numbers = await listPartitionNumbers(store, table.sourceTopic)
  const listed = await mapBounded(
    numbers.slice(0, MAX_PARTITIONS),
    MAX_CONCURRENT_LISTINGS,
    async partition => {
      const { following, endOffset } = await discoverPartition({
        store,
        topic: table.sourceTopic,
        partition,
        cursor: { plannedOffset: 0n },
        nowMs,
        settleMs,
        maxObjectsPerListing: MAX_OBJECTS_PER_PARTITION,
      })
      const [first, ...others] = following.kind === 'segments' ? following.segments : []
      if (first === undefined || endOffset === undefined) return { segments: 0, sizeBytes: 0, isCut: false }
      const ready: StartContext['ready'] = [first, ...others]
      const start = startOffset(table.startFrom, { partition, tableCreatedAtMs: nowMs, ready, endOffset })
      // A segment ends where the next one begins; the last one where the footer says.
      const taken = ready.filter((_, position) => (ready[position + 1]?.baseOffset ?? endOffset) > start)
      return {
        segments: taken.length,
        sizeBytes: taken.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        // Each segment is two objects.
        isCut: ready.length * 2 >= MAX_OBJECTS_PER_PARTITION - 1,
      }
    },
  )
  return {
    partitions: numbers.length,
    segments: listed.reduce((sum, { segments }) => sum + segments, 0),
    size_bytes: BigInt(listed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)),
    at_least: numbers.length > MAX_PARTITIONS || listed.some(({ isCut }) => isCut),
  }
}
