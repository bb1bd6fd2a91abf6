/** Runs the planner of one table: for ever, or until everything that had landed is planned. */
import { invariant } from '../../shared/runtime/errors.ts'
import { runLoop } from '../../shared/runtime/loop.ts'
import { hasMovingTasks } from '../converter/convert-loop.ts'
import { type Parts, problemOf } from '../parts.ts'
import type { DeclaredTable } from '../tables/declare-table.ts'
import { createTablePlanner, type RoundOptions, type RoundReport } from './table-planner.ts'

export async function planUntilStopped(
  parts: Parts,
  table: DeclaredTable,
  signal: AbortSignal,
): Promise<void> {
  const round = roundsOf(parts, table)
  const { pollIntervalMs: intervalMs } = parts.config.limits
  const onFailure = problemOf(parts, `${table.config.name}: planning`)
  await runLoop({ runtime: parts.runtime, signal, intervalMs, onFailure }, async () => {
    await round({})
    return { again: false }
  })
}

/** Waits for room when the table's tasks fill their limit. Answers with the segments that cannot be taken yet, in words. */
export async function planEverything(
  parts: Parts,
  table: DeclaredTable,
  landedBeforeMs: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const round = roundsOf(parts, table)
  while (!signal.aborted) {
    const report = await round({ landedBeforeMs })
    if (report !== undefined && !report.more)
      return report.waiting.map(reason => `${table.config.name}: ${reason}`)
    if (report !== undefined && report.plannedTasks > 0) continue
    if (report !== undefined && !(await hasMovingTasks(parts, table)))
      return [`${table.config.name}: some segments could not be planned`]
    await parts.runtime.sleep(parts.config.limits.pollIntervalMs, signal)
  }
  return []
}

function roundsOf(
  parts: Parts,
  { config, rows }: DeclaredTable,
): (options: RoundOptions) => Promise<RoundReport | undefined> {
  const { limits, sources } = parts.config
  const sourceConfig = sources.find(source => source.name === config.source)
  const source = parts.sources.get(config.source)
  invariant(
    sourceConfig !== undefined && source !== undefined,
    `table ${config.name} names a configured source`,
  )
  const planner = createTablePlanner({
    ...parts,
    table: rows,
    source,
    settings: {
      topic: config.sourceTopic,
      startFrom: config.startFrom,
      onNewIncarnation: config.onNewIncarnation,
      taskTargetBytes: config.taskTargetBytes,
      commitIntervalMs: config.commitIntervalMs,
      segmentSettleMs: sourceConfig.segmentSettleMs,
      pollIntervalMs: limits.pollIntervalMs,
      pollIntervalMaxMs: limits.pollIntervalMaxMs,
      maxTasksInFlight: limits.maxTasksInFlight,
    },
  })
  return async options => {
    const report = await planner.round(options)
    if (report !== undefined && report.plannedTasks > 0)
      parts.report({ kind: 'planned', table: config.name, tasks: report.plannedTasks })
    return report
  }
}
