/**
 * What tidewater.yaml may hold: the one definition behind the checks, the defaults and the JSON Schema for editors.
 * It holds shapes and single values; what needs several places at once (references, columns, partitioning) is in `check-*.ts`.
 * Every key, default and range here is documented in docs/configuration.md; a test compares the two.
 */

import { z } from 'zod'
import { MAX_WORKER_MEMORY_BYTES, MIN_WORKER_MEMORY_BYTES } from '../runtime/worker-memory.ts'
import { catalogSchema, sigV4Schema } from './catalog-schema.ts'
import { fieldKeys, fieldSchema, MAX_FIELDS_PER_STRUCT, typeKeys } from './column-schema.ts'
import { MAX_WORKERS } from './config.ts'
import { DESIGNED_FORMATS, DESIGNED_SCHEMA_MODES, DESIGNED_SOURCE_TYPES } from './designed-later.ts'
import { logSchema } from './log-schema.ts'
import { NAME_TEMPLATE } from './name-template.ts'
import { parseRatio } from './scalars.ts'
import { scalingSchema } from './scaling-schema.ts'
import {
  boolean,
  duration,
  integer,
  name,
  parseEndpoint,
  parseMetadataUrl,
  parseOffset,
  parseProperty,
  parseQueue,
  parseTimestamp,
  scalar,
  secret,
  size,
  storeUrl,
  text,
  word,
} from './schema-values.ts'
import { serverSchema, serverTlsSchema } from './server-schema.ts'
import { GLOB } from './topic-glob.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const MIB = 2 ** 20
/** More tables in one file are refused. */
export const MAX_TABLES = 10_000
/** More patterns in one list are refused. */
const MAX_GLOBS = 1000

const storeKeys = {
  endpoint: scalar(
    parseEndpoint,
    { type: 'string', format: 'uri' },
    'An S3 server other than AWS, for example http://localhost:9000.',
  ).optional(),
  region: text(
    'the name of a region such as eu-central-1',
    'Region of the bucket; otherwise AWS_REGION or the AWS profile.',
    /^[A-Za-z0-9-]+$/,
  ).optional(),
  path_style: boolean(
    'Put the bucket in the path of requests rather than in the host name; true by default when endpoint is given.',
  ).optional(),
  ca_file: text(
    'the path of a PEM file',
    'PEM file of the authority that signed the certificate of the endpoint, trusted besides the usual ones.',
  ).optional(),
  access_key_id: secret(
    'text',
    'Together with secret_access_key, instead of the usual AWS chain. Write it as a reference to an environment variable.',
  ).optional(),
  secret_access_key: secret('text', 'Write it as a reference to an environment variable.').optional(),
  session_token: secret('text', 'For temporary credentials.').optional(),
  checksums: word(
    ['crc32', 'none'],
    'Whether a CRC32 goes with each object and is compared by readers; crc32 on AWS, none with an endpoint. Uploads are covered by their signature either way.',
  ).optional(),
  max_requests: integer(1, 1024, 'Requests to this store at once, per thread; 32 unless told.').optional(),
}

const warehouseObject = z.strictObject({
  url: storeUrl('s3://bucket/prefix, file:///folder or file:./folder.'),
  ...storeKeys,
  sse: word(
    ['none', 'aes256', 'kms'],
    'Encryption that is asked for with each object; none leaves it to the default of the bucket.',
  ).optional(),
  sse_kms_key_id: text(
    'id or ARN of a key',
    'The key of KMS for sse: kms; otherwise the account’s own for S3.',
  ).optional(),
  sse_bucket_key: boolean(
    'For sse: kms: one key per bucket and time, so that KMS is asked seldom.',
  ).optional(),
  client_endpoint: scalar(
    parseEndpoint,
    { type: 'string', format: 'uri' },
    'What clients of the catalog are told as s3.endpoint, where they reach the store by another address than Tidewater does.',
  ).optional(),
})
export const warehouseSchema = z.union([
  storeUrl('Where tables are written: s3://bucket/prefix, file:///folder or file:./folder.'),
  warehouseObject,
])

export const sourceSchema = z.strictObject({
  name: name('How tables refer to this source.'),
  type: word(['kfs'], 'kfs: segments that KafScale brokers write.', DESIGNED_SOURCE_TYPES).prefault('kfs'),
  url: storeUrl('Bucket and namespace of the brokers: s3://bucket/namespace; or a folder.'),
  ...storeKeys,
  segment_settle: duration(
    0,
    HOUR_MS,
    '0s to 1h',
    'A segment older than its index by more than this may be an orphan about to be replaced, and waits.',
  ).prefault('10s'),
})

const glob = (description: string) =>
  text('a pattern of topic names such as orders.*: letters, digits, dot, -, _, * and ?', description, GLOB)
