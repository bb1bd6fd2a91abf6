/**
 * The one commit (DESIGN invariants 1-3), in one transaction: the claim is checked, the accounts proven, the files and dead letters
 * kept, the watermarks moved over every contiguous slice that is done, and the files below them made live.
 *
 * A task whose slice begins above its watermark is *staged*: its files have no `added_version` until the watermark reaches it.
 * A task of several slices is planned only at the watermarks, so it never waits. Each task becomes live at a version of its own, in
 * offset order, so that whatever version a reader looks at, it sees a prefix of every partition.
 */

import { sql } from 'kysely'
import { invariant } from '../../runtime/errors.ts'
import { assertCommitAddsUp } from '../check-commit.ts'
import type { Row } from '../database.ts'
import { partitionToJson, rangesFromJson, rangesToJson } from '../json-columns.ts'
import type { TaskCommit, TaskCommitOutcome } from '../metadata-store.ts'
import {
  all,
  change,
  changeMany,
  first,
  insertStatement,
  now,
  type Steps,
  sqlStatement,
  statement,
} from '../steps.ts'
import { findClaimed } from './claims.ts'
import { giveTopicOffsets } from './dead-letter-topics.ts'
import { appendEvent } from './events.ts'
import { findDeadLetterTable, raiseVersion, raiseVersionFrom } from './tables.ts'
import { findTaskByKey, finishTask, type Slice, setSliceState, type Task, taskOf } from './task-rows.ts'
import { passWatermark } from './watermark.ts'

const insertFile = insertStatement('data_file', [
  'table_id',
  'path',
  'task_key',
  'spec_id',
  'partition',
  'record_count',
  'file_size_bytes',
  'encoded',
  'added_version',
])
const insertAccount = insertStatement('slice_account', [
  'task_key',
  'position',
  'row_count',
  'dead_letter_count',
  'max_timestamp_ms',
  'ranges',
])
const insertDeadLetters = insertStatement('dead_letter_batch', [
  'table_id',
  'task_key',
  'source_key',
  'code',
  'count',
  'first_offset',
  'last_offset',
  'sample_message',
  'committed_at_ms',
])
const selectLetters = statement((db, p: { taskKey: bigint }) =>
  db.selectFrom('dead_letter_batch').select(['code', 'count']).where('task_key', '=', p.taskKey),
)
const addToTotal = sqlStatement<{ tableId: string; code: string; count: bigint }, unknown>(
  p => sql`insert into dead_letter_total (table_id, code, count) values (${p.tableId}, ${p.code}, ${p.count})
    on conflict (table_id, code) do update set count = dead_letter_total.count + excluded.count`,
)
const makeLive = statement((db, p: { taskKey: bigint; tableId: string; version: bigint }) =>
  db
    .updateTable('data_file')
    .set({ added_version: p.version })
    .where('task_key', '=', p.taskKey)
    .where('table_id', '=', p.tableId)
    .where('added_version', 'is', null),
)
/** Staged dead letters count from now: retention must not take what nobody could see yet. */
const stampLetters = statement((db, p: { taskKey: bigint; atMs: bigint }) =>
  db.updateTable('dead_letter_batch').set({ committed_at_ms: p.atMs }).where('task_key', '=', p.taskKey),
)
const countStaged = statement((db, p: { taskKey: bigint; tableId: string }) =>
  db
    .selectFrom('data_file')
    .select(eb => eb.fn.countAll<bigint>().as('count'))
    .where('task_key', '=', p.taskKey)
    .where('table_id', '=', p.tableId),
)
type DoneSlice = Row<'task_slice'> & Row<'slice_account'>
const selectDoneAt = sqlStatement<{ sourceKey: bigint; offset: bigint }, DoneSlice>(
  p => sql`select task_slice.*, a.row_count, a.dead_letter_count, a.max_timestamp_ms, a.ranges
    from task_slice join slice_account a using (task_key, position)
    where source_key = ${p.sourceKey} and start_offset = ${p.offset} and state in ('planned', 'done') and state = 'done'`,
)

export function* commitTask(commit: TaskCommit): Steps<TaskCommitOutcome> {
  const found = yield* findClaimed(commit.claim)
  if (found === undefined) return { kind: 'fenced' }
  const { task, slices } = found
  assertCommitAddsUp(taskOf(task, slices), commit)
  const isLive = slices.every(slice => slice.start_offset === slice.committed_offset)
  invariant(
    isLive || slices.length === 1,
    `task ${task.task_id} mixes ${slices.length} partitions and does not begin at their watermarks`,
  )

  const version = isLive ? yield* raiseVersionFrom(task.table_id, task.table_version) : undefined
  yield* keepFiles(task, commit, version)
  yield* keepAccounts(task, slices, commit)
  yield* reportGaps(task, commit)
  if (version === undefined) {
    for (const slice of slices) yield* setSliceState(slice, 'done')
    yield* finishTask(task, 'staged')
    return { kind: 'committed', state: 'staged', tableVersion: task.table_version }
  }
  yield* finishTask(task, 'committed')
  if (commit.deadLetters.length > 0) yield* countLetters(task)
  for (const [position, slice] of slices.entries()) {
    const account = commit.accounts[position]
    invariant(account !== undefined, `slice ${position} of task ${task.task_id} lost its account`)
    yield* setSliceState(slice, 'committed')
    yield* passWatermark({
      ...account,
      tableId: task.table_id,
      sourceKey: slice.source_key,
      byOperator: false,
    })
  }
  let tableVersion = version
  for (const slice of slices) {
    if (slice.staged_behind === 0n) continue
    tableVersion = (yield* takeStaged(slice.source_key, slice.end_offset)) ?? tableVersion
  }
  return { kind: 'committed', state: 'committed', tableVersion }
}

