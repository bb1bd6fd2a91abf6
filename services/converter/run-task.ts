/**
 * Runs one convert task from claim to commit. The claim is the fence: whatever happens to this process, a commit without the
 * current claim changes nothing, and the files that it uploaded are orphans, never rows (DESIGN invariant 2).
 *
 * A crash before the commit leaves a claim that runs out, after which any worker takes the task again; a crash after it, nothing.
 */
import type { Claim, ConvertTask, TaskResult } from '../../shared/flow.ts'
import type { MetadataStore, TaskFailure } from '../../shared/metadata/metadata-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { aborted } from '../../shared/runtime/loop-group.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'

/** Longest wait before a task is tried again. */
const MAX_RETRY_DELAY_MS = 60_000
const FIRST_RETRY_DELAY_MS = 500
/** Claims are extended this many times within a lease, so that one lost extension does not lose the claim. */
const EXTENSIONS_PER_LEASE = 3

/** Converts one task; runs in a worker thread, or in this one for a reproducible run. */
export type Convert = (task: ConvertTask, claim: Claim) => Promise<TaskResult>

export interface TaskRunnerContext {
  readonly metadata: MetadataStore
  readonly runtime: Runtime
  readonly convert: Convert
  readonly worker: string
  readonly claimLeaseMs: number
  /** Failures without a known cause, and workers lost in a row, after which a task is parked. */
  readonly maxTaskAttempts: number
  /** Gives the task back once it aborts, for another worker to take up at once. */
  readonly handBack?: AbortSignal
}

export type TaskOutcome =
  | {
      readonly kind: 'committed'
      readonly task: ConvertTask
      readonly rowCount: bigint
      readonly deadLetterCount: bigint
      /** Of the segments that were converted, and of the Parquet files that came of them. */
      readonly bytesRead: bigint
      readonly bytesWritten: bigint
      /** How long the commit's transaction took. */
      readonly commitMs: number
    }
  /** Given back unfinished, because this process is about to end. */
  | { readonly kind: 'handed_back'; readonly task: ConvertTask }
  /** Its last worker died, and it may only be run alone. */
  | { readonly kind: 'lost' }
  /** Not ours to run: done, held by another worker, stopped, or not due. */
  | { readonly kind: 'passed' }
  /** The claim was lost while it ran; another worker has it. */
  | { readonly kind: 'fenced'; readonly task: ConvertTask }
  | {
      readonly kind: 'failed'
      readonly task: ConvertTask
      readonly error: AppError
      readonly next: TaskFailure['next']['kind'] | 'replan'
    }

/** `alone`: nothing else runs in this process meanwhile, so that a task whose last worker died may be tried. */
export async function runTask(
  context: TaskRunnerContext,
  taskId: string,
  { alone }: { readonly alone: boolean },
): Promise<TaskOutcome> {
  const { metadata, runtime } = context
  const token = runtime.uuid()
  const claimed = await metadata.claimTask(taskId, {
    token,
    leaseMs: context.claimLeaseMs,
    worker: context.worker,
    maxLostClaims: context.maxTaskAttempts,
    leaveLost: !alone,
  })
  if (claimed.kind === 'lost') return { kind: 'lost' }
  if (claimed.kind !== 'claimed') return { kind: 'passed' }
  const { task, claim } = claimed

  const done = new AbortController()
  const extending = keepClaim(context, claim, done.signal)
  try {
    const result = await unless(context.handBack, context.convert(task, claim))
    if (result === HANDED_BACK)
      return { kind: (await metadata.releaseClaim(claim)) ? 'handed_back' : 'fenced', task }
    const commitStartedMs = runtime.monotonicMs()
    const outcome = await metadata.commitTask({ claim, ...result })
    const commitMs = runtime.monotonicMs() - commitStartedMs
    if (outcome.kind === 'fenced') return { kind: 'fenced', task }
    return {
      kind: 'committed',
      task,
      rowCount: result.accounts.reduce((sum, account) => sum + account.rowCount, 0n),
      deadLetterCount: result.accounts.reduce((sum, account) => sum + account.deadLetterCount, 0n),
      bytesRead: bytesOf(task),
      bytesWritten: result.files.reduce((sum, file) => sum + file.fileSizeBytes, 0n),
      commitMs,
    }
  } catch (cause) {
    return await handBack(context, { task, claim }, asAppError(cause, task))
  } finally {
    done.abort()
    await extending
  }
}

function bytesOf({ slices }: ConvertTask): bigint {
  const segments = slices.flatMap(slice => slice.segments)
  return segments.reduce((sum, segment) => sum + BigInt(segment.sizeBytes), 0n)
}

