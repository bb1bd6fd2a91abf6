/**
 * The answers of the API as zod schemas: what the compiler holds the routes to, and what the OpenAPI document is written from. A field that is
 * added to a report is added here: the compiler asks for it, and a test holds real answers against the document, without room for more.
 */
import { z } from 'zod'
import type { ExactJson } from '../../../shared/iceberg/exact-json.ts'
import { SEVERITIES } from '../../../shared/metadata/event-types.ts'
import type { ScalingReport } from '../../scaling/scaling-report.ts'
import type { StatusReport } from '../../status/collect-status.ts'
import type { TableDescription } from '../../tables/describe-table.ts'
import type { TablesReport } from '../../tables/list-tables.ts'
import { problemSchema } from '../problem.ts'

/** Schemas that the document names; their ids are stable. */
export const answers = z.registry<{ id: string }>()

function named<T extends z.ZodType>(id: string, schema: T): T {
  answers.add(schema, { id })
  return schema
}
named('Problem', problemSchema)

const list = <T extends z.ZodType>(item: T) => z.array(item).readonly()
const long = (description?: string) =>
  description === undefined ? z.bigint() : z.bigint().meta({ description })
const timeMs = (what: string) => z.int().meta({ description: `${what}, Unix ms.` })

const tableState = z.enum(['active', 'paused', 'stopped'])
const publicationState = z.enum(['pending', 'published', 'failing', 'held'])
const nextPage = z
  .string()
  .nullable()
  .meta({ description: 'Parameter `page` of the next page; null on the last one.' })

const publication = named(
  'Publication',
  z.object({
    catalog: z.string(),
    state: publicationState,
    snapshot_id: long('The last snapshot that the catalog shows.').nullable(),
    metadata_location: z.string().nullable(),
    published_at_ms: timeMs('When it was last published').nullable(),
    current: z.boolean().meta({ description: 'Whether it shows the newest snapshot.' }),
    error_code: z.string().nullable(),
    error_message: z.string().nullable(),
  }),
)

const partitionStatus = z.object({
  topic: z.string(),
  partition: z.int(),
  incarnation: z.int(),
  first_offset: long('Where this incarnation began.'),
  committed_offset: long('The watermark: every offset below it is accounted for.'),
  planned_offset: long('Offsets below it are in tasks.'),
  source_end_offset: long('End of what the source holds, as discovery last saw it.'),
  lag: long('Offsets that the source holds beyond the watermark.'),
  stalled: z.boolean().meta({
    description:
      'Whether the source moves and the watermark has not for two commit intervals, or the partition or its table stopped.',
  }),
  tasks_in_flight: z.int(),
  state: tableState,
  state_code: z.string().nullable(),
  state_reason: z.string().nullable(),
})

const tableStatus = named(
  'TableStatus',
  z.object({
    name: z.string(),
    table_uuid: z.string(),
    location: z.string(),
    state: tableState,
    state_reason: z.string().nullable(),
    rows: long('Committed records that became rows.'),
    dead_letters: long('With those that were purged.'),
    purged_dead_letters: long('Those that retention has removed from the dead-letter table.'),
    skipped: long(),
    absent: long(),
    source_gaps: long(),
    data_files: z.int().meta({ description: 'Of the newest snapshot, as is size_bytes.' }),
    size_bytes: long(),
    newest_record_at_ms: timeMs('Timestamp of the newest committed record').nullable(),
    tasks: z.object({
      queued: z.int(),
      claimed: z.int(),
      staged: z.int(),
      committed: z.int(),
      parked: z.int(),
      cancelled: z.int(),
    }),
    parked_tasks: list(
      z.object({ task_id: z.string(), code: z.string().nullable(), message: z.string().nullable() }),
    ),
    partitions: list(named('PartitionStatus', partitionStatus)),
    publications: list(publication),
    dead_letter_publications: list(publication),
    dead_letter_topic: z
      .object({
        topic: z.string(),
        url: z.string().meta({ description: 'Of the folder of its segments.' }),
        start_offset: long('The first dead letter that is still there.'),
        end_offset: long('The offset that the next dead letter gets.'),
        rendered_offset: long('Dead letters below it stand in segments.'),
        error_code: z.string().nullable(),
        error_message: z.string().nullable(),
      })
      .nullable(),
  }),
)

const processStatus = named(
  'Process',
  z.object({
    name: z.string().meta({ description: 'As in claims, leases and the log.' }),
    stages: list(z.string()),
    version: z.string(),
    conversions: z.int().meta({ description: 'Tasks that it converts at once.' }),
    utilisation: z.number().meta({ description: 'Share of the last minute that they were busy, 0 to 1.' }),
    started_at_ms: timeMs('When it began'),
    seen_at_ms: timeMs('When it last said that it lives'),
  }),
)