/** `version` is the one at which the task's rows become live; without it they are staged. */
function* keepFiles(task: Task, { files }: TaskCommit, version: bigint | undefined): Steps<void> {
  const letters = files.some(file => file.target === 'dead_letters')
    ? yield* findDeadLetterTable(task.table_id)
    : undefined
  const lettersVersion =
    letters !== undefined && version !== undefined ? yield* raiseVersion(letters.table_id) : undefined
  yield* changeMany(
    insertFile,
    files.map(file => {
      const ofRows = file.target === 'rows'
      const tableId = ofRows ? task.table_id : letters?.table_id
      invariant(
        tableId !== undefined,
        `task ${task.task_id} commits dead letters, and table ${task.table_id} has no table for them`,
      )
      return {
        table_id: tableId,
        path: file.path,
        task_key: task.task_key,
        spec_id: file.specId,
        partition: partitionToJson(file.partition),
        record_count: file.recordCount,
        file_size_bytes: file.fileSizeBytes,
        encoded: file.encoded,
        added_version: (ofRows ? version : lettersVersion) ?? null,
      }
    }),
  )
  if (letters !== undefined && lettersVersion !== undefined)
    yield* giveTopicOffsets(letters.table_id, task.task_key)
}

/** Counts the task's dead letters by code, now that they are below the watermark. */
function* countLetters({ task_key, table_id }: Task): Steps<void> {
  const byCode = new Map<string, bigint>()
  for (const { code, count } of yield* all(selectLetters, { taskKey: task_key }))
    byCode.set(code, (byCode.get(code) ?? 0n) + count)
  yield* changeMany(
    addToTotal,
    [...byCode].map(([code, count]) => ({ tableId: table_id, code, count })),
  )
}

/** A hole in the source is the brokers' loss: reported with the commit that passes over it, so that no crash hides it. */
function* reportGaps(task: Task, { accounts }: TaskCommit): Steps<void> {
  for (const { topic, partition, incarnation, ranges } of accounts) {
    for (const { kind, startOffset, endOffset } of ranges) {
      if (kind !== 'source_gap') continue
      yield* appendEvent({
        type: 'source.gap',
        tableId: task.table_id,
        topic,
        partition,
        message: `No segment of ${topic}-${partition} holds offsets ${startOffset} to ${endOffset - 1n}: the brokers lost them, or retention removed them before they were converted. The table goes on after them.`,
        details: { startOffset, endOffset, incarnation },
      })
    }
  }
}

function* keepAccounts(task: Task, slices: readonly Slice[], commit: TaskCommit): Steps<void> {
  const nowMs = yield* now()
  yield* changeMany(
    insertAccount,
    commit.accounts.map((account, index) => ({
      task_key: task.task_key,
      // Positions may have holes, where a slice left the task; accounts come in the order of those that stayed.
      position: slices[index]?.position ?? index,
      row_count: account.rowCount,
      dead_letter_count: account.deadLetterCount,
      max_timestamp_ms: account.maxTimestampMs,
      ranges: rangesToJson(account.ranges),
    })),
  )
  yield* changeMany(
    insertDeadLetters,
    commit.deadLetters.map(letters => {
      const slice = slices.find(
        ({ topic, partition }) => topic === letters.topic && Number(partition) === letters.partition,
      )
      invariant(
        slice !== undefined,
        `dead letters of ${letters.topic}-${letters.partition} belong to no slice`,
      )
      return {
        table_id: task.table_id,
        task_key: task.task_key,
        source_key: slice.source_key,
        code: letters.code,
        count: letters.count,
        first_offset: letters.firstOffset,
        last_offset: letters.lastOffset,
        sample_message: letters.sampleMessage,
        committed_at_ms: nowMs,
      }
    }),
  )
}

/**
 * Makes the staged tasks that begin at the watermark live, one after the other in offset order; answers the last version, if any.
 * It ends because the watermark rises with each; their number is bounded by the tasks that planning keeps in flight.
 */
function* takeStaged(sourceKey: bigint, watermark: bigint): Steps<bigint | undefined> {
  let version: bigint | undefined
  let slice = yield* first(selectDoneAt, { sourceKey, offset: watermark })
  while (slice !== undefined) {
    const task = yield* findTaskByKey(slice.task_key)
    invariant(
      task?.state === 'staged',
      `slice at ${slice.start_offset} is done and its task is ${task?.state}`,
    )
    version = yield* raiseVersion(task.table_id)
    yield* change(makeLive, { taskKey: task.task_key, tableId: task.table_id, version })
    yield* makeLettersLive(task)
    yield* finishTask(task, 'committed')
    if (slice.dead_letter_count > 0n) yield* countLetters(task)
    yield* setSliceState(slice, 'committed')
    yield* passWatermark({
      tableId: task.table_id,
      sourceKey,
      endOffset: slice.end_offset,
      rowCount: slice.row_count,
      deadLetterCount: slice.dead_letter_count,
      ranges: rangesFromJson(slice.ranges),
      maxTimestampMs: slice.max_timestamp_ms,
      byOperator: false,
    })
    slice = yield* first(selectDoneAt, { sourceKey, offset: slice.end_offset })
  }
  return version
}

function* makeLettersLive(task: Task): Steps<void> {
  const letters = yield* findDeadLetterTable(task.table_id)
  if (letters === undefined) return
  const staged = yield* first(countStaged, { taskKey: task.task_key, tableId: letters.table_id })
  if (staged === undefined || staged.count === 0n) return
  const version = yield* raiseVersion(letters.table_id)
  yield* change(makeLive, { taskKey: task.task_key, tableId: letters.table_id, version })
  yield* change(stampLetters, { taskKey: task.task_key, atMs: yield* now() })
  yield* giveTopicOffsets(letters.table_id, task.task_key)
}
