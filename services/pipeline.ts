/**
 * The stages in flow order. Read this first.
 *
 *   declare tables → discover and plan → convert and commit → publish
 *
 * Stages meet only through the metadata database and the queue. Every loop can die at any instant: what it was doing is a row that
 * another round, or another process, takes up again.
 */
import { convertUntilStopped, sweepUntilStopped, untilNothingRuns } from './converter/convert-loop.ts'
import type { Parts } from './parts.ts'
import { planEverything, planUntilStopped } from './planning/plan-loop.ts'
import { publishNow, publishUntilStopped } from './publisher/publish-loop.ts'
import { type DeclaredTable, declareTable } from './tables/declare-table.ts'

/** Runs until `signal` aborts. Throws what is fatal. */
export async function runPipeline(parts: Parts, signal: AbortSignal): Promise<void> {
  const tables = await declareTables(parts)
  await withStages(parts, tables, signal, async running => {
    await Promise.all(tables.map(table => planUntilStopped(parts, table, running)))
  })
}

/** Takes the segments that had landed when it began, and ends. Answers with what is not committed and published, in words. */
export async function runOnce(parts: Parts, signal: AbortSignal): Promise<readonly string[]> {
  const tables = await declareTables(parts)
  const landedBeforeMs = parts.runtime.nowMs()
  const notPlanned = await withStages(parts, tables, signal, async running => {
    const waiting = await Promise.all(
      tables.map(table => planEverything(parts, table, landedBeforeMs, running)),
    )
    const stuck = await Promise.all(tables.map(table => untilNothingRuns(parts, table, running)))
    return [...waiting.flat(), ...stuck.flat()]
  })
  const notPublished = await Promise.all(tables.map(table => publishNow(parts, table, signal)))
  return [...notPlanned, ...notPublished.flat(), ...(signal.aborted ? ['stopped before the end'] : [])]
}

async function declareTables(parts: Parts): Promise<readonly DeclaredTable[]> {
  const declared: DeclaredTable[] = []
  for (const table of parts.config.tables)
    declared.push(await declareTable(parts.config, table, parts.metadata, parts.runtime))
  return declared
}

/** Converters, sweep and publishers run in the background while `body` does; all of them have ended when this returns. */
async function withStages<T>(
  parts: Parts,
  tables: readonly DeclaredTable[],
  outer: AbortSignal,
  body: (running: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  const running = AbortSignal.any([outer, stop.signal])
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
      convertUntilStopped(parts, tables, { lane, signal: running }),
    ),
    sweepUntilStopped(parts, running),
    ...tables.map(table => publishUntilStopped(parts, table, running)),
  ].map(inBackground)
  try {
    return await body(running)
  } catch (error) {
    failures.unshift(error)
    throw error
  } finally {
    stop.abort()
    await Promise.all(background)
    // What ended a stage ended the body too; the first failure is the cause.
    if (failures.length > 0) {
      // biome-ignore lint/correctness/noUnsafeFinally: a stage's failure outweighs the value of a body that it cut short.
      throw failures[0]
    }
  }
}