export const statusAnswer = named(
  'Status',
  z.object({
    at_ms: timeMs("The database's clock"),
    tables: list(tableStatus),
    next_page: nextPage,
    processes: list(processStatus).meta({ description: 'Those that live, newest sign of life first.' }),
    idle_stages: list(z.string()).meta({
      description: 'Stages that no process runs: nobody does their work.',
    }),
    events: list(
      z.object({
        event_id: long(),
        at_ms: timeMs('When it happened'),
        type: z.string(),
        message: z.string(),
        topic: z.string().nullable(),
        partition: z.int().nullable(),
        who: z.string().nullable(),
        why: z.string().nullable(),
      }),
    ).meta({ description: 'The newest; /events has all of them, with what to do.' }),
  }),
) satisfies z.ZodType<StatusReport>

export const scalingAnswer = named(
  'Scaling',
  z.object({
    at_ms: timeMs("The database's clock"),
    waiting_tasks: z.int().meta({ description: 'Of tables and partitions that are active.' }),
    waiting_bytes: z.int().meta({ description: 'Of their segments.' }),
    oldest_waiting_seconds: z
      .number()
      .meta({ description: 'Since the oldest of them was planned; 0 when none waits.' }),
    running_tasks: z.int(),
    running_bytes: z.int(),
    workers: z.int().meta({ description: 'Converting processes that live.' }),
    worker_conversions: z
      .number()
      .meta({ description: 'Tasks that one of them converts at once, on average.' }),
    worker_bytes_per_second: z
      .number()
      .meta({ description: 'What one of them does when all its conversions are busy, as measured.' }),
    desired_workers: z.int().meta({ description: 'Converting processes that the work calls for.' }),
  }),
) satisfies z.ZodType<ScalingReport>

const tableKind = z
  .enum(['rows', 'dead_letters'])
  .meta({ description: 'dead_letters: the table of another table’s dead letters.' })

export const tablesAnswer = named(
  'Tables',
  z.object({
    at_ms: timeMs("The database's clock"),
    tables: list(
      named(
        'TableSummary',
        z.object({
          name: z.string(),
          table_uuid: z.string(),
          kind: tableKind,
          location: z.string(),
          state: tableState,
          state_reason: z.string().nullable(),
          rows: long('Of the newest snapshot, as are data_files and size_bytes.'),
          data_files: long(),
          size_bytes: long(),
          snapshots: z.int().meta({ description: 'Snapshots that are not expired.' }),
          newest_record_at_ms: timeMs('Timestamp of the newest committed record').nullable(),
          lag_ms: z.number().nullable().meta({ description: 'Age of that record.' }),
          pending_offsets: long('Offsets that are planned and not committed yet.'),
          catalogs: list(z.object({ catalog: z.string(), state: publicationState, current: z.boolean() })),
        }),
      ),
    ),
    next_page: nextPage,
  }),
) satisfies z.ZodType<TablesReport>

const partitionValues = z
  .record(z.string(), z.string().nullable())
  .readonly()
  .meta({ description: 'By partition field, as people write the value; empty without partitioning.' })

const file = named(
  'File',
  z.object({
    path: z.string(),
    spec_id: z.int(),
    values: partitionValues,
    rows: long(),
    size_bytes: long(),
    added_version: long('The table version that added it.'),
    snapshot_id: long('The snapshot that added it; null before one is cut.').nullable(),
  }),
)

const snapshot = named(
  'Snapshot',
  z.object({
    snapshot_id: long(),
    parent_snapshot_id: long().nullable(),
    sequence_number: long(),
    at_ms: timeMs('When it was cut'),
    operation: z.enum(['append', 'replace', 'overwrite', 'delete']),
    version: long('The table version that it shows.'),
    added_rows: long(),
    added_files: long(),
    total_rows: long(),
    total_files: long(),
    total_size_bytes: long(),
  }),
)

const newest = <T extends z.ZodType>(item: T) =>
  z.object({ count: z.int().meta({ description: 'Of all of them.' }), newest: list(item) })

/** Iceberg's own JSON; a JSON value of any shape as far as this document goes. */
const icebergJson = (what: string) =>
  z.custom<ExactJson>().meta({
    type: 'object',
    additionalProperties: true,
    description: `${what}, as the Iceberg specification writes it.`,
  })

