/** Overviews and standings of many tables: one statement for the page, and a few for every 50 of its tables, sent together. */
import { sql } from 'kysely'
import type { Row } from '../database.ts'
import { textMapFromJson } from '../json-columns.ts'
import {
  MAX_PARKED_SHOWN,
  type PublicationOverview,
  type TableOverview,
  type TableStanding,
  type TablesPage,
} from '../overviews.ts'
import { numberOrNull, partitionOf, present, tableOf, toNumber } from '../rows.ts'
import { all, query, type Steps, sqlStatement, together } from '../steps.ts'
import { querySums, type SumsRow, sumsOf } from './accounts.ts'
import { topicOf } from './dead-letter-topics.ts'
import { type Ids, idSets, listed } from './id-sets.ts'
import { queryCurrentOf, type SourceWithCount } from './partitions.ts'
import { countsOf, type InFlightRow, queryInFlight } from './tasks.ts'

type TableRow = Row<'iceberg_table'>
type TopicRow = Row<'dead_letter_topic'>
type SnapshotRow = Pick<Row<'snapshot'>, 'table_id' | 'snapshot_id' | 'summary'> & {
  readonly snapshots: bigint
}
type PublicationRow = Pick<
  Row<'publication'>,
  | 'table_id'
  | 'catalog'
  | 'state'
  | 'snapshot_id'
  | 'metadata_location'
  | 'last_error_code'
  | 'last_error_message'
  | 'last_published_at_ms'
>
type ParentRow = Pick<Row<'iceberg_table'>, 'table_id' | 'state' | 'state_reason'>
type ParkedRow = Pick<Row<'convert_task'>, 'table_id' | 'task_id' | 'last_error_code' | 'last_error_message'>

const selectTables = sqlStatement<{ after: string; limit: number }, TableRow>(
  p => sql`select * from iceberg_table where name > ${p.after} order by name limit ${p.limit}`,
)
const selectRowTables = sqlStatement<{ after: string; limit: number }, TableRow>(
  p =>
    sql`select * from iceberg_table where name > ${p.after} and kind = 'rows' order by name limit ${p.limit}`,
)
const selectLetterTables = sqlStatement<Ids, TableRow>(
  ids => sql`select * from iceberg_table where parent_table_id in (${listed(ids)})`,
)
/** Of dead-letter tables. */
const selectParents = sqlStatement<Ids, ParentRow>(
  ids => sql`select t.table_id, parent.state, parent.state_reason
    from iceberg_table t join iceberg_table parent on parent.table_id = t.parent_table_id
    where t.table_id in (${listed(ids)})`,
)
const selectNewest = sqlStatement<Ids, SnapshotRow>(
  ids => sql`select s.table_id, s.snapshot_id, s.summary,
      (select count(*) from snapshot n where n.table_id = t.table_id and n.state = 'cut') as snapshots
    from iceberg_table t join snapshot s on s.table_id = t.table_id and s.sequence_number =
      (select max(n.sequence_number) from snapshot n where n.table_id = t.table_id and n.state = 'cut')
    where t.table_id in (${listed(ids)})`,
)
/** Without the log of earlier metadata files, which is most of a row. */
const selectPublications = sqlStatement<Ids, PublicationRow>(
  ids => sql`select table_id, catalog, state, snapshot_id, metadata_location, last_error_code,
      last_error_message, last_published_at_ms
    from publication where table_id in (${listed(ids)}) order by table_id, catalog`,
)
const selectParked = sqlStatement<Ids & { limit: number }, ParkedRow>(
  p => sql`select c.table_id, c.task_id, c.last_error_code, c.last_error_message
    from iceberg_table t join convert_task c on c.table_id = t.table_id and c.state = 'parked'
      and c.task_key <= coalesce((select l.task_key from convert_task l where l.table_id = t.table_id
        and l.state = 'parked' order by l.task_key limit 1 offset ${p.limit} - 1), c.task_key)
    where t.table_id in (${listed(p)}) order by c.table_id, c.task_key`,
)
const selectTopics = sqlStatement<Ids, TopicRow>(
  ids => sql`select * from dead_letter_topic where table_id in (${listed(ids)})`,
)

export function* listTableOverviews({ after = '', limit }: TablesPage): Steps<readonly TableOverview[]> {
  return yield* overviewsOf(yield* all(selectTables, { after, limit }))
}

