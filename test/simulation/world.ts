/**
 * A simulated world: brokers that land segments, one metadata database, one warehouse, and processes of the pipeline that come and go.
 * Everything that happens follows from the options; nothing outside the world is read.
 */
import { createHash } from 'node:crypto'
import { openCatalogs } from '../../catalog-adapters/open-catalogs.ts'
import type { ConvertRequest } from '../../services/converter/convert-request.ts'
import { createConverter } from '../../services/converter/converter.ts'
import type { ConvertedTask } from '../../services/converter/run-task.ts'
import type { Parts } from '../../services/parts.ts'
import { describeProgress } from '../../services/progress.ts'
import { ALL_STAGES, type Stage } from '../../services/stages.ts'
import { DEAD_LETTER_SUFFIX } from '../../services/tables/declare-table.ts'
import type { Config, TableConfig } from '../../shared/config/config.ts'
import type { MergePolicy } from '../../shared/iceberg/plan-manifests.ts'
import { createInProcessQueue } from '../../shared/queue/in-process-queue.ts'
import type { TaskQueue } from '../../shared/queue/task-queue.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { MemoryObjectStore } from '../fakes/memory-object-store.ts'
import { openSimulatedDatabase, type SimulatedDatabase } from './database.ts'
import type { FaultPlan } from './fault-plan.ts'
import { faultyMetadata, faultyObjectStore, faultyQueue, type QueueFaults } from './faulty-ports.ts'
import type { ExpectedPartition, Landing } from './landing.ts'
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
  readonly main: (parts: Parts, signal: AbortSignal) => Promise<unknown>
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
}

export interface WorldOptions {
  readonly seed: number
  readonly config: Config
  readonly landing: Landing
}

export async function createWorld({ seed, config, landing }: WorldOptions): Promise<World> {
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
  const observer = createObserver({
    metadata: database.store,
    warehouse,
    catalog: CATALOG,
    nowMs,
    tables: config.tables.flatMap(watchedTables),
    partitions: landing.partitions,
  })
  for (const { atMs, key, body } of landing.objects) {
    scheduler.schedule(atMs, undefined, () => {
      trace.note(`broker lands ${key}`)
      void source.put(key, body)
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
    const running = { process, ending: undefined as Ending | undefined, stop: () => stop.abort() }
    const stop = new AbortController()
    process.death.addEventListener('abort', () => {
      running.ending = { kind: 'crashed' }
    })
    trace.note(`${options.name} starts`)
    options.main(partsOf(options, process), stop.signal).then(
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
    const inner = observer.metadata
    const metadata = faultyMetadata(inner, process)
    const lake = faultyObjectStore(warehouse, process, { name: 'warehouse', pageSize })
    const brokers = faultyObjectStore(source, process, { name: 'source', pageSize })
    const workers = config.limits.workers ?? 1
    return {
      config,
      runtime: process.runtime,
      metadata,
      queue: faultyQueue(options.queue ?? createInProcessQueue(), process, queueFaults),
      sources: new Map(config.sources.map(({ name }) => [name, brokers])),
      warehouse: lake,
      topicStores: new Map(),
      catalogs: openCatalogs(config.catalogs, { metadata, warehouse: lake }),
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
    start,
    async digest() {
      const objects = createHash('sha256')
      for await (const { key } of warehouse.list({ prefix: '' }))
        objects.update(`${key}\n`).update(await warehouse.get(key))
      return { warehouse: objects.digest('hex'), database: database.dump() }
    },
  }
}

type Converter = (request: ConvertRequest) => Promise<ConvertedTask>

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

/** A table of the configuration with its dead letters, and what must be in each. */
function watchedTables(table: TableConfig): readonly WatchedTable[] {
  const kafka = table.metadataColumns === 'flat' ? '_kafka_' : '_kafka.'
  const lettersOf = ({ broken }: ExpectedPartition): ReadonlyMap<bigint, undefined> =>
    table.dlqMode === 'dlq' ? new Map([...broken].map(offset => [offset, undefined])) : new Map()
  return [
    {
      name: table.name,
      paths: { partition: `${kafka}partition`, offset: `${kafka}offset`, id: 'id' },
      rowsOf: ({ rows }) => rows,
    },
    {
      name: table.name + DEAD_LETTER_SUFFIX,
      paths: { partition: 'partition', offset: 'offset' },
      rowsOf: lettersOf,
    },
  ]
}

/** Whether a process that ended like this is simply started again: it met an outage where nothing catches one. */
export function isPassing(error: unknown): boolean {
  return error instanceof AppError && error.next === 'retry'
}
