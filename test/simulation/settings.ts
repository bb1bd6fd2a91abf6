/** The configuration of a simulated world: loaded as users write it, then made as small as the world. */
import type { Config, TableConfig } from '../../shared/config/config.ts'
import { loadConfig } from '../../shared/config/load-config.ts'

export const TOPIC = 'events'
/** Has a segment of nothing but broken records. */
export const FLOODED_TOPIC = 'flooded'
export const CATALOG = 'local'
export const SETTLE_MS = 5_000

export interface Settings {
  readonly commitIntervalMs: number
  readonly claimLeaseMs: number
  readonly taskTargetBytes: number
  readonly maxTasksInFlight: number
  readonly keptSnapshots: number
  readonly partitionBy: readonly string[]
  readonly metadataColumns: 'struct' | 'flat'
  readonly compression: 'zstd' | 'snappy' | 'none'
  /** A second table on the same topic skips broken records. */
  readonly skippingTable?: boolean
  /** A table on a topic of its own, which broken records flood. */
  readonly floodedTable?: boolean
  readonly dlqRetentionMs?: number
  readonly onNewIncarnation?: 'stop' | 'continue'
  /** One queue for all processes, which only planners feed. */
  readonly sharesQueue?: boolean
}

interface TableSettings {
  readonly name: string
  readonly topic: string
  readonly dlqMode: TableConfig['dlqMode']
  readonly maxRatio: number
}

export function configOf(settings: Settings): Config {
  const table = ({ name, topic, dlqMode, maxRatio }: TableSettings) => `
  - name: ${name}
    source: brokers
    source_topic: ${topic}
    schema:
      fields:
        - { name: id, type: long, required: true }
        - { name: name, type: string }
    partition_by: ${JSON.stringify(settings.partitionBy)}
    catalogs: [${CATALOG}]
    commit_interval: ${settings.commitIntervalMs}ms
    dlq_mode: ${dlqMode}
    dlq_max_ratio: ${maxRatio}
    on_new_incarnation: ${settings.onNewIncarnation ?? 'continue'}
    metadata_columns: ${settings.metadataColumns}
    compression: ${settings.compression}
    snapshot_retention: { max_age: 30m, min_count: 1, max_count: ${settings.keptSnapshots} }`
  const tables = [
    table({ name: 'lake.events', topic: TOPIC, dlqMode: 'dlq', maxRatio: 1 }),
    ...(settings.skippingTable === true
      ? [table({ name: 'lake.skipping', topic: TOPIC, dlqMode: 'skip', maxRatio: 1 })]
      : []),
    ...(settings.floodedTable === true
      ? [table({ name: 'lake.flooded', topic: FLOODED_TOPIC, dlqMode: 'dlq', maxRatio: 0.9 })]
      : []),
  ]
  const outcome = loadConfig(
    `
warehouse: file:/lake
metadata: sqlite:./not-opened.db
queue: ${settings.sharesQueue === true ? 'redis://not-opened:6379/0' : 'in-process'}
sources:
  - { name: brokers, type: kfs, url: "file:/segments", segment_settle: ${SETTLE_MS}ms }
catalogs:
  - { name: ${CATALOG}, type: embedded }
limits:
  workers: 2
  claim_lease: ${settings.claimLeaseMs}ms
  max_tasks_in_flight: ${settings.maxTasksInFlight}
  poll_interval: 1s
  poll_interval_max: 4s
tables:${tables.join('')}
`,
    { path: '/simulated/tidewater.yaml', env: {} },
  )
  if (outcome.kind === 'errors') throw new Error(JSON.stringify(outcome.errors, null, 2))
  const { dlqRetentionMs, taskTargetBytes } = settings
  // Real targets are larger than all that a simulated world holds, and real retention is longer than it lives.
  const small = { taskTargetBytes, ...(dlqRetentionMs !== undefined && { dlqRetentionMs }) }
  return { ...outcome.config, tables: outcome.config.tables.map(one => ({ ...one, ...small })) }
}

/** What a person changes when tables have stopped for good reason: a recreated topic is welcome, and so is every record. */
export function mendedConfig(config: Config): Config {
  const tables = config.tables.map(table => ({
    ...table,
    onNewIncarnation: 'continue' as const,
    dlqMaxRatio: 1,
  }))
  return { ...config, tables }
}
