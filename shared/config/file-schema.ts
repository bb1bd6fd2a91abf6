/**
 * What tidewater.yaml may hold: the one definition behind the checks, the defaults and the JSON Schema for editors.
 * It holds shapes and single values; what needs several places at once (references, columns, partitioning) is in `check-*.ts`.
 * Every key, default and range here is documented in docs/configuration.md; a test compares the two.
 */
import { z } from 'zod'
import { parseStoreUrl } from '../object-store/open-object-store.ts'
import {
  DESIGNED_CATALOG_TYPES,
  DESIGNED_FORMATS,
  DESIGNED_METADATA_URL,
  DESIGNED_SCHEMA_MODES,
  DESIGNED_SOURCE_TYPES,
} from './designed-later.ts'
import {
  DURATION_JSON,
  integerIn,
  oneOf,
  type Parsed,
  parseBoolean,
  parseDurationMs,
  parseRatio,
  parseSizeBytes,
  type ScalarParser,
  SIZE_JSON,
  textOf,
  within,
} from './scalars.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const MIB = 2 ** 20
/** More tables in one file are refused. */
export const MAX_TABLES = 10_000
export const MAX_FIELDS_PER_STRUCT = 10_000

/** Extra keys of the JSON Schema of a value. */
type JsonMeta = Readonly<Record<string, unknown>>

/** A single value, parsed by `parse`; on failure the issue carries what was expected, for `describe-issues.ts` to word. */
function scalar<T>(parse: ScalarParser<T>, json: JsonMeta, description: string) {
  return z
    .unknown()
    .meta({ ...json, description })
    .transform((value, context): T => {
      const parsed = parse(value)
      if (parsed.ok) return parsed.value
      const { expected, suggestion, notBuilt } = parsed
      context.addIssue({ code: 'custom', params: { expected, suggestion, notBuilt } })
      return z.NEVER
    })
}

const word = <T extends string>(words: readonly T[], description: string, notBuilt: readonly string[] = []) =>
  scalar(oneOf(words, notBuilt), { enum: words }, description)
const text = (expected: string, description: string, pattern?: RegExp) =>
  scalar(
    textOf(expected, pattern),
    { type: 'string', ...(pattern && { pattern: pattern.source }) },
    description,
  )
const integer = (min: number, max: number, description: string) =>
  scalar(integerIn(min, max), { type: 'integer', minimum: min, maximum: max }, description)
const boolean = (description: string) => scalar(parseBoolean, { type: 'boolean' }, description)
const duration = (min: number, max: number, range: string, description: string) =>
  scalar(
    within(parseDurationMs, { min, max, text: range }),
    DURATION_JSON,
    `${description} A duration from ${range}.`,
  )
const size = (min: number, max: number, range: string, description: string) =>
  scalar(within(parseSizeBytes, { min, max, text: range }), SIZE_JSON, `${description} A size from ${range}.`)

const name = (description: string) =>
  text('a name of letters, digits, - and _', description, /^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$/)

function parseUrl(value: unknown): Parsed<string> {
  try {
    if (typeof value === 'string') {
      parseStoreUrl(value, '/')
      return { ok: true, value }
    }
  } catch {
    // Worded below: the error's own text would repeat the value.
  }
  return { ok: false, expected: 's3://bucket/prefix, file:///folder, or file:./folder' }
}

function parseEndpoint(value: unknown): Parsed<string> {
  const expected = 'the URL of an S3 server such as http://localhost:9000, without user, path or query'
  if (typeof value !== 'string' || !URL.canParse(value)) return { ok: false, expected }
  const url = new URL(value)
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.pathname === '/'
  return isPlain && /^https?:$/.test(url.protocol) ? { ok: true, value: url.origin } : { ok: false, expected }
}

