/**
 * The discover-and-plan stage of one table, one round at a time: list what is new, cut it into tasks, write the tasks, queue their ids.
 *
 * Truth is in the metadata database: a round that dies anywhere is simply run again, here or in another process. A lease keeps two
 * processes from doing the same work; were it to fail, `planTask` refuses a plan that does not begin at the planned offset.
 * Kept in memory only: when each partition was last seen quiet, and since when its oldest segment waits.
 */
import type { StartFromConfig } from '../../shared/config/config.ts'
import type {
  MetadataStore,
  PartitionId,
  PlanningState,
  SourceEnd,
  SourcePartition,
  TableDetail,
} from '../../shared/metadata/metadata-store.ts'
import { withLease } from '../../shared/metadata/with-lease.ts'
import type { ObjectInfo, ObjectStore } from '../../shared/object-store/object-store.ts'
import type { TaskQueue } from '../../shared/queue/task-queue.ts'
import { invariant } from '../../shared/runtime/errors.ts'
import { mapBounded } from '../../shared/runtime/map-bounded.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import {
  discoverPartition,
  listPartitionNumbers,
  type PartitionDiscovery,
} from '../discovery/discover-partition.ts'
import { discoverStart } from '../discovery/discover-start.ts'
import type { ReadySegment } from '../discovery/examine-listing.ts'
import type { Cursor } from '../discovery/follow-partition.ts'
import { cutTasks, type PendingPartition } from './plan.ts'

/** Partitions listed at once by one table. */
const MAX_CONCURRENT_LISTINGS = 16
/** New partitions are looked for this many times more seldom than new segments of busy ones. */
const POLLS_PER_FOLDER_LISTING = 10
const ACCOUNTS_PER_PAGE = 500

export interface PlannerSettings {
  readonly topic: string
  readonly startFrom: StartFromConfig
  readonly onNewIncarnation: 'stop' | 'continue'
  readonly taskTargetBytes: number
  readonly commitIntervalMs: number
  readonly segmentSettleMs: number
  /** Busy partitions are listed this often; quiet ones ever less often, down to `pollIntervalMaxMs`. */
  readonly pollIntervalMs: number
  readonly pollIntervalMaxMs: number
  /** Tasks of this table that may be planned and not committed: the backpressure from converters to planning. */
  readonly maxTasksInFlight: number
}

/** Tasks of one table in flight that go before every backlog; more of them are one. */
const MAX_FRESH_TASKS = 8

export interface PlannerContext {
  readonly table: TableDetail
  readonly settings: PlannerSettings
  readonly source: ObjectStore
  readonly metadata: MetadataStore
  readonly queue: TaskQueue
  readonly runtime: Runtime
  /** Names this process in leases. */
  readonly holder: string
}

export interface RoundOptions {
  /** For `--once`: plan everything that had landed by then, whatever its age, and nothing that landed later. */
  readonly landedBeforeMs?: number
}

export interface RoundReport {
  /** Whether another round may find more to plan without anything new landing. */
  readonly more: boolean
  /** Whether some partition begins elsewhere now, or another process planned some of it, so that the next round lists it from there. */
  readonly moved: boolean
  readonly plannedTasks: number
  readonly waiting: readonly WaitingSegment[]
  /** How long listing took; absent when no partition was due. */
  readonly listingMs?: number
  /** How long nothing can come up that another round would act on, but for what people do to a partition that is at rest. */
  readonly quietMs: number
}

/** What lies at the end of a partition and cannot be taken yet. */
export interface WaitingSegment {
  /** In words. */
  readonly what: string
  /** Whether both objects of it are there: without its index a segment does not count. */
  readonly isSegment: boolean
}

/** By the clock that is never set back, nor on: times of objects are held against the other one. */
interface Attention {
  nextPollMs: number
  intervalMs: number
  waitingSinceMs?: number
}

export interface TablePlanner {
  /** `undefined` when another process is at it; what it plans, any converts. */
  round(options: RoundOptions): Promise<RoundReport | undefined>
  /** A round of whoever sees to it that no other process is at it, with the table's state as it was just read. */
  roundFrom(state: PlanningState): Promise<RoundReport>
}

