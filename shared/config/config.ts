/**
 * The configuration as the services use it: checked, defaults filled in, sizes in bytes, durations in milliseconds, URLs absolute.
 * `load-config.ts` makes it from the text of tidewater.yaml; `file-schema.ts` says what users may write.
 */

import type { FieldOptions, UnknownFields } from '../decode/field-options.ts'
import type { Transform } from '../iceberg/partition-spec.ts'
import type { NestedField } from '../iceberg/schema.ts'
import type { PostgresAddress } from '../metadata/postgres/address.ts'
import type { OpenStoreOptions } from '../object-store/open-object-store.ts'
import type { S3Checksums, S3Encryption } from '../object-store/s3-connection.ts'
import type { RedisAddress } from '../queue/redis-address.ts'
import type { ListenAddress } from './listen-address.ts'
import type { LOG_FORMATS, LOG_LEVELS } from './log-schema.ts'
import type { Secret } from './secret.ts'

export interface Config {
  /** Absolute; what relative paths in the file are relative to. */
  readonly baseFolder: string
  readonly warehouse: StoreConfig
  readonly metadata: MetadataConfig
  readonly queue: QueueConfig
  readonly sources: readonly SourceConfig[]
  readonly catalogs: readonly CatalogConfig[]
  /** Those that name their topic. */
  readonly tables: readonly TableConfig[]
  /** Entries that make a table of every topic that matches, in the order of the file: `expand-patterns.ts`. */
  readonly patterns: readonly TablePattern[]
  readonly limits: LimitsConfig
  readonly server: ServerConfig
  readonly log: LogConfig
  readonly scaling: ScalingConfig
}

export interface StoreConfig {
  /** Absolute, without a trailing slash: `s3://bucket/prefix` or `file:///folder`. */
  readonly url: string
  readonly endpoint?: string
  readonly region?: string
  readonly pathStyle?: boolean
  /** Absolute; PEM of the authority that signed the server's certificate, trusted besides those of Node. */
  readonly caFile?: string
  /** Without it the usual AWS chain. */
  readonly credentials?: {
    readonly accessKeyId: Secret
    readonly secretAccessKey: Secret
    readonly sessionToken?: Secret
  }
  readonly checksums?: S3Checksums
  /** Requests at once, in each thread. */
  readonly maxRequests?: number
  readonly encryption?: S3Encryption
  /** What clients of the catalog are told instead of `endpoint`. */
  readonly clientEndpoint?: string
}

export type MetadataConfig =
  | {
      readonly kind: 'sqlite'
      /** Absolute path of the database file. */
      readonly path: string
    }
  | { readonly kind: 'postgres'; readonly address: PostgresAddress }

export type QueueConfig =
  | { readonly kind: 'in-process' }
  | { readonly kind: 'redis'; readonly address: RedisAddress }

export interface SourceConfig extends StoreConfig {
  readonly name: string
  readonly type: 'kfs'
  readonly segmentSettleMs: number
}

export type CatalogConfig = EmbeddedCatalogConfig | RestCatalogConfig | GlueCatalogConfig

export interface EmbeddedCatalogConfig {
  readonly name: string
  readonly type: 'embedded'
}

export interface RestCatalogConfig {
  readonly name: string
  readonly type: 'rest'
  /** Up to and without `/v1`, without a slash at its end. */
  readonly uri: string
  readonly warehouse?: string
  readonly auth: RestAuthConfig
  /** By lower-case names. They may be keys of a gateway. */
  readonly headers: Readonly<Record<string, Secret>>
  /** Absolute; PEM of the authority that signed the server's certificate, trusted besides those of Node. */
  readonly caFile?: string
}

export interface GlueCatalogConfig {
  readonly name: string
  readonly type: 'glue'
  readonly region?: string
  /** The account whose catalog it is, if it is not that of the credentials. */
  readonly catalogId?: string
  /** Of the shared files of AWS. */
  readonly profile?: string
  readonly endpoint?: string
  /** Absolute; PEM of the authority that signed the server's certificate, trusted besides those of Node. */
  readonly caFile?: string
  /** Without them the usual AWS chain. */
  readonly credentials?: StoreConfig['credentials']
}

