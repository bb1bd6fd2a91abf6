/**
 * The port to the virtual metadata: one transactional SQL database that holds the truth about every table.
 * `sqlite/` implements it for one machine; every implementation passes `test/contract/metadata-store.ts`.
 *
 * Each method is one transaction. Expected outcomes are values; a broken invariant or an unreachable database is an AppError.
 * Times are decided by the database's clock, which the store reads itself. Text that names who did something comes from the caller.
 */
import type {
  AccountedRange,
  Claim,
  ConvertedFile,
  ConvertTask,
  DeadLetterCount,
  SegmentRef,
  SliceAccount,
  TaskSlice,
} from '../flow.ts'
import type { PartitionSpec, PartitionValue } from '../iceberg/partition-spec.ts'
import type { Schema } from '../iceberg/schema.ts'
import type { EventType } from './event-types.ts'
import type { StoreFigures } from './figures.ts'
import type { AccountSums, TableOverview, TableStanding, TablesPage } from './overviews.ts'
import type { ProcessReport, ScalingFigures } from './processes.ts'
import type { StallCandidates, StallChange } from './stalls.ts'

/** Events kept; older ones go as new ones come. */
export const MAX_EVENTS = 10_000
/** Reports of scans kept; older ones go as new ones come. */
export const MAX_SCAN_REPORTS = 10_000
/** Ranges without rows that a snapshot's summary may carry. */
export const MAX_RANGES_IN_SUMMARY = 1000

// ---- tables -----------------------------------------------------------------------------------------------------

/** A table as the database knows it. A table with dead letters has a second one of kind `dead_letters` beside it. */
export interface TableRecord {
  /** Also Iceberg's `table-uuid`; it never changes. */
  readonly tableId: string
  /** For example `analytics.orders`, unique. */
  readonly name: string
  readonly kind: 'rows' | 'dead_letters'
  /** For kind `dead_letters`: the table whose dead letters these are. */
  readonly parentTableId?: string
  /** Absolute URL without a trailing slash. */
  readonly location: string
  /** Rises by one with every commit that changes what readers may see; 0 for an empty table. */
  readonly version: bigint
  readonly currentSchemaId: number
  readonly defaultSpecId: number
  readonly lastColumnId: number
  readonly lastPartitionId: number
  /** Of the last snapshot cut; 0 before the first. */
  readonly lastSequenceNumber: bigint
  readonly properties: Readonly<Record<string, string>>
  /** What the YAML declared, canonical JSON; a later start compares it to notice a change that needs evolution. */
  readonly declaration: string
  /** `stopped` after a flood of dead letters or a person's `pause`; nothing of it is planned or run until `resume`. */
  readonly state: 'active' | 'paused' | 'stopped'
  readonly stateReason?: string
  readonly createdAtMs: number
}

export interface NewTable {
  readonly tableId: string
  readonly name: string
  readonly location: string
  readonly schema: Schema
  readonly spec: PartitionSpec
  readonly lastColumnId: number
  readonly lastPartitionId: number
  readonly properties: Readonly<Record<string, string>>
  readonly declaration: string
}

export interface TableDetail extends TableRecord {
  readonly schemas: readonly Schema[]
  readonly specs: readonly PartitionSpec[]
}

// ---- sources ----------------------------------------------------------------------------------------------------

/** How far one partition of a table's topic has come. committedOffset ≤ plannedOffset; both are the next offset to take. */
export interface SourcePartition {
  readonly tableId: string
  readonly topic: string
  readonly partition: number
  readonly incarnation: number
  /** Where this incarnation began for this table. */
  readonly firstOffset: bigint
  readonly plannedOffset: bigint
  /** The watermark: every offset below it, from `firstOffset`, is accounted for. */
  readonly committedOffset: bigint
  /** The last segment that was planned; discovery lists from its key and compares its ETag. */
  readonly lastPlanned?: SegmentRef
  /** Outlives `lastPlanned`, which `skip-to` and the like forget. */
  readonly witness?: Witness
  readonly state: 'active' | 'paused' | 'stopped'
  /** For `stopped` and `paused`: a stable code and a sentence for people. */
  readonly stateCode?: string
  readonly stateReason?: string
  /** Highest record timestamp committed, Unix ms; −1 before the first. */
  readonly maxTimestampMs: number
  /** Tasks of this incarnation that are planned and not yet below the watermark. */
  readonly tasksInFlight: number
  /** End of what the source holds, exclusive, as discovery last saw it; never below `plannedOffset`. */
  readonly sourceEndOffset: bigint
  /** Since when the source has held more than the watermark without the watermark moving, Unix ms; absent when there is nothing more. */
  readonly behindSinceMs?: number
  /** When the oldest segment that is not planned landed, by the store's clock, as discovery last noted it. */
  readonly unplannedSinceMs?: number
  /** `behindSinceMs` of the stall that was reported and is not over. */
  readonly stalledSinceMs?: number
}