export function createTablePlanner(context: PlannerContext): TablePlanner {
  const { pollIntervalMs } = context.settings
  const attention = new Map<number, Attention>()
  const folder: Attention = { nextPollMs: 0, intervalMs: pollIntervalMs * POLLS_PER_FOLDER_LISTING }

  const round = (options: RoundOptions): Promise<RoundReport | undefined> =>
    withLease(context, `plan:${context.table.tableId}`, async () =>
      discoverAndPlan(await loadState(context), options),
    )

  async function discoverAndPlan(before: PlanningState, options: RoundOptions): Promise<RoundReport> {
    const { runtime, settings } = context
    const { state, failures } = await lookForPartitions(before)
    const { partitions } = state
    const atMs = runtime.monotonicMs()
    const inFlight = movingTasks(state)
    const maxTasks = settings.maxTasksInFlight - inFlight
    // A backlog is not listed again and again while converters catch up with what is planned of it.
    if (maxTasks <= 0)
      return { more: true, moved: false, plannedTasks: 0, waiting: [], quietMs: pollIntervalMs }
    const due = partitions.filter(
      partition =>
        partition.state === 'active' &&
        (options.landedBeforeMs !== undefined || attentionTo(partition).nextPollMs <= atMs),
    )
    const visits = await mapBounded(due, MAX_CONCURRENT_LISTINGS, partition => visitAlone(partition, options))
    const listingMs = runtime.monotonicMs() - atMs
    await noteEnds(visits)
    const pending = visits.map(visited => visited.pending).filter(found => found !== undefined)
    const { plannedTasks, isStale } = await plan(pending, {
      ...options,
      maxTasks,
      maxFresh: MAX_FRESH_TASKS - inFlight,
    })
    failures.push(...visits.map(visited => visited.failure).filter(failure => failure !== undefined))
    if (failures.length > 0) throw failures[0]
    const moved = isStale || visits.some(visited => visited.moved)
    return {
      more: pending.length > 0 || moved,
      moved,
      plannedTasks,
      waiting: visits.flatMap(visited => visited.waiting),
      ...(due.length > 0 && { listingMs }),
      quietMs: pending.length > 0 || moved ? pollIntervalMs : quietMsOf(partitions),
    }
  }

  /** New partitions are planned in the same round. After a failure the very next round looks again: a batch run may have few. */
  async function lookForPartitions(
    state: PlanningState,
  ): Promise<{ readonly state: PlanningState; readonly failures: unknown[] }> {
    const atMs = context.runtime.monotonicMs()
    if (folder.nextPollMs > atMs) return { state, failures: [] }
    const known = new Set(state.partitions.map(partition => partition.partition))
    const { registered, failures } = await registerNewPartitions(context, known)
    folder.nextPollMs = failures.length > 0 ? 0 : atMs + folder.intervalMs
    return { state: registered > 0 ? await loadState(context) : state, failures: [...failures] }
  }

  /** While a task is under way or something rests, what comes next is looked for in the database at every poll, which lists nothing. */
  function quietMsOf(partitions: readonly SourcePartition[]): number {
    const isQuiet = ({ state, plannedOffset, committedOffset }: SourcePartition) =>
      state === 'active' && plannedOffset === committedOffset
    if (!partitions.every(isQuiet)) return pollIntervalMs
    const polls = partitions.map(partition => attentionTo(partition).nextPollMs)
    // Without a partition there is only the folder; with some it is listed along with them.
    const nextMs =
      (partitions.length === 0 ? folder.nextPollMs : Math.min(...polls)) - context.runtime.monotonicMs()
    return Math.min(Math.max(nextMs, pollIntervalMs), context.settings.pollIntervalMaxMs)
  }

  async function noteEnds(visits: readonly Visit[]): Promise<void> {
    const ends = visits.map(visited => visited.end).filter(end => end !== undefined)
    if (ends.length > 0) await context.metadata.noteSourceEnds(context.table.tableId, ends)
  }

  /** What a stopped partition has in flight waits for a person, and must not hold up the others (DESIGN invariant 4). */
  function movingTasks({ partitions, tasksInFlight }: PlanningState): number {
    const resting = partitions.filter(partition => partition.state !== 'active')
    return Math.max(0, tasksInFlight - resting.reduce((sum, partition) => sum + partition.tasksInFlight, 0))
  }

  /** A partition that cannot be listed fails the round only after the others were planned. */
  async function visitAlone(partition: SourcePartition, options: RoundOptions): Promise<Visit> {
    try {
      return await visit(partition, options)
    } catch (failure) {
      return { waiting: [], moved: false, failure }
    }
  }

  function attentionTo(partition: SourcePartition): Attention {
    const known = attention.get(partition.partition) ?? {
      nextPollMs: 0,
      intervalMs: context.settings.pollIntervalMs,
    }
    attention.set(partition.partition, known)
    return known
  }

  async function visit(partition: SourcePartition, options: RoundOptions): Promise<Visit> {
    const { settings, source, runtime } = context
    const atMs = runtime.monotonicMs()
    const discovery = await discoverPartition({
      store: source,
      topic: partition.topic,
      partition: partition.partition,
      cursor: cursorOf(partition, settings),
      nowMs: runtime.nowMs(),
      settleMs: settings.segmentSettleMs,
      monotonicMs: () => runtime.monotonicMs(),
      anyConverted: objects => anyConverted(context, partition, objects),
    })
    const found = await settle(context, partition, discovery)
    const inTime = landedBefore(found === 'moved' ? undefined : found, options.landedBeforeMs)
    const known = attentionTo(partition)
    known.intervalMs =
      inTime === undefined
        ? Math.min(known.intervalMs * 2, settings.pollIntervalMaxMs)
        : settings.pollIntervalMs
    known.nextPollMs = atMs + known.intervalMs
    if (inTime === undefined) delete known.waitingSinceMs
    else known.waitingSinceMs ??= atMs
    const end = found === 'moved' ? undefined : newEndOf(partition, discovery)
    return {
      moved: found === 'moved',
      ...(end !== undefined && { end }),
      waiting: waitingOf(partition, discovery, options),
      ...(inTime !== undefined && {
        pending: {
          ...pendingOf(partition, inTime, known.waitingSinceMs ?? atMs),
          abandoned: discovery.abandoned,
        },
      }),
    }
  }

  async function plan(
    pending: readonly PendingPartition[],
    options: RoundOptions & { readonly maxTasks: number; readonly maxFresh: number },
  ): Promise<{ readonly plannedTasks: number; readonly isStale: boolean }> {
    const { metadata, table, settings, queue, runtime } = context
    if (pending.length === 0) return { plannedTasks: 0, isStale: false }
    const cut = cutTasks(pending, {
      taskTargetBytes: settings.taskTargetBytes,
      commitIntervalMs: settings.commitIntervalMs,
      nowMs: runtime.monotonicMs(),
      flush: options.landedBeforeMs !== undefined,
      maxTasks: options.maxTasks,
    })
    const planned: string[] = []
    for (const slices of cut) {
      const taskId = runtime.uuid()
      const { tableId, currentSchemaId, defaultSpecId } = table
      const outcome = await metadata.planTask({
        taskId,
        tableId,
        schemaId: currentSchemaId,
        specId: defaultSpecId,
        slices,
      })
      if (outcome.kind === 'stale') continue
      planned.push(taskId)
      for (const slice of slices) delete attention.get(slice.partition)?.waitingSinceMs
    }
    // What is more than that is a backlog, and waits for the table's turn: the sweep queues it.
    await queue.enqueue(planned.slice(0, Math.max(0, options.maxFresh)), 'fresh')
    return { plannedTasks: planned.length, isStale: planned.length < cut.length }
  }

  return { round, roundFrom: state => discoverAndPlan(state, {}) }
}