const globs = (description: string) =>
  z.union([glob(description), z.array(glob(description)).min(1).max(MAX_GLOBS)])

const startFromObject = z.strictObject({
  timestamp: scalar(
    parseTimestamp,
    { type: 'string', format: 'date-time' },
    'The first segment that landed at or after this time, for example 2026-01-31T00:00:00Z.',
  ).optional(),
  offsets: z
    .record(z.string(), scalar(parseOffset, { type: ['integer', 'string'] }, 'The first offset to take.'))
    .meta({ description: 'First offset by partition number; other partitions begin at their earliest.' })
    .optional(),
})
const startFromSchema = z.union([word(['earliest', 'latest'], 'Where a new table begins.'), startFromObject])

const retentionSchema = z.strictObject({
  max_age: duration(60_000, 3650 * DAY_MS, '1m to 3650d', 'Older snapshots expire.').prefault('5d'),
  min_count: integer(1, 10_000, 'The newest ones that never expire by age.').prefault(10),
  max_count: integer(1, 10_000, 'Snapshots beyond this many expire whatever their age.').prefault(200),
})

export const tableSchema = z
  .strictObject({
    name: text(
      'namespace and name of the table such as analytics.orders',
      'Namespace and name, joined by dots: analytics.orders. With source_topics a template: analytics.{topic}, or {1} for what the first * stands for.',
      NAME_TEMPLATE,
    ),
    source: text('the name of a source', 'Name of the source that holds the topic.'),
    source_topic: text(
      'the name of a Kafka topic: letters, digits, dot, - and _',
      'The topic; or source_topics for a table of each of many.',
      /^[A-Za-z0-9._-]{1,249}$/,
    ).optional(),
    source_topics: globs(
      'Patterns of topics, each of which becomes a table: orders.* for example.',
    ).optional(),
    exclude_topics: globs('Patterns of topics that source_topics leaves out.').optional(),
    source_format: word(['json', 'raw'], 'How values are read.', DESIGNED_FORMATS).prefault('json'),
    schema_mode: word(['inline'], 'Where the columns come from.', DESIGNED_SCHEMA_MODES).prefault('inline'),
    schema: z
      .strictObject({ fields: z.array(fieldSchema).max(MAX_FIELDS_PER_STRUCT) })
      .meta({
        description: 'The columns; required for json, for raw `key` and `value` of type binary or string.',
      })
      .optional(),
    partition_by: z
      .array(
        text(
          'a column, or year(c), month(c), day(c), hour(c), bucket(16, c), truncate(10, c) or void(c)',
          'column, year(c), month(c), day(c), hour(c), bucket(16, c), truncate(10, c) or void(c).',
        ),
      )
      .prefault([]),
    catalogs: z.array(text('the name of a catalog', 'Name of a catalog.')).min(1).optional(),
    commit_interval: duration(100, DAY_MS, '100ms to 1d', 'How often new rows become visible.').prefault(
      '60s',
    ),
    dlq_mode: word(
      ['dlq', 'skip', 'stop'],
      'What happens to a record that does not fit: kept as a dead letter, counted and skipped, or the partition stops.',
    ).prefault('dlq'),
    dlq_max_ratio: scalar(
      parseRatio,
      { type: 'number', minimum: 0, maximum: 1 },
      'The table stops when a larger share of the records of a task does not fit; 1 never stops it.',
    ).prefault(0.5),
    dlq_retention: duration(
      HOUR_MS,
      3650 * DAY_MS,
      '1h to 3650d',
      'Dead letters older than this leave the dead-letter table; they are kept for ever unless told.',
    ).optional(),
    dlq_url: storeUrl(
      'Where the dead-letter topic is written: s3://bucket/prefix or a folder, never the namespace of brokers. Below the warehouse unless told.',
    ).optional(),
    unknown_fields: word(
      ['ignore', 'dlq'],
      'What happens to a record with a JSON key that is no column.',
    ).prefault('ignore'),
    metadata_columns: word(
      ['struct', 'flat', 'none'],
      'Topic, partition, offset, timestamp, key and headers of the record: as struct _kafka, as columns _kafka_…, or not.',
    ).prefault('struct'),
    compression: word(['zstd', 'snappy', 'gzip', 'lz4', 'none'], 'Codec of the Parquet files.').prefault(
      'zstd',
    ),
    target_file_size: size(
      MIB,
      4096 * MIB,
      '1MiB to 4GiB',
      'A Parquet file is closed at about this size.',
    ).prefault('128MiB'),
    task_target_bytes: size(
      64 * 1024,
      4096 * MIB,
      '64KiB to 4GiB',
      'Segments of about this size in all become one task at once.',
    ).prefault('64MiB'),
    on_source_gap: word(
      ['continue', 'stop'],
      'What happens at offsets that the brokers lost; they are always reported.',
    ).prefault('continue'),
    on_new_incarnation: word(
      ['stop', 'continue'],
      'What happens when the offsets of a partition begin again, because the topic was recreated.',
    ).prefault('stop'),
    start_from: startFromSchema.prefault('earliest'),
    snapshot_retention: retentionSchema.prefault({}),
    properties: z
      .record(
        z.string(),
        scalar(parseProperty, { type: ['string', 'number', 'boolean'] }, 'Value of the property.'),
      )
      .meta({ description: 'More Iceberg table properties.' })
      .prefault({}),
  })
  .meta({ oneOf: [{ required: ['source_topic'] }, { required: ['source_topics'] }] })

