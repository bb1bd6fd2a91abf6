/** The rows of convert tasks and their slices: reading them, and the changes of state that several transactions share. */
import { sql } from 'kysely'
import type { ConvertTask, SegmentRef, TaskSlice } from '../../flow.ts'
import type { Row, SliceState } from '../database.ts'
import { segmentsFromJson } from '../json-columns.ts'
import { toNumber } from '../rows.ts'
import {
  all,
  change,
  first,
  insertStatement,
  query,
  type Steps,
  sqlStatement,
  statement,
  together,
} from '../steps.ts'

export type Task = Row<'convert_task'>

/** A slice with what is known of its partition. */
export interface Slice extends Row<'task_slice'> {
  readonly topic: string
  readonly partition: bigint
  readonly incarnation: bigint
  readonly planned_offset: bigint
  readonly committed_offset: bigint
  readonly source_state: Row<'source_partition'>['state']
}

/** The task with what is decided by of its table. */
export interface TaskOfTable extends Task {
  readonly table_state: Row<'iceberg_table'>['state']
  readonly table_version: bigint
}

/** A slice, and whether one that begins where it ends waits for it. */
export interface ReachedSlice extends Slice {
  readonly staged_behind: bigint
}

const selectTask = sqlStatement<{ taskId: string }, TaskOfTable>(
  p => sql`select convert_task.*, iceberg_table.state as table_state, iceberg_table.version as table_version
    from convert_task join iceberg_table using (table_id) where task_id = ${p.taskId}`,
)
const selectTaskByKey = statement((db, p: { taskKey: bigint }) =>
  db.selectFrom('convert_task').selectAll().where('task_key', '=', p.taskKey),
)
const sliceColumns = sql`task_slice.*, source_partition.topic, source_partition.partition, source_partition.incarnation,
  source_partition.planned_offset, source_partition.committed_offset, source_partition.state as source_state`
const selectSlices = sqlStatement<{ taskKey: bigint }, Slice>(
  p => sql`select ${sliceColumns} from task_slice join source_partition using (source_key)
    where task_key = ${p.taskKey} order by position`,
)
const selectSlicesById = sqlStatement<{ taskId: string }, ReachedSlice>(
  p => sql`select ${sliceColumns}, (select count(*) from task_slice n where n.source_key = task_slice.source_key
      and n.start_offset = task_slice.end_offset and n.state in ('planned', 'done') and n.state = 'done') as staged_behind
    from task_slice join source_partition using (source_key)
    where task_key = (select task_key from convert_task where task_id = ${p.taskId}) order by position`,
)
const insertTaskRow = statement(
  (
    db,
    p: {
      taskId: string
      tableId: string
      schemaId: bigint | number
      specId: bigint | number
      nowMs: bigint
      sizeBytes: bigint
    },
  ) =>
    db
      .insertInto('convert_task')
      .values({
        task_id: p.taskId,
        table_id: p.tableId,
        schema_id: p.schemaId,
        spec_id: p.specId,
        state: 'queued',
        created_at_ms: p.nowMs,
        size_bytes: p.sizeBytes,
      })
      .returning('task_key'),
)
export const insertSlice = insertStatement('task_slice', [
  'task_key',
  'position',
  'source_key',
  'start_offset',
  'end_offset',
  'segments',
  'state',
  'landed_at_ms',
])
const updateSliceState = statement((db, p: { taskKey: bigint; position: bigint; state: SliceState }) =>
  db
    .updateTable('task_slice')
    .set({ state: p.state })
    .where('task_key', '=', p.taskKey)
    .where('position', '=', p.position),
)
const requeue = statement((db, p: { taskKey: bigint; attempts: bigint; notBeforeMs: bigint }) =>
  db
    .updateTable('convert_task')
    .set({
      state: 'queued',
      claim_token: null,
      worker: null,
      lease_until_ms: null,
      attempts: p.attempts,
      not_before_ms: p.notBeforeMs,
    })
    .where('task_key', '=', p.taskKey),
)
const updateError = statement((db, p: { taskKey: bigint; code: string; message: string }) =>
  db
    .updateTable('convert_task')
    .set({ last_error_code: p.code, last_error_message: p.message })
    .where('task_key', '=', p.taskKey),
)
const endTask = statement((db, p: { taskKey: bigint; state: Task['state'] }) =>
  db
    .updateTable('convert_task')
    .set({ state: p.state, claim_token: null, lease_until_ms: null })
    .where('task_key', '=', p.taskKey),
)
const countCommitted = statement((db, p: { tableId: string }) =>
  db
    .updateTable('iceberg_table')
    .set({ committed_tasks: sql`committed_tasks + 1` })
    .where('table_id', '=', p.tableId),
)
const countCancelled = statement((db, p: { tableId: string }) =>
  db
    .updateTable('iceberg_table')
    .set({ cancelled_tasks: sql`cancelled_tasks + 1` })
    .where('table_id', '=', p.tableId),
)
const selectParkedOf = sqlStatement<{ sourceKey: bigint }, { task_key: bigint }>(
  p => sql`select task_key from task_slice join convert_task using (task_key)
    where task_slice.source_key = ${p.sourceKey} and task_slice.state in ('planned', 'done')
      and convert_task.state = 'parked'`,
)