const HANDED_BACK = Symbol('handed back')

/** What `work` comes to, or `HANDED_BACK` when the signal aborts before: then nobody waits for the work any more. */
async function unless<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T | typeof HANDED_BACK> {
  if (signal === undefined) return await work
  const settled = new AbortController()
  const handedBack = aborted(AbortSignal.any([signal, settled.signal])).then(
    (): typeof HANDED_BACK => HANDED_BACK,
  )
  try {
    return await Promise.race([work, handedBack])
  } finally {
    settled.abort()
  }
}

async function keepClaim(context: TaskRunnerContext, claim: Claim, signal: AbortSignal): Promise<void> {
  const { metadata, runtime, claimLeaseMs } = context
  for (;;) {
    await runtime.sleep(claimLeaseMs / EXTENSIONS_PER_LEASE, signal)
    if (signal.aborted) return
    // A lost claim is no reason to stop early: the commit is refused in any case, and only it decides.
    await metadata.extendClaim(claim, claimLeaseMs).catch(() => false)
  }
}

interface Held {
  readonly task: ConvertTask
  readonly claim: Claim
}

/** Gives the task back with the next step that its error calls for. */
async function handBack(
  context: TaskRunnerContext,
  { task, claim }: Held,
  error: AppError,
): Promise<TaskOutcome> {
  const { metadata, runtime } = context
  const slice = task.slices[0]
  const failed = (next: TaskFailure['next']['kind'] | 'replan'): TaskOutcome => ({
    kind: 'failed',
    task,
    error,
    next,
  })

  if (isSegmentGoneOrChanged(error) && task.slices.length === 1 && slice !== undefined) {
    // Whoever lost its claim may speak of a plan that is past.
    if (!(await metadata.extendClaim(claim, context.claimLeaseMs))) return { kind: 'fenced', task }
    await metadata.replanPartition({ tableId: task.tableId, topic: slice.topic, partition: slice.partition })
    return failed('replan')
  }
  const next = nextStep(context, task, error)
  const kept = await metadata.failTask({ claim, code: error.code, message: error.message, next })
  if (!kept) return { kind: 'fenced', task }
  if (error.next === 'fatal') throw error
  if (next.kind === 'retry' && task.attempts + 1 === context.maxTaskAttempts) {
    await metadata.appendEvent({
      type: 'task.failing',
      tableId: task.tableId,
      message: `Task ${task.taskId} has failed ${task.attempts + 1} times and is tried again every ${MAX_RETRY_DELAY_MS / 1000} s: ${error.message}`,
      details: { taskId: task.taskId, code: error.code, at: runtime.nowMs() },
    })
  }
  return failed(next.kind)
}

function nextStep(context: TaskRunnerContext, task: ConvertTask, error: AppError): TaskFailure['next'] {
  const { runtime, maxTaskAttempts } = context
  const delayMs =
    Math.min(MAX_RETRY_DELAY_MS, FIRST_RETRY_DELAY_MS * 2 ** Math.min(task.attempts, 16)) *
    (0.5 + runtime.random() / 2)
  if (error.code === 'dead-letter-flood') return { kind: 'stop_table' }
  const isLasting =
    error.next === 'park' || (error.code === UNEXPECTED && task.attempts + 1 >= maxTaskAttempts)
  if (!isLasting) return { kind: 'retry', delayMs }
  // Only the slice that fails stops its partition: the others go on alone.
  if (task.slices.length > 1) return { kind: 'split', newTaskIds: task.slices.map(() => runtime.uuid()) }
  // And only from where it fails: what lies before is committed, so that a person who gives up the rest gives up no more than that.
  const [slice] = task.slices
  const { accountedTo: at } = error.details
  if (slice !== undefined && typeof at === 'bigint' && slice.startOffset < at && at < slice.endOffset)
    return { kind: 'cut', at, newTaskIds: [runtime.uuid(), runtime.uuid()] }
  return { kind: 'park' }
}

function isSegmentGoneOrChanged(error: AppError): boolean {
  return error.code === 'segment-changed' || error.code === 'segment-gone'
}

const UNEXPECTED = 'unexpected-failure'

/** An error that nobody classified may pass or may be a defect: it is tried again a few times, then parked. */
function asAppError(cause: unknown, task: ConvertTask): AppError {
  if (cause instanceof AppError) return cause
  return new AppError({
    code: UNEXPECTED,
    next: 'retry',
    message: `Converting task ${task.taskId} failed: ${cause instanceof Error ? cause.message : String(cause)}`,
    cause,
  })
}
