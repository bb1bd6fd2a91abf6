/** Takes task ids from the queue and runs them, one at a time in each lane. `sweep.ts` puts back what the queue forgot. */
import type { ConvertTask } from '../../shared/flow.ts'
import type { TableDetail } from '../../shared/metadata/metadata-store.ts'
import { AppError, invariant } from '../../shared/runtime/errors.ts'
import { runLoop } from '../../shared/runtime/loop.ts'
import { divideWorkerMemory } from '../../shared/runtime/worker-memory.ts'
import { factsOf, type Parts, problemOf } from '../parts.ts'
import { type DeclaredTable, fieldOptionsById } from '../tables/declare-table.ts'
import type { TableSet } from '../tables/table-set.ts'
import type { ConvertRequest } from './convert-request.ts'
import type { ConvertTarget } from './convert-task.ts'
import { runTask, type TaskOutcome } from './run-task.ts'
import type { SoloGate } from './solo-gate.ts'

/** Tasks looked at for those that keep failing. */
const MAX_TASKS_LOOKED_AT = 10_000
/** Pause of a lane that got no id, or failed. */
const LANE_PAUSE_MS = 1_000
const PROGRESS_INTERVAL_MS = 100

export interface Lane {
  /** Counted from 0. */
  readonly lane: number
  /** The lanes of a process share it. */
  readonly gate: SoloGate
  /** Takes up tables that other processes have made since. */
  readonly lookForTables?: () => Promise<void>
  /** Gives the task under way back once it aborts. */
  readonly handBack?: AbortSignal
}

export async function convertUntilStopped(
  parts: Parts,
  tables: TableSet,
  { signal, ...lane }: Lane & { readonly signal: AbortSignal },
): Promise<void> {
  const { runtime, queue } = parts
  const run = taskRunner(parts, tables, lane)
  await runLoop(
    { runtime, signal, intervalMs: LANE_PAUSE_MS, onFailure: problemOf(parts, 'converting') },
    async () => {
      const taskId = await queue.take(signal)
      if (taskId === undefined) return { again: false }
      await run(taskId)
      return { again: true }
    },
  )
}

/** Runs one task of any of the tables, and reports what became of it. */
export function taskRunner(
  parts: Parts,
  tables: TableSet,
  { lane, gate, handBack, lookForTables }: Lane,
): (taskId: string) => Promise<TaskOutcome> {
  const { metadata, runtime, config } = parts
  const { claimLeaseMs, maxTaskAttempts } = config.limits
  const context = {
    metadata,
    runtime,
    worker: `${parts.holder}/${lane}`,
    claimLeaseMs,
    maxTaskAttempts,
    ...(handBack !== undefined && { handBack }),
    convert: async (task: ConvertTask, claim: { readonly token: string }) => {
      if (tables.find(task.tableId) === undefined) await lookForTables?.()
      const table = tables.find(task.tableId)
      if (table === undefined) throw undeclared(task)
      return await parts.convert(requestOf(parts, table, { task, claimToken: claim.token }))
    },
  }
  const attempt = async (taskId: string, options: { readonly alone: boolean }) => {
    const startedMs = runtime.monotonicMs()
    const outcome = await runTask(context, taskId, options)
    const durationMs = runtime.monotonicMs() - startedMs
    if (outcome.kind === 'committed' || outcome.kind === 'fenced' || outcome.kind === 'failed')
      parts.report({ kind: 'measured', measure: { step: 'conversion', outcome: outcome.kind, durationMs } })
    reportOutcome(parts, tables, { outcome, durationMs })
    return outcome
  }
  return async taskId => {
    const first = await gate.shared(() => attempt(taskId, { alone: false }))
    const outcome = first.kind === 'lost' ? await gate.alone(() => attempt(taskId, { alone: true })) : first
    // Others have been waiting for it at the watermark.
    if (outcome.kind === 'handed_back') await parts.queue.enqueue([taskId], 'fresh')
    return outcome
  }
}

function reportOutcome(
  parts: Parts,
  tables: TableSet,
  { outcome, durationMs }: { readonly outcome: TaskOutcome; readonly durationMs: number },
): void {
  if (outcome.kind === 'passed' || outcome.kind === 'lost') return
  const { taskId, tableId, slices } = outcome.task
  const of = { table: tables.find(tableId)?.config.name ?? tableId, taskId, slices }
  if (outcome.kind === 'committed') {
    const { task: _, ...committed } = outcome
    parts.report({ ...committed, ...of, durationMs })
    parts.report({ kind: 'measured', measure: { step: 'commit', durationMs: outcome.commitMs } })
  } else if (outcome.kind === 'fenced' || outcome.kind === 'handed_back')
    parts.report({ kind: outcome.kind, ...of, durationMs })
  else
    parts.report({
      kind: 'problem',
      where: 'converting',
      ...of,
      ...factsOf(outcome.error),
      message: outcome.error.message,
      next: outcome.next,
    })
}

