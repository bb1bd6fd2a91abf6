/** Everything that a running pipeline shares, and how it is opened from the configuration. Tests and simulations put other parts in. */
import { availableParallelism, hostname } from 'node:os'
import type { Catalog } from '../catalog-adapters/catalog.ts'
import { openCatalogs } from '../catalog-adapters/open-catalogs.ts'
import {
  type Config,
  type MetadataConfig,
  type QueueConfig,
  storeOptionsOf,
} from '../shared/config/config.ts'
import type { TaskResult } from '../shared/flow.ts'
import type { MergePolicy } from '../shared/iceberg/plan-manifests.ts'
import type { MetadataStore } from '../shared/metadata/metadata-store.ts'
import { openPostgresMetadataStore } from '../shared/metadata/postgres/store.ts'
import { openSqliteMetadataStore } from '../shared/metadata/sqlite/store.ts'
import type { ObjectStore } from '../shared/object-store/object-store.ts'
import { openObjectStore } from '../shared/object-store/open-object-store.ts'
import { createInProcessQueue } from '../shared/queue/in-process-queue.ts'
import type { TaskQueue } from '../shared/queue/task-queue.ts'
import { AppError } from '../shared/runtime/errors.ts'
import type { Runtime } from '../shared/runtime/runtime.ts'
import { openConvertPool } from './converter/convert-pool.ts'
import type { ConvertRequest, ThreadStores } from './converter/convert-request.ts'
import type { Problem, Report } from './progress.ts'
import type { Stage } from './stages.ts'

export interface Parts {
  readonly config: Config
  readonly runtime: Runtime
  readonly metadata: MetadataStore
  readonly queue: TaskQueue
  readonly sources: ReadonlyMap<string, ObjectStore>
  readonly warehouse: ObjectStore
  /** By URL: where tables with a `dlq_url` have their dead-letter topics. */
  readonly topicStores: ReadonlyMap<string, ObjectStore>
  readonly catalogs: ReadonlyMap<string, Catalog>
  /** At most `workers` at once. */
  readonly convert: (request: ConvertRequest) => Promise<TaskResult>
  readonly workers: number
  /** Those that this process runs. */
  readonly stages: ReadonlySet<Stage>
  /** Names this process in leases and claims. */
  readonly holder: string
  /** When small manifests are merged; the default policy unless given. */
  readonly mergePolicy?: MergePolicy
  readonly report: Report
  close(): Promise<void>
}

/** What the commands that only look need: no queue, no threads. */
export type StoreParts = Pick<
  Parts,
  'config' | 'runtime' | 'metadata' | 'sources' | 'warehouse' | 'topicStores' | 'close'
>

export async function openStores(config: Config, runtime: Runtime): Promise<StoreParts> {
  const metadata = openMetadata(config.metadata, runtime)
  try {
    await metadata.migrate()
  } catch (error) {
    // Connections that stay open would keep the process alive.
    await metadata.close()
    throw error
  }
  const open = (store: Config['warehouse']) =>
    openObjectStore(store.url, { ...storeOptionsOf(store), runtime })
  const warehouse = open(config.warehouse)
  const sources = new Map(config.sources.map(source => [source.name, open(source)]))
  const topicUrls = new Set([...config.tables, ...config.patterns].flatMap(({ dlqUrl }) => dlqUrl ?? []))
  const topicStores = new Map([...topicUrls].map(url => [url, open({ ...config.warehouse, url })]))
  return {
    config,
    runtime,
    metadata,
    warehouse,
    sources,
    topicStores,
    async close() {
      for (const store of [warehouse, ...sources.values(), ...topicStores.values()]) await store.close()
      await metadata.close()
    },
  }
}

function openMetadata(metadata: MetadataConfig, runtime: Runtime): MetadataStore {
  return metadata.kind === 'sqlite'
    ? openSqliteMetadataStore({ path: metadata.path, runtime })
    : openPostgresMetadataStore({ address: metadata.address, runtime })
}

/** A name that no other process has had: pods all have one pid, and machines one pid again and again. */
export function nameProcess(runtime: Pick<Runtime, 'uuid'>): string {
  return `${hostname()}-${process.pid}-${runtime.uuid().slice(0, 8)}`
}

export interface PartsOptions {
  readonly runtime: Runtime
  readonly stages: ReadonlySet<Stage>
  readonly report: Report
  /** `Parts.holder`; made up unless given. */
  readonly holder?: string
}

export async function openParts(config: Config, options: PartsOptions): Promise<Parts> {
  const { runtime, stages, report, holder = nameProcess(runtime) } = options
  const stores = await openStores(config, runtime)
  const workers = config.limits.workers ?? availableParallelism()
  const queue = await openQueue(config.queue, options).catch(async (error: unknown) => {
    await stores.close()
    throw error
  })
  const catalogs = openCatalogs(config.catalogs, stores)
  const pool = openConvertPool(workers, threadStores(config))
  return {
    ...stores,
    queue,
    catalogs,
    convert: request => pool.convert(request),
    workers,
    stages,
    holder,
    report,
    async close() {
      await pool.close()
      await queue.close()
      for (const catalog of catalogs.values()) await catalog.close()
      await stores.close()
    },
  }
}

async function openQueue(queue: QueueConfig, { runtime, stages, report }: PartsOptions): Promise<TaskQueue> {
  // Other stages neither fill nor empty it, and must not need Redis to start.
  const isUsed = stages.has('plan') || stages.has('convert')
  if (queue.kind === 'in-process' || !isUsed) return createInProcessQueue()
  // BullMQ takes longer to load than most commands run.
  const { openRedisQueue } = await import('../shared/queue/redis-queue.ts')
  const onFailure = problemOf({ report }, 'queue')
  return await openRedisQueue({ address: queue.address, runtime, onFailure })
}

function threadStores(config: Config): ThreadStores {
  const toOpen = (store: Config['warehouse']) => ({ url: store.url, options: storeOptionsOf(store) })
  return {
    warehouse: toOpen(config.warehouse),
    sources: Object.fromEntries(config.sources.map(source => [source.name, toOpen(source)])),
  }
}

/** The code of a failure that nobody classified. */
const UNCLASSIFIED = 'unexpected-failure'

/** Reports a failure that a loop will try again, with what it concerns. */
export function problemOf(
  parts: Pick<Parts, 'report'>,
  where: string,
  concerning: Pick<Problem, 'table'> = {},
): (error: unknown) => void {
  return error =>
    parts.report({
      kind: 'problem',
      where,
      ...concerning,
      message: error instanceof Error ? error.message : String(error),
      next: 'retry',
      ...factsOf(error),
    })
}

/** What an error says beside its message. */
export function factsOf(error: unknown): Pick<Problem, 'code' | 'details' | 'stack'> {
  if (error instanceof AppError && error.code !== UNCLASSIFIED)
    return { code: error.code, ...(Object.keys(error.details).length > 0 && { details: error.details }) }
  const { cause = error } = error instanceof AppError ? error : {}
  return {
    code: UNCLASSIFIED,
    ...(cause instanceof Error && cause.stack !== undefined && { stack: cause.stack }),
  }
}
