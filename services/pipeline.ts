/**
 * The stages in flow order. Read this first.
 *
 *   declare tables → discover and plan → convert and commit → publish, render dead letters and purge old ones
 *
 * Stages meet only through the metadata database and the queue. Every loop can die at any instant: what it was doing is a row that
 * another round, or another process, takes up again.
 */
import {
  convertUntilStopped,
  hasMovingTasks,
  sweepUntilStopped,
  untilNothingRuns,
} from './converter/convert-loop.ts'
import { createSoloGate } from './converter/solo-gate.ts'
import { purgeNow, purgeUntilStopped } from './dead-letter/dead-letter-retention.ts'
import { renderNow, renderUntilStopped } from './dead-letter/topic-loop.ts'
import { watchStallsUntilStopped } from './monitor/watch-stalls.ts'
import type { Parts } from './parts.ts'
import { noteMissingTopic, planEverything, planUntilStopped } from './planning/plan-loop.ts'
import { publishNow, publishUntilStopped } from './publisher/publish-loop.ts'
import { type DeclaredTable, declareAll } from './tables/declare-table.ts'

/** Passes over one table in a batch run; more than a few need segments that keep changing. */
const MAX_PASSES = 100

/** Runs until `signal` aborts. Throws what is fatal. */
export async function runPipeline(parts: Parts, signal: AbortSignal): Promise<void> {
  const tables = await declareTables(parts)
  await withStages(parts, tables, signal, async running => {
    await Promise.all([
      ...tables.map(table => planUntilStopped(parts, table, running)),
      watchStallsUntilStopped(parts, tables, running),
    ])
  })
}

/** Takes the segments that had landed when it began, and ends. Answers with what is not committed, purged, published or rendered, in words. */
export async function runOnce(parts: Parts, signal: AbortSignal): Promise<readonly string[]> {
  const tables = await declareTables(parts)
  const landedBeforeMs = parts.runtime.nowMs()
  const notCommitted = await withStages(parts, tables, signal, async running => {
    const reasons = await Promise.all(tables.map(table => convertAll(parts, table, landedBeforeMs, running)))
    return reasons.flat()
  })
  const notPurged = await Promise.all(tables.map(table => purgeNow(parts, table)))
  const notPublished = await Promise.all(tables.map(table => publishNow(parts, table, signal)))
  const notRendered = await Promise.all(tables.map(table => renderNow(parts, table, signal)))
  const undone = [notPurged, notPublished, notRendered].flat(2)
  return [...notCommitted, ...undone, ...(signal.aborted ? ['stopped before the end'] : [])]
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

async function declareTables(parts: Parts): Promise<readonly DeclaredTable[]> {
  const declared = await declareAll(parts.config, parts.metadata, parts.runtime)
  await Promise.all(declared.map(table => noteMissingTopic(parts, table)))
  return declared
}

/** Converters, sweep, publishers and what keeps dead letters run in the background while `body` does; all of them have ended when this returns. */
async function withStages<T>(
  parts: Parts,
  tables: readonly DeclaredTable[],
  outer: AbortSignal,
  body: (running: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  const running = AbortSignal.any([outer, stop.signal])
  const gate = createSoloGate()
  const failures: unknown[] = []
  const inBackground = async (stage: Promise<void>) => {
    try {
      await stage
    } catch (error) {
      failures.push(error)
      stop.abort()
    }
  }
  const background = [
    ...Array.from({ length: parts.workers }, (_, lane) =>
      convertUntilStopped(parts, tables, { lane, gate, signal: running }),
    ),
    sweepUntilStopped(parts, running),
    ...tables.map(table => publishUntilStopped(parts, table, running)),
    ...tables.map(table => purgeUntilStopped(parts, table, running)),
    ...tables.map(table => renderUntilStopped(parts, table, running)),
  ].map(inBackground)
  const ended = await body(running).then(
    value => ({ value }),
    (error: unknown) => {
      failures.push(error)
    },
  )
  stop.abort()
  await Promise.all(background)
  // What ended one stage ended the others too; the first failure is the cause.
  if (ended === undefined || failures.length > 0) throw failures[0]
  return ended.value
}