/** The last segment of an incarnation that discovery saw whole, planned or not: where it is gone, the topic may have been recreated. */
export interface Witness {
  readonly baseOffset: bigint
  /** Unix ms by the store's clock. What belongs to a later incarnation landed no earlier. */
  readonly landedAtMs: number
}

/** What discovery saw of one partition's source. */
export interface SourceEnd {
  readonly topic: string
  readonly partition: number
  readonly incarnation: number
  /** Exclusive. */
  readonly endOffset: bigint
  /** When the oldest segment that is not planned landed, by the store's clock; absent when everything is planned. */
  readonly unplannedSinceMs?: number
  /** Kept unless a later one is known already. */
  readonly witness?: Witness
}

/** What a judgement about a partition rests on: when it is not so any more, another process was at work, and the judgement is void. */
export type SeenPartition = Pick<SourcePartition, 'incarnation' | 'plannedOffset' | 'lastPlanned'>

export interface PartitionId {
  readonly tableId: string
  readonly topic: string
  readonly partition: number
}

/** Who asked for a change by hand, and why; kept in the event. */
export interface OperatorNote {
  readonly who: string
  readonly why: string
}

// ---- tasks ------------------------------------------------------------------------------------------------------

export interface NewTask {
  readonly taskId: string
  readonly tableId: string
  readonly schemaId: number
  readonly specId: number
  /** Each slice begins at its partition's planned offset, or the plan is stale. */
  readonly slices: readonly NewSlice[]
}

export interface NewSlice extends TaskSlice {
  /** When its first segment landed, Unix ms by the store's clock. */
  readonly landedAtMs?: number
  /** Base offsets, within the slice, of segments that are given up with this plan because half of them never came. */
  readonly abandoned?: readonly bigint[]
}

/**
 * queued: waits for a worker · claimed: a worker holds a lease · staged: done, ahead of the watermark ·
 * committed: below the watermark · parked: failed for good, waits for a person · cancelled: by `skip-to`, or replaced by a split.
 */
export type TaskState = 'queued' | 'claimed' | 'staged' | 'committed' | 'parked' | 'cancelled'

export interface TaskRecord extends ConvertTask {
  readonly state: TaskState
  readonly createdAtMs: number
  readonly lastErrorCode?: string
  readonly lastErrorMessage?: string
}

export interface ClaimRequest {
  readonly token: string
  readonly leaseMs: number
  readonly worker: string
  /** Claims in a row that may run out; without it any number. */
  readonly maxLostClaims?: number
  /** A task whose last claim ran out is left alone, and the answer is `lost`. */
  readonly leaveLost?: boolean
}

/** `missing`: no such task, or already finished. `held`: another worker's lease is running. `stopped`: its table or partition is paused or stopped. */
export type ClaimOutcome =
  | { readonly kind: 'claimed'; readonly task: ConvertTask; readonly claim: Claim }
  | { readonly kind: 'missing' | 'held' | 'stopped' | 'not_yet' }
  /** With `leaveLost`: its last worker neither committed nor failed. It died, perhaps of this very task. */
  | { readonly kind: 'lost' }

/** A file as the database keeps it: the manifest's `data_file` struct stays encoded, since status and snapshot change around it. */
export type NewDataFile = ConvertedFile

export interface TaskCommit {
  readonly claim: Pick<Claim, 'taskId' | 'token'>
  readonly files: readonly NewDataFile[]
  /** One for each slice of the task, in the same order. The store refuses a task whose accounts do not add up (broken invariant). */
  readonly accounts: readonly SliceAccount[]
  readonly deadLetters: readonly DeadLetterCount[]
}

/** `fenced`: the claim is not the current one, or its lease is over by the database's clock; nothing was changed. */
export type TaskCommitOutcome =
  | { readonly kind: 'committed'; readonly state: 'staged' | 'committed'; readonly tableVersion: bigint }
  | { readonly kind: 'fenced' }

export interface TaskFailure {
  readonly claim: Pick<Claim, 'taskId' | 'token'>
  readonly code: string
  readonly message: string
  /**
   * retry: queued again, not before `delayMs` from now · park: the task waits for a person, and its partitions stop ·
   * split: the task is replaced by one task per slice (only for tasks of several slices), ids given by `newTaskIds`.
   */
  readonly next:
    | { readonly kind: 'retry'; readonly delayMs: number }
    | { readonly kind: 'park' }
    | { readonly kind: 'split'; readonly newTaskIds: readonly string[] }
    /** Only for a task of one slice: it is replaced by one task for the offsets below `at` and one for those from `at` on. */
    | { readonly kind: 'cut'; readonly at: bigint; readonly newTaskIds: readonly [string, string] }
    /** Stops the whole table, for example after a flood of dead letters; the task is queued again for after `resume`. */
    | { readonly kind: 'stop_table' }
}

