/** Source partitions: how far each partition of a table's topic has come, and whether it may go on. */
import { sql } from 'kysely'
import { AppError, invariant } from '../../runtime/errors.ts'
import type { Row } from '../database.ts'
import { segmentToJson } from '../json-columns.ts'
import type { OperatorNote, PartitionId, SeenPartition, SourcePartition } from '../metadata-store.ts'
import { partitionOf, toNumber } from '../rows.ts'
import {
  all,
  change,
  first,
  insertStatement,
  now,
  type Query,
  query,
  type Steps,
  sqlStatement,
  statement,
  together,
} from '../steps.ts'
import { appendEvent } from './events.ts'
import { type Ids, listed } from './id-sets.ts'
import { requeueParkedTasksOf } from './task-rows.ts'

export type Source = Row<'source_partition'>
export type SourceWithCount = Source & { readonly tasks_in_flight: bigint }

const selectCurrent = statement((db, p: { tableId: string; topic: string; partition: number }) =>
  db
    .selectFrom('source_partition')
    .selectAll()
    .where('table_id', '=', p.tableId)
    .where('topic', '=', p.topic)
    .where('partition', '=', sql<bigint>`${p.partition}`)
    .where('is_current', '=', sql<bigint>`1`),
)
const inFlight = sql`(select count(*) from task_slice where task_slice.source_key = source_partition.source_key
  and task_slice.state in ('planned', 'done')) as tasks_in_flight`
const selectCurrentOfTable = sqlStatement<{ tableId: string }, SourceWithCount>(
  p => sql`select source_partition.*, ${inFlight} from source_partition
    where table_id = ${p.tableId} and is_current = 1 order by topic, partition`,
)
const selectCurrentOf = sqlStatement<Ids, SourceWithCount>(
  ids => sql`select source_partition.*, ${inFlight} from source_partition
    where table_id in (${listed(ids)}) and is_current = 1 order by table_id, topic, partition`,
)
const selectAllOfTable = sqlStatement<{ tableId: string }, SourceWithCount>(
  p => sql`select source_partition.*, ${inFlight} from source_partition
    where table_id = ${p.tableId} order by topic, partition, incarnation`,
)
const selectCurrentCounted = sqlStatement<
  { tableId: string; topic: string; partition: number },
  SourceWithCount
>(
  p => sql`select source_partition.*, ${inFlight} from source_partition
    where table_id = ${p.tableId} and topic = ${p.topic} and partition = ${p.partition} and is_current = 1`,
)
const insertSource = insertStatement('source_partition', [
  'table_id',
  'topic',
  'partition',
  'incarnation',
  'is_current',
  'first_offset',
  'planned_offset',
  'committed_offset',
  'source_end_offset',
])
const retireSource = statement((db, p: { sourceKey: bigint }) =>
  db.updateTable('source_partition').set({ is_current: 0 }).where('source_key', '=', p.sourceKey),
)
const updateState = statement(
  (db, p: { sourceKey: bigint; state: Source['state']; code: string | null; reason: string | null }) =>
    db
      .updateTable('source_partition')
      .set({ state: p.state, state_code: p.code, state_reason: p.reason })
      .where('source_key', '=', p.sourceKey),
)

/** Time that was spent paused or stopped is not time in which the watermark failed to move. */
const restarted = (nowMs: bigint) => ({
  behind_since_ms: sql<
    bigint | null
  >`case when behind_since_ms is null then null else cast(${nowMs} as bigint) end`,
  stalled_since_ms: null,
})
const restartClock = statement((db, p: { sourceKey: bigint; nowMs: bigint }) =>
  db.updateTable('source_partition').set(restarted(p.nowMs)).where('source_key', '=', p.sourceKey),
)
const restartClocks = statement((db, p: { tableId: string; nowMs: bigint }) =>
  db.updateTable('source_partition').set(restarted(p.nowMs)).where('table_id', '=', p.tableId),
)
const forgetLastPlanned = statement((db, p: { sourceKey: bigint }) =>
  db.updateTable('source_partition').set({ last_planned: null }).where('source_key', '=', p.sourceKey),
)

export function nameOf(id: { readonly topic: string; readonly partition: number | bigint }): string {
  return `${id.topic}-${id.partition}`
}

export function* findSource(id: PartitionId): Steps<Source | undefined> {
  const [[source]] = yield* together<[Source]>(querySource(id))
  return source
}

export function querySource({ tableId, topic, partition }: PartitionId): Query<Source> {
  return query(selectCurrent, { tableId, topic, partition })
}

export function* requireSource(id: PartitionId): Steps<Source> {
  const source = yield* findSource(id)
  if (source !== undefined) return source
  throw new AppError({
    code: 'partition-unknown',
    next: 'fatal',
    message: `Table ${id.tableId} does not follow partition ${nameOf(id)}. Name a partition that \`tidewater status\` lists.`,
    details: { tableId: id.tableId, topic: id.topic, partition: id.partition },
  })
}