/** The task with its slices, as `slicesOf` answers them. */
export function* findTask(
  taskId: string,
): Steps<{ readonly task: TaskOfTable; readonly slices: readonly ReachedSlice[] } | undefined> {
  const [[task], slices] = yield* together<[TaskOfTable, ReachedSlice]>(
    query(selectTask, { taskId }),
    query(selectSlicesById, { taskId }),
  )
  return task === undefined ? undefined : { task, slices: countingSlices(task, slices) }
}

export function* findTaskByKey(taskKey: bigint): Steps<Task | undefined> {
  return yield* first(selectTaskByKey, { taskKey })
}

/** The task's slices in order. One that was moved elsewhere is left out, unless the whole task is over without a commit. */
export function* slicesOf(task: Task): Steps<readonly Slice[]> {
  return countingSlices(task, yield* all(selectSlices, { taskKey: task.task_key }))
}

function countingSlices<S extends Slice>(task: Task, slices: readonly S[]): readonly S[] {
  return task.state === 'cancelled' ? slices : slices.filter(slice => slice.state !== 'cancelled')
}

export function taskOf(task: Task, slices: readonly Slice[]): ConvertTask {
  return {
    taskId: task.task_id,
    tableId: task.table_id,
    schemaId: toNumber(task.schema_id),
    specId: toNumber(task.spec_id),
    slices: slices.map(sliceOf),
    attempts: toNumber(task.attempts),
  }
}

export function sliceOf(slice: Slice): TaskSlice {
  const of = { topic: slice.topic, partition: toNumber(slice.partition) }
  return {
    ...of,
    incarnation: toNumber(slice.incarnation),
    startOffset: slice.start_offset,
    endOffset: slice.end_offset,
    segments: segmentsFromJson(slice.segments, of),
  }
}

export interface QueuedTask {
  readonly taskId: string
  readonly tableId: string
  readonly schemaId: bigint | number
  readonly specId: bigint | number
  readonly nowMs: bigint
}

/** Inserts a queued task and answers its key; its slices are for the caller to insert. */
export function* insertTask(
  { taskId, tableId, schemaId, specId, nowMs }: QueuedTask,
  segments: readonly Pick<SegmentRef, 'sizeBytes'>[],
): Steps<bigint> {
  const sizeBytes = segments.reduce((sum, segment) => sum + BigInt(segment.sizeBytes), 0n)
  const row = yield* first(insertTaskRow, { taskId, tableId, schemaId, specId, nowMs, sizeBytes })
  return row?.task_key ?? 0n
}

/** The slice leaves its task and becomes a queued task of its own, under the id given. */
export function* moveSliceToOwnTask(
  task: Task,
  slice: Slice,
  own: { taskId: string; nowMs: bigint },
): Steps<void> {
  yield* setSliceState(slice, 'cancelled')
  const { topic, partition } = slice
  const segments = segmentsFromJson(slice.segments, { topic, partition: toNumber(partition) })
  const taskKey = yield* insertTask(
    {
      taskId: own.taskId,
      tableId: task.table_id,
      schemaId: task.schema_id,
      specId: task.spec_id,
      nowMs: own.nowMs,
    },
    segments,
  )
  yield* change(insertSlice, {
    task_key: taskKey,
    position: 0,
    source_key: slice.source_key,
    start_offset: slice.start_offset,
    end_offset: slice.end_offset,
    segments: slice.segments,
    state: 'planned',
    landed_at_ms: slice.landed_at_ms,
  })
}

export function* setSliceState(slice: Row<'task_slice'>, state: SliceState): Steps<void> {
  yield* change(updateSliceState, { taskKey: slice.task_key, position: slice.position, state })
}

/** Queued again, whoever held it; a claim that is running is lost. */
export function* requeueTask(
  task: Task,
  again: { readonly attempts: bigint; readonly notBeforeMs: bigint },
): Steps<void> {
  yield* change(requeue, { taskKey: task.task_key, ...again })
}

export function* noteError(
  task: Task,
  error: { readonly code: string; readonly message: string },
): Steps<void> {
  yield* change(updateError, { taskKey: task.task_key, code: error.code, message: error.message })
}

/** The claim, if any, is over; `committed` and `cancelled` tasks are counted. */
export function* finishTask(task: Task, state: 'staged' | 'committed' | 'parked' | 'cancelled'): Steps<void> {
  yield* change(endTask, { taskKey: task.task_key, state })
  if (state === 'committed') yield* change(countCommitted, { tableId: task.table_id })
  if (state === 'cancelled') yield* change(countCancelled, { tableId: task.table_id })
}

/** Tasks of the partition that wait for a person are queued again as if new; the number of them. */
export function* requeueParkedTasksOf(sourceKey: bigint): Steps<number> {
  const parked = yield* all(selectParkedOf, { sourceKey })
  for (const { task_key } of parked) {
    yield* change(requeue, { taskKey: task_key, attempts: 0n, notBeforeMs: 0n })
  }
  return parked.length
}
