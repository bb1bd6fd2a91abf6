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
import { encodeDataFile } from '../../shared/iceberg/data-file-avro.ts'
import type { NewDataFile } from '../../shared/metadata/metadata-store.ts'
import { invariant } from '../../shared/runtime/errors.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
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

/** Of the partition that has no segments. */
const MADE_PARTITION = 1
const LEASE_MS = 60_000

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

/** One row each, through the same commits and cuts as any other. */
async function makeSnapshots(parts: Parts, table: DeclaredTable, count: number): Promise<void> {
  const { metadata } = parts
  const { tableId } = table.rows
  const partition = { topic: table.config.sourceTopic, partition: MADE_PARTITION, incarnation: 0 }
  await metadata.registerPartition({ ...partition, tableId, firstOffset: 0n })
  for (let i = 0; i < count; i++) {
    const taskId = `made-${i}`
    const offsets = { startOffset: BigInt(i), endOffset: BigInt(i + 1) }
    const slice = { ...partition, ...offsets, segments: [] }
    await metadata.planTask({ taskId, tableId, schemaId: 0, specId: 0, slices: [slice] })
    await metadata.claimTask(taskId, { token: taskId, leaseMs: LEASE_MS, worker: 'bench' })
    const account = { rowCount: 1n, deadLetterCount: 0n, ranges: [], maxTimestampMs: i }
    await metadata.commitTask({
      claim: { taskId, token: taskId },
      accounts: [{ ...partition, ...offsets, ...account }],
      files: [fileOf(table, i)],
      deadLetters: [],
    })
    await cutSnapshot(parts, tableId)
  }
  await publishRound(parts, table)
}

function fileOf({ rows }: DeclaredTable, i: number): NewDataFile {
  const [schema] = rows.schemas
  const [spec] = rows.specs
  invariant(schema !== undefined && spec !== undefined, 'the table has a schema and a spec')
  const none = new Map<number, never>()
  const shape = {
    path: `${rows.location}/data/made-${i}.parquet`,
    specId: spec.specId,
    partition: [],
    recordCount: 1n,
    fileSizeBytes: 1000n,
  }
  const metrics = {
    columnSizes: none,
    valueCounts: none,
    nullValueCounts: none,
    nanValueCounts: none,
    lowerBounds: none,
    upperBounds: none,
  }
  const encoded = encodeDataFile({ ...shape, metrics, splitOffsets: [] }, spec, schema)
  return { ...shape, target: 'rows', encoded }
}