export const tableAnswer = named(
  'Table',
  z.object({
    at_ms: timeMs("The database's clock"),
    name: z.string(),
    table_uuid: z.string(),
    kind: tableKind,
    parent: z.string().nullable().meta({ description: 'For dead letters, the table that they are of.' }),
    dead_letter_table: z.string().nullable(),
    location: z.string(),
    state: tableState,
    state_reason: z.string().nullable(),
    created_at_ms: timeMs('When it was created'),
    version: long('Rises with every commit that changes what readers may see.'),
    schema: icebergJson('The current schema'),
    partition_spec: icebergJson('The default partition spec'),
    last_column_id: z.int(),
    properties: z.record(z.string(), z.string()).readonly(),
    rows: long(
      'Live: what is committed, whether a snapshot shows it already or not; data_files and size_bytes too.',
    ),
    data_files: z.int(),
    size_bytes: long(),
    file_sizes: list(
      z.object({
        below_bytes: long('Files smaller than this; null for all that are larger.').nullable(),
        rows: long(),
        data_files: z.int(),
        size_bytes: long(),
      }),
    ),
    partitions: newest(
      z.object({
        spec_id: z.int(),
        values: partitionValues,
        rows: long(),
        data_files: z.int(),
        size_bytes: long(),
        newest_version: long('The table version that added its newest file.'),
      }),
    ),
    files: newest(file),
    snapshots: newest(snapshot),
    source_partitions: list(
      z.object({
        ...partitionStatus.shape,
        newest_record_at_ms: timeMs('Timestamp of the newest committed record').nullable(),
      }),
    ),
    publications: list(publication),
  }),
) satisfies z.ZodType<TableDescription>

export const snapshotsAnswer = named(
  'Snapshots',
  z.object({ snapshots: list(snapshot).meta({ description: 'Newest first.' }), next_page: nextPage }),
)

export const filesAnswer = named(
  'Files',
  z.object({
    version: long('The table version that all pages show.'),
    files: list(file).meta({ description: 'Live files, in the order in which they were added.' }),
    next_page: nextPage,
  }),
)

export const deadLettersAnswer = named(
  'DeadLetters',
  z.object({
    dead_letters: list(
      z.object({
        table: z.string(),
        topic: z.string(),
        partition: z.int(),
        error_code: z.string(),
        count: long(),
        first_offset: long(),
        last_offset: long(),
        sample_message: z.string(),
      }),
    ),
    next_page: nextPage,
  }),
)

const bytesText = (what: string) => ({
  [what]: z.string().nullable().optional().meta({ description: 'Text, where the bytes are UTF-8.' }),
  [`${what}_base64`]: z.string().optional().meta({ description: 'Where they are not.' }),
})

/** Columns of a dead-letter table are fixed (dead-letter-columns.ts). */
export const deadLetterRecord = named(
  'DeadLetter',
  z.object({
    topic: z.string(),
    partition: z.int(),
    offset: long(),
    timestamp: z.iso.datetime().meta({ description: 'Of the record.' }),
    ...bytesText('key'),
    ...bytesText('value'),
    headers: list(z.object({ key: z.string(), ...bytesText('value') })).nullable(),
    error_code: z.string(),
    error_message: z.string(),
    failed_schema_id: z.int(),
    failed_at: z.iso.datetime(),
  }),
)

export const deadLetterRecordsAnswer = named(
  'DeadLetterRecords',
  z.object({ dead_letters: list(deadLetterRecord), next_page: nextPage }),
)

const count = (what: string) => long(`${what}; null where the engine did not report it.`).nullable()

export const queriesAnswer = named(
  'Queries',
  z.object({
    queries: list(
      named(
        'Query',
        z.object({
          query_id: long('Rises with every report.'),
          at_ms: timeMs('When it was reported'),
          table: z.string(),
          catalog: z.string(),
          snapshot_id: long('The snapshot that was read.'),
          schema_id: z.int(),
          engine: z.string().nullable(),
          filter: z.string().meta({
            description:
              'Iceberg expression as JSON, perhaps cut short. Java engines hide the values that it compares with.',
          }),
          projected_fields: list(z.string()),
          planning_us: count('Time that the engine took to plan, in microseconds'),
          result_files: count('Files that the engine had to read'),
          result_bytes: count('Their size'),
          skipped_files: count('Files left out by their bounds'),
          skipped_manifests: count('Manifests left out whole'),
        }),
      ),
    ).meta({ description: 'Newest first.' }),
    next_page: nextPage,
  }),
)

const event = named(
  'Event',
  z
    .object({
      specversion: z.literal('1.0'),
      id: z.string(),
      source: z.string().meta({ format: 'uri-reference', description: 'The warehouse.' }),
      type: z.string(),
      time: z.iso.datetime(),
      subject: z.string().optional().meta({ description: 'Table, or table/topic-partition.' }),
      datacontenttype: z.literal('application/json'),
      data: z.object({
        message: z.string(),
        what_to_do: z.string(),
        severity: z.enum(SEVERITIES),
        since: z.iso.datetime(),
        table: z.string().nullable(),
        topic: z.string().nullable(),
        partition: z.int().nullable(),
        details: z.record(z.string(), z.unknown()).readonly(),
        who: z.string().nullable(),
        why: z.string().nullable(),
      }),
    })
    .meta({ description: 'An event as CloudEvents 1.0 writes it.' }),
)

export const eventsAnswer = named('Events', list(event))