// ---- files, manifests, snapshots --------------------------------------------------------------------------------

/** A data file that readers may see, with what its manifest entry needs. */
export interface LiveFile {
  readonly path: string
  readonly specId: number
  readonly partition: readonly PartitionValue[]
  readonly recordCount: bigint
  readonly fileSizeBytes: bigint
  readonly encoded: Uint8Array
  readonly addedVersion: bigint
  /** Set when the snapshot that added it was cut. */
  readonly snapshotId?: bigint
  readonly sequenceNumber?: bigint
}

/** A file that has left the table since the last snapshot, and the manifest of that snapshot which lists it. */
export interface RemovedFile extends LiveFile {
  readonly manifestPath: string
}

/** A manifest as its manifest-list entry describes it (table spec, "Manifest Lists"). */
export interface ManifestRecord {
  readonly path: string
  readonly lengthBytes: bigint
  readonly specId: number
  readonly sequenceNumber: bigint
  readonly minSequenceNumber: bigint
  readonly addedSnapshotId: bigint
  readonly addedFilesCount: number
  readonly existingFilesCount: number
  readonly deletedFilesCount: number
  readonly addedRowsCount: bigint
  readonly existingRowsCount: bigint
  readonly deletedRowsCount: bigint
  /** One per partition field. */
  readonly partitions: readonly PartitionFieldSummary[]
}

export interface PartitionFieldSummary {
  readonly containsNull: boolean
  readonly containsNan?: boolean
  /** Single-value serialization in the transform's result type. */
  readonly lowerBound?: Uint8Array
  readonly upperBound?: Uint8Array
}

export interface SnapshotRecord {
  readonly tableId: string
  readonly snapshotId: bigint
  readonly parentSnapshotId?: bigint
  readonly sequenceNumber: bigint
  /** The table version that this snapshot shows. */
  readonly version: bigint
  readonly timestampMs: number
  readonly operation: 'append' | 'replace' | 'overwrite' | 'delete'
  readonly schemaId: number
  readonly manifestListPath: string
  readonly summary: Readonly<Record<string, string>>
  /** intent: its objects may be half written · cut: every object is durable · expired: no longer in the metadata. */
  readonly state: 'intent' | 'cut' | 'expired'
}

/** Everything a snapshot is rendered from, read in one transaction. */
export interface SnapshotInput {
  readonly table: TableDetail
  /**
   * The version that the snapshot shows: the intent's, else the newest that files were only added or only removed up to since the last
   * snapshot, because a snapshot has one operation. Below `table.version` another snapshot follows.
   */
  readonly version: bigint
  /** The last snapshot that was cut, also when it has expired from the metadata since. */
  readonly lastSnapshot?: SnapshotRecord
  /** An intent that a crash left behind; it is finished first, under its own id. */
  readonly intent?: SnapshotRecord
  /** Files with lastSnapshot.version < addedVersion ≤ version, in the order (addedVersion, path). */
  readonly newFiles: readonly LiveFile[]
  /** Files with lastSnapshot.version < removedVersion ≤ version, in path order; there are none where there are new files. */
  readonly removedFiles: readonly RemovedFile[]
  /** Manifests of the last snapshot, in manifest-list order. */
  readonly manifests: readonly ManifestRecord[]
  /** Watermarks at table.version; for a dead-letter table, those of its parent. */
  readonly offsets: readonly SourcePartition[]
  /** Ranges accounted for without a row, below the watermarks, merged where they touch; at most `MAX_RANGES_IN_SUMMARY`, oldest first. */
  readonly ranges: readonly (AccountedRange & {
    readonly topic: string
    readonly partition: number
    readonly incarnation: number
  })[]
}

export interface SnapshotCut {
  readonly tableId: string
  readonly snapshotId: bigint
  /** The manifests of this snapshot, in manifest-list order: carried over, new, and merged. */
  readonly manifests: readonly ManifestRecord[]
  /** Which files each manifest written by this snapshot lists: the named new files, and all files of the manifests merged into it. */
  readonly placements: readonly {
    readonly manifestPath: string
    readonly newFiles: readonly string[]
    readonly mergedManifests: readonly string[]
  }[]
}

// ---- overviews --------------------------------------------------------------------------------------------------

/** Live files are counted by size below each of these, and beyond the last. */
export const FILE_SIZE_BOUNDS: readonly bigint[] = [1n, 8n, 32n, 128n, 512n].map(
  mebibytes => mebibytes << 20n,
)

