/** What the database's figures mean as metrics. Pure. docs/metrics.md defines each. */
import { NEWEST_RECORD_KEY } from '../../shared/iceberg/snapshot-offsets.ts'
import type {
  PartitionFigures,
  PublicationFigures,
  StoreFigures,
  TableFigures,
} from '../../shared/metadata/figures.ts'
import type { Sample } from './instruments.ts'
import { MAX_PARTITION_SERIES } from './metric-table.ts'

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
    if (table.kind === 'rows')
      samples.push(
        ...rowTableSamples(table),
        ...countSamples(name, partitionsByTable.get(table.tableId) ?? []),
      )
  }
  return [...samples, ...partitionSamples(figures.partitions, names)]
}

function dataSamples({ kind, summary, snapshotCount }: TableFigures, table: string): readonly Sample[] {
  const labels = { table, kind }
  return [
    { name: 'tidewater_data_files', labels, value: Number(summary['total-data-files'] ?? 0) },
    { name: 'tidewater_data_bytes', labels, value: Number(summary['total-files-size'] ?? 0) },
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
    const { behindSinceMs, lastPublishedAtMs, pendingFiles, state: current } = publication
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
    const newestMs = newestShown(publication)
    if (newestMs !== undefined) {
      // Producers' clocks may be ahead of the database's.
      const value = Math.max(0, atMs - newestMs) / 1000
      samples.push({ name: 'tidewater_query_lag_seconds', labels, value })
    }
    return samples
  })
}

/** Absent while the catalog shows no snapshot, or one from before snapshots said it. */
function newestShown({ shownSummary }: PublicationFigures): number | undefined {
  const text = shownSummary[NEWEST_RECORD_KEY]
  return text === undefined ? undefined : Number(text)
}

function rowTableSamples({ name: table, state: current, tasks, accounted }: TableFigures): readonly Sample[] {
  const without = {
    absent: accounted.absent,
    control: accounted.control,
    skipped: accounted.skipped,
    source_gap: accounted.sourceGap,
  }
  return [
    { name: 'tidewater_rows_committed_total', labels: { table }, value: Number(accounted.rows) },
    {
      name: 'tidewater_dead_letters_committed_total',
      labels: { table },
      value: Number(accounted.deadLetters),
    },
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

function countSamples(table: string, partitions: readonly PartitionFigures[]): readonly Sample[] {
  return STATES.map(state => ({
    name: 'tidewater_partitions' as const,
    labels: { table, state },
    value: partitions.filter(partition => partition.state === state).length,
  }))
}

function partitionSamples(
  partitions: readonly PartitionFigures[],
  names: ReadonlyMap<string, string>,
): readonly Sample[] {
  const shown = partitions.slice(0, MAX_PARTITION_SERIES)
  return [
    {
      name: 'tidewater_partition_series_omitted',
      labels: {},
      value: partitions.length - shown.length,
    },
    ...shown.map(({ tableId, topic, partition, committedOffset }) => ({
      name: 'tidewater_partition_committed_offset' as const,
      labels: { table: names.get(tableId) ?? tableId, topic, partition: String(partition) },
      value: Number(committedOffset),
    })),
  ]
}
