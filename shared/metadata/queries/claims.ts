/**
 * The life of a claim (DESIGN invariant 2): taken, extended, given back whole or with a failure. `commit.ts` ends it well.
 * A claim counts while its token is the task's current one and its lease is running, by the database's clock.
 */
import type { Claim } from '../../flow.ts'
import { invariant, unreachable } from '../../runtime/errors.ts'
import { segmentsFromJson, segmentsToJson } from '../json-columns.ts'
import type { ClaimOutcome, ClaimRequest, TaskFailure } from '../metadata-store.ts'
import { toNumber } from '../rows.ts'
import { change, now, type Steps, statement } from '../steps.ts'
import { nameOf, requireSource, stopSource } from './partitions.ts'
import { stopTable } from './tables.ts'
import {
  findTask,
  finishTask,
  insertSlice,
  insertTask,
  moveSliceToOwnTask,
  noteError,
  type ReachedSlice,
  requeueTask,
  type Slice,
  setSliceState,
  type Task,
  type TaskOfTable,
  taskOf,
} from './task-rows.ts'

const updateClaim = statement(
  (db, p: { taskKey: bigint; token: string; worker: string; leaseUntilMs: bigint; attempts: bigint }) =>
    db
      .updateTable('convert_task')
      .set({
        state: 'claimed',
        claim_token: p.token,
        worker: p.worker,
        lease_until_ms: p.leaseUntilMs,
        attempts: p.attempts,
      })
      .where('task_key', '=', p.taskKey),
)
const updateLease = statement((db, p: { taskKey: bigint; leaseUntilMs: bigint }) =>
  db.updateTable('convert_task').set({ lease_until_ms: p.leaseUntilMs }).where('task_key', '=', p.taskKey),
)

const CLAIM_EXPIRED = 'claim-expired'

export function* claimTask(taskId: string, claim: ClaimRequest): Steps<ClaimOutcome> {
  const found = yield* findTask(taskId)
  if (found === undefined) return { kind: 'missing' }
  const { task, slices: planned } = found
  if (task.state === 'parked') return { kind: 'stopped' }
  if (task.state !== 'queued' && task.state !== 'claimed') return { kind: 'missing' }
  const nowMs = yield* now()
  if (isHeld(task, nowMs)) return { kind: 'held' }
  if (task.table_state !== 'active') return { kind: 'stopped' }
  const slices = planned.filter(slice => slice.source_state === 'active')
  if (slices.length === 0) return { kind: 'stopped' }
  if (task.state === 'queued' && task.not_before_ms > nowMs) return { kind: 'not_yet' }
  if (task.state === 'claimed' && claim.leaveLost === true) return { kind: 'lost' }

  // A stopped partition holds up nothing but itself (DESIGN invariant 4): its slice leaves the shared task and waits alone.
  for (const slice of planned) {
    if (slice.source_state === 'active') continue
    yield* moveSliceToOwnTask(task, slice, { taskId: `${task.task_id}.${slice.position}`, nowMs })
  }
  const leaseUntilMs = nowMs + BigInt(Math.ceil(claim.leaseMs))
  const attempts = yield* countLostClaim(task)
  if (claim.maxLostClaims !== undefined && task.state === 'claimed' && attempts >= claim.maxLostClaims)
    return yield* setApart(task, slices, { attempts, nowMs })
  yield* change(updateClaim, {
    taskKey: task.task_key,
    token: claim.token,
    worker: claim.worker,
    leaseUntilMs,
    attempts,
  })
  return {
    kind: 'claimed',
    task: taskOf({ ...task, attempts }, slices),
    claim: { taskId, token: claim.token, leaseUntilMs: toNumber(leaseUntilMs) },
  }
}

/**
 * A worker that died with its claim is a failed attempt: a task that kills its workers shows in `attempts`. Failures of another kind
 * before it do not count along: after an hour without storage, one machine that goes must not look like the last of many.
 */
function* countLostClaim(task: Task): Steps<bigint> {
  if (task.state !== 'claimed') return task.attempts
  yield* noteError(task, {
    code: CLAIM_EXPIRED,
    message: `Worker ${task.worker ?? '?'} neither committed nor extended its claim in time; it died or was cut off.`,
  })
  return task.last_error_code === CLAIM_EXPIRED ? task.attempts + 1n : 1n
}

/** A task that keeps killing its workers would kill them for ever: what of it does so waits for a person, and the rest goes on. */
function* setApart(
  task: Task,
  slices: readonly Slice[],
  { attempts, nowMs }: { readonly attempts: bigint; readonly nowMs: bigint },
): Steps<ClaimOutcome> {
  if (slices.length > 1) {
    // Any of them may be the one: each is tried on its own.
    for (const slice of slices)
      yield* moveSliceToOwnTask(task, slice, { taskId: `${task.task_id}.${slice.position}`, nowMs })
    yield* finishTask(task, 'cancelled')
    return { kind: 'missing' }
  }
  const [slice] = slices
  const what =
    slice === undefined
      ? ''
      : ` (${nameOf(slice)}, offsets ${slice.start_offset} to ${slice.end_offset - 1n})`
  const error = {
    code: 'workers-lost',
    message: `${attempts} workers in a row died or were cut off while they converted task ${task.task_id}${what}; the last was ${task.worker ?? '?'}. It is not tried again by itself, since it may take down the next one too. Look why they ended (out of memory? a crash?), then resume the partition, or skip the offsets.`,
  }
  yield* noteError(task, error)
  yield* requeueTask(task, { attempts, notBeforeMs: 0n })
  yield* finishTask(task, 'parked')
  yield* stopPartitionsOf(task, slices, error)
  return { kind: 'stopped' }
}

