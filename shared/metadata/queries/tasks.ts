/** Planning tasks, and listing them. */
import { sql } from 'kysely'
import { invariant } from '../../runtime/errors.ts'
import { segmentObjectKey } from '../../segment/segment-key.ts'
import type { Row } from '../database.ts'
import { segmentsToJson, segmentToJson } from '../json-columns.ts'
import type { NewSlice, NewTask, OperatorNote, TaskRecord, TaskState } from '../metadata-store.ts'
import { present, toNumber } from '../rows.ts'
import {
  all,
  change,
  now,
  type Query,
  query,
  type Steps,
  sqlStatement,
  statement,
  together,
} from '../steps.ts'
import { appendEvent } from './events.ts'
import { type Ids, idOnce, listed } from './id-sets.ts'
import { activateSource, nameOf, querySource, type Source } from './partitions.ts'
import { foundTable, queryTable, requireTable } from './tables.ts'
import { findTask, insertSlice, insertTask, requeueTask, slicesOf, type Task, taskOf } from './task-rows.ts'

const updatePlanned = statement(
  (db, p: { sourceKey: bigint; plannedOffset: bigint; lastPlanned: string | null; nowMs: bigint }) =>
    db
      .updateTable('source_partition')
      .set({
        planned_offset: p.plannedOffset,
        last_planned: p.lastPlanned,
        source_end_offset: sql`case when source_end_offset < ${p.plannedOffset} then ${p.plannedOffset} else source_end_offset end`,
        behind_since_ms: sql`coalesce(behind_since_ms, ${p.nowMs})`,
      })
      .where('source_key', '=', p.sourceKey),
)
const selectAnyTable = statement((db, p: { state: TaskState; limit: number }) =>
  db.selectFrom('convert_task').selectAll().where('state', '=', p.state).orderBy('task_key').limit(p.limit),
)
const selectOfTable = statement((db, p: { tableId: string; state: TaskState; limit: number }) =>
  db
    .selectFrom('convert_task')
    .selectAll()
    .where('table_id', '=', p.tableId)
    .where('state', '=', p.state)
    .orderBy('task_key')
    .limit(p.limit),
)
const countInFlight = sqlStatement<Ids, InFlightRow>(
  ids => sql`select table_id, state, count(*) as count from convert_task
    where table_id in (${listed(ids)}) and state in ('queued', 'claimed', 'staged', 'parked')
    group by table_id, state`,
)

const ALL_STATES: readonly TaskState[] = ['queued', 'claimed', 'staged', 'committed', 'parked', 'cancelled']

export function* planTask(task: NewTask): Steps<{ readonly kind: 'planned' } | { readonly kind: 'stale' }> {
  assertWellFormed(task)
  const [[row], ...found] = yield* together<[Row<'iceberg_table'>, ...Source[]]>(
    queryTable(task.tableId),
    ...task.slices.map(slice => querySource({ tableId: task.tableId, ...slice })),
  )
  const table = foundTable(task.tableId, row)
  invariant(table.kind === 'rows', `task ${task.taskId} is planned for the dead-letter table ${table.name}`)
  if (table.state !== 'active') return { kind: 'stale' }
  const sources: Source[] = []
  for (const [position, slice] of task.slices.entries()) {
    const source = found[position]?.[0]
    if (source === undefined || source.state !== 'active') return { kind: 'stale' }
    if (toNumber(source.incarnation) !== slice.incarnation) return { kind: 'stale' }
    if (source.planned_offset !== slice.startOffset) return { kind: 'stale' }
    // A shared task commits all its slices at once, so each must begin at its watermark.
    if (task.slices.length > 1 && source.committed_offset !== source.planned_offset) return { kind: 'stale' }
    sources.push(source)
  }

  const { taskId, tableId, schemaId, specId } = task
  const nowMs = yield* now()
  const taskKey = yield* insertTask(
    { taskId, tableId, schemaId, specId, nowMs },
    task.slices.flatMap(slice => slice.segments),
  )
  for (const [position, slice] of task.slices.entries()) {
    const source = sources[position]
    invariant(source !== undefined, `slice ${position} of task ${taskId} lost its partition`)
    yield* change(insertSlice, {
      task_key: taskKey,
      position,
      source_key: source.source_key,
      start_offset: slice.startOffset,
      end_offset: slice.endOffset,
      segments: segmentsToJson(slice.segments),
      state: 'planned',
      landed_at_ms: slice.landedAtMs ?? null,
    })
    const last = slice.segments.at(-1)
    yield* change(updatePlanned, {
      sourceKey: source.source_key,
      plannedOffset: slice.endOffset,
      lastPlanned: last === undefined ? source.last_planned : segmentToJson(last),
      nowMs,
    })
  }
  for (const slice of task.slices) yield* reportAbandoned(tableId, slice)
  return { kind: 'planned' }
}