function requestOf(
  parts: Parts,
  table: DeclaredTable,
  claimed: Pick<ConvertRequest, 'task' | 'claimToken'>,
): ConvertRequest {
  const { config, rows, deadLetters } = table
  const { task } = claimed
  const target = targetOf(rows, task)
  return {
    ...claimed,
    sourceName: config.source,
    rows: target,
    deadLetters: targetOf(deadLetters, {
      schemaId: deadLetters.currentSchemaId,
      specId: deadLetters.defaultSpecId,
    }),
    settings: {
      format: config.sourceFormat,
      fieldOptions: fieldOptionsById(config, target.schema),
      unknownFields: config.unknownFields,
      metadataColumns: config.metadataColumns,
      compression: config.compression,
      targetFileBytes: config.targetFileSizeBytes,
      dlqMode: config.dlqMode,
      dlqMaxRatio: config.dlqMaxRatio,
      onSourceGap: config.onSourceGap,
      memory: divideWorkerMemory(parts.config.limits.workerMemoryBytes),
      maxOpenPartitions: parts.config.limits.maxOpenPartitions,
    },
  }
}

function targetOf(
  table: TableDetail,
  { schemaId, specId }: Pick<ConvertTask, 'schemaId' | 'specId'>,
): ConvertTarget {
  const schema = table.schemas.find(candidate => candidate.schemaId === schemaId)
  const spec = table.specs.find(candidate => candidate.specId === specId)
  invariant(
    schema !== undefined && spec !== undefined,
    `table ${table.name} has schema ${schemaId} and spec ${specId}`,
  )
  return { name: table.name, location: table.location, schema, spec }
}

function undeclared(task: ConvertTask): AppError {
  return new AppError({
    code: 'table-not-declared',
    next: 'retry',
    message: `Task ${task.taskId} belongs to a table that tidewater.yaml no longer declares. It waits: declare the table again to convert it.`,
    details: { taskId: task.taskId, tableId: task.tableId },
  })
}

/** Whether some task of the table will move on without a person: of partitions that are not stopped. */
export async function hasMovingTasks({ metadata }: Parts, { rows }: DeclaredTable): Promise<boolean> {
  const table = await metadata.loadTable(rows.name)
  if (table === undefined || table.state !== 'active') return false
  const partitions = await metadata.listPartitions(rows.tableId)
  return partitions.some(
    partition => partition.state === 'active' && partition.committedOffset < partition.plannedOffset,
  )
}

/** Waits until every planned task is committed, keeps failing, or waits for a person; answers with the latter two, in words. */
export async function untilNothingRuns(
  parts: Parts,
  table: DeclaredTable,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { metadata, runtime } = parts
  let failing = await failingTasks(parts, table)
  while (!signal.aborted && failing.length === 0 && (await hasMovingTasks(parts, table))) {
    await runtime.sleep(PROGRESS_INTERVAL_MS, signal)
    failing = await failingTasks(parts, table)
  }
  const now = await metadata.loadTable(table.rows.name)
  const reasons =
    now?.state === 'active'
      ? [...failing]
      : [`${table.rows.name} is ${now?.state}: ${now?.stateReason ?? ''}`, ...failing]
  for (const { topic, partition, state, stateReason } of await metadata.listPartitions(table.rows.tableId)) {
    if (state !== 'active')
      reasons.push(`${table.rows.name}: ${topic}-${partition} is ${state}: ${stateReason ?? ''}`)
  }
  return reasons
}

/** Tasks that would be tried for ever because what they fail on may pass, such as an unreachable store: a batch job does not wait for it. */
async function failingTasks(parts: Parts, { rows }: DeclaredTable): Promise<readonly string[]> {
  const queued = await parts.metadata.listTasks({
    tableId: rows.tableId,
    states: ['queued'],
    limit: MAX_TASKS_LOOKED_AT,
  })
  return queued
    .filter(task => task.attempts >= parts.config.limits.maxTaskAttempts)
    .map(
      task =>
        `${rows.name}: task ${task.taskId} has failed ${task.attempts} times: ${task.lastErrorMessage ?? ''}`,
    )
}