export type RestAuthConfig =
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: Secret }
  | {
      readonly kind: 'credential'
      /** `client_id:client_secret`. */
      readonly credential: Secret
      readonly scope: string
      /** Without it the catalog's own. */
      readonly serverUri?: string
    }
  | {
      readonly kind: 'sigv4'
      readonly signingName: string
      readonly signingRegion: string
      /** Without it the usual AWS chain. */
      readonly credentials?: StoreConfig['credentials']
    }

export interface TableConfig {
  /** With its namespace, joined by dots: `analytics.orders`. */
  readonly name: string
  /** Name of a source. */
  readonly source: string
  readonly sourceTopic: string
  readonly sourceFormat: 'json' | 'raw'
  /**
   * The user's columns, without the metadata columns. Field ids are those that the user gave, and 0 where a fresh one is to be
   * given (`shared/iceberg/assign-ids.ts`). For `raw`: `key` and `value`, each binary or string.
   */
  readonly fields: readonly NestedField[]
  /** By dotted path; a list's element is `<list>.element`, a map's parts are `<map>.key` and `<map>.value`. */
  readonly fieldOptions: ReadonlyMap<string, FieldOptions>
  readonly partitionBy: readonly PartitionTermConfig[]
  /** Names of catalogs, at least one. */
  readonly catalogs: readonly string[]
  readonly commitIntervalMs: number
  readonly dlqMode: 'dlq' | 'skip' | 'stop'
  /** From 0 to 1; 1 never stops the table. */
  readonly dlqMaxRatio: number
  /** Without it dead letters are kept for ever. */
  readonly dlqRetentionMs?: number
  /** Absolute, without a trailing slash; without it the topic of dead letters lies below the warehouse. */
  readonly dlqUrl?: string
  readonly unknownFields: UnknownFields
  readonly metadataColumns: MetadataColumnsMode
  readonly compression: 'zstd' | 'snappy' | 'gzip' | 'lz4' | 'none'
  readonly targetFileSizeBytes: number
  readonly taskTargetBytes: number
  readonly onSourceGap: 'continue' | 'stop'
  readonly onNewIncarnation: 'stop' | 'continue'
  readonly startFrom: StartFromConfig
  readonly snapshotRetention: SnapshotRetentionConfig
  /** Iceberg table properties that the user adds. */
  readonly properties: Readonly<Record<string, string>>
}

/** What a table of this pattern is declared to be, but for its own name and topic. */
export interface TablePattern extends Omit<TableConfig, 'sourceTopic'> {
  /** A template of names: `analytics.{topic}`. */
  readonly name: string
  /** Globs, at least one. */
  readonly topics: readonly string[]
  /** Globs of topics that are left out. */
  readonly excludeTopics: readonly string[]
}

export type MetadataColumnsMode = 'struct' | 'flat' | 'none'

export interface PartitionTermConfig {
  readonly transform: Transform
  /** Dotted path of the column. */
  readonly column: string
}

export type StartFromConfig =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'timestamp'; readonly timestampMs: number }
  /** By partition; partitions that are not named begin at their earliest offset. */
  | { readonly kind: 'offsets'; readonly offsets: ReadonlyMap<number, bigint> }

/** A snapshot expires when it is older than `maxAgeMs` or beyond the newest `maxCount`, but never among the newest `minCount`. */
export interface SnapshotRetentionConfig {
  readonly maxAgeMs: number
  readonly minCount: number
  readonly maxCount: number
}

/** Conversions at once in one process. */
export const MAX_WORKERS = 256

export interface LimitsConfig {
  /** Worker threads that convert; without it one per CPU core. */
  readonly workers?: number
  /** What one worker may hold at most; divided in `shared/runtime/worker-memory.ts`. */
  readonly workerMemoryBytes: number
  /** Parquet writers that one task keeps open at once, one per partition value. */
  readonly maxOpenPartitions: number
  /** Failed attempts, or workers lost in a row, after which a task is parked. */
  readonly maxTaskAttempts: number
  readonly maxTasksInFlight: number
  readonly claimLeaseMs: number
  /** What tasks under way have to end when the process is told to stop, before other workers get them. */
  readonly stopGraceMs: number
  readonly pollIntervalMs: number
  readonly pollIntervalMaxMs: number
  /** How often sources are looked through for new topics of patterns. */
  readonly topicPollIntervalMs: number
}

