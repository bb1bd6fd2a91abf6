/**
 * A whole Tidewater in a process of its own: it converts a backlog, publishes every second and serves its catalog, as `tidewater run`
 * does. The table's first snapshots are made from rows that no segment holds, because a thousand real rounds would take minutes.
 */
import { createMetrics } from '../../services/metrics/metrics.ts'
import { openParts, type Parts } from '../../services/parts.ts'
import { runPipeline } from '../../services/pipeline.ts'
import { cutSnapshot } from '../../services/publisher/cut-snapshot.ts'
import { publishRound } from '../../services/publisher/publish-loop.ts'
import { openServer, type RunningServer } from '../../services/server/server.ts'
import { ALL_STAGES } from '../../services/stages.ts'
import { type DeclaredTable, declareTable } from '../../services/tables/declare-table.ts'
import { loadConfig } from '../../shared/config/load-config.ts'
import { invariant } from '../../shared/runtime/errors.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { openMadeCommits } from '../made-commits.ts'
import { answerQuestions, cpuSeconds } from '../whole-way/child.ts'

export type ServeQuestion =
  /** Makes the table with so many snapshots, publishes it and serves; answers with the URL of the catalog. */
  | {
      readonly kind: 'open'
      readonly configPath: string
      readonly config: string
      readonly snapshots: number
    }
  /** Begins to convert what has landed. */
  | { readonly kind: 'start' }
  /** Answers with an `Ingested`. */
  | { readonly kind: 'ingested' }
  | { readonly kind: 'close' }

export interface Ingested {
  /** Committed since the start. */
  readonly rows: number
  /** Of the whole process until now. */
  readonly cpuSeconds: number
}

interface Opened {
  readonly parts: Parts
  readonly server: RunningServer
  readonly stop: AbortController
  running: Promise<void>
}

let opened: Opened | undefined
let committedRows = 0n

answerQuestions(async (question: ServeQuestion) => {
  if (question.kind === 'open') {
    opened = await open(question)
    return `${opened.server.url}/catalog`
  }
  if (question.kind === 'ingested') {
    const ingested: Ingested = { rows: Number(committedRows), cpuSeconds: cpuSeconds() }
    return ingested
  }
  invariant(opened !== undefined, 'the pipeline is opened first')
  if (question.kind === 'start') opened.running = runPipeline(opened.parts, opened.stop)
  else await close(opened)
  return undefined
})

async function open(question: Extract<ServeQuestion, { kind: 'open' }>): Promise<Opened> {
  const loaded = loadConfig(question.config, { path: question.configPath, env: {} })
  if (loaded.kind === 'errors') throw new Error(JSON.stringify(loaded.errors))
  const parts = await openParts(loaded.config, {
    runtime: systemRuntime,
    stages: ALL_STAGES,
    report: progress => {
      if (progress.kind === 'committed') committedRows += progress.rowCount
    },
  })
  const [config] = loaded.config.tables
  invariant(config !== undefined, 'the configuration has a table')
  const table = await declareTable(loaded.config, config, parts.metadata, systemRuntime)
  await makeSnapshots(parts, table, question.snapshots)
  const stop = new AbortController()
  const context = { ...parts, metrics: createMetrics(parts), stopping: stop.signal }
  const server = await openServer(context, { host: '127.0.0.1', port: 0 })
  return { parts, server, stop, running: Promise.resolve() }
}

async function close({ parts, server, stop, running }: Opened): Promise<void> {
  stop.abort()
  await running
  await server.close()
  await parts.close()
}

/** Through the same commits and cuts as any other. */
async function makeSnapshots(parts: Parts, table: DeclaredTable, count: number): Promise<void> {
  const commit = await openMadeCommits(parts.metadata, table)
  for (let i = 0; i < count; i++) {
    await commit()
    await cutSnapshot(parts, table.rows.tableId)
  }
  await publishRound(parts, table)
}
