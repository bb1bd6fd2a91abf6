/** What the database tells and keeps of stalls: partitions whose source moves while their watermark does not. */
import type { NewEvent, PartitionId, SourcePartition, TableRecord, TaskState } from './metadata-store.ts'

/** Candidates read at once; what does not fit is seen when those before it have been recorded or are over. */
export const MAX_STALL_CANDIDATES = 1000

export interface StallCandidates {
  /** The database's clock, Unix ms. */
  readonly atMs: number
  readonly candidates: readonly StallCandidate[]
}

export interface StallCandidate extends PartitionId {
  readonly table: string
  readonly tableState: TableRecord['state']
  readonly state: SourcePartition['state']
  readonly committedOffset: bigint
  readonly sourceEndOffset: bigint
  readonly behindSinceMs?: number
  readonly stalledSinceMs?: number
  /** The task that holds the offsets at the watermark; absent when they are not planned. */
  readonly task?: {
    readonly taskId: string
    readonly state: TaskState
    readonly attempts: number
    readonly lastErrorMessage?: string
  }
}

export interface StallChange extends PartitionId {
  readonly kind: 'begin' | 'end'
  /** Begin: its `behindSinceMs`. End: its `stalledSinceMs`. */
  readonly sinceMs: number
  readonly event?: NewEvent
}

/** Whether somebody should look: a pause is a person's wish and no stall; a stop is one at once. */
export function isStalled(
  { state, stalledSinceMs }: Pick<SourcePartition, 'state' | 'stalledSinceMs'>,
  tableState: TableRecord['state'] | undefined,
): boolean {
  if (state === 'paused' || tableState === 'paused') return false
  return state === 'stopped' || tableState === 'stopped' || stalledSinceMs !== undefined
}
