/** What `tidewater status` shows: the state of every table as the database has it. Field names are a stable interface (docs/cli.md). */
import type {
  EventRecord,
  MetadataStore,
  Publication,
  SourcePartition,
  TableRecord,
  TaskState,
} from '../../shared/metadata/metadata-store.ts'
import {
  type DeadLetterTopicOverview,
  EVERY_TABLE,
  type PublicationOverview,
  type TableOverview,
  type TableStanding,
  type TablesPage,
} from '../../shared/metadata/overviews.ts'
import type { ProcessRecord } from '../../shared/metadata/processes.ts'
import { isStalled } from '../../shared/metadata/stalls.ts'
import { STAGES } from '../stages.ts'

const MAX_EVENTS = 20

export interface StatusReport {
  readonly at_ms: number
  readonly tables: readonly TableStatus[]
  /** Those that live. */
  readonly processes: readonly ProcessStatus[]
  /** Stages that none of them runs. */
  readonly idle_stages: readonly string[]
  /** Newest first. */
  readonly events: readonly EventStatus[]
}

export interface TableStatus {
  readonly name: string
  readonly table_uuid: string
  readonly location: string
  readonly state: 'active' | 'paused' | 'stopped'
  readonly state_reason: string | null
  readonly rows: bigint
  /** With those that were purged. */
  readonly dead_letters: bigint
  readonly purged_dead_letters: bigint
  readonly skipped: bigint
  readonly absent: bigint
  readonly source_gaps: bigint
  readonly data_files: number
  readonly size_bytes: bigint
  /** Unix ms of the newest record that is committed; null before the first. */
  readonly newest_record_at_ms: number | null
  readonly tasks: Readonly<Record<TaskState, number>>
  readonly parked_tasks: readonly {
    readonly task_id: string
    readonly code: string | null
    readonly message: string | null
  }[]
  readonly partitions: readonly PartitionStatus[]
  readonly publications: readonly PublicationStatus[]
  readonly dead_letter_publications: readonly PublicationStatus[]
  /** Null until a configuration has declared the table with one. */
  readonly dead_letter_topic: DeadLetterTopicStatus | null
}

export interface DeadLetterTopicStatus {
  readonly topic: string
  /** Of the topic's folder. */
  readonly url: string
  /** The offset that the next dead letter gets. */
  readonly end_offset: bigint
  /** Dead letters below it stand in segments. */
  readonly rendered_offset: bigint
  /** Retention has removed what lies below. */
  readonly start_offset: bigint
  /** Why rendering stands still. */
  readonly error_code: string | null
  readonly error_message: string | null
}

export interface PartitionStatus {
  readonly topic: string
  readonly partition: number
  readonly incarnation: number
  readonly first_offset: bigint
  readonly committed_offset: bigint
  readonly planned_offset: bigint
  /** End of what the source holds, as discovery last saw it. */
  readonly source_end_offset: bigint
  /** Offsets that the source holds beyond the watermark. */
  readonly lag: bigint
  /** Whether the source moves and the watermark has not for two commit intervals, or the partition or its table stopped. */
  readonly stalled: boolean
  readonly tasks_in_flight: number
  readonly state: 'active' | 'paused' | 'stopped'
  readonly state_code: string | null
  readonly state_reason: string | null
}

export interface PublicationStatus {
  readonly catalog: string
  readonly state: Publication['state']
  readonly snapshot_id: bigint | null
  readonly metadata_location: string | null
  readonly published_at_ms: number | null
  /** Whether the newest snapshot of the table is the one that the catalog shows. */
  readonly current: boolean
  readonly error_code: string | null
  readonly error_message: string | null
}

export interface ProcessStatus {
  readonly name: string
  readonly stages: readonly string[]
  readonly version: string
  readonly conversions: number
  readonly utilisation: number
  readonly started_at_ms: number
  readonly seen_at_ms: number
}

export interface EventStatus {
  readonly event_id: bigint
  readonly at_ms: number
  readonly type: string
  readonly message: string
  readonly topic: string | null
  readonly partition: number | null
  readonly who: string | null
  readonly why: string | null
}