async function loadState({ metadata, table }: PlannerContext): Promise<PlanningState> {
  const [state] = await metadata.loadPlanningStates([table.tableId])
  invariant(state !== undefined, `the state of table ${table.name} was asked for`)
  return state
}

/** A first life that does not begin with the folder, as `start_from` may have it, says nothing of where the folder began. */
function cursorOf(partition: SourcePartition, { startFrom }: PlannerSettings): Cursor {
  const { plannedOffset, lastPlanned, witness, firstOffset, incarnation } = partition
  const isFromTheBeginning = startFrom.kind === 'earliest' || incarnation > 0
  return {
    plannedOffset,
    ...(lastPlanned !== undefined && { lastPlanned }),
    ...(witness !== undefined && { witness }),
    ...(isFromTheBeginning && { beganAt: firstOffset }),
  }
}

interface Visit {
  /** How far the source goes, if that is news. */
  readonly end?: SourceEnd
  readonly pending?: PendingPartition
  readonly waiting: readonly WaitingSegment[]
  readonly moved: boolean
  readonly failure?: unknown
}

/**
 * How far the source goes, if that is news: nothing is written while nothing lands. Unknown where the listing does not follow from what
 * is planned. The age of what is not planned matters only while nothing else is under way.
 */
function newEndOf(partition: SourcePartition, discovery: PartitionDiscovery): SourceEnd | undefined {
  const { topic, partition: number, incarnation, plannedOffset, committedOffset, sourceEndOffset } = partition
  const { following, witness, endOffset = plannedOffset } = discovery
  if (following.kind !== 'segments') return undefined
  const isLater = witness !== undefined && witness.baseOffset > (partition.witness?.baseOffset ?? -1n)
  const of = { topic, partition: number, incarnation, ...(isLater && { witness }) }
  const [oldest] = following.segments
  if (endOffset <= plannedOffset || oldest === undefined)
    return sourceEndOffset === plannedOffset && !isLater ? undefined : { ...of, endOffset: plannedOffset }
  const unplannedSinceMs = oldest.landedAtMs
  const isOlder = plannedOffset === committedOffset && partition.unplannedSinceMs !== unplannedSinceMs
  const isNews = sourceEndOffset !== endOffset || isOlder || isLater
  return isNews ? { ...of, endOffset, unplannedSinceMs } : undefined
}

