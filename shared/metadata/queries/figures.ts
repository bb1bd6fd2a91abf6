/** One pass over all tables for metrics. The number of statements does not depend on the number of tables. */
import { sql } from 'kysely'
import {
  type AccountedOffsets,
  MAX_PENDING_FILES,
  type PartitionFigures,
  type PublicationFigures,
  type StoreFigures,
  type TableFigures,
} from '../figures.ts'
import { summaryFiguresFromJson } from '../json-columns.ts'
import type { Publication, SourcePartition, TableRecord } from '../metadata-store.ts'
import { numberOrNull, present, toNumber } from '../rows.ts'
import { all, now, type Steps, sqlStatement } from '../steps.ts'

interface TableRow {
  readonly table_id: string
  readonly name: string
  readonly kind: TableRecord['kind']
  readonly parent_table_id: string | null
  readonly state: TableRecord['state']
  readonly committed_tasks: bigint
  readonly cancelled_tasks: bigint
  readonly queued: bigint
  readonly claimed: bigint
  readonly staged: bigint
  readonly parked: bigint
  readonly snapshots: bigint
  readonly summary: string | null
  readonly topic_pending: bigint | null
}

const countOf = (state: 'queued' | 'claimed' | 'staged' | 'parked') =>
  sql`(select count(*) from convert_task c where c.table_id = t.table_id and c.state = ${sql.lit(state)}) as ${sql.ref(state)}`
/** Tasks that are over are counted in the table's row, and those in flight are few. */
const selectTables = sqlStatement<object, TableRow>(
  () => sql`select t.table_id, t.name, t.kind, t.parent_table_id, t.state, t.committed_tasks, t.cancelled_tasks,
      ${countOf('queued')}, ${countOf('claimed')}, ${countOf('staged')}, ${countOf('parked')},
      (select count(*) from snapshot s where s.table_id = t.table_id and s.state = 'cut') as snapshots, last.summary,
      case when d.topic is not null then d.next_offset - d.rendered_offset end as topic_pending
    from iceberg_table t
      left join snapshot last on last.table_id = t.table_id and last.sequence_number = t.last_sequence_number
      left join dead_letter_topic d on d.table_id = t.table_id
    order by t.name`,
)
const sumSources = sqlStatement<
  object,
  { readonly table_id: string } & Record<
    'rows' | 'dead_letters' | 'absent' | 'control' | 'skipped' | 'source_gap',
    bigint
  >
>(
  () => sql`select table_id, cast(sum(row_count) as bigint) as "rows",
      cast(sum(dead_letter_count) as bigint) as dead_letters, cast(sum(absent_count) as bigint) as absent,
      cast(sum(control_count) as bigint) as control, cast(sum(skipped_count) as bigint) as skipped,
      cast(sum(source_gap_count) as bigint) as source_gap
    from source_partition group by table_id`,
)
const selectPublications = sqlStatement<
  { limit: number },
  {
    readonly table_id: string
    readonly catalog: string
    readonly state: Publication['state']
    readonly last_published_at_ms: bigint | null
    readonly summary: string | null
    readonly behind_since_ms: bigint | null
    readonly pending_files: bigint
  }
>(
  p => sql`select p.table_id, p.catalog, p.state, p.last_published_at_ms, s.summary,
      (select n.timestamp_ms from snapshot n where n.table_id = p.table_id and n.state = 'cut'
        and n.sequence_number > coalesce(s.sequence_number, 0) order by n.sequence_number limit 1) as behind_since_ms,
      (select count(*) from (select 1 from data_file f where f.table_id = p.table_id
        and f.added_version > coalesce(s.version, 0) and f.removed_version is null limit ${p.limit}) as pending) as pending_files
    from publication p left join snapshot s on s.table_id = p.table_id and s.snapshot_id = p.snapshot_id
    order by p.table_id, p.catalog`,
)
const selectPartitions = sqlStatement<
  object,
  {
    readonly table_id: string
    readonly topic: string
    readonly partition: bigint
    readonly committed_offset: bigint
    readonly source_end_offset: bigint
    readonly state: SourcePartition['state']
    readonly stalled_since_ms: bigint | null
    readonly waiting_since_ms: bigint | null
  }
