/**
 * A simulated world: brokers that land segments, one metadata database, one warehouse, and processes of the pipeline that come and go.
 * Everything that happens follows from the options; nothing outside the world is read.
 */
import { createHash } from 'node:crypto'
import type { Catalog } from '../../catalog-adapters/catalog.ts'
import { openCatalogs } from '../../catalog-adapters/open-catalogs.ts'
import type { ConvertRequest } from '../../services/converter/convert-request.ts'
import { createConverter } from '../../services/converter/converter.ts'
import type { Parts } from '../../services/parts.ts'
import type { RunOptions } from '../../services/pipeline.ts'
import { describeProgress } from '../../services/progress.ts'
import { ALL_STAGES, type Stage } from '../../services/stages.ts'
import type { Config, TableConfig } from '../../shared/config/config.ts'
import { DEAD_LETTER_SUFFIX } from '../../shared/config/table-name.ts'
import type { TaskResult } from '../../shared/flow.ts'
import type { MergePolicy } from '../../shared/iceberg/plan-manifests.ts'
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { createInProcessQueue } from '../../shared/queue/in-process-queue.ts'
import type { TaskQueue } from '../../shared/queue/task-queue.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { MemoryObjectStore } from '../fakes/memory-object-store.ts'
import { openSimulatedDatabase, type SimulatedDatabase } from './database.ts'
import type { FaultPlan } from './fault-plan.ts'
import { faultyMetadata, faultyObjectStore, faultyQueue, type QueueFaults } from './faulty-ports.ts'
import type { Landing } from './landing.ts'
import { createModel, type Model } from './model.ts'
import { createObserver, type Observer, type WatchedTable } from './observer.ts'
import { createScheduler, type Scheduler } from './scheduler.ts'
import { createSeededRandom } from './seeded-random.ts'
import { CATALOG } from './settings.ts'
import { createProcess, type SimulatedProcess } from './simulated-process.ts'
import { createTrace, type Trace } from './trace.ts'

export const START_MS = 1_750_000_000_000

/** So that worlds of a few snapshots see manifests merged, and merged ones merged again. */
const MERGE_SOON: MergePolicy = { minCountToMerge: 3, targetManifestBytes: 40_000 }

export interface World {
  readonly config: Config
  readonly landing: Landing
  readonly scheduler: Scheduler
  readonly trace: Trace
  readonly source: MemoryObjectStore
  readonly warehouse: MemoryObjectStore
  readonly database: SimulatedDatabase
  readonly observer: Observer
  readonly model: Model
  watched(tableName: string): WatchedTable
  /** Starts a process; `main` is what it runs. */
  start(options: StartOptions): RunningProcess
  /** All that is left of the world: every object of the warehouse and every row of the database. */
  digest(): Promise<{ readonly warehouse: string; readonly database: string }>
}

export interface StartOptions {
  readonly name: string
  readonly faults: FaultPlan
  readonly queueFaults?: QueueFaults
  readonly clockSkewMs?: number
  /** Objects of one page of a listing. */
  readonly pageSize?: number
  /** One of its own when absent, as in an embedded run: it dies with the process. */
  readonly queue?: TaskQueue
  /** All of them unless given. */
  readonly stages?: ReadonlySet<Stage>
  /** Conversions at once; two when absent. */
  readonly workers?: number
  /** The world's when absent. */
  readonly config?: Config
  readonly main: (parts: Parts, ending: RunOptions) => Promise<unknown>
}

export type Ending =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'crashed' }

export interface RunningProcess {
  readonly process: SimulatedProcess
  /** Absent while it runs. */
  readonly ending: Ending | undefined
  /** Asks it to end, as SIGTERM does. */
  stop(): void
  /** Its grace is over: what is under way is for other workers. */
  handBack(): void
}

export interface WorldOptions {
  readonly seed: number
  readonly config: Config
  readonly landing: Landing
  /** A deliberate defect: what processes get instead of the parts that work. */
  readonly defect?: Defect
}

/** Changes one part of every process, below its faults. */
export interface Defect {
  readonly metadata?: (store: MetadataStore, database: SimulatedDatabase) => MetadataStore
  readonly store?: (store: ObjectStore) => ObjectStore
  readonly catalog?: (catalog: Catalog) => Catalog
  readonly queue?: (queue: TaskQueue) => TaskQueue
}

