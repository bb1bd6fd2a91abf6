/** Runs the planners of tables: for ever, or until everything that had landed is planned. */

import type { TableConfig } from '../../shared/config/config.ts'
import type { PlanningState } from '../../shared/metadata/metadata-store.ts'
import { AppError, invariant } from '../../shared/runtime/errors.ts'
import { hasMovingTasks } from '../converter/convert-loop.ts'
import { describeMissingTopic } from '../discovery/missing-topic.ts'
import { type Parts, problemOf } from '../parts.ts'
import type { DeclaredTable } from '../tables/declare-table.ts'
import { runTableRounds } from '../tables/table-rounds.ts'
import type { TableSet } from '../tables/table-set.ts'
import { createPlanShares } from './plan-shares.ts'
import {
  createTablePlanner,
  type RoundOptions,
  type RoundReport,
  type TablePlanner,
  type WaitingSegment,
} from './table-planner.ts'

/** Rounds in a row that may fail before a batch run gives up. */
const MAX_FAILED_ROUNDS = 5

/** Tables of one source whose partitions are listed at once by one process. */
const MAX_PLANNED_AT_ONCE = 16
/** How often it is asked whose time has come, where sources are listed more seldom. */
const MAX_TICK_MS = 1_000

export async function planUntilStopped(
  parts: Parts,
  tables: Pick<TableSet, 'all'>,
  signal: AbortSignal,
): Promise<void> {
  const planners = new Map<string, TablePlanner>()
  const shares = createPlanShares(parts)
  let isHeld = (_tableId: string): boolean => false
  try {
    await runTableRounds<DeclaredTable, PlanningState>({
      runtime: parts.runtime,
      signal,
      tickMs: Math.min(MAX_TICK_MS, parts.config.limits.pollIntervalMs),
      maxAtOnce: MAX_PLANNED_AT_ONCE,
      lineOf: table => table.config.source,
      // Also while all is quiet: shares that are not renewed go to another process, which would list everything anew.
      async beforeAll() {
        isHeld = await shares.held()
      },
      all: () => new Map(tables.all().map(table => [table.rows.tableId, table])),
      async choose(due) {
        const ids = [...due.keys()].filter(isHeld)
        if (ids.length === 0) return new Map()
        return new Map((await parts.metadata.loadPlanningStates(ids)).map(state => [state.tableId, state]))
      },
      async round(table, state) {
        const planner = planners.get(state.tableId) ?? plannerOf(parts, table)
        planners.set(state.tableId, planner)
        const report = await planner.roundFrom(state)
        reportRound(parts, table, report)
        return report.quietMs
      },
      onFailure: (error, table) =>
        problemOf(parts, 'planning', table === undefined ? {} : { table: table.config.name })(error),
    })
  } finally {
    await shares.leave().catch(problemOf(parts, 'planning'))
  }
}

export interface PlannedAll {
  readonly plannedTasks: number
  /** What could not be planned, in words. */
  readonly notPlanned: readonly string[]
}

/** Plans all that had landed by then. Waits for room when the table's tasks fill their limit. */
export async function planEverything(
  parts: Parts,
  table: DeclaredTable,
  landedBeforeMs: number,
  signal: AbortSignal,
): Promise<PlannedAll> {
  const { name } = table.config
  const round = roundsOf(parts, table)
  let failures = 0
  let planned = 0
  const ended = (notPlanned: readonly string[]) => ({ plannedTasks: planned, notPlanned })
  while (!signal.aborted) {
    // Every plan of a table that rests would be refused, round after round; whoever waits for its tasks says that it rests.
    const now = await parts.metadata.loadTable(name)
    if (now?.state !== 'active') return ended([])
    try {
      const report = await round({ landedBeforeMs })
      failures = 0
      if (report !== undefined && !report.more) return ended(reasonsOf(parts, name, report.waiting))
      planned += report?.plannedTasks ?? 0
      if (report !== undefined && (report.plannedTasks > 0 || report.moved)) continue
      if (report !== undefined && !(await hasMovingTasks(parts, table)))
        return ended([`${name}: some segments could not be planned`])
    } catch (error) {
      if (error instanceof AppError && error.next === 'fatal') throw error
      problemOf(parts, 'planning', { table: name })(error)
      if (++failures === MAX_FAILED_ROUNDS)
        return ended([`${name}: planning failed: ${error instanceof Error ? error.message : String(error)}`])
    }
    await parts.runtime.sleep(parts.config.limits.pollIntervalMs, signal)
  }
  return ended([])
}

/** A segment without its index does not count, and is only mentioned: a broker's crash may leave one for good. */
function reasonsOf(parts: Parts, table: string, waiting: readonly WaitingSegment[]): readonly string[] {
  for (const { what, isSegment } of waiting) if (!isSegment) parts.report({ kind: 'waiting', table, what })
  return waiting.filter(({ isSegment }) => isSegment).map(({ what }) => `${table}: ${what}`)
}

/** A store that cannot be reached is for planning to report, and to try again. */
export async function noteMissingTopic(parts: Parts, config: TableConfig): Promise<void> {
  const store = parts.sources.get(config.source)
  if (store === undefined) return
  const what = await describeMissingTopic(store, config.source, config.sourceTopic).catch(() => undefined)
  if (what !== undefined) parts.report({ kind: 'waiting', table: config.name, what })
}

/** Rounds of one table, for whoever plans it now. */
export function roundsOf(
  parts: Parts,
  table: DeclaredTable,
): (options: RoundOptions) => Promise<RoundReport | undefined> {
  const planner = plannerOf(parts, table)
  return async options => {
    const report = await planner.round(options)
    if (report !== undefined) reportRound(parts, table, report)
    return report
  }
}

function reportRound(
  parts: Parts,
  { config }: DeclaredTable,
  { listingMs, plannedTasks }: RoundReport,
): void {
  if (listingMs !== undefined)
    parts.report({ kind: 'measured', measure: { step: 'listing', durationMs: listingMs } })
  if (plannedTasks > 0) parts.report({ kind: 'planned', table: config.name, tasks: plannedTasks })
}

/** The planner of one table, as the configuration wants it. */
function plannerOf(parts: Parts, { config, rows }: DeclaredTable): TablePlanner {
  const { limits, sources } = parts.config
  const sourceConfig = sources.find(source => source.name === config.source)
  const source = parts.sources.get(config.source)
  invariant(
    sourceConfig !== undefined && source !== undefined,
    `table ${config.name} names a configured source`,
  )
  return createTablePlanner({
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
}
