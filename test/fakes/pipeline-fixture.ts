/**
 * A whole pipeline in this process: the real stages, the real SQLite store and the real converter over object stores in memory, with a
 * clock that moves only when a test says so. Tests drive the stages step by step and break what they like in between.
 */
import { openCatalogs } from '../../catalog-adapters/open-catalogs.ts'
import { auditTable } from '../../services/audit/audit-table.ts'
import type { AuditReport } from '../../services/audit/audit-tally.ts'
import { taskRunner } from '../../services/converter/convert-loop.ts'
import { createConverter } from '../../services/converter/converter.ts'
import type { TaskOutcome } from '../../services/converter/run-task.ts'
import { createSoloGate } from '../../services/converter/solo-gate.ts'
import { renderRound } from '../../services/dead-letter/topic-loop.ts'
import { topicPlaceOf } from '../../services/dead-letter/topic-place.ts'
import type { Parts } from '../../services/parts.ts'
import { roundsOf } from '../../services/planning/plan-loop.ts'
import type { Progress } from '../../services/progress.ts'
import { publishRound } from '../../services/publisher/publish-loop.ts'
import type { PublishOutcome } from '../../services/publisher/publish-table.ts'
import { ALL_STAGES } from '../../services/stages.ts'
import { type DeclaredTable, declareTable } from '../../services/tables/declare-table.ts'
import { createTableSet } from '../../services/tables/table-set.ts'
import type { Config } from '../../shared/config/config.ts'
import { loadConfig } from '../../shared/config/load-config.ts'
import type { MetadataStore, SourcePartition } from '../../shared/metadata/metadata-store.ts'
import { openSqliteMetadataStore } from '../../shared/metadata/sqlite/store.ts'
import { createInProcessQueue } from '../../shared/queue/in-process-queue.ts'
import { type HookedObjectStore, hookedObjectStore } from './hooked-object-store.ts'
import { MemoryObjectStore } from './memory-object-store.ts'
import { createSteppedRuntime, type SteppedRuntime } from './stepped-runtime.ts'

export const TOPIC = 'orders'
export const TABLE = 'shop.orders'
/** Tasks run by one `convert` at most: a test that needs more has a loop that never ends. */
const MAX_RUNS = 1000

export interface PipelineOptions {
  /** Keys of the table, over `{ source_format: json, schema: id long required }`. */
  readonly table?: Readonly<Record<string, unknown>>
  /** Whole tables in the place of the one. */
  readonly tables?: readonly Readonly<Record<string, unknown>>[]
  readonly limits?: Readonly<Record<string, unknown>>
  /** A file, so that a test may open the database beside the pipeline. */
  readonly databasePath?: string
  /** Stores and metadata of a pipeline that goes on where another one stopped. */
  readonly over?: Pipeline
}

export interface Pipeline {
  readonly parts: Parts
  readonly runtime: SteppedRuntime
  readonly source: HookedObjectStore
  readonly warehouse: HookedObjectStore
  readonly metadata: MetadataStore
  readonly progress: Progress[]
  declare(): Promise<DeclaredTable>
  /** One planning round as `run` makes them; with `everything`, as `run --once` does. */
  plan(options?: { readonly everything?: boolean }): ReturnType<ReturnType<typeof roundsOf>>
  /** Runs every task that can be run now, also those that become runnable meanwhile, one after the other. */
  convert(): Promise<readonly TaskOutcome[]>
  /** Plans and converts until there is nothing more to do without time passing. */
  settle(): Promise<void>
  /** One round of publishing, the table's rows first. */
  publish(): Promise<readonly PublishOutcome[]>
  /** One round of rendering dead letters into their topic. */
  render(): Promise<void>
  audit(): Promise<AuditReport>
  partition(number?: number): Promise<SourcePartition>
  eventTypes(): Promise<readonly string[]>
  close(): Promise<void>
}