export interface FileTotals {
  readonly fileCount: number
  readonly recordCount: bigint
  readonly sizeBytes: bigint
}

export interface PartitionTotals extends FileTotals {
  readonly specId: number
  readonly partition: readonly PartitionValue[]
  /** The table version that added its newest file. */
  readonly newestVersion: bigint
}

export type FileSummary = Omit<LiveFile, 'encoded'>

// ---- publications -----------------------------------------------------------------------------------------------

/** One table in one catalog. */
export interface Publication {
  readonly tableId: string
  readonly catalog: string
  /** The last snapshot that this catalog is known to show. */
  readonly snapshotId?: bigint
  readonly metadataLocation?: string
  /** What the catalog calls the table; absent before it is shown there, and for those that versions without this column published. */
  readonly tableUuid?: string
  /** What that metadata file says of its own time: the timestamp of its intent. */
  readonly metadataTimestampMs?: number
  /** Counts metadata files written for this catalog; the number in `00001-<uuid>.metadata.json`. */
  readonly metadataVersion: number
  /** Earlier metadata files, oldest first, bounded by the table's `write.metadata.previous-versions-max`. */
  readonly metadataLog: readonly { readonly metadataLocation: string; readonly timestampMs: number }[]
  readonly state: 'pending' | 'published' | 'failing' | 'held'
  readonly lastErrorCode?: string
  readonly lastErrorMessage?: string
  readonly lastPublishedAtMs?: number
  /** Since when every attempt has failed. */
  readonly failingSinceMs?: number
  /** The commit under way, written before the first object: a retry writes the same bytes under the same keys. */
  readonly intent?: PublicationIntent
}

export interface PublicationIntent {
  /** Absent where a table is published before it has a snapshot. */
  readonly snapshotId?: bigint
  readonly metadataLocation: string
  readonly timestampMs: number
}

/** What a catalog answered after the commit: it may write a metadata file of its own, and give the table a uuid of its own. */
export interface ShownTable {
  readonly metadataLocation: string
  readonly tableUuid: string
}

/** A table as one catalog shows it now. */
export interface PublishedTable {
  readonly tableId: string
  readonly name: string
  readonly location: string
  readonly metadataLocation: string
}

export interface PublishedNamesQuery {
  /** Its levels joined by dots; without it, the top. */
  readonly namespace?: string
  /** Whole names of the tables in the namespace, or of the namespaces directly below it. */
  readonly kind: 'tables' | 'namespaces'
  /** Only names after this one, in byte order. */
  readonly after?: string
  readonly limit: number
}

export interface PublishedNames {
  /** Whether the namespace has tables, in it or further down. The top is always there. */
  readonly exists: boolean
  /** In byte order. */
  readonly names: readonly string[]
}

// ---- events -----------------------------------------------------------------------------------------------------

export interface NewEvent {
  readonly type: EventType
  readonly tableId?: string
  readonly topic?: string
  readonly partition?: number
  /** What happened and what to do, for people. Never a secret. */
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
  readonly note?: OperatorNote
}

export interface EventRecord extends Omit<NewEvent, 'type'> {
  readonly eventId: bigint
  readonly atMs: number
  /** An `EventType`, or one of an earlier version. */
  readonly type: string
  /** Name of the table `tableId`. */
  readonly table?: string
}

export interface EventFilter {
  readonly tableId?: string
  /** Those of any of these types; all types without. */
  readonly types?: readonly EventType[]
  /** Newest first, those with lower ids than this. */
  readonly before?: bigint
  /** Oldest first, those with higher ids than this: to follow the log. Not together with `before`. */
  readonly after?: bigint
  readonly limit: number
}

// ---- scans ------------------------------------------------------------------------------------------------------

/** What a query engine reported of one scan, when it had planned it. Numbers that it did not report are absent. */
export interface NewScanReport {
  readonly tableId: string
  readonly catalog: string
  readonly snapshotId: bigint
  readonly schemaId: number
  /** The filter as Iceberg's expressions are written in JSON, perhaps cut short. Java engines hide the values that it compares with. */
  readonly filter: string
  /** The first of the columns that were read. */
  readonly projectedFields: readonly string[]
  /** The engine and its version, or what it calls itself in HTTP. */
  readonly engine?: string
  readonly planningDurationUs?: bigint
  /** Files that the engine had to read, and their size. */
  readonly resultFiles?: bigint
  readonly resultBytes?: bigint
  /** Files left out by their bounds, in manifests that were read; and manifests left out whole. */
  readonly skippedFiles?: bigint
  readonly skippedManifests?: bigint
}

export interface ScanReport extends NewScanReport {
  readonly reportId: bigint
  readonly atMs: number
  /** The table's name. */
  readonly table: string
}

