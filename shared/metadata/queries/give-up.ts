/**
 * Giving up what is planned and not committed for one partition: `skip-to` by a person, or because a segment changed.
 *
 * The partition's slices leave their tasks. A task without another slice is cancelled; one that it shared with other partitions is
 * queued again for them, its claim lost, so that only the partition that is given up goes back. What a worker still does for a lost
 * claim is fenced at its commit, and its files are orphans. Staged files of cancelled tasks are forgotten: they never were rows.
 */
import { sql } from 'kysely'
import { invariant } from '../../runtime/errors.ts'
import type { Row } from '../database.ts'
import { segmentsFromJson, segmentToJson } from '../json-columns.ts'
import type { OperatorNote, PartitionId, SeenPartition } from '../metadata-store.ts'
import { toNumber } from '../rows.ts'
import { all, change, first, type Steps, sqlStatement, statement } from '../steps.ts'
import { appendEvent } from './events.ts'
import { activateSource, isAsSeen, nameOf, requireSource, type Source } from './partitions.ts'
import { raiseVersion } from './tables.ts'
import { findTaskByKey, finishTask, requeueTask, setSliceState, slicesOf } from './task-rows.ts'
import { passWatermark } from './watermark.ts'

const selectInFlight = sqlStatement<{ sourceKey: bigint }, Row<'task_slice'>>(
  p => sql`select * from task_slice
    where source_key = ${p.sourceKey} and state in ('planned', 'done') order by start_offset`,
)
const selectCommittedUpTo = sqlStatement<{ sourceKey: bigint; endOffset: bigint }, Row<'task_slice'>>(
  p => sql`select * from task_slice
    where source_key = ${p.sourceKey} and state <> 'cancelled' and start_offset < ${p.endOffset} and state = 'committed'
    order by start_offset desc limit 1`,
)
const deleteStagedFiles = statement((db, p: { taskKey: bigint }) =>
  db.deleteFrom('data_file').where('task_key', '=', p.taskKey).where('added_version', 'is', null),
)
const deleteDeadLetters = statement((db, p: { taskKey: bigint }) =>
  db.deleteFrom('dead_letter_batch').where('task_key', '=', p.taskKey),
)
const deleteAccounts = statement((db, p: { taskKey: bigint }) =>
  db.deleteFrom('slice_account').where('task_key', '=', p.taskKey),
)
const updatePlan = statement(
  (db, p: { sourceKey: bigint; plannedOffset: bigint; lastPlanned: string | null }) =>
    db
      .updateTable('source_partition')
      .set({
        planned_offset: p.plannedOffset,
        last_planned: p.lastPlanned,
        source_end_offset: sql`case when source_end_offset < ${p.plannedOffset} then ${p.plannedOffset} else source_end_offset end`,
      })
      .where('source_key', '=', p.sourceKey),
)

export type SkipOutcome =
  | { readonly kind: 'skipped'; readonly range: { startOffset: bigint; endOffset: bigint } }
  | { readonly kind: 'refused'; readonly reason: string }

export function* skipTo(id: PartitionId, offset: bigint, note: OperatorNote): Steps<SkipOutcome> {
  const source = yield* requireSource(id)
  const startOffset = source.committed_offset
  if (offset <= startOffset) {
    return {
      kind: 'refused',
      reason: `${nameOf(id)} is committed up to offset ${startOffset}: what is in the table stays there. Name an offset above it.`,
    }
  }
  const cancelled = yield* giveUpInFlight(source)
  // Discovery begins again at the folder's start and finds the segment that holds `offset`, also when it lies inside one.
  yield* change(updatePlan, { sourceKey: source.source_key, plannedOffset: offset, lastPlanned: null })
  yield* passWatermark({
    tableId: source.table_id,
    sourceKey: source.source_key,
    endOffset: offset,
    rowCount: 0n,
    deadLetterCount: 0n,
    ranges: [{ kind: 'skipped', startOffset, endOffset: offset }],
    maxTimestampMs: -1n,
    byOperator: true,
  })
  yield* raiseVersion(source.table_id)
  yield* activateSource(source.source_key)
  yield* appendEvent({
    type: 'operator.skip_to',
    ...id,
    message: `${note.who} gave up offsets ${startOffset} to ${offset - 1n} of ${nameOf(id)}: ${note.why}`,
    details: { startOffset, endOffset: offset, before: source.state, tasksGivenUp: cancelled },
    note,
  })
  return { kind: 'skipped', range: { startOffset, endOffset: offset } }
}

export function* replanPartition(
  id: PartitionId,
  seen?: SeenPartition,
): Steps<{ readonly kind: 'replanned' | 'nothing' | 'overtaken' }> {
  const source = yield* requireSource(id)
  if (!isAsSeen(source, seen)) return { kind: 'overtaken' }
  const { source_key, committed_offset, planned_offset } = source
  if (committed_offset === planned_offset) return { kind: 'nothing' }
  const cancelled = yield* giveUpInFlight(source)
  yield* change(updatePlan, {
    sourceKey: source_key,
    plannedOffset: committed_offset,
    lastPlanned: yield* lastSegmentBelow(source),
  })
  yield* appendEvent({
    type: 'partition.replanned',
    ...id,
    message: `${nameOf(id)}: a planned segment changed or went away, so offsets from ${committed_offset} on are planned afresh.`,
    details: { committedOffset: committed_offset, plannedOffset: planned_offset, tasksGivenUp: cancelled },
  })
  return { kind: 'replanned' }
}

/** The last segment of the slice that ends at the watermark; none after `skip-to`, which may have ended inside a segment. */
function* lastSegmentBelow(source: Source): Steps<string | null> {
  const below = yield* first(selectCommittedUpTo, {
    sourceKey: source.source_key,
    endOffset: source.committed_offset,
  })
  if (below === undefined || below.end_offset !== source.committed_offset) return null
  const of = { topic: source.topic, partition: toNumber(source.partition) }
  const segment = segmentsFromJson(below.segments, of).at(-1)
  return segment === undefined ? null : segmentToJson(segment)
}

/** Takes the partition's slices that are not committed out of their tasks; the number of them. */
function* giveUpInFlight(source: Source): Steps<number> {
  const inFlight = yield* all(selectInFlight, { sourceKey: source.source_key })
  for (const slice of inFlight) {
    const task = yield* findTaskByKey(slice.task_key)
    invariant(task !== undefined, `the slice of ${nameOf(source)} at ${slice.start_offset} has no task`)
    const shares = (yield* slicesOf(task)).length > 1
    yield* setSliceState(slice, 'cancelled')
    if (shares) {
      const { attempts } = task
      if (task.state !== 'parked') yield* requeueTask(task, { attempts, notBeforeMs: task.not_before_ms })
      continue
    }
    yield* finishTask(task, 'cancelled')
    yield* change(deleteStagedFiles, { taskKey: task.task_key })
    yield* change(deleteDeadLetters, { taskKey: task.task_key })
    yield* change(deleteAccounts, { taskKey: task.task_key })
  }
  return inFlight.length
}