function isHeld(task: Task, nowMs: bigint): boolean {
  return task.state === 'claimed' && task.lease_until_ms !== null && task.lease_until_ms > nowMs
}

/** The task when the claim counts now; `undefined` when it was lost. */
export function* findClaimed(
  claim: Pick<Claim, 'taskId' | 'token'>,
): Steps<{ readonly task: TaskOfTable; readonly slices: readonly ReachedSlice[] } | undefined> {
  const found = yield* findTask(claim.taskId)
  if (found === undefined || found.task.claim_token !== claim.token) return undefined
  return isHeld(found.task, yield* now()) ? found : undefined
}

export function* extendClaim(claim: Pick<Claim, 'taskId' | 'token'>, leaseMs: number): Steps<boolean> {
  const found = yield* findClaimed(claim)
  if (found === undefined) return false
  const { task } = found
  const leaseUntilMs = (yield* now()) + BigInt(Math.ceil(leaseMs))
  yield* change(updateLease, { taskKey: task.task_key, leaseUntilMs })
  return true
}

/** The task waits again as if it had not been claimed. */
export function* releaseClaim(claim: Pick<Claim, 'taskId' | 'token'>): Steps<boolean> {
  const found = yield* findClaimed(claim)
  if (found === undefined) return false
  yield* requeueTask(found.task, { attempts: found.task.attempts, notBeforeMs: 0n })
  return true
}

export function* failTask(failure: TaskFailure): Steps<boolean> {
  const found = yield* findClaimed(failure.claim)
  if (found === undefined) return false
  const { task, slices } = found
  const { code, message, next } = failure
  const nowMs = yield* now()
  const attempts = task.attempts + 1n
  yield* noteError(task, { code, message })
  switch (next.kind) {
    case 'retry':
      yield* requeueTask(task, { attempts, notBeforeMs: nowMs + BigInt(Math.ceil(next.delayMs)) })
      return true
    case 'park':
      yield* requeueTask(task, { attempts, notBeforeMs: 0n })
      yield* finishTask(task, 'parked')
      yield* stopPartitionsOf(task, slices, { code, message })
      return true
    case 'split':
      yield* splitTask(task, slices, next.newTaskIds, nowMs)
      return true
    case 'cut':
      yield* cutTask(task, slices, next, nowMs)
      return true
    case 'stop_table':
      yield* requeueTask(task, { attempts, notBeforeMs: 0n })
      yield* stopTable(task.table_id, { code, reason: message, details: { taskId: task.task_id } })
      return true
    default:
      return unreachable(next)
  }
}

function* stopPartitionsOf(
  task: Task,
  slices: readonly Slice[],
  error: { readonly code: string; readonly message: string },
): Steps<void> {
  for (const { topic, partition, start_offset, end_offset } of slices) {
    const source = yield* requireSource({ tableId: task.table_id, topic, partition: toNumber(partition) })
    yield* stopSource(source, {
      code: error.code,
      reason: error.message,
      details: { taskId: task.task_id, startOffset: start_offset, endOffset: end_offset },
    })
  }
}

/** One task per slice in the place of the whole, so that only the slice that fails stops its partition. */
function* splitTask(
  task: Task,
  slices: readonly Slice[],
  newTaskIds: readonly string[],
  nowMs: bigint,
): Steps<void> {
  invariant(
    slices.length > 1 && new Set(newTaskIds).size === slices.length,
    `task ${task.task_id} of ${slices.length} slices (${slices.map(nameOf).join(', ')}) is to be split into ${newTaskIds.length} tasks`,
  )
  for (const [index, slice] of slices.entries()) {
    const taskId = newTaskIds[index]
    invariant(taskId !== undefined, `slice ${index} of task ${task.task_id} has no id for its own task`)
    yield* moveSliceToOwnTask(task, slice, { taskId, nowMs })
  }
  yield* finishTask(task, 'cancelled')
}

/** Two tasks in the place of one, so that what lies below the failure is committed and only what begins with it waits for a person. */
function* cutTask(
  task: Task,
  slices: readonly Slice[],
  { at, newTaskIds }: Extract<TaskFailure['next'], { kind: 'cut' }>,
  nowMs: bigint,
): Steps<void> {
  const [slice] = slices
  invariant(
    slice !== undefined && slices.length === 1 && slice.start_offset < at && at < slice.end_offset,
    `task ${task.task_id} of ${slices.length} slices (${slices.map(nameOf).join(', ')}) is to be cut at offset ${at}`,
  )
  const segments = segmentsFromJson(slice.segments, {
    topic: slice.topic,
    partition: toNumber(slice.partition),
  })
  const holdsCut = segments.findLastIndex(segment => segment.baseOffset <= at)
  yield* setSliceState(slice, 'cancelled')
  const parts = [
    {
      startOffset: slice.start_offset,
      endOffset: at,
      of: segments.filter(segment => segment.baseOffset < at),
    },
    { startOffset: at, endOffset: slice.end_offset, of: segments.slice(Math.max(0, holdsCut)) },
  ]
  for (const [index, part] of parts.entries()) {
    const taskId = newTaskIds[index]
    invariant(taskId !== undefined, `part ${index} of task ${task.task_id} has no id for its own task`)
    const { table_id: tableId, schema_id: schemaId, spec_id: specId } = task
    yield* change(insertSlice, {
      task_key: yield* insertTask({ taskId, tableId, schemaId, specId, nowMs }, part.of),
      position: 0,
      source_key: slice.source_key,
      start_offset: part.startOffset,
      end_offset: part.endOffset,
      segments: segmentsToJson(part.of),
      state: 'planned',
      landed_at_ms: slice.landed_at_ms,
    })
  }
  yield* finishTask(task, 'cancelled')
}