// ---- the store --------------------------------------------------------------------------------------------------

/** An account of a slice together with the task that made it, for `audit`. */
export interface CommittedAccount extends SliceAccount {
  readonly taskId: string
  /** How many of its dead letters retention has removed: all or none. */
  readonly purgedDeadLetterCount: bigint
  readonly segments: readonly SegmentRef[]
}

export interface DeadLetterBatch extends DeadLetterCount {
  readonly taskId: string
  readonly incarnation: number
  /** When they became visible: a staged task's dead letters count from when the watermark reached it. */
  readonly committedAtMs: number
  /** Set once retention has removed them from the dead-letter table. */
  readonly purgedAtMs?: number
}

// ---- dead-letter topics -----------------------------------------------------------------------------------------

/** The topic that shows a table's dead letters as segments. It has one partition, 0, and its offsets have no holes. */
export interface DeadLetterTopic {
  /** Of the dead-letter table. */
  readonly tableId: string
  readonly topic: string
  /** URL of the topic's folder. */
  readonly location: string
  /** Retention has removed the segments below it. */
  readonly startOffset: bigint
  /** The offset that the next dead letter gets. */
  readonly endOffset: bigint
  /** Every offset from `startOffset` up to it stands in a segment. */
  readonly renderedOffset: bigint
  /** Begins at `renderedOffset`; a crash may have left it half written. */
  readonly planned?: DeadLetterSegment
  /** Why nothing is rendered. */
  readonly lastErrorCode?: string
  readonly lastErrorMessage?: string
}

/** Offsets `[baseOffset, endOffset)` of the topic, in one segment. */
export interface DeadLetterSegment {
  readonly baseOffset: bigint
  readonly endOffset: bigint
  /** What the segment's header says, so that its bytes follow from the rows. */
  readonly createdAtMs: number
}

/** Row i of the file has offset `baseOffset` + i of the topic. */
export interface DeadLetterFile {
  readonly baseOffset: bigint
  readonly recordCount: bigint
  readonly path: string
  readonly fileSizeBytes: bigint
}

/** A request for a share of the leases of a group. */
export interface LeaseShare {
  readonly group: string
  /** Of all leases of the group, the same from every holder. */
  readonly names: readonly string[]
  readonly holder: string
  readonly ttlMs: number
}

/** What there is to publish: ids of tables. */
export interface Unpublished {
  /** Their files differ from what their last snapshot shows, or a snapshot is unfinished. */
  readonly uncut: readonly string[]
  /** The catalog does not show the newest snapshot, or nothing of the table yet, or a publication there is unfinished. */
  readonly unshown: readonly { readonly tableId: string; readonly catalog: string }[]
}

/** What planning a table begins with. */
export interface PlanningState {
  readonly tableId: string
  /** The current life of each, as `listPartitions` answers them. */
  readonly partitions: readonly SourcePartition[]
  /** Tasks planned and not over: queued, claimed, staged or parked. */
  readonly tasksInFlight: number
}

export interface MetadataStore {
  /** Brings the schema up to date; safe when several processes start at once. */
  migrate(): Promise<void>
  close(): Promise<void>
  /** The database's clock, Unix ms. */
  nowMs(): Promise<number>

  // Tables. `createTable` makes the table and its dead-letter table in one transaction; an existing name returns what is there.
  createTable(
    rows: NewTable,
    deadLetters?: NewTable,
  ): Promise<{ readonly kind: 'created' | 'exists'; readonly table: TableDetail }>
  listTables(): Promise<readonly TableDetail[]>
  loadTable(name: string): Promise<TableDetail | undefined>
  setTableState(tableId: string, state: 'active' | 'paused', note: OperatorNote): Promise<void>

