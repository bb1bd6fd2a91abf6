/**
 * Every metric of Tidewater's own: name, type, labels and help. The instruments are made from this table, and tests hold
 * docs/metrics.md, the Grafana dashboard, the alert rules and a running pipeline against it. Names are a stable interface: one is
 * never given another meaning. Units are base units, and say so in the name.
 *
 * Labels are bounded by the configuration (tables, catalogs), by the code (states, codes, outcomes), and for partitions by
 * `MAX_PARTITION_SERIES`. No label carries a message, an id, a key or a file name.
 */

/** Partitions with series of their own; of more, those that are stalled or have the largest lag, and the sums of each table count all. */
export const MAX_PARTITION_SERIES = 2000

interface MetricDefinition {
  readonly name: string
  readonly type: 'gauge' | 'counter' | 'histogram'
  /** database: read at the scrape, the same from every process on one database · process: of this process since it began. */
  readonly from: 'database' | 'process'
  readonly labels: readonly string[]
  readonly help: string
  /** Upper bounds in seconds. */
  readonly buckets?: readonly number[]
}

const SHORT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const LONG_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

export const METRICS = [
  // ---- freshness
  {
    name: 'tidewater_query_lag_seconds',
    type: 'gauge',
    from: 'database',
    labels: ['table', 'kind', 'catalog'],
    help: 'Age of the newest record that queries through this catalog can see.',
  },
  {
    name: 'tidewater_publication_lag_seconds',
    type: 'gauge',
    from: 'database',
    labels: ['table', 'kind', 'catalog'],
    help: 'Age of the oldest snapshot that this catalog does not show yet; 0 when it shows the newest.',
  },
  {
    name: 'tidewater_publication_pending_data_files',
    type: 'gauge',
    from: 'database',
    labels: ['table', 'kind', 'catalog'],
    help: 'Committed data files that this catalog does not show yet, counted up to 1000.',
  },
  {
    name: 'tidewater_publication_state',
    type: 'gauge',
    from: 'database',
    labels: ['table', 'kind', 'catalog', 'state'],
    help: '1 for the state that the publication is in (pending, published, failing, held), else 0.',
  },
  {
    name: 'tidewater_publication_last_success_timestamp_seconds',
    type: 'gauge',
    from: 'database',
    labels: ['table', 'kind', 'catalog'],
    help: 'When the table was last published to this catalog, Unix time.',
  },
  // ---- the source
  {
    name: 'tidewater_ingestion_lag_seconds',
    type: 'gauge',
    from: 'database',
    labels: ['table'],
    help: 'How long the oldest segment that is not committed has waited since it landed; 0 when all are committed.',
  },
  {
    name: 'tidewater_offset_lag',
    type: 'gauge',
    from: 'database',
    labels: ['table'],
    help: 'Offsets that the source holds beyond the watermarks, over all partitions.',
  },
  {
    name: 'tidewater_partitions_stalled',
    type: 'gauge',
    from: 'database',
    labels: ['table'],
    help: 'Partitions that are stalled or stopped.',
  },
  {
    name: 'tidewater_partition_offset_lag',
    type: 'gauge',
    from: 'database',
    labels: ['table', 'topic', 'partition'],
    help: 'Offsets that the source holds beyond the watermark.',
  },
  {
    name: 'tidewater_partition_source_end_offset',
    type: 'gauge',
    from: 'database',
    labels: ['table', 'topic', 'partition'],
    help: 'End of what the source holds, as discovery last saw it.',
  },
  {
    name: 'tidewater_partition_stalled',
    type: 'gauge',
    from: 'database',
    labels: ['table', 'topic', 'partition'],
    help: '1 when the source moves and the watermark has not for two commit intervals, or the partition or its table stopped, else 0.',
  },
  {
    name: 'tidewater_partition_committed_offset',
    type: 'gauge',
    from: 'database',
    labels: ['table', 'topic', 'partition'],
    help: 'The watermark: every offset below it is accounted for.',
  },
  {
    name: 'tidewater_partition_series_omitted',
    type: 'gauge',
    from: 'database',
    labels: [],
    help: 'Partitions without series of their own because there are more than 2000.',
  },
  {
    name: 'tidewater_partitions',
    type: 'gauge',
    from: 'database',
    labels: ['table', 'state'],
    help: 'Partitions that the table follows, by state (active, paused, stopped).',
  },
  {
    name: 'tidewater_table_state',
    type: 'gauge',
    from: 'database',
    labels: ['table', 'state'],
    help: '1 for the state that the table is in (active, paused, stopped), else 0.',
  },
  // ---- what was committed
  {
    name: 'tidewater_rows_committed_total',
    type: 'counter',
    from: 'database',
    labels: ['table'],
    help: 'Records below the watermarks that became rows.',
  },
  {
    name: 'tidewater_dead_letters_committed_total',
    type: 'counter',
    from: 'database',
    labels: ['table', 'code'],
    help: 'Records below the watermarks that became dead letters, by error code.',
  },
  {
    name: 'tidewater_offsets_without_record_total',
    type: 'counter',
    from: 'database',
    labels: ['table', 'reason'],
    help: 'Offsets below the watermarks that are neither row nor dead letter, by reason (absent, control, skipped, source_gap).',
  },
  {
    name: 'tidewater_data_files',
    type: 'gauge',
    from: 'database',
    labels: ['table', 'kind'],
    help: 'Data files of the newest snapshot.',
  },
  {
    name: 'tidewater_data_bytes',
    type: 'gauge',
    from: 'database',
    labels: ['table', 'kind'],
    help: 'Size of the data files of the newest snapshot.',
  },
  {
    name: 'tidewater_snapshots',
    type: 'gauge',
    from: 'database',
    labels: ['table', 'kind'],
    help: 'Snapshots that are not expired.',
  },
  {
    name: 'tidewater_dead_letter_topic_pending',
    type: 'gauge',
    from: 'database',
    labels: ['table'],
    help: 'Dead letters that are committed and not yet in the dead-letter topic.',
  },
  // ---- work
  {
    name: 'tidewater_tasks',
    type: 'gauge',
    from: 'database',
    labels: ['table', 'state'],
    help: 'Convert tasks in flight by state (queued, claimed, staged, parked).',
  },
  {
    name: 'tidewater_tasks_finished_total',
    type: 'counter',
    from: 'database',
    labels: ['table', 'state'],
    help: 'Convert tasks that are over (committed, cancelled).',
  },
  {
    name: 'tidewater_waiting_tasks',
    type: 'gauge',
    from: 'database',
    labels: [],
    help: 'Convert tasks that wait for a worker, of tables and partitions that are active.',
  },
  {
    name: 'tidewater_waiting_bytes',
    type: 'gauge',
    from: 'database',
    labels: [],
    help: 'Size of the segments of the tasks that wait.',
  },
  {
    name: 'tidewater_oldest_waiting_seconds',
    type: 'gauge',
    from: 'database',
    labels: [],
    help: 'How long the oldest task that waits has waited since it was planned; 0 when none does.',
  },
  {
    name: 'tidewater_running_tasks',
    type: 'gauge',
    from: 'database',
    labels: [],
    help: 'Convert tasks that workers have claimed.',
  },
  {
    name: 'tidewater_desired_workers',
    type: 'gauge',
    from: 'database',
    labels: [],
    help: 'Converting processes that the work calls for.',
  },
  {
    name: 'tidewater_worker_bytes_per_second',
    type: 'gauge',
    from: 'database',
    labels: [],
    help: 'What one converting process does when all its conversions are busy, as measured by those that run.',
  },
  {
    name: 'tidewater_processes',
    type: 'gauge',
    from: 'database',
    labels: ['stage'],
    help: 'Processes that run this stage and said so within the last 45 seconds.',
  },
  {
    name: 'tidewater_metadata_readable',
    type: 'gauge',
    from: 'database',
    labels: [],
    help: '1 when the metadata database answered this scrape, else 0, and its metrics are missing.',
  },
  {
    name: 'tidewater_metadata_read_duration_seconds',
    type: 'gauge',
    from: 'database',
    labels: [],
    help: 'How long the last read of the metadata database for metrics took.',
  },
  // ---- this process
  {
    name: 'tidewater_tasks_planned_total',
    type: 'counter',
    from: 'process',
    labels: ['table'],
    help: 'Convert tasks that this process planned.',
  },
  {
    name: 'tidewater_records_converted_total',
    type: 'counter',
    from: 'process',
    labels: ['table', 'result'],
    help: 'Records of tasks that this process committed, by what became of them (row, dead_letter).',
  },
  {
    name: 'tidewater_segment_bytes_read_total',
    type: 'counter',
    from: 'process',
    labels: ['table'],
    help: 'Size of the segments of tasks that this process committed.',
  },
  {
    name: 'tidewater_parquet_bytes_written_total',
    type: 'counter',
    from: 'process',
    labels: ['table'],
    help: 'Size of the Parquet files of tasks that this process committed.',
  },
  {
    name: 'tidewater_publish_attempts_total',
    type: 'counter',
    from: 'process',
    labels: ['table', 'kind', 'catalog', 'outcome'],
    help: 'Rounds of publishing that had something to do, by outcome (published, failed, held).',
  },
  {
    name: 'tidewater_problems_total',
    type: 'counter',
    from: 'process',
    labels: ['code', 'next'],
    help: 'Failures that this process met, by error code and by what follows.',
  },
  {
    name: 'tidewater_worker_utilisation',
    type: 'gauge',
    from: 'process',
    labels: [],
    help: 'Share of the last minute that the conversions of this process were busy, 0 to 1.',
  },
  {
    name: 'tidewater_listing_duration_seconds',
    type: 'histogram',
    from: 'process',
    labels: [],
    help: 'One round of listing the partitions of one table that were due.',
    buckets: LONG_SECONDS,
  },
  {
    name: 'tidewater_conversion_duration_seconds',
    type: 'histogram',
    from: 'process',
    labels: ['outcome'],
    help: 'One convert task from claim to commit, by outcome (committed, fenced, failed).',
    buckets: LONG_SECONDS,
  },
  {
    name: 'tidewater_commit_duration_seconds',
    type: 'histogram',
    from: 'process',
    labels: [],
    help: 'The transaction that commits a task.',
    buckets: SHORT_SECONDS,
  },
  {
    name: 'tidewater_snapshot_cut_duration_seconds',
    type: 'histogram',
    from: 'process',
    labels: [],
    help: 'Cutting one snapshot: its manifests and manifest list written and recorded.',
    buckets: LONG_SECONDS,
  },
  {
    name: 'tidewater_publish_duration_seconds',
    type: 'histogram',
    from: 'process',
    labels: ['catalog', 'outcome'],
    help: 'Bringing one table up to date in one catalog, by outcome (published, failed, held).',
    buckets: LONG_SECONDS,
  },
] as const satisfies readonly MetricDefinition[]

type Definition = (typeof METRICS)[number]
export type MetricName<T extends Definition['type'] = Definition['type']> = Extract<
  Definition,
  { type: T }
>['name']
export type LabelsOf<N extends MetricName> = Readonly<
  Record<Extract<Definition, { name: N }>['labels'][number], string>
>