export async function createWorld({ seed, config, landing, defect = {} }: WorldOptions): Promise<World> {
  const scheduler = createScheduler(START_MS)
  const trace = createTrace(scheduler.nowMs, START_MS)
  const nowMs = scheduler.nowMs
  const warehouse = new MemoryObjectStore({ url: config.warehouse.url, nowMs })
  const source = new MemoryObjectStore({ url: config.sources[0]?.url ?? '', nowMs })
  const random = createSeededRandom(seed, 'database')
  const database = await openSimulatedDatabase(nowMs, {
    random: random.next,
    sleep: ms => scheduler.after(ms),
  })
  const model = createModel(landing, () => nowMs() - START_MS)
  const tables = config.tables.map(watchedTable)
  const observer = createObserver({ database, warehouse, catalog: CATALOG, tables, model })
  const inner = defect.metadata?.(observer.metadata, database) ?? observer.metadata
  const puts = landing.lives.flatMap(({ segments }) => segments.flatMap(segment => segment.puts))
  for (const { atMs, key, body } of puts) {
    scheduler.schedule(atMs, undefined, () => {
      trace.note(`broker lands ${key}`)
      void source.put(key, body)
    })
  }
  for (const { atMs, key } of landing.deletions) {
    scheduler.schedule(atMs, undefined, () => {
      trace.note(`broker deletes ${key}`)
      void source.delete(key)
    })
  }

  function start(options: StartOptions): RunningProcess {
    const process = createProcess({
      name: options.name,
      scheduler,
      trace,
      random: createSeededRandom(seed, options.name),
      faults: options.faults,
      clockSkewMs: options.clockSkewMs ?? 0,
    })
    const stop = new AbortController()
    const grace = new AbortController()
    const running = {
      process,
      ending: undefined as Ending | undefined,
      stop: () => stop.abort(),
      handBack: () => grace.abort(),
    }
    process.death.addEventListener('abort', () => {
      running.ending = { kind: 'crashed' }
    })
    trace.note(`${options.name} starts`)
    options.main(partsOf(options, process), { signal: stop.signal, handBack: grace.signal }).then(
      value => {
        running.ending = { kind: 'returned', value }
        trace.note(`${options.name} ends`)
      },
      error => {
        running.ending = { kind: 'failed', error }
        trace.note(`${options.name} ends with ${String(error)}`)
      },
    )
    return running
  }

  function partsOf(options: StartOptions, process: SimulatedProcess): Parts {
    const { pageSize = 1000, queueFaults = { lose: 0, duplicate: 0 } } = options
    const own = options.config ?? config
    const metadata = faultyMetadata(inner, process)
    const through = (store: ObjectStore) => defect.store?.(store) ?? store
    const lake = faultyObjectStore(through(warehouse), process, { name: 'warehouse', pageSize })
    const brokers = faultyObjectStore(through(source), process, { name: 'source', pageSize })
    const workers = options.workers ?? 2
    const queue = options.queue ?? createInProcessQueue()
    const catalogs = openCatalogs(config.catalogs, { metadata, warehouse: lake, runtime: process.runtime })
    return {
      config: own,
      runtime: process.runtime,
      metadata,
      queue: faultyQueue(defect.queue?.(queue) ?? queue, process, queueFaults),
      sources: new Map(config.sources.map(({ name }) => [name, brokers])),
      warehouse: lake,
      topicStores: new Map(),
      catalogs: new Map([...catalogs].map(([name, one]) => [name, defect.catalog?.(one) ?? one])),
      convert: convertInTurn(
        Array.from({ length: workers }, () =>
          createConverter({ openSource: () => brokers, warehouse: lake, runtime: process.runtime }),
        ),
      ),
      workers,
      stages: options.stages ?? ALL_STAGES,
      holder: options.name,
      mergePolicy: MERGE_SOON,
      report: progress => {
        const said = describeProgress(progress)
        if (said !== undefined) trace.note(`${options.name} reports ${said}`)
      },
      close: async () => {},
    }
  }

  return {
    config,
    landing,
    scheduler,
    trace,
    source,
    warehouse,
    database,
    observer,
    model,
    watched(tableName) {
      const found = tables.find(({ name }) => name === tableName)
      if (found === undefined) throw new Error(`table ${tableName} is not of this world`)
      return found
    },
    start,
    async digest() {
      const objects = createHash('sha256')
      for await (const { key } of warehouse.list({ prefix: '' }))
        objects.update(`${key}\n`).update(await warehouse.get(key))
      return { warehouse: objects.digest('hex'), database: database.dump() }
    },
  }
}

type Converter = (request: ConvertRequest) => Promise<TaskResult>

/** A converter takes one task at a time, as a worker thread does. */
function convertInTurn(converters: readonly Converter[]): Converter {
  const free = [...converters]
  return async request => {
    const converter = free.pop()
    if (converter === undefined) throw new Error('more conversions at once than workers')
    try {
      return await converter(request)
    } finally {
      free.push(converter)
    }
  }
}

function watchedTable(table: TableConfig): WatchedTable {
  const kafka = table.metadataColumns === 'flat' ? '_kafka_' : '_kafka.'
  return {
    name: table.name,
    dlqMode: table.dlqMode,
    rowPaths: { partition: `${kafka}partition`, offset: `${kafka}offset`, id: 'id' },
    letterPaths: { partition: 'partition', offset: 'offset' },
    lettersName: table.name + DEAD_LETTER_SUFFIX,
    dlqRetentionMs: table.dlqRetentionMs ?? Number.POSITIVE_INFINITY,
  }
}

/** Whether a process that ended like this is simply started again: it met an outage where nothing catches one. */
export function isPassing(error: unknown): boolean {
  return error instanceof AppError && error.next === 'retry'
}