interface Found {
  readonly segments: readonly ReadySegment[]
  readonly endOffset: bigint
}

/** Acts on what the listing means; returns the segments to plan, if any. `moved`: it begins elsewhere now. */
async function settle(
  context: PlannerContext,
  partition: SourcePartition,
  discovery: PartitionDiscovery,
): Promise<Found | 'moved' | undefined> {
  const { metadata, settings } = context
  const { following, endOffset, broken } = discovery
  const name = `${partition.topic}-${partition.partition}`
  const stop = (code: string, reason: string, details: Readonly<Record<string, unknown>>) =>
    metadata.stopPartition(idOf(partition), { code, reason, details }, partition).then(() => undefined)

  switch (following.kind) {
    case 'segments':
      if (following.segments.length > 0 && endOffset !== undefined)
        return endOffset > partition.plannedOffset ? { segments: following.segments, endOffset } : undefined
      // Where skip-to went into a damaged segment, or past it, its successor shows how far it reaches.
      if (broken === undefined || broken.segment.baseOffset < partition.plannedOffset) return undefined
      return stop(broken.error.code, broken.error.message, broken.error.details)
    case 'replaced': {
      const outcome = await metadata.replanPartition(idOf(partition), partition)
      if (outcome.kind !== 'nothing') return 'moved'
      return stop(
        'segment-replaced',
        `${name}: segment ${following.segment.key} was replaced after its records were committed. The rows of the old object are in the table. Compare the two, then resume, or skip-to an offset.`,
        {
          key: following.segment.key,
          etag: following.segment.etag,
        },
      )
    }
    case 'overlap':
      // One that came late is taken as long as the hole that it fills is not committed.
      if ((await metadata.replanPartition(idOf(partition), partition)).kind !== 'nothing') return 'moved'
      return stop(
        'segment-overlap',
        `${name}: segment ${following.segment.key} begins at offset ${following.segment.baseOffset}, below the offset ${partition.committedOffset} that is committed. Either two segments claim the same offsets, or it came so late that its place was passed over (source.gap, segment.abandoned), and its records are not in the table. Move the wrong or late one away, its .index too, and resume. What a late one holds can be produced again (tidewater segment cat).`,
        {
          key: following.segment.key,
        },
      )
    case 'new_incarnation':
      // What was planned of the old life is committed first, or planned afresh when its segments are gone.
      if (partition.committedOffset !== partition.plannedOffset) return undefined
      if (settings.onNewIncarnation === 'stop') {
        return stop(
          'topic-recreated',
          `${name}: offsets begin again at ${following.firstOffset}, below ${partition.plannedOffset}, and what was planned last is gone: the topic was recreated. Set on_new_incarnation: continue to take it as a new life of the topic, then resume.`,
          {
            firstOffset: following.firstOffset.toString(),
          },
        )
      }
      await metadata.registerPartition({
        ...idOf(partition),
        incarnation: partition.incarnation + 1,
        firstOffset: following.firstOffset,
      })
      return 'moved'
  }
}