export async function collectStatus(
  metadata: Pick<MetadataStore, 'listTableStandings' | 'listEvents' | 'readScaling' | 'nowMs'>,
  page: TablesPage = EVERY_TABLE,
): Promise<StatusReport> {
  const standings = await metadata.listTableStandings(page)
  const events = await metadata.listEvents({ limit: MAX_EVENTS })
  const processes = (await metadata.readScaling()).processes.filter(({ isLive }) => isLive)
  return {
    at_ms: await metadata.nowMs(),
    tables: standings.map(tableStatus),
    processes: processes.map(processStatus),
    idle_stages: STAGES.filter(stage => !processes.some(({ stages }) => stages.includes(stage))),
    events: events.map(eventStatus),
  }
}

function processStatus(process: ProcessRecord): ProcessStatus {
  const { name, stages, version, conversions, utilisation } = process
  const times = { started_at_ms: process.startedAtMs, seen_at_ms: process.seenAtMs }
  return { name, stages, version, conversions, utilisation, ...times }
}

function tableStatus(standing: TableStanding): TableStatus {
  const { table, accounts, partitions, deadLetters } = standing
  const summary = standing.newestSnapshot?.summary ?? {}
  const newest = partitions.reduce((latest, partition) => Math.max(latest, partition.maxTimestampMs), -1)
  return {
    name: table.name,
    table_uuid: table.tableId,
    location: table.location,
    state: table.state,
    state_reason: table.stateReason ?? null,
    rows: accounts.rowCount,
    dead_letters: accounts.deadLetterCount,
    purged_dead_letters: accounts.purgedDeadLetterCount,
    skipped: accounts.byKind.skipped + accounts.byKind.control,
    absent: accounts.byKind.absent,
    source_gaps: accounts.byKind.source_gap,
    data_files: Number(summary['total-data-files'] ?? 0),
    size_bytes: BigInt(summary['total-files-size'] ?? 0),
    newest_record_at_ms: newest < 0 ? null : newest,
    tasks: standing.tasks,
    parked_tasks: standing.parkedTasks.map(parkedStatus),
    partitions: partitions.map(partition => partitionStatus(partition, table.state)),
    publications: publicationsOf(standing),
    dead_letter_publications: deadLetters === undefined ? [] : publicationsOf(deadLetters),
    dead_letter_topic: topicStatus(deadLetters?.topic),
  }
}

function publicationsOf({ publications, newestSnapshot }: TableOverview): readonly PublicationStatus[] {
  return publications.map(publication => publicationStatus(publication, newestSnapshot?.snapshotId))
}

export function publicationStatus(
  publication: PublicationOverview,
  newestSnapshotId: bigint | undefined,
): PublicationStatus {
  return {
    catalog: publication.catalog,
    state: publication.state,
    snapshot_id: publication.snapshotId ?? null,
    metadata_location: publication.metadataLocation ?? null,
    published_at_ms: publication.lastPublishedAtMs ?? null,
    current: publication.metadataLocation !== undefined && publication.snapshotId === newestSnapshotId,
    error_code: publication.lastErrorCode ?? null,
    error_message: publication.lastErrorMessage ?? null,
  }
}

export function topicStatus(topic: DeadLetterTopicOverview | undefined): DeadLetterTopicStatus | null {
  if (topic === undefined) return null
  return {
    topic: topic.topic,
    url: topic.location,
    start_offset: topic.startOffset,
    end_offset: topic.endOffset,
    rendered_offset: topic.renderedOffset,
    error_code: topic.lastErrorCode ?? null,
    error_message: topic.lastErrorMessage ?? null,
  }
}

export function partitionStatus(
  partition: SourcePartition,
  tableState: TableRecord['state'],
): PartitionStatus {
  return {
    topic: partition.topic,
    partition: partition.partition,
    incarnation: partition.incarnation,
    first_offset: partition.firstOffset,
    committed_offset: partition.committedOffset,
    planned_offset: partition.plannedOffset,
    source_end_offset: partition.sourceEndOffset,
    lag: partition.sourceEndOffset - partition.committedOffset,
    stalled: isStalled(partition, tableState),
    tasks_in_flight: partition.tasksInFlight,
    state: partition.state,
    state_code: partition.stateCode ?? null,
    state_reason: partition.stateReason ?? null,
  }
}

function parkedStatus(task: TableStanding['parkedTasks'][number]) {
  return { task_id: task.taskId, code: task.lastErrorCode ?? null, message: task.lastErrorMessage ?? null }
}

function eventStatus(event: EventRecord): EventStatus {
  return {
    event_id: event.eventId,
    at_ms: event.atMs,
    type: event.type,
    message: event.message,
    topic: event.topic ?? null,
    partition: event.partition ?? null,
    who: event.note?.who ?? null,
    why: event.note?.why ?? null,
  }
}