/** The current life of each partition; with `pastIncarnations`, all of them. Order: topic, partition, incarnation. */
export function* listPartitions(
  tableId: string,
  options: { readonly pastIncarnations?: boolean } = {},
): Steps<readonly SourcePartition[]> {
  const select = options.pastIncarnations === true ? selectAllOfTable : selectCurrentOfTable
  return (yield* all(select, { tableId })).map(row => partitionOf(row, row.tasks_in_flight))
}

/** The current life of each partition of many tables. */
export function queryCurrentOf(ids: Ids): Query<SourceWithCount> {
  return query(selectCurrentOf, ids)
}

export function* registerPartition(
  input: PartitionId & { readonly incarnation: number; readonly firstOffset: bigint },
): Steps<SourcePartition> {
  const { tableId, topic, partition, incarnation, firstOffset } = input
  const current = yield* findSource(input)
  const isNew = current === undefined || toNumber(current.incarnation) < incarnation
  if (current !== undefined && isNew) {
    if (current.planned_offset !== current.committed_offset) throw stillInFlight(input, current)
    yield* change(retireSource, { sourceKey: current.source_key })
  }
  if (isNew) {
    yield* change(insertSource, {
      table_id: tableId,
      topic,
      partition,
      incarnation,
      is_current: 1,
      first_offset: firstOffset,
      planned_offset: firstOffset,
      committed_offset: firstOffset,
      source_end_offset: firstOffset,
    })
  }
  const registered = yield* first(selectCurrentCounted, { tableId, topic, partition })
  invariant(registered !== undefined, `partition ${nameOf(input)} is gone right after it was registered`)
  return partitionOf(registered, registered.tasks_in_flight)
}

function stillInFlight(id: PartitionId & { readonly incarnation: number }, current: Source): AppError {
  return new AppError({
    code: 'partition-in-flight',
    next: 'retry',
    message: `Registering incarnation ${id.incarnation} of ${nameOf(id)}: incarnation ${current.incarnation} is planned up to ${current.planned_offset} but committed only up to ${current.committed_offset}. Wait until its tasks are done, or skip-to ${current.planned_offset}.`,
    details: { topic: id.topic, partition: id.partition, incarnation: id.incarnation },
  })
}

export interface PartitionStop {
  readonly code: string
  readonly reason: string
  readonly details: Readonly<Record<string, unknown>>
}

export function* stopPartition(id: PartitionId, stop: PartitionStop, seen?: SeenPartition): Steps<void> {
  const source = yield* requireSource(id)
  if (source.state === 'active' && isAsSeen(source, seen)) yield* stopSource(source, stop)
}

export function isAsSeen(source: Source, seen: SeenPartition | undefined): boolean {
  if (seen === undefined) return true
  const { incarnation, plannedOffset, lastPlanned } = seen
  return (
    toNumber(source.incarnation) === incarnation &&
    source.planned_offset === plannedOffset &&
    source.last_planned === (lastPlanned === undefined ? null : segmentToJson(lastPlanned))
  )
}

export function* stopSource(source: Source, stop: PartitionStop): Steps<void> {
  if (source.state === 'stopped') return
  const { source_key, table_id, topic } = source
  const partition = toNumber(source.partition)
  yield* change(updateState, {
    sourceKey: source_key,
    state: 'stopped',
    code: stop.code,
    reason: stop.reason,
  })
  yield* appendEvent({
    type: 'partition.stopped',
    tableId: table_id,
    topic,
    partition,
    message: stop.reason,
    details: { code: stop.code, committedOffset: source.committed_offset, ...stop.details },
  })
}

export function* activateSource(sourceKey: bigint): Steps<void> {
  yield* change(updateState, { sourceKey, state: 'active', code: null, reason: null })
  yield* change(restartClock, { sourceKey, nowMs: yield* now() })
}

/** After the whole table was resumed. */
export function* restartClocksOf(tableId: string): Steps<void> {
  yield* change(restartClocks, { tableId, nowMs: yield* now() })
}

export function* pausePartition(id: PartitionId, note: OperatorNote): Steps<void> {
  const source = yield* requireSource(id)
  yield* change(updateState, {
    sourceKey: source.source_key,
    state: 'paused',
    code: 'operator-pause',
    reason: note.why,
  })
  yield* appendEvent({
    type: 'operator.pause',
    ...id,
    message: `${nameOf(id)} was paused by ${note.who}: ${note.why}`,
    details: { before: source.state },
    note,
  })
}

export function* resumePartition(id: PartitionId, note: OperatorNote): Steps<void> {
  const source = yield* requireSource(id)
  yield* activateSource(source.source_key)
  // A person takes the new object as it is: discovery finds its place again from the planned offset, not from the old object.
  if (source.state_code === 'segment-replaced')
    yield* change(forgetLastPlanned, { sourceKey: source.source_key })
  const requeued = yield* requeueParkedTasksOf(source.source_key)
  yield* appendEvent({
    type: 'operator.resume',
    ...id,
    message: `${nameOf(id)} was resumed by ${note.who}: ${note.why}`,
    details: { before: source.state, tasksQueuedAgain: requeued },
    note,
  })
}
