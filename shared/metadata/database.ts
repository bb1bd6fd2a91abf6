/**
 * The tables of the metadata database as Kysely sees them; `migrations/` creates them.
 * Every integer column comes out as a `bigint`, whatever the driver: the runner of each dialect sees to that, and `rows.ts` narrows.
 */
import type { ColumnType, Generated, Selectable } from 'kysely'
import type { AccountedRange } from '../flow.ts'
import type {
  Publication,
  SnapshotRecord,
  SourcePartition,
  TableRecord,
  TaskState,
} from './metadata-store.ts'

type Int = ColumnType<bigint, bigint | number, bigint | number>
type NullableInt = ColumnType<bigint | null, bigint | number | null, bigint | number | null>
/** An integer with a default in the database. */
type DefaultInt = ColumnType<bigint, bigint | number | undefined, bigint | number>
type NullableText = string | null

export interface Database {
  readonly iceberg_table: {
    table_id: string
    name: string
    kind: TableRecord['kind']
    parent_table_id: NullableText
    location: string
    version: DefaultInt
    current_schema_id: Int
    default_spec_id: Int
    last_column_id: Int
    last_partition_id: Int
    last_sequence_number: DefaultInt
    properties: string
    declaration: string
    state: Generated<TableRecord['state']>
    state_reason: NullableText
    committed_tasks: DefaultInt
    cancelled_tasks: DefaultInt
    created_at_ms: Int
  }
  readonly table_schema: { table_id: string; schema_id: Int; schema_json: string }
  readonly partition_spec: { table_id: string; spec_id: Int; spec_json: string }
  readonly source_partition: {
    source_key: DefaultInt
    table_id: string
    topic: string
    partition: Int
    incarnation: Int
    is_current: Int
    first_offset: Int
    planned_offset: Int
    committed_offset: Int
    last_planned: NullableText
    state: Generated<SourcePartition['state']>
    state_code: NullableText
    state_reason: NullableText
    max_timestamp_ms: DefaultInt
    source_end_offset: DefaultInt
    behind_since_ms: NullableInt
    unplanned_since_ms: NullableInt
    witness_offset: NullableInt
    witness_landed_at_ms: NullableInt
    stalled_since_ms: NullableInt
    row_count: DefaultInt
    dead_letter_count: DefaultInt
    absent_count: DefaultInt
    control_count: DefaultInt
    skipped_count: DefaultInt
    source_gap_count: DefaultInt
  }
  readonly convert_task: {
    task_key: DefaultInt
    task_id: string
    table_id: string
    schema_id: Int
    spec_id: Int
    state: TaskState
    claim_token: NullableText
    worker: NullableText
    lease_until_ms: NullableInt
    not_before_ms: DefaultInt
    attempts: DefaultInt
    last_error_code: NullableText
    last_error_message: NullableText
    created_at_ms: Int
    size_bytes: DefaultInt
  }
  readonly task_slice: {
    task_key: Int
    position: Int
    source_key: Int
    start_offset: Int
    end_offset: Int
    segments: string
    state: SliceState
    landed_at_ms: NullableInt
  }
  readonly slice_account: {
    task_key: Int
    position: Int
    row_count: Int
    dead_letter_count: Int
    max_timestamp_ms: Int
    ranges: string
  }
  readonly accounted_range: {
    range_key: DefaultInt
    table_id: string
    source_key: Int
    kind: AccountedRange['kind']
    start_offset: Int
    end_offset: Int
    by_operator: Int
  }
  readonly dead_letter_batch: {
    batch_key: DefaultInt
    table_id: string
    task_key: Int
    source_key: Int
    code: string
    count: Int
    first_offset: Int
    last_offset: Int
    sample_message: string
    committed_at_ms: Int
    purged_at_ms: NullableInt
  }
  readonly dead_letter_topic: {
    table_id: string
    topic: NullableText
    location: NullableText
    start_offset: DefaultInt
    next_offset: DefaultInt
    planned_offset: DefaultInt
    rendered_offset: DefaultInt
    last_error_code: NullableText
    last_error_message: NullableText
  }
  readonly dead_letter_topic_file: {
    table_id: string
    base_offset: Int
    record_count: Int
    path: string
    file_size_bytes: Int
  }
  readonly dead_letter_segment: {
    table_id: string
    base_offset: Int
    end_offset: Int
    created_at_ms: Int
    state: 'planned' | 'rendered'
  }
  readonly dead_letter_total: { table_id: string; code: string; count: Int }
  readonly manifest: {
    manifest_key: DefaultInt
    table_id: string
    path: string
    length_bytes: Int
    spec_id: Int
    sequence_number: Int
    min_sequence_number: Int
    added_snapshot_id: Int
    added_files_count: Int
    existing_files_count: Int
    deleted_files_count: Int
    added_rows_count: Int
    existing_rows_count: Int
    deleted_rows_count: Int
    partitions: string
    state: 'live' | 'retired'
  }
  readonly data_file: {
    file_key: DefaultInt
    table_id: string
    path: string
    task_key: Int
    spec_id: Int
    partition: string
    record_count: Int
    file_size_bytes: Int
    encoded: Uint8Array
    added_version: NullableInt
    removed_version: NullableInt
    snapshot_id: NullableInt
    sequence_number: NullableInt
    manifest_key: NullableInt
  }
  readonly snapshot: {
    table_id: string
    snapshot_id: Int
    parent_snapshot_id: NullableInt
    sequence_number: Int
    version: Int
    timestamp_ms: Int
    operation: SnapshotRecord['operation']
    schema_id: Int
    manifest_list_path: string
    summary: string
    state: SnapshotRecord['state']
  }
  readonly snapshot_manifest: { table_id: string; snapshot_id: Int; position: Int; manifest_key: Int }
  readonly publication: {
    table_id: string
    catalog: string
    snapshot_id: NullableInt
    metadata_location: NullableText
    table_uuid: NullableText
    metadata_timestamp_ms: NullableInt
    metadata_version: DefaultInt
    metadata_log: Generated<string>
    state: Publication['state']
    last_error_code: NullableText
    last_error_message: NullableText
    last_published_at_ms: NullableInt
    failing_since_ms: NullableInt
    failing_reported_ms: NullableInt
    intent_snapshot_id: NullableInt
    intent_metadata_location: NullableText
    intent_timestamp_ms: NullableInt
  }
  readonly scan_report: {
    report_id: DefaultInt
    at_ms: Int
    table_id: string
    catalog: string
    snapshot_id: Int
    schema_id: Int
    filter: string
    projected_fields: string
    engine: NullableText
    planning_duration_us: NullableInt
    result_files: NullableInt
    result_bytes: NullableInt
    skipped_files: NullableInt
    skipped_manifests: NullableInt
  }
  readonly process: {
    name: string
    stages: string
    version: string
    conversions: Int
    busy_permille: Int
    bytes_per_second: NullableInt
    started_at_ms: Int
    seen_at_ms: Int
    until_ms: Int
  }
  readonly lease: { name: string; holder: string; until_ms: Int; fencing_token: Int }
  readonly event: {
    event_id: DefaultInt
    at_ms: Int
    type: string
    table_id: NullableText
    topic: NullableText
    partition: NullableInt
    message: string
    details: string
    note_who: NullableText
    note_why: NullableText
  }
}

/** planned: not converted yet · done: converted, ahead of the watermark · committed: below it · cancelled: given up or moved elsewhere. */
export type SliceState = 'planned' | 'done' | 'committed' | 'cancelled'

/** A row of a table as it is read. */
export type Row<T extends keyof Database> = Selectable<Database[T]>