export function* listTableStandings({ after = '', limit }: TablesPage): Steps<readonly TableStanding[]> {
  const rows = yield* all(selectRowTables, { after, limit })
  const overviews = yield* overviewsOf(rows)
  const sums: SumsRow[] = []
  const inFlight: InFlightRow[] = []
  const parked: ParkedRow[] = []
  const letterTables: TableRow[] = []
  for (const ids of idSets(idsIn(rows))) {
    const found = yield* together<[SumsRow, InFlightRow, ParkedRow, TableRow]>(
      querySums(ids),
      queryInFlight(ids),
      query(selectParked, { ...ids, limit: MAX_PARKED_SHOWN }),
      query(selectLetterTables, ids),
    )
    sums.push(...found[0])
    inFlight.push(...found[1])
    parked.push(...found[2])
    letterTables.push(...found[3])
  }
  const topics = new Map<string, TopicRow>()
  for (const ids of idSets(idsIn(letterTables)))
    for (const row of yield* all(selectTopics, ids)) topics.set(row.table_id, row)

  const sumsBy = new Map(sums.map(row => [row.table_id, row]))
  const inFlightBy = Map.groupBy(inFlight, row => row.table_id)
  const parkedBy = Map.groupBy(parked, row => row.table_id)
  const lettersBy = new Map(
    (yield* overviewsOf(letterTables)).map(overview => [overview.table.parentTableId, overview]),
  )
  return rows.flatMap((row, position): TableStanding[] => {
    const overview = overviews[position]
    if (overview === undefined) return []
    const letters = lettersBy.get(row.table_id)
    const topic = letters && topics.get(letters.table.tableId)
    const topicOverview = topic && topicOf(topic, undefined)
    return [
      {
        ...overview,
        accounts: sumsOf(sumsBy.get(row.table_id)),
        tasks: countsOf(row, inFlightBy.get(row.table_id) ?? []),
        parkedTasks: (parkedBy.get(row.table_id) ?? []).map(parkedOf),
        ...(letters !== undefined && {
          deadLetters: { ...letters, ...(topicOverview !== undefined && { topic: topicOverview }) },
        }),
      },
    ]
  })
}

/** In the order of the rows. */
function* overviewsOf(rows: readonly TableRow[]): Steps<readonly TableOverview[]> {
  const parents = new Map<string, ParentRow>()
  const newest = new Map<string, SnapshotRow>()
  const publications = new Map<string, PublicationOverview[]>(rows.map(row => [row.table_id, []]))
  const sources = new Map<string, SourceWithCount[]>(rows.map(row => [row.table_id, []]))
  for (const ids of idSets(idsIn(rows))) {
    const found = yield* together<[SnapshotRow, PublicationRow, SourceWithCount, ParentRow]>(
      query(selectNewest, ids),
      query(selectPublications, ids),
      queryCurrentOf(ids),
      query(selectParents, ids),
    )
    for (const row of found[0]) newest.set(row.table_id, row)
    for (const row of found[1]) publications.get(row.table_id)?.push(publicationOf(row))
    for (const row of found[2]) sources.get(row.table_id)?.push(row)
    for (const row of found[3]) parents.set(row.table_id, row)
  }
  return rows.map(row => {
    const last = newest.get(row.table_id)
    const parent = parents.get(row.table_id)
    return {
      table: tableOf(row),
      ...(parent !== undefined && {
        parent: { state: parent.state, ...present('stateReason', parent.state_reason) },
      }),
      snapshotCount: toNumber(last?.snapshots ?? 0n),
      ...(last !== undefined && {
        newestSnapshot: { snapshotId: last.snapshot_id, summary: textMapFromJson(last.summary) },
      }),
      partitions: (sources.get(row.table_id) ?? []).map(source =>
        partitionOf(source, source.tasks_in_flight),
      ),
      publications: publications.get(row.table_id) ?? [],
    }
  })
}

const idsIn = (rows: readonly TableRow[]) => rows.map(row => row.table_id)

function publicationOf(row: PublicationRow): PublicationOverview {
  return {
    catalog: row.catalog,
    state: row.state,
    ...present('snapshotId', row.snapshot_id),
    ...present('metadataLocation', row.metadata_location),
    ...present('lastErrorCode', row.last_error_code),
    ...present('lastErrorMessage', row.last_error_message),
    ...present('lastPublishedAtMs', numberOrNull(row.last_published_at_ms)),
  }
}

function parkedOf(row: ParkedRow) {
  return {
    taskId: row.task_id,
    ...present('lastErrorCode', row.last_error_code),
    ...present('lastErrorMessage', row.last_error_message),
  }
}