function parseMetadataUrl(value: unknown): Parsed<string> {
  const expected = 'sqlite:./file.db or sqlite:/folder/file.db'
  if (typeof value === 'string' && DESIGNED_METADATA_URL.test(value))
    return { ok: false, expected, notBuilt: true }
  const path =
    typeof value === 'string' ? /^sqlite:(?:\/\/(?=\/))?([^\0?]*[^\0?/:])$/.exec(value)?.[1] : undefined
  return path === undefined ? { ok: false, expected } : { ok: true, value: path }
}

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
  access_key_id: text(
    'text',
    'Together with secret_access_key, instead of the usual AWS chain. Write it as a reference to an environment variable.',
  ).optional(),
  secret_access_key: text('text', 'Write it as a reference to an environment variable.').optional(),
  session_token: text('text', 'For temporary credentials.').optional(),
}

const storeUrl = (description: string) => scalar(parseUrl, { type: 'string' }, description)

const warehouseObject = z.strictObject({
  url: storeUrl('s3://bucket/prefix, file:///folder or file:./folder.'),
  ...storeKeys,
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

export const catalogSchema = z.strictObject({
  name: name('How tables refer to this catalog.'),
  type: word(['embedded'], 'embedded: kept by Tidewater itself.', DESIGNED_CATALOG_TYPES),
})

/** A column, or the inside of a list or map, as written. `check-columns.ts` makes sense of it. */
export interface TypeShape {
  readonly type: string
  readonly required?: boolean | undefined
  readonly fields?: readonly FieldShape[] | undefined
  readonly element?: string | TypeShape | undefined
  readonly element_required?: boolean | undefined
  readonly key?: string | TypeShape | undefined
  readonly value?: string | TypeShape | undefined
  readonly value_required?: boolean | undefined
  readonly epoch_unit?: 'days' | 'seconds' | 'millis' | 'micros' | undefined
  readonly binary_encoding?: 'base64' | 'hex' | undefined
}

export interface FieldShape extends TypeShape {
  readonly name: string
  readonly id?: number | undefined
  readonly doc?: string | undefined
}

const typeName = text(
  'a type such as long, string, decimal(12,2), timestamptz, struct, list or map',
  'boolean, int, long, float, double, decimal(p,s), date, time, timestamp, timestamptz, string, uuid, fixed(n), binary, struct, list or map.',
)

const fieldList: z.ZodType<FieldShape[]> = z.lazy(() => z.array(fieldSchema).max(MAX_FIELDS_PER_STRUCT))
const innerType: z.ZodType<string | TypeShape> = z.lazy(() =>
  z.union([typeName, z.strictObject(typeKeys).meta({ id: 'type' })]),
)

const typeKeys = {
  type: typeName,
  required: boolean('A record in which the value is missing or null goes to the dead letters.').optional(),
  fields: fieldList.optional(),
  element: innerType.optional(),
  element_required: boolean('No element of the list may be null.').optional(),
  key: innerType.optional(),
  value: innerType.optional(),
  value_required: boolean('No value of the map may be null.').optional(),
  epoch_unit: word(
    ['days', 'seconds', 'millis', 'micros'],
    'What a JSON number means in a date, time, timestamp or timestamptz column; without it numbers are refused.',
  ).optional(),
  binary_encoding: word(
    ['base64', 'hex'],
    'How text becomes bytes in a binary or fixed column; base64 unless told.',
  ).optional(),
}

/** Column names go into JSON, Parquet and SQL; only control characters are beyond all of them. */
function parseColumnName(value: unknown): Parsed<string> {
  const isName =
    typeof value === 'string' && value !== '' && value.length <= 255 && !/\p{Cc}|\p{Cs}/u.test(value)
  return isName
    ? { ok: true, value }
    : { ok: false, expected: 'the name of the column, which is also its JSON key' }
}

export const fieldSchema: z.ZodType<FieldShape> = z.lazy(() =>
  z.strictObject(fieldKeys).meta({ id: 'field' }),
)
const fieldKeys = {
  name: scalar(parseColumnName, { type: 'string', minLength: 1 }, 'Name of the column and its JSON key.'),
  id: integer(1, 2_147_483_447, 'Iceberg field id; given automatically unless told.').optional(),
  doc: text('text', 'Comment of the column.').optional(),
  ...typeKeys,
}

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

function parseTimestamp(value: unknown): Parsed<number> {
  const expected = 'a time with its zone, such as 2026-01-31T00:00:00Z'
  if (typeof value !== 'string') return { ok: false, expected }
  const isIso = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.test(value)
  const timestampMs = isIso ? Date.parse(value) : Number.NaN
  return Number.isNaN(timestampMs) ? { ok: false, expected } : { ok: true, value: timestampMs }
}

function parseOffset(value: unknown): Parsed<bigint> {
  const isNumber = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
  const isText = typeof value === 'string' && /^[0-9]{1,18}$/.test(value)
  return isNumber || isText
    ? { ok: true, value: BigInt(value) }
    : { ok: false, expected: 'an offset: a whole number from 0' }
}

const retentionSchema = z.strictObject({
  max_age: duration(60_000, 3650 * DAY_MS, '1m to 3650d', 'Older snapshots expire.').prefault('5d'),
  min_count: integer(1, 10_000, 'The newest ones that never expire by age.').prefault(10),
  max_count: integer(1, 10_000, 'Snapshots beyond this many expire whatever their age.').prefault(200),
})

function parseProperty(value: unknown): Parsed<string> {
  return ['string', 'number', 'boolean'].includes(typeof value)
    ? { ok: true, value: String(value) }
    : { ok: false, expected: 'text, a number, true or false' }
}

export const tableSchema = z.strictObject({
  name: text(
    'namespace and name of the table such as analytics.orders',
    'Namespace and name, joined by dots: analytics.orders.',
    /^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,127}){1,7}$/,
  ),
  source: text('the name of a source', 'Name of the source that holds the topic.'),
  source_topic: text(
    'the name of a Kafka topic: letters, digits, dot, - and _',
    'The topic.',
    /^[A-Za-z0-9._-]{1,249}$/,
  ),
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
  commit_interval: duration(100, DAY_MS, '100ms to 1d', 'How often new rows become visible.').prefault('60s'),
  dlq_mode: word(
    ['dlq', 'skip', 'stop'],
    'What happens to a record that does not fit: kept as a dead letter, counted and skipped, or the partition stops.',
  ).prefault('dlq'),
  dlq_max_ratio: scalar(
    parseRatio,
    { type: 'number', minimum: 0, maximum: 1 },
    'The table stops when a larger share of the records of a task does not fit; 1 never stops it.',
  ).prefault(0.5),
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

export const limitsSchema = z.strictObject({
  workers: integer(1, 256, 'Worker threads that convert; one per CPU core unless told.').optional(),
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
  poll_interval: duration(50, HOUR_MS, '50ms to 1h', 'How often busy partitions are listed.').prefault('1s'),
  poll_interval_max: duration(50, HOUR_MS, '50ms to 1h', 'How seldom quiet partitions are listed.').prefault(
    '30s',
  ),
})

export const fileSchema = z.strictObject({
  warehouse: warehouseSchema,
  metadata: scalar(
    parseMetadataUrl,
    { type: 'string' },
    'The database that holds the truth: sqlite:./file.db on a local disk.',
  ).prefault('sqlite:./tidewater.db'),
  sources: z.array(sourceSchema).min(1),
  catalogs: z.array(catalogSchema).prefault([{ name: 'local', type: 'embedded' }]),
  tables: z.array(tableSchema).min(1).max(MAX_TABLES),
  limits: limitsSchema.prefault({}),
})

/** Keys that may stand at a place, for suggestions. A place is a path without list positions: `tables.schema.fields`. */
export function knownKeys(place: string): readonly string[] {
  const shapes: Readonly<Record<string, object>> = {
    '': fileSchema.shape,
    warehouse: warehouseObject.shape,
    sources: sourceSchema.shape,
    catalogs: catalogSchema.shape,
    tables: tableSchema.shape,
    'tables.schema': { fields: true },
    'tables.start_from': startFromObject.shape,
    'tables.snapshot_retention': retentionSchema.shape,
    limits: limitsSchema.shape,
  }
  if (place.startsWith('tables.schema.fields')) {
    return Object.keys(/\.(element|key|value)$/.test(place) ? typeKeys : fieldKeys)
  }
  return Object.keys(shapes[place] ?? {})
}

export type FileShape = z.output<typeof fileSchema>
export type TableShape = z.output<typeof tableSchema>
