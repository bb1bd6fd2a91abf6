/** The configuration of a simulated world: loaded as users write it, then made as small as the world. */
import type { Config, TableConfig } from '../../shared/config/config.ts'
import { loadConfig } from '../../shared/config/load-config.ts'

export const TOPIC = 'events'
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
  readonly twoTables: boolean
}

export function configOf(settings: Settings): Config {
  const table = (name: string, dlqMode: TableConfig['dlqMode']) => `
  - name: ${name}
    source: brokers
    source_topic: ${TOPIC}
    schema:
      fields:
        - { name: id, type: long, required: true }
        - { name: name, type: string }
    partition_by: ${JSON.stringify(settings.partitionBy)}
    catalogs: [${CATALOG}]
    commit_interval: ${settings.commitIntervalMs}ms
    dlq_mode: ${dlqMode}
    dlq_max_ratio: 1
    metadata_columns: ${settings.metadataColumns}
    compression: ${settings.compression}
    snapshot_retention: { max_age: 30m, min_count: 1, max_count: ${settings.keptSnapshots} }`
  const outcome = loadConfig(
    `
warehouse: file:/lake
metadata: sqlite:./not-opened.db
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
tables:${table('lake.events', 'dlq')}${settings.twoTables ? table('lake.skipping', 'skip') : ''}
`,
    { path: '/simulated/tidewater.yaml', env: {} },
  )
  if (outcome.kind === 'errors') throw new Error(JSON.stringify(outcome.errors, null, 2))
  // Real targets are larger than all that a simulated world holds.
  const tables = outcome.config.tables.map(one => ({ ...one, taskTargetBytes: settings.taskTargetBytes }))
  return { ...outcome.config, tables }
}
