/**
 * Which of many tables have work waiting, asked of all of them at once: a stage with nothing to do costs a statement or two, whatever
 * the number of tables.
 */
import { sql } from 'kysely'
import type { PlanningState, SourcePartition, Unpublished } from '../metadata-store.ts'
import { partitionOf, toNumber } from '../rows.ts'
import { all, query, type Steps, sqlStatement, together } from '../steps.ts'
import { type Ids, idSets, listed } from './id-sets.ts'
import { queryCurrentOf, type SourceWithCount } from './partitions.ts'

interface TableRow {
  readonly table_id: string
}

/** The version alone does not say: a commit of dead letters only, or of nothing, raises it too. */
const selectUncut = sqlStatement<object, TableRow>(
  () => sql`select t.table_id from iceberg_table t
      left join snapshot last on last.table_id = t.table_id and last.sequence_number = t.last_sequence_number
    where exists (select 1 from snapshot i where i.table_id = t.table_id and i.state = 'intent')
      or (t.version > coalesce(last.version, 0)
        and (exists (select 1 from data_file f where f.table_id = t.table_id
            and f.added_version is not null and f.added_version > coalesce(last.version, 0))
          or exists (select 1 from data_file f where f.table_id = t.table_id
            and f.removed_version is not null and f.removed_version > coalesce(last.version, 0))))`,
)
/** Snapshot ids are positive. */
const selectUnshown = sqlStatement<{ catalog: string }, TableRow>(
  p => sql`select t.table_id from iceberg_table t
      left join publication p on p.table_id = t.table_id and p.catalog = ${p.catalog}
    where p.metadata_location is null or p.intent_metadata_location is not null
      or coalesce(p.snapshot_id, -1) <> coalesce((select s.snapshot_id from snapshot s
        where s.table_id = t.table_id and s.state = 'cut' order by s.sequence_number desc limit 1), -1)`,
)
const selectUnrendered = sqlStatement<object, TableRow>(
  () => sql`select table_id from dead_letter_topic where topic is not null and rendered_offset < next_offset`,
)

export function* listUnpublished(catalogs: readonly string[]): Steps<Unpublished> {
  const [uncut, ...unshown] = yield* together<readonly TableRow[]>(
    query(selectUncut, {}),
    ...catalogs.map(catalog => query(selectUnshown, { catalog })),
  )
  return {
    uncut: (uncut ?? []).map(row => row.table_id),
    unshown: catalogs.flatMap((catalog, position) =>
      (unshown[position] ?? []).map(row => ({ tableId: row.table_id, catalog })),
    ),
  }
}

export function* listUnrenderedTopics(): Steps<readonly string[]> {
  return (yield* all(selectUnrendered, {})).map(row => row.table_id)
}

const countInFlight = sqlStatement<Ids, TableRow & { readonly tasks: bigint }>(
  ids => sql`select table_id, count(*) as tasks from convert_task
    where table_id in (${listed(ids)}) and state in ('queued', 'claimed', 'staged', 'parked') group by table_id`,
)

export function* loadPlanningStates(tableIds: readonly string[]): Steps<readonly PlanningState[]> {
  const partitions = new Map<string, SourcePartition[]>(tableIds.map(tableId => [tableId, []]))
  const tasks = new Map<string, number>()
  for (const ids of idSets(tableIds)) {
    const [sources, counts] = yield* together<[SourceWithCount, TableRow & { readonly tasks: bigint }]>(
      queryCurrentOf(ids),
      query(countInFlight, ids),
    )
    for (const row of sources) partitions.get(row.table_id)?.push(partitionOf(row, row.tasks_in_flight))
    for (const row of counts) tasks.set(row.table_id, toNumber(row.tasks))
  }
  return tableIds.map(tableId => ({
    tableId,
    partitions: partitions.get(tableId) ?? [],
    tasksInFlight: tasks.get(tableId) ?? 0,
  }))
}