  // Sources. A new incarnation is registered with a higher number once nothing of the old one is in flight.
  /** Of each of the tables, in the order given; the number of statements hardly depends on theirs. */
  loadPlanningStates(tableIds: readonly string[]): Promise<readonly PlanningState[]>
  /** The current incarnation of each partition, or with `pastIncarnations` all of them; order (topic, partition, incarnation). */
  listPartitions(
    tableId: string,
    options?: { readonly pastIncarnations?: boolean },
  ): Promise<readonly SourcePartition[]>
  registerPartition(
    input: PartitionId & { readonly incarnation: number; readonly firstOffset: bigint },
  ): Promise<SourcePartition>
  /** Keeps how far the source goes. An end below what is planned counts as the planned offset; one of a past incarnation is ignored. */
  noteSourceEnds(tableId: string, ends: readonly SourceEnd[]): Promise<void>
  /**
   * Stops an active partition with a code and a reason, and records the event. Nothing happens when it is stopped already, or is not as
   * it was `seen`.
   */
  stopPartition(
    id: PartitionId,
    stop: {
      readonly code: string
      readonly reason: string
      readonly details: Readonly<Record<string, unknown>>
    },
    seen?: SeenPartition,
  ): Promise<void>
  pausePartition(id: PartitionId, note: OperatorNote): Promise<void>
  /** Makes a paused or stopped partition active again, its parked tasks queued again with their attempts at 0. */
  resumePartition(id: PartitionId, note: OperatorNote): Promise<void>
  /**
   * A person gives up [committedOffset, offset): the partition's slices that are not committed leave their tasks (a task without
   * another slice is cancelled, a shared one is queued again for the others, its claim lost), both offsets move to
   * `offset`, the range is accounted as `skipped`, the partition becomes active. `refused` when `offset` ≤ committedOffset.
   */
  skipTo(
    id: PartitionId,
    offset: bigint,
    note: OperatorNote,
  ): Promise<
    | { readonly kind: 'skipped'; readonly range: { startOffset: bigint; endOffset: bigint } }
    | { readonly kind: 'refused'; readonly reason: string }
  >
  /**
   * Discovery or a converter found that a planned segment has changed or gone: the partition's slices that are not committed leave
   * their tasks as in `skipTo` (their files never become rows), the planned offset goes back to the watermark and `lastPlanned` to the last segment
   * below it, so that the next listing plans afresh. `nothing`: all that was planned is committed already. `overtaken`: it is not as it
   * was `seen`.
   */
  replanPartition(
    id: PartitionId,
    seen?: SeenPartition,
  ): Promise<{ readonly kind: 'replanned' | 'nothing' | 'overtaken' }>
  /** Queues one parked task again with its attempts at 0 and makes its partitions active. */
  unparkTask(taskId: string, note: OperatorNote): Promise<{ readonly kind: 'unparked' | 'missing' }>

  // Tasks.
  /** All or nothing. `stale`: some slice does not begin at its partition's planned offset, or the partition or table is not active. */
  planTask(task: NewTask): Promise<{ readonly kind: 'planned' } | { readonly kind: 'stale' }>
  /**
   * Ids of tasks that could be claimed now: queued and due, or claimed with an expired lease. Tables take turns, those first of which
   * fewest run; a table's oldest first.
   */
  listRunnableTasks(limit: number): Promise<readonly string[]>
  /** Those of them whose claim has run out: their worker died or was cut off. The oldest first. */
  listLostTasks(limit: number): Promise<readonly string[]>
  /**
   * A slice whose partition is paused or stopped leaves a shared task here and becomes a queued task of its own (`<taskId>.<position>`),
   * so that it holds up nobody else. Taking over an expired claim counts as a failed attempt. The `maxLostClaims`th in a row is not taken
   * over: a task of one slice is parked and its partition stops, one of several is replaced by one task per slice.
   */
  claimTask(taskId: string, claim: ClaimRequest): Promise<ClaimOutcome>
  /** `false` when the claim was lost. */
  extendClaim(claim: Pick<Claim, 'taskId' | 'token'>, leaseMs: number): Promise<boolean>
  /** Gives the task back as if it had not been claimed: any worker may take it at once. `false` when the claim was lost. */
  releaseClaim(claim: Pick<Claim, 'taskId' | 'token'>): Promise<boolean>
  /**
   * The one commit (DESIGN invariants 1-3): task done, files staged or live, accounts and dead letters kept, watermarks moved over
   * every contiguous done slice, staged files of slices now below it made live in offset order, versions raised. One transaction.
   */
  commitTask(commit: TaskCommit): Promise<TaskCommitOutcome>
  /** `false` when the claim was lost. */
  failTask(failure: TaskFailure): Promise<boolean>
  listTasks(filter: {
    readonly tableId?: string
    readonly states?: readonly TaskState[]
    readonly limit: number
  }): Promise<readonly TaskRecord[]>
  countTasks(tableId: string): Promise<Readonly<Record<TaskState, number>>>

  // Accounts and dead letters, for `status`, `audit` and `dlq`.
  listAccounts(
    tableId: string,
    page: { readonly after?: string; readonly limit: number },
  ): Promise<{ readonly accounts: readonly CommittedAccount[]; readonly next?: string }>
  /** Ranges given up by `skipTo`. */
  listOperatorSkips(tableId: string): Promise<
    readonly (AccountedRange & {
      readonly topic: string
      readonly partition: number
      readonly incarnation: number
    })[]
  >
  /** Newest first. */
  listDeadLetters(tableId: string, limit: number): Promise<readonly DeadLetterBatch[]>
  /**
   * Removes about `maxBatches` batches of dead letters that were committed before `committedBeforeMs` (Unix ms), oldest first and whole
   * tasks: their files leave the dead-letter table. Answers how many batches and dead letters that were; fewer than asked: no more are left.
   */
  purgeDeadLetters(
    tableId: string,
    purge: { readonly committedBeforeMs: number; readonly maxBatches: number },
  ): Promise<{ readonly batchCount: number; readonly deadLetterCount: bigint }>
  sumAccounts(tableId: string): Promise<AccountSums>