/** The plan passes over it for good: nobody lists behind the last planned segment again. */
function* reportAbandoned(tableId: string, { topic, partition, abandoned = [] }: NewSlice): Steps<void> {
  for (const baseOffset of abandoned) {
    const key = segmentObjectKey({ topic, partition, baseOffset })
    yield* appendEvent({
      type: 'segment.abandoned',
      tableId,
      topic,
      partition,
      message: `Of segment ${key} only the .kfs or the .index has come, and a later segment stands: ${topic}-${partition} is planned on without it. Its records will not be in the table, even if the other half comes now.`,
      details: { key, baseOffset },
    })
  }
}

function assertWellFormed({ taskId, slices }: NewTask): void {
  invariant(slices.length > 0, `task ${taskId} has no slices`)
  invariant(
    new Set(slices.map(nameOf)).size === slices.length,
    `task ${taskId} takes two slices of one partition`,
  )
  for (const { topic, partition, startOffset, endOffset } of slices) {
    invariant(
      startOffset < endOffset,
      `task ${taskId} plans ${topic}-${partition} from ${startOffset} to ${endOffset}, which is empty`,
    )
  }
}

/** Oldest first within each state, states in the order given. */
export function* listTasks(filter: {
  readonly tableId?: string
  readonly states?: readonly TaskState[]
  readonly limit: number
}): Steps<readonly TaskRecord[]> {
  const { tableId } = filter
  const tasks: TaskRecord[] = []
  for (const state of filter.states ?? ALL_STATES) {
    const limit = filter.limit - tasks.length
    if (limit <= 0) break
    const rows =
      tableId === undefined
        ? yield* all(selectAnyTable, { state, limit })
        : yield* all(selectOfTable, { tableId, state, limit })
    for (const row of rows) tasks.push(recordOf(row, taskOf(row, yield* slicesOf(row))))
  }
  return tasks
}

function recordOf(row: Task, task: ReturnType<typeof taskOf>): TaskRecord {
  return {
    ...task,
    state: row.state,
    createdAtMs: toNumber(row.created_at_ms),
    ...present('lastErrorCode', row.last_error_code),
    ...present('lastErrorMessage', row.last_error_message),
  }
}

export interface InFlightRow {
  readonly table_id: string
  readonly state: TaskState
  readonly count: bigint
}

export function queryInFlight(ids: Ids): Query<InFlightRow> {
  return query(countInFlight, ids)
}

/** Tasks that are over are counted in the table's row. */
export function countsOf(
  table: Pick<Row<'iceberg_table'>, 'committed_tasks' | 'cancelled_tasks'>,
  inFlight: readonly InFlightRow[],
): Readonly<Record<TaskState, number>> {
  const counts = {
    queued: 0,
    claimed: 0,
    staged: 0,
    parked: 0,
    committed: toNumber(table.committed_tasks),
    cancelled: toNumber(table.cancelled_tasks),
  }
  for (const { state, count } of inFlight) counts[state] = toNumber(count)
  return counts
}

export function* countTasks(tableId: string): Steps<Readonly<Record<TaskState, number>>> {
  return countsOf(yield* requireTable(tableId), yield* all(countInFlight, idOnce(tableId)))
}

export function* unparkTask(
  taskId: string,
  note: OperatorNote,
): Steps<{ readonly kind: 'unparked' | 'missing' }> {
  const found = yield* findTask(taskId)
  if (found?.task.state !== 'parked') return { kind: 'missing' }
  const { task, slices } = found
  yield* requeueTask(task, { attempts: 0n, notBeforeMs: 0n })
  for (const slice of slices) yield* activateSource(slice.source_key)
  yield* appendEvent({
    type: 'operator.unpark',
    tableId: task.table_id,
    message: `Task ${taskId} (${slices.map(nameOf).join(', ')}) was queued again by ${note.who}: ${note.why}`,
    details: { taskId },
    note,
  })
  return { kind: 'unparked' }
}
