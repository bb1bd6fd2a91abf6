/** What people and programs look at of many tables at once: the number of statements hardly depends on the number of tables. */
import type { AccountedRange } from '../flow.ts'
import type {
  DeadLetterTopic,
  Publication,
  SnapshotRecord,
  SourcePartition,
  TableRecord,
  TaskRecord,
  TaskState,
} from './metadata-store.ts'

/** Parked tasks that a standing names of one table, the oldest first. */
export const MAX_PARKED_SHOWN = 100

/** A part of the tables by name: names after `after` in byte order, at most `limit` of them. */
export interface TablesPage {
  readonly after?: string
  readonly limit: number
}

export const EVERY_TABLE: TablesPage = { limit: Number.MAX_SAFE_INTEGER }

export type PublicationOverview = Pick<
  Publication,
  | 'catalog'
  | 'state'
  | 'snapshotId'
  | 'metadataLocation'
  | 'lastErrorCode'
  | 'lastErrorMessage'
  | 'lastPublishedAtMs'
>

/** Rows, dead letters and ranges below the watermarks, summed. */
export interface AccountSums {
  readonly rowCount: bigint
  /** With those that retention has removed. */
  readonly deadLetterCount: bigint
  readonly purgedDeadLetterCount: bigint
  readonly byKind: Readonly<Record<AccountedRange['kind'], bigint>>
}

export interface TableOverview {
  readonly table: TableRecord
  /** For dead letters: the table that they are of, whose state is theirs. */
  readonly parent?: Pick<TableRecord, 'state' | 'stateReason'>
  /** Snapshots that are cut and not expired, and the newest of them. */
  readonly snapshotCount: number
  readonly newestSnapshot?: Pick<SnapshotRecord, 'snapshotId' | 'summary'>
  /** The current incarnation of each; none of a dead-letter table. */
  readonly partitions: readonly SourcePartition[]
  /** By catalog. */
  readonly publications: readonly PublicationOverview[]
}

/** How far a table of rows has come. */
export interface TableStanding extends TableOverview {
  readonly accounts: AccountSums
  readonly tasks: Readonly<Record<TaskState, number>>
  /** At most `MAX_PARKED_SHOWN`. */
  readonly parkedTasks: readonly Pick<TaskRecord, 'taskId' | 'lastErrorCode' | 'lastErrorMessage'>[]
  readonly deadLetters?: TableOverview & {
    /** Absent before it was declared. */
    readonly topic?: DeadLetterTopicOverview
  }
}

export type DeadLetterTopicOverview = Omit<DeadLetterTopic, 'planned'>