  // Dead-letter topics; `tableId` is the dead-letter table's. Dead letters get their offsets in the commit that makes them live.
  /** Says what the topic is called and where it lies. `moved`: it has segments elsewhere already; nothing was changed. */
  declareDeadLetterTopic(
    tableId: string,
    place: { readonly topic: string; readonly location: string },
  ): Promise<{ readonly kind: 'declared' } | { readonly kind: 'moved'; readonly location: string }>
  /** `undefined` before it was declared. */
  loadDeadLetterTopic(tableId: string): Promise<DeadLetterTopic | undefined>
  /** All that were declared. */
  listDeadLetterTopics(): Promise<readonly DeadLetterTopic[]>
  /** Ids of the dead-letter tables whose declared topic lacks dead letters that are committed. */
  listUnrenderedTopics(): Promise<readonly string[]>
  /** In offset order, beginning with the one that holds `fromOffset`. */
  listDeadLetterFiles(
    tableId: string,
    page: { readonly fromOffset: bigint; readonly limit: number },
  ): Promise<readonly DeadLetterFile[]>
  /** Fixes the next segment. `undefined` when another process has planned one meanwhile. */
  planDeadLetterSegment(
    tableId: string,
    range: { readonly baseOffset: bigint; readonly endOffset: bigint },
  ): Promise<DeadLetterSegment | undefined>
  /**
   * The planned segment and its index stand in the store. Nothing happens when another process has said so already; `expired` when it
   * lies below the start of the topic by now, so that its objects must not stand.
   */
  completeDeadLetterSegment(tableId: string, baseOffset: bigint): Promise<'rendered' | 'expired'>
  /** Rendered segments in offset order, from `fromOffset` on. */
  listDeadLetterSegments(
    tableId: string,
    page: { readonly fromOffset: bigint; readonly limit: number },
  ): Promise<readonly DeadLetterSegment[]>
  /**
   * Moves the start of the topic over up to `limit` rendered segments that were created before `createdBeforeMs` (Unix ms), and answers
   * with those below the start whose objects may still stand, at most `limit`, in offset order.
   */
  expireDeadLetterSegments(
    tableId: string,
    expiry: { readonly createdBeforeMs: number; readonly limit: number },
  ): Promise<readonly DeadLetterSegment[]>
  /** The objects of the expired segments below `endOffset` are deleted. */
  forgetDeadLetterSegments(tableId: string, endOffset: bigint): Promise<void>
  /** Keeps why nothing can be rendered until a person acts, and records the event unless that is known already. */
  failDeadLetterTopic(
    tableId: string,
    failure: { readonly code: string; readonly message: string },
  ): Promise<void>

  // Snapshots. Callers hold the table's publish lease.
  loadSnapshotInput(tableId: string): Promise<SnapshotInput>
  /** `snapshot-stale` (retry) when another publisher has cut a snapshot since the input was loaded. */
  insertSnapshotIntent(snapshot: SnapshotRecord): Promise<void>
  /** The intent becomes `cut`: manifests recorded, new files get snapshot id and sequence number, the table its last sequence number. */
  completeSnapshot(cut: SnapshotCut): Promise<void>
  /** An intent whose keys hold other content is given up under its id; its objects are orphans. */
  abandonSnapshot(tableId: string, snapshotId: bigint): Promise<void>
  /** Snapshots that are cut and not expired, oldest first. */
  listSnapshots(tableId: string): Promise<readonly SnapshotRecord[]>
  /** A snapshot that a publication's intent still has to show stays, and so do those after it. */
  expireSnapshots(tableId: string, snapshotIds: readonly bigint[]): Promise<void>
  /** Files of the last snapshot that the given manifests of it list, for rewriting manifests; order (sequenceNumber, path). */
  listFilesOfManifests(tableId: string, manifestPaths: readonly string[]): Promise<readonly LiveFile[]>
  /** Files at a version, in the order (addedVersion, path), page by page. */
  listFiles(
    tableId: string,
    page: { readonly version: bigint; readonly after?: string; readonly limit: number },
  ): Promise<{ readonly files: readonly LiveFile[]; readonly next?: string }>

  // Of many tables at once, by name, each page on one state of the database.
  listTableOverviews(page: TablesPage): Promise<readonly TableOverview[]>
  /** Of tables of rows only. */
  listTableStandings(page: TablesPage): Promise<readonly TableStanding[]>

