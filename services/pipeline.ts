/**
 * The stages in flow order. Read this first.
 *
 *   declare tables, those of patterns as their topics appear → discover and plan → convert and commit → publish, render dead letters and purge old ones
 *
 * Stages meet only through the metadata database and the queue, so each may run here or in any number of other processes. Every loop
 * can die at any instant: what it was doing is a row that another round, or another process, takes up again.
 */
import { aborted, createLoopGroup, type LoopGroup } from '../shared/runtime/loop-group.ts'
import { convertUntilStopped, hasMovingTasks, untilNothingRuns } from './converter/convert-loop.ts'
import { createSoloGate } from './converter/solo-gate.ts'
import { sweepUntilStopped } from './converter/sweep.ts'
import { purgeNow, purgeUntilStopped } from './dead-letter/dead-letter-retention.ts'
import { renderNow, renderUntilStopped } from './dead-letter/topic-loop.ts'
import { watchStallsUntilStopped } from './monitor/watch-stalls.ts'
import type { Parts } from './parts.ts'
import { noteMissingTopic, planEverything, planUntilStopped } from './planning/plan-loop.ts'
import { publishNow, publishUntilStopped } from './publisher/publish-loop.ts'
import { type DeclaredTable, declareAll } from './tables/declare-table.ts'
import { createTopicFollower, followTopicsUntilStopped, type TopicFollower } from './tables/follow-topics.ts'
import { requireWarehouse } from './tables/require-warehouse.ts'
import { createTableSet, type TableSet } from './tables/table-set.ts'

/** Passes over one table in a batch run; more than a few need segments that keep changing. */
const MAX_PASSES = 100

export interface RunOptions {
  /** No new work begins once it aborts. */
  readonly signal: AbortSignal
  /** Tasks under way are given to other workers once it aborts. Without it they are always finished. */
  readonly handBack?: AbortSignal
}

interface Running extends RunOptions {
  readonly parts: Parts
  readonly tables: TableSet
  /** Brings tables of topics that appear. */
  readonly topics: TopicFollower
  readonly loops: LoopGroup
}

/** Runs the stages of this process until `signal` aborts. Throws what is fatal. */
export async function runPipeline(parts: Parts, options: RunOptions): Promise<void> {
  const running = await begin(parts, options)
  const { stages } = parts
  startFollowingTopics(running)
  if (stages.has('plan')) startPlanning(running)
  if (stages.has('plan') || hasOwnQueue(parts)) startFeeding(running)
  if (stages.has('convert')) startConverting(running)
  if (stages.has('publish')) startPublishing(running)
  if (stages.has('maintain')) startMaintaining(running)
  await running.loops.run(aborted)
}

/** Takes the segments that had landed when it began, and ends. Answers with what is not committed, purged, published or rendered, in words. */
export async function runOnce(parts: Parts, options: RunOptions): Promise<readonly string[]> {
  const running = await begin(parts, options)
  const { signal } = options
  const notListed = await running.topics.lookInSources(signal)
  const tables = running.tables.all()
  const landedBeforeMs = parts.runtime.nowMs()
  startFeeding(running)
  startConverting(running)
  startPublishing(running)
  startPurging(running)
  const notCommitted = await running.loops.run(async inTime => {
    const reasons = await Promise.all(tables.map(table => convertAll(parts, table, landedBeforeMs, inTime)))
    return reasons.flat()
  })
  const notPurged = await Promise.all(tables.map(table => purgeNow(parts, table)))
  const notPublished = await Promise.all(tables.map(table => publishNow(parts, table, signal)))
  const notRendered = await Promise.all(tables.map(table => renderNow(parts, table, signal)))
  const undone = [notPurged, notPublished, notRendered].flat(2)
  return [...notListed, ...notCommitted, ...undone, ...(signal.aborted ? ['stopped before the end'] : [])]
}

async function begin(parts: Parts, options: RunOptions): Promise<Running> {
  const { config, metadata, runtime, stages } = parts
  await requireWarehouse(parts)
  const declared = await declareAll(config, metadata, runtime)
  if (stages.has('plan')) await Promise.all(config.tables.map(table => noteMissingTopic(parts, table)))
  const tables = createTableSet(declared)
  const topics = createTopicFollower(parts, tables)
  return { ...options, parts, tables, topics, loops: createLoopGroup(options.signal) }
}

/** Every process does: what one finds, the others take from the database. */
function startFollowingTopics({ parts, topics, loops }: Running): void {
  loops.start(signal => followTopicsUntilStopped(parts, topics, signal))
}

/** A queue in memory holds what its own process puts in: converters beside another process's planner feed themselves. */
function hasOwnQueue({ config, stages }: Parts): boolean {
  return config.queue.kind === 'in-process' && stages.has('convert')
}

function startPlanning({ parts, tables, loops }: Running): void {
  loops.start(signal => planUntilStopped(parts, tables, signal))
}

function startFeeding({ parts, loops }: Running): void {
  loops.start(signal => sweepUntilStopped(parts, signal))
}

function startConverting({ parts, tables, topics, loops, handBack }: Running): void {
  const gate = createSoloGate()
  for (let lane = 0; lane < parts.workers; lane++)
    loops.start(signal =>
      convertUntilStopped(parts, tables, {
        lane,
        gate,
        signal,
        lookForTables: () => topics.lookInDatabase(),
        ...(handBack !== undefined && { handBack }),
      }),
    )
}

function startPublishing({ parts, tables, loops }: Running): void {
  loops.start(signal => publishUntilStopped(parts, tables, signal))
  loops.start(signal => renderUntilStopped(parts, tables, signal))
}

function startMaintaining(running: Running): void {
  startPurging(running)
  const { parts, tables, loops } = running
  loops.start(signal => watchStallsUntilStopped(parts, tables, signal))
}

function startPurging({ parts, tables, loops }: Running): void {
  loops.start(signal => purgeUntilStopped(parts, tables, signal))
}

/** Again and again, since a segment that changes or goes before it is converted is planned afresh. Answers with what is left, in words. */
async function convertAll(
  parts: Parts,
  table: DeclaredTable,
  landedBeforeMs: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  for (let passes = 0; passes < MAX_PASSES; passes++) {
    // A task that was under way may give its segments back after they were looked for: only what began quietly ends the run.
    const wasQuiet = !(await hasMovingTasks(parts, table))
    const { plannedTasks, notPlanned } = await planEverything(parts, table, landedBeforeMs, signal)
    const stuck = await untilNothingRuns(parts, table, signal)
    const isDone = wasQuiet && plannedTasks === 0
    if (isDone || stuck.length > 0 || signal.aborted) return [...notPlanned, ...stuck]
  }
  return [`${table.config.name}: segments kept changing while they were converted`]
}