function landedBefore(found: Found | undefined, landedBeforeMs: number | undefined): Found | undefined {
  if (found === undefined || landedBeforeMs === undefined) return found
  const late = found.segments.findIndex(segment => segment.landedAtMs > landedBeforeMs)
  if (late < 0) return found
  const segments = found.segments.slice(0, late)
  const firstLate = found.segments[late]
  return segments.length === 0 || firstLate === undefined
    ? undefined
    : { segments, endOffset: firstLate.baseOffset }
}

function pendingOf(partition: SourcePartition, found: Found, waitingSinceMs: number): PendingPartition {
  const { topic, partition: number, incarnation, plannedOffset, committedOffset } = partition
  return {
    topic,
    partition: number,
    incarnation,
    plannedOffset,
    idle: plannedOffset === committedOffset,
    ...found,
    waitingSinceMs,
  }
}

/**
 * A partition without a row begins where `start_from` says; its first segments are planned in the same round. Answers with what failed:
 * one partition that cannot be listed does not hold up the others.
 */
async function registerNewPartitions(
  context: PlannerContext,
  known: ReadonlySet<number>,
): Promise<{ readonly registered: number; readonly failures: readonly unknown[] }> {
  const { metadata, table, settings, source, runtime } = context
  const failures: unknown[] = []
  let registered = 0
  const note = (failure: unknown) => void failures.push(failure)
  const numbers = await listPartitionNumbers(source, settings.topic).catch(note)
  const register = async (partition: number) => {
    const firstOffset = await discoverStart({
      store: source,
      topic: settings.topic,
      partition,
      nowMs: runtime.nowMs(),
      settleMs: settings.segmentSettleMs,
      startFrom: settings.startFrom,
      tableCreatedAtMs: table.createdAtMs,
    })
    if (firstOffset === undefined) return
    await metadata.registerPartition({
      tableId: table.tableId,
      topic: settings.topic,
      partition,
      incarnation: 0,
      firstOffset,
    })
    registered++
  }
  const added = (numbers ?? []).filter(number => !known.has(number))
  await mapBounded(added, MAX_CONCURRENT_LISTINGS, partition => register(partition).catch(note))
  return { registered, failures }
}

async function anyConverted(
  { metadata }: PlannerContext,
  partition: SourcePartition,
  objects: readonly ObjectInfo[],
): Promise<boolean> {
  const etags = new Map(objects.map(({ key, etag }) => [key, etag]))
  let after: string | undefined
  do {
    const page = await metadata.listAccounts(partition.tableId, {
      limit: ACCOUNTS_PER_PAGE,
      ...(after !== undefined && { after }),
    })
    const found = page.accounts.some(
      account =>
        account.partition === partition.partition &&
        account.incarnation === partition.incarnation &&
        account.segments.some(known => etags.get(known.key) === known.etag),
    )
    if (found) return true
    after = page.next
  } while (after !== undefined)
  return false
}

function waitingOf(
  partition: SourcePartition,
  { waiting }: PartitionDiscovery,
  { landedBeforeMs = Number.POSITIVE_INFINITY }: RoundOptions,
): readonly WaitingSegment[] {
  if (waiting === undefined || waiting.landedAtMs > landedBeforeMs) return []
  const reasons = {
    'no-index': 'its .index is not there yet',
    'no-segment': 'its .kfs is not there yet',
    'older-than-index': 'its .kfs is older than its .index and may be about to be replaced',
  }
  return [
    {
      what: `${partition.topic}-${partition.partition}: the segment at offset ${waiting.baseOffset} waits: ${reasons[waiting.reason]}`,
      isSegment: waiting.reason === 'older-than-index',
    },
  ]
}

function idOf(partition: SourcePartition): PartitionId {
  return { tableId: partition.tableId, topic: partition.topic, partition: partition.partition }
}