export const limitsSchema = z.strictObject({
  workers: integer(1, MAX_WORKERS, 'Worker threads that convert; one per CPU core unless told.').optional(),
  worker_memory: size(
    MIN_WORKER_MEMORY_BYTES,
    MAX_WORKER_MEMORY_BYTES,
    '256MiB to 16GiB',
    'What one worker may hold at most, beside what the process takes without any; the bounds on segments, batches, records and open files are shares of it.',
  ).prefault('1GiB'),
  max_open_partitions: integer(
    1,
    4096,
    'Parquet writers that one task keeps open at once, one per partition value.',
  ).prefault(64),
  max_task_attempts: integer(1, 100, 'A task that failed this often waits for a person.').prefault(5),
  max_tasks_in_flight: integer(
    1,
    100_000,
    'Tasks of one table that may be planned and not committed.',
  ).prefault(256),
  claim_lease: duration(
    5000,
    DAY_MS,
    '5s to 1d',
    'A worker that is silent for this long loses its task.',
  ).prefault('60s'),
  stop_grace: duration(
    0,
    HOUR_MS,
    '0s to 1h',
    'How long tasks under way may take to end when the process is told to stop; after it, other workers get them.',
  ).prefault('30s'),
  poll_interval: duration(50, HOUR_MS, '50ms to 1h', 'How often busy partitions are listed.').prefault('1s'),
  poll_interval_max: duration(50, HOUR_MS, '50ms to 1h', 'How seldom quiet partitions are listed.').prefault(
    '30s',
  ),
  topic_poll_interval: duration(
    50,
    DAY_MS,
    '50ms to 1d',
    'How often sources are looked through for new topics of source_topics.',
  ).prefault('30s'),
})

export const fileSchema = z.strictObject({
  warehouse: warehouseSchema,
  metadata: scalar(
    parseMetadataUrl,
    { type: 'string', writeOnly: true },
    'The database that holds the truth: sqlite:./file.db on a local disk, or postgres://user@host:5432/database for many machines.',
  ).prefault('sqlite:./tidewater.db'),
  queue: scalar(
    parseQueue,
    { type: 'string', writeOnly: true },
    'How ids of tasks come to workers: in-process, or for many machines redis://user:password@host:6379/0, rediss://, redis+sentinel://, redis+cluster://.',
  ).prefault('in-process'),
  sources: z.array(sourceSchema).min(1),
  catalogs: z.array(catalogSchema).prefault([{ name: 'local', type: 'embedded' }]),
  tables: z.array(tableSchema).min(1).max(MAX_TABLES),
  limits: limitsSchema.prefault({}),
  server: serverSchema.prefault({}),
  log: logSchema.prefault({}),
  scaling: scalingSchema.prefault({}),
})

/** Keys that may stand at a place, for suggestions. A place is a path without list positions: `tables.schema.fields`. */
export function knownKeys(place: string): readonly string[] {
  const shapes: Readonly<Record<string, object>> = {
    '': fileSchema.shape,
    warehouse: warehouseObject.shape,
    sources: sourceSchema.shape,
    catalogs: catalogSchema.shape,
    'catalogs.sigv4': sigV4Schema.shape,
    tables: tableSchema.shape,
    'tables.schema': { fields: true },
    'tables.start_from': startFromObject.shape,
    'tables.snapshot_retention': retentionSchema.shape,
    limits: limitsSchema.shape,
    server: serverSchema.shape,
    'server.tls': serverTlsSchema.shape,
    log: logSchema.shape,
    scaling: scalingSchema.shape,
  }
  if (place.startsWith('tables.schema.fields')) {
    return Object.keys(/\.(element|key|value)$/.test(place) ? typeKeys : fieldKeys)
  }
  return Object.keys(shapes[place] ?? {})
}

export type FileShape = z.output<typeof fileSchema>
export type TableShape = z.output<typeof tableSchema>