export function configOf({ table, tables, limits }: PipelineOptions): Config {
  const one = {
    name: TABLE,
    source: 'local',
    source_topic: TOPIC,
    source_format: 'json',
    schema: { fields: [{ name: 'id', type: 'long', required: true }] },
    catalogs: ['local'],
    ...table,
  }
  // JSON is YAML.
  const text = JSON.stringify({
    warehouse: 'file:///lake/warehouse',
    sources: [{ name: 'local', type: 'kfs', url: 'file:///lake/segments' }],
    catalogs: [{ name: 'local', type: 'embedded' }],
    tables: tables ?? [one],
    limits: { workers: 1, ...limits },
  })
  const loaded = loadConfig(text, { path: '/lake/tidewater.yaml', env: {} })
  if (loaded.kind === 'errors')
    throw new Error(loaded.errors.map(({ path, message }) => `${path}: ${message}`).join('\n'))
  return loaded.config
}

export async function openPipeline(options: PipelineOptions = {}): Promise<Pipeline> {
  const config = configOf(options)
  const runtime = options.over?.runtime ?? createSteppedRuntime(7)
  const memory = (url: string) => hookedObjectStore(new MemoryObjectStore({ url, nowMs: runtime.nowMs }))
  const source = options.over?.source ?? memory('file:///lake/segments')
  const warehouse = options.over?.warehouse ?? memory('file:///lake/warehouse')
  const metadata =
    options.over?.metadata ??
    openSqliteMetadataStore({ path: options.databasePath ?? ':memory:', clock: runtime.nowMs, runtime })
  await metadata.migrate()
  const progress: Progress[] = []
  const parts: Parts = {
    config,
    runtime,
    metadata,
    queue: createInProcessQueue(),
    sources: new Map([['local', source]]),
    warehouse,
    topicStores: new Map(),
    catalogs: openCatalogs(config.catalogs, { metadata, warehouse, runtime }),
    convert: createConverter({ openSource: () => source, warehouse, runtime }),
    workers: 1,
    stages: ALL_STAGES,
    holder: `test-${runtime.uuid()}`,
    report: said => progress.push(said),
    close: async () => undefined,
  }

  const [tableConfig] = config.tables
  if (tableConfig === undefined) throw new Error('a pipeline has a table')
  const declare = () => declareTable(config, tableConfig, metadata, runtime)
  let round: ReturnType<typeof roundsOf> | undefined
  const plan: Pipeline['plan'] = async ({ everything = false } = {}) => {
    round ??= roundsOf(parts, await declare())
    return await round(everything ? { landedBeforeMs: runtime.nowMs() } : {})
  }
  const convert = async () => {
    const run = taskRunner(parts, createTableSet([await declare()]), { lane: 0, gate: createSoloGate() })
    const outcomes: TaskOutcome[] = []
    for (let runs = 0; runs < MAX_RUNS; runs++) {
      const [taskId] = await metadata.listRunnableTasks(1)
      if (taskId === undefined) return outcomes
      outcomes.push(await run(taskId))
    }
    throw new Error(`more than ${MAX_RUNS} tasks were run: ${JSON.stringify(outcomes.at(-1))}`)
  }

  return {
    parts,
    runtime,
    source,
    warehouse,
    metadata,
    progress,
    declare,
    plan,
    convert,
    async settle() {
      for (let rounds = 0; rounds < MAX_RUNS; rounds++) {
        const report = await plan({ everything: true })
        const outcomes = await convert()
        if (outcomes.length === 0 && (report?.plannedTasks ?? 0) === 0 && report?.moved !== true) return
      }
      throw new Error('the pipeline does not settle')
    },
    publish: async () => publishRound(parts, await declare()),
    async render() {
      await renderRound(parts, await declare(), new AbortController().signal)
    },
    async audit() {
      const { rows, deadLetters, config: table } = await declare()
      return await auditTable(
        { metadata, source, warehouse },
        { rows, deadLetters, metadataColumns: table.metadataColumns, topic: topicPlaceOf(parts, table) },
      )
    },
    async partition(number = 0) {
      const { rows } = await declare()
      const found = (await metadata.listPartitions(rows.tableId)).find(known => known.partition === number)
      if (found === undefined) throw new Error(`partition ${number} is not followed`)
      return found
    },
    eventTypes: async () => (await metadata.listEvents({ limit: 100 })).map(event => event.type).reverse(),
    close: () => metadata.close(),
  }
}
