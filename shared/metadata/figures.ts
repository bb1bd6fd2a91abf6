/**
 * What one light pass over the metadata database tells of all tables at once, for metrics: a few statements whatever the number of
 * tables, each through an index, and no history read.
 */
import type { Publication, SourcePartition, TableRecord, TaskState } from './metadata-store.ts'

/** Files counted that a catalog does not show yet; a count that reaches it means "this many or more". */
export const MAX_PENDING_FILES = 1000

export interface StoreFigures {
  /** The database's clock, Unix ms. */
  readonly atMs: number
  readonly tables: readonly TableFigures[]
  /** The current incarnation of every partition of every table. */
  readonly partitions: readonly PartitionFigures[]
}

export interface TableFigures {
  readonly tableId: string
  readonly name: string
  readonly kind: TableRecord['kind']
  /** For kind `dead_letters`: the table whose dead letters these are. */
  readonly parentTableId?: string
  readonly state: TableRecord['state']
  readonly tasks: Readonly<Record<TaskState, number>>
  /** Offsets below the watermarks of all incarnations, by what became of them. */
  readonly accounted: AccountedOffsets
  /** Dead letters below the watermarks, by code. */
  readonly deadLettersByCode: ReadonlyMap<string, bigint>
  readonly snapshotCount: number
  /** Of the newest snapshot; 0 before the first. */
  readonly dataFileCount: number
  readonly dataBytes: number
  readonly publications: readonly PublicationFigures[]
  /** For kind `dead_letters`: those that its topic does not hold yet; absent while it has no topic. */
  readonly topicPendingCount?: number
}

export interface AccountedOffsets {
  readonly rows: bigint
  readonly deadLetters: bigint
  readonly absent: bigint
  readonly control: bigint
  readonly skipped: bigint
  readonly sourceGap: bigint
}

export type PartitionFigures = Pick<
  SourcePartition,
  'tableId' | 'topic' | 'partition' | 'committedOffset' | 'sourceEndOffset' | 'state' | 'stalledSinceMs'
> & {
  /** When the oldest segment that is not committed landed, by the clock of the source's store; absent when there is none. */
  readonly waitingSinceMs?: number
}

export interface PublicationFigures {
  readonly catalog: string
  readonly state: Publication['state']
  readonly lastPublishedAtMs?: number
  /** Newest record timestamp below the watermarks of the snapshot that the catalog shows, Unix ms; absent while it shows none. */
  readonly newestRecordMs?: number
  /** Live data files that it does not show, counted up to `MAX_PENDING_FILES`. */
  readonly pendingFiles: number
  /** When the oldest snapshot that it does not show was cut; absent when it shows the newest. */
  readonly behindSinceMs?: number
}