  // Overviews, for people: live files at the table's version now, and the newest few of what there may be many of.
  /** One entry for each of `FILE_SIZE_BOUNDS`, ascending, and a last one for what is larger. */
  sumFiles(tableId: string): Promise<readonly (FileTotals & { readonly belowBytes?: bigint })[]>
  /** By partition value, the most recently written first; `count` of all of them. */
  sumPartitions(
    tableId: string,
    limit: number,
  ): Promise<{ readonly count: number; readonly newest: readonly PartitionTotals[] }>
  listNewestFiles(tableId: string, limit: number): Promise<readonly FileSummary[]>
  /** Snapshots that are cut and not expired; `count` of all of them. */
  listNewestSnapshots(
    tableId: string,
    limit: number,
  ): Promise<{ readonly count: number; readonly newest: readonly SnapshotRecord[] }>

  // Publications. What a publisher does rests on what it loaded: `atVersion` is the `metadataVersion` that it saw, and once another has
  // moved the publication on, beginning is refused and failing is old news. `confirmPublication` is a compare-and-set on the intent; without
  // `shown` the catalog shows the intent's own metadata.
  loadPublication(tableId: string, catalog: string): Promise<Publication>
  listPublications(tableId: string): Promise<readonly Publication[]>
  beginPublication(
    tableId: string,
    catalog: string,
    intent: PublicationIntent,
    atVersion: number,
  ): Promise<void>
  confirmPublication(
    tableId: string,
    catalog: string,
    intent: PublicationIntent,
    metadataLogMax: number,
    shown?: ShownTable,
  ): Promise<void>
  /**
   * `held` needs a person; `failing` is tried again. An intent stays unless it is `dropIntent`. A publication that has been failing for
   * `reportAfterMs` raises `publication.failing`, once; the confirmation that ends it raises `publication.recovered`.
   */
  failPublication(
    tableId: string,
    catalog: string,
    failure: {
      readonly state: 'failing' | 'held'
      readonly code: string
      readonly message: string
      readonly dropIntent?: PublicationIntent
      readonly atVersion: number
      /** Without it nothing is reported now. */
      readonly reportAfterMs?: number
    },
  ): Promise<void>

  /** Tables with something that no snapshot shows yet, and those of which a catalog does not show the newest snapshot, or nothing yet. */
  listUnpublished(catalogs: readonly string[]): Promise<Unpublished>

  // What a catalog shows: tables whose publication there has a metadata location, whatever tidewater.yaml says by now.
  findPublishedTable(catalog: string, name: string): Promise<PublishedTable | undefined>
  listPublishedNames(catalog: string, query: PublishedNamesQuery): Promise<PublishedNames>

  // Leases: mutual exclusion for per-table work, with a fencing token that rises with every new holder.
  acquireLease(
    name: string,
    holder: string,
    ttlMs: number,
  ): Promise<{ readonly fencingToken: bigint } | undefined>
  releaseLease(name: string, holder: string): Promise<void>
  /**
   * The leases of a group are shared out evenly among the holders that ask for them again before `ttlMs` is over. Renews what the holder
   * has, takes what is free up to its share, gives back what is beyond it; answers the names that it holds now.
   */
  shareLeases(share: LeaseShare): Promise<readonly string[]>
  /** What the holder has of the group is free at once. */
  leaveLeases(group: string, holder: string): Promise<void>

  // Reports of scans, bounded to the newest `MAX_SCAN_REPORTS`.
  appendScanReport(report: NewScanReport): Promise<void>
  /** Newest first; only those with lower ids than `before`. */
  listScanReports(filter: {
    readonly tableId?: string
    readonly before?: bigint
    readonly limit: number
  }): Promise<readonly ScanReport[]>

  // Events, bounded to the newest `MAX_EVENTS`.
  appendEvent(event: NewEvent): Promise<void>
  /** Newest first, unless `after` is given. Ids rise with time, and are never given twice. */
  listEvents(filter: EventFilter): Promise<readonly EventRecord[]>

  /** Says that a process lives, and what it does. */
  reportProcess(report: ProcessReport): Promise<void>
  /** Says that it has ended. */
  endProcess(name: string): Promise<void>
  /** What waits for converters, and the processes that there are. */
  readScaling(): Promise<ScalingFigures>

  /** Every table's figures on one state of the database, for metrics; costs by what is there now, not by history. */
  readFigures(): Promise<StoreFigures>
  /** Partitions whose watermark has not moved for `forMs` although the source holds more, and those reported as stalled. */
  listStallCandidates(forMs: number): Promise<StallCandidates>
  /** Records that stalls began or ended, each with its event, unless another process did so or the watermark moved; answers those that it recorded. */
  recordStalls(changes: readonly StallChange[]): Promise<readonly StallChange[]>
}
