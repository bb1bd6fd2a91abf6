/** What the database's figures mean as metrics. Pure. docs/metrics.md defines each. */
import type { PartitionFigures, StoreFigures, TableFigures } from '../../shared/metadata/figures.ts'
import { isStalled } from '../../shared/metadata/stalls.ts'
import { MAX_PARTITION_SERIES } from './metric-table.ts'
import type { Sample } from './render-samples.ts'

const STATES = ['active', 'paused', 'stopped'] as const
const PUBLICATION_STATES = ['pending', 'published', 'failing', 'held'] as const
const STATES_IN_FLIGHT = ['queued', 'claimed', 'staged', 'parked'] as const
const FINISHED_STATES = ['committed', 'cancelled'] as const

export function samplesOf(figures: StoreFigures): readonly Sample[] {
  const names = new Map(figures.tables.map(({ tableId, name }) => [tableId, name]))
  const partitionsByTable = new Map<string, PartitionFigures[]>()
  for (const partition of figures.partitions) {
    const known = partitionsByTable.get(partition.tableId) ?? []
    partitionsByTable.set(partition.tableId, known)
    known.push(partition)
  }
  const samples: Sample[] = []
  for (const table of figures.tables) {
    // Dead letters stand under the name of the table whose they are.
    const name = names.get(table.parentTableId ?? table.tableId) ?? table.name
    samples.push(...dataSamples(table, name), ...publicationSamples(table, name, figures.atMs))
    if (table.topicPendingCount !== undefined) {
      const value = table.topicPendingCount
      samples.push({ name: 'tidewater_dead_letter_topic_pending', labels: { table: name }, value })
    }
    if (table.kind === 'rows') {
      const partitions = partitionsByTable.get(table.tableId) ?? []
      samples.push(...rowTableSamples(table), ...sourceSamples(table, partitions, figures.atMs))
    }
  }
  return [...samples, ...partitionSamples(figures)]
}

function dataSamples(
  { kind, dataFileCount, dataBytes, snapshotCount }: TableFigures,
  table: string,
): readonly Sample[] {
  const labels = { table, kind }
  return [
    { name: 'tidewater_data_files', labels, value: dataFileCount },
    { name: 'tidewater_data_bytes', labels, value: dataBytes },
    { name: 'tidewater_snapshots', labels, value: snapshotCount },
  ]
}

function publicationSamples(
  { kind, publications }: TableFigures,
  table: string,
  atMs: number,
): readonly Sample[] {
  return publications.flatMap(publication => {
    const labels = { table, kind, catalog: publication.catalog }
    const { behindSinceMs, lastPublishedAtMs, newestRecordMs, pendingFiles, state: current } = publication
    const behindMs = behindSinceMs === undefined ? 0 : Math.max(0, atMs - behindSinceMs)
    const samples: Sample[] = [
      { name: 'tidewater_publication_lag_seconds', labels, value: behindMs / 1000 },
      { name: 'tidewater_publication_pending_data_files', labels, value: pendingFiles },
      ...PUBLICATION_STATES.map(state => ({
        name: 'tidewater_publication_state' as const,
        labels: { ...labels, state },
        value: state === current ? 1 : 0,
      })),
    ]
    if (lastPublishedAtMs !== undefined) {
      const value = lastPublishedAtMs / 1000
      samples.push({ name: 'tidewater_publication_last_success_timestamp_seconds', labels, value })
    }
    if (newestRecordMs !== undefined) {
      // Producers' clocks may be ahead of the database's.
      const value = Math.max(0, atMs - newestRecordMs) / 1000
      samples.push({ name: 'tidewater_query_lag_seconds', labels, value })
    }
    return samples
  })
}

function rowTableSamples({
  name: table,
  state: current,
  tasks,
  accounted,
  deadLettersByCode,
}: TableFigures): readonly Sample[] {
  const without = {
    absent: accounted.absent,
    control: accounted.control,
    skipped: accounted.skipped,
    source_gap: accounted.sourceGap,
  }
  return [
    { name: 'tidewater_rows_committed_total', labels: { table }, value: Number(accounted.rows) },
    ...[...deadLettersByCode].map(([code, count]) => ({
      name: 'tidewater_dead_letters_committed_total' as const,
      labels: { table, code },
      value: Number(count),
    })),
    ...Object.entries(without).map(([reason, count]) => ({
      name: 'tidewater_offsets_without_record_total' as const,
      labels: { table, reason },
      value: Number(count),
    })),
    ...STATES.map(state => ({
      name: 'tidewater_table_state' as const,
      labels: { table, state },
      value: state === current ? 1 : 0,
    })),
    ...STATES_IN_FLIGHT.map(state => ({
      name: 'tidewater_tasks' as const,
      labels: { table, state },
      value: tasks[state],
    })),
    ...FINISHED_STATES.map(state => ({
      name: 'tidewater_tasks_finished_total' as const,
      labels: { table, state },
      value: tasks[state],
    })),
  ]
}

function sourceSamples(
  table: TableFigures,
  partitions: readonly PartitionFigures[],
  atMs: number,
): readonly Sample[] {
  const labels = { table: table.name }
  const waitingSinceMs = partitions.reduce(
    (oldest, { waitingSinceMs: since = atMs }) => Math.min(oldest, since),
    atMs,
  )
  const stalled = partitions.filter(partition => isStalled(partition, table.state)).length
  return [
    { name: 'tidewater_ingestion_lag_seconds', labels, value: (atMs - waitingSinceMs) / 1000 },
    {
      name: 'tidewater_offset_lag',
      labels,
      value: partitions.reduce((sum, partition) => sum + lagOf(partition), 0),
    },
    { name: 'tidewater_partitions_stalled', labels, value: stalled },
    ...STATES.map(state => ({
      name: 'tidewater_partitions' as const,
      labels: { ...labels, state },
      value: partitions.filter(partition => partition.state === state).length,
    })),
  ]
}

function lagOf({ sourceEndOffset, committedOffset }: PartitionFigures): number {
  return Math.max(0, Number(sourceEndOffset - committedOffset))
}

function partitionSamples({ partitions, tables }: StoreFigures): readonly Sample[] {
  const byId = new Map(tables.map(table => [table.tableId, table]))
  const judged = partitions.map(partition => {
    const stalled = isStalled(partition, byId.get(partition.tableId)?.state)
    return { partition, stalled, lag: lagOf(partition) }
  })
  // Those that somebody may have to look at are shown, whatever their number.
  if (judged.length > MAX_PARTITION_SERIES)
    judged.sort((a, b) => Number(b.stalled) - Number(a.stalled) || b.lag - a.lag)
  const shown = judged.slice(0, MAX_PARTITION_SERIES)
  return [
    { name: 'tidewater_partition_series_omitted', labels: {}, value: judged.length - shown.length },
    ...shown.flatMap(({ partition: of, stalled, lag }): readonly Sample[] => {
      const { tableId, topic, partition, committedOffset, sourceEndOffset } = of
      const labels = { table: byId.get(tableId)?.name ?? tableId, topic, partition: String(partition) }
      return [
        { name: 'tidewater_partition_offset_lag', labels, value: lag },
        { name: 'tidewater_partition_source_end_offset', labels, value: Number(sourceEndOffset) },
        { name: 'tidewater_partition_committed_offset', labels, value: Number(committedOffset) },
        { name: 'tidewater_partition_stalled', labels, value: stalled ? 1 : 0 },
      ]
    }),
  ]
}