>(
  // The slice at the watermark begins with the oldest segment that is not committed; where nothing is planned, discovery noted it.
  () => sql`select p.table_id, p.topic, p.partition, p.committed_offset, p.source_end_offset, p.state, p.stalled_since_ms,
      case when p.behind_since_ms is null then null
        when p.committed_offset = p.planned_offset then coalesce(p.unplanned_since_ms, p.behind_since_ms)
        else coalesce((select s.landed_at_ms from task_slice s where s.source_key = p.source_key
          and s.start_offset = p.committed_offset and s.state in ('planned', 'done')), p.behind_since_ms)
      end as waiting_since_ms
    from source_partition p where p.is_current = 1 order by p.table_id, p.topic, p.partition`,
)
const selectLetterTotals = sqlStatement<
  object,
  { readonly table_id: string; readonly code: string; readonly count: bigint }
>(() => sql`select table_id, code, count from dead_letter_total order by table_id, code`)

const NOTHING: AccountedOffsets = {
  rows: 0n,
  deadLetters: 0n,
  absent: 0n,
  control: 0n,
  skipped: 0n,
  sourceGap: 0n,
}

export function* readFigures(): Steps<StoreFigures> {
  const atMs = toNumber(yield* now())
  const accounted = yield* readAccounted()
  const publications = yield* readPublications()
  const letters = yield* readLetterTotals()
  const tables = (yield* all(selectTables, {})).map((row): TableFigures => {
    const newest = row.summary === null ? undefined : summaryFiguresFromJson(row.summary)
    return {
      tableId: row.table_id,
      name: row.name,
      kind: row.kind,
      ...present('parentTableId', row.parent_table_id),
      state: row.state,
      tasks: {
        queued: toNumber(row.queued),
        claimed: toNumber(row.claimed),
        staged: toNumber(row.staged),
        parked: toNumber(row.parked),
        committed: toNumber(row.committed_tasks),
        cancelled: toNumber(row.cancelled_tasks),
      },
      accounted: accounted.get(row.table_id) ?? NOTHING,
      deadLettersByCode: letters.get(row.table_id) ?? new Map(),
      snapshotCount: toNumber(row.snapshots),
      dataFileCount: newest?.dataFileCount ?? 0,
      dataBytes: newest?.dataBytes ?? 0,
      publications: publications.get(row.table_id) ?? [],
      ...present('topicPendingCount', numberOrNull(row.topic_pending)),
    }
  })
  return { atMs, tables, partitions: yield* readPartitions() }
}

function* readAccounted(): Steps<ReadonlyMap<string, AccountedOffsets>> {
  const sums = yield* all(sumSources, {})
  return new Map(
    sums.map(({ table_id, rows, dead_letters, absent, control, skipped, source_gap }) => [
      table_id,
      { rows, deadLetters: dead_letters, absent, control, skipped, sourceGap: source_gap },
    ]),
  )
}

function* readLetterTotals(): Steps<ReadonlyMap<string, ReadonlyMap<string, bigint>>> {
  const byTable = new Map<string, Map<string, bigint>>()
  for (const { table_id, code, count } of yield* all(selectLetterTotals, {})) {
    const known = byTable.get(table_id) ?? new Map<string, bigint>()
    byTable.set(table_id, known.set(code, count))
  }
  return byTable
}

function* readPublications(): Steps<ReadonlyMap<string, readonly PublicationFigures[]>> {
  const byTable = new Map<string, PublicationFigures[]>()
  for (const row of yield* all(selectPublications, { limit: MAX_PENDING_FILES })) {
    const known = byTable.get(row.table_id) ?? []
    byTable.set(row.table_id, known)
    const shown = row.summary === null ? undefined : summaryFiguresFromJson(row.summary)
    known.push({
      catalog: row.catalog,
      state: row.state,
      ...present('lastPublishedAtMs', numberOrNull(row.last_published_at_ms)),
      ...present('newestRecordMs', shown?.newestRecordMs ?? null),
      pendingFiles: toNumber(row.pending_files),
      ...present('behindSinceMs', numberOrNull(row.behind_since_ms)),
    })
  }
  return byTable
}

function* readPartitions(): Steps<readonly PartitionFigures[]> {
  return (yield* all(selectPartitions, {})).map(row => ({
    tableId: row.table_id,
    topic: row.topic,
    partition: toNumber(row.partition),
    committedOffset: row.committed_offset,
    sourceEndOffset: row.source_end_offset,
    state: row.state,
    ...present('stalledSinceMs', numberOrNull(row.stalled_since_ms)),
    ...present('waitingSinceMs', numberOrNull(row.waiting_since_ms)),
  }))
}