/** Paths of PEM files, whole. */
export interface ServerTls {
  readonly certFile: string
  readonly keyFile: string
}

export interface ServerConfig {
  /** Without it there is no server. */
  readonly listen?: ListenAddress
  /** Without it the server speaks plain HTTP. */
  readonly tls?: ServerTls
  /** Always there unless `listen` is loopback. */
  readonly token?: Secret
  /** Whether clients of the catalog are handed the warehouse's credentials. */
  readonly passCredentials: boolean
  /** For a request to arrive, and for its answer to be made. */
  readonly requestTimeoutMs: number
  /** For requests under way when the server closes. */
  readonly stopTimeoutMs: number
  readonly maxBodyBytes: number
  readonly maxRequests: number
  /** Of one client; without it any number. */
  readonly maxRequestsPerMinute?: number
  /** Of one client, which is then refused with any token; without it any number. */
  readonly maxWrongTokensPerMinute?: number
  readonly maxConnections: number
}

/** What the number of desired workers is reckoned from. */
export interface ScalingConfig {
  readonly targetDrainMs: number
  readonly minWorkers: number
  readonly maxWorkers: number
}

/** Of `tidewater run`. */
export interface LogConfig {
  readonly format: (typeof LOG_FORMATS)[number]
  readonly level: (typeof LOG_LEVELS)[number]
}

/** What `openObjectStore` needs to open this store, apart from the URL and the runtime. */
export function storeOptionsOf(store: StoreConfig): Omit<OpenStoreOptions, 'runtime'> {
  const { credentials } = store
  return {
    ...(store.endpoint !== undefined && { endpoint: store.endpoint }),
    ...(store.region !== undefined && { region: store.region }),
    ...(store.pathStyle !== undefined && { pathStyle: store.pathStyle }),
    ...(store.caFile !== undefined && { caFile: store.caFile }),
    ...(credentials !== undefined && {
      credentials: {
        accessKeyId: credentials.accessKeyId.reveal(),
        secretAccessKey: credentials.secretAccessKey.reveal(),
        ...(credentials.sessionToken !== undefined && { sessionToken: credentials.sessionToken.reveal() }),
      },
    }),
    ...(store.checksums !== undefined && { checksums: store.checksums }),
    ...(store.maxRequests !== undefined && { maxRequests: store.maxRequests }),
    ...(store.encryption !== undefined && { encryption: store.encryption }),
  }
}

/** Namespace and name of a table: `analytics.eu.orders` is `orders` in `['analytics', 'eu']`. */
export function tableIdentifierOf(tableName: string): { namespace: readonly string[]; name: string } {
  const parts = tableName.split('.')
  return { namespace: parts.slice(0, -1), name: parts.at(-1) ?? '' }
}

/** What lies below the warehouse and is no namespace of tables: topics that Tidewater writes. */
export const TOPICS_FOLDER = '_topics'

/** The topic that shows the dead letters of the table of this name. */
export function deadLetterTopicOf(tableName: string): string {
  return `${tableName}.dlq`
}

/** The folder of that topic. */
export function deadLetterTopicLocationOf(
  { warehouse }: Pick<Config, 'warehouse'>,
  { name, dlqUrl }: Pick<TableConfig, 'name' | 'dlqUrl'>,
): string {
  return `${dlqUrl ?? `${warehouse.url}/${TOPICS_FOLDER}`}/${deadLetterTopicOf(name)}`
}

/** Where a new table of this name is kept: `<warehouse>/analytics/orders`. */
export function tableLocationOf(warehouseUrl: string, tableName: string): string {
  return `${warehouseUrl}/${tableName.split('.').join('/')}`
}
