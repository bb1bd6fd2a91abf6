/**
 * Plans a backlog in a process of its own, whose memory is then that of planning alone. What is planned is committed at once, without
 * conversion: a file of the size of a row in the database stands for each task.
 */
import { openParts } from '../../services/parts.ts'
import { roundsOf } from '../../services/planning/plan-loop.ts'
import { ALL_STAGES } from '../../services/stages.ts'
import { declareTable } from '../../services/tables/declare-table.ts'
import { loadConfig } from '../../shared/config/load-config.ts'
import type { ConvertTask } from '../../shared/flow.ts'
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import { invariant } from '../../shared/runtime/errors.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { answerQuestions, cpuSeconds, peakRssBytes } from '../whole-way/child.ts'

export interface PlanQuestion {
  readonly configPath: string
  readonly config: string
  readonly env: Readonly<Record<string, string>>
  /** Answers with a `Planned` when all of them are. */
  readonly segments: number
}

export interface Planned {
  readonly rounds: number
  readonly tasks: number
  /** Of the planning rounds alone. */
  readonly planningS: number
  readonly planningCpuS: number
  readonly peakRssBytes: number
  /** Before the first round. */
  readonly startRssBytes: number
}

const LEASE_MS = 60_000
const MAX_TASKS_AT_ONCE = 10_000

answerQuestions(async (question: PlanQuestion): Promise<Planned> => {
  const loaded = loadConfig(question.config, { path: question.configPath, env: question.env })
  if (loaded.kind === 'errors') throw new Error(JSON.stringify(loaded.errors))
  const parts = await openParts(loaded.config, {
    runtime: systemRuntime,
    report: () => undefined,
    stages: ALL_STAGES,
  })
  const [config] = loaded.config.tables
  invariant(config !== undefined, 'the configuration has a table')
  const table = await declareTable(loaded.config, config, parts.metadata, systemRuntime)
  const round = roundsOf(parts, table)
  const found = {
    rounds: 0,
    tasks: 0,
    planningS: 0,
    planningCpuS: 0,
    startRssBytes: process.memoryUsage.rss(),
  }
  for (let committed = 0; committed < question.segments; ) {
    const begin = { at: performance.now(), cpu: cpuSeconds() }
    const report = await round({ landedBeforeMs: Number.MAX_SAFE_INTEGER })
    found.planningS += (performance.now() - begin.at) / 1000
    found.planningCpuS += cpuSeconds() - begin.cpu
    found.rounds++
    found.tasks += report?.plannedTasks ?? 0
    const before = committed
    committed += await commitAll(parts.metadata)
    if (committed === before) throw new Error(`${committed} of ${question.segments} segments were planned`)
  }
  await parts.close()
  return { ...found, peakRssBytes: peakRssBytes() }
})

/** Answers how many segments that were. */
async function commitAll(metadata: MetadataStore): Promise<number> {
  let segments = 0
  for (const taskId of await metadata.listRunnableTasks(MAX_TASKS_AT_ONCE)) {
    const token = `token-${taskId}`
    const claimed = await metadata.claimTask(taskId, { token, leaseMs: LEASE_MS, worker: 'bench' })
    invariant(claimed.kind === 'claimed', `task ${taskId} is this process's to claim`)
    await commit(metadata, claimed.task, token)
    for (const slice of claimed.task.slices) segments += slice.segments.length
  }
  return segments
}

async function commit(
  metadata: MetadataStore,
  { taskId, tableId, slices }: ConvertTask,
  token: string,
): Promise<void> {
  const rowsOf = (slice: ConvertTask['slices'][number]) => slice.endOffset - slice.startOffset
  await metadata.commitTask({
    claim: { taskId, token },
    files: [
      {
        target: 'rows',
        path: `bench/${tableId}/${taskId}.parquet`,
        specId: 0,
        partition: [],
        recordCount: slices.reduce((sum, slice) => sum + rowsOf(slice), 0n),
        fileSizeBytes: 100_000n,
        encoded: new Uint8Array(300),
      },
    ],
    accounts: slices.map(slice => ({
      ...slice,
      rowCount: rowsOf(slice),
      deadLetterCount: 0n,
      ranges: [],
      maxTimestampMs: 0,
    })),
    deadLetters: [],
  })
}
