/** The event log: what happened and what a person should know, bounded to the newest. */

import { sql } from 'kysely'
import { stringifyExactJson } from '../../iceberg/exact-json.ts'
import type { Row } from '../database.ts'
import { type EventFilter, type EventRecord, MAX_EVENTS, type NewEvent } from '../metadata-store.ts'
import { eventOf, present } from '../rows.ts'
import { all, change, now, type Steps, sqlStatement, statement, takeLock } from '../steps.ts'

const insertEvent = statement(
  (
    db,
    p: {
      atMs: bigint
      type: string
      tableId: string | null
      topic: string | null
      partition: number | null
      message: string
      details: string
      who: string | null
      why: string | null
    },
  ) =>
    db.insertInto('event').values({
      at_ms: p.atMs,
      type: p.type,
      table_id: p.tableId,
      topic: p.topic,
      partition: p.partition,
      message: p.message,
      details: p.details,
      note_who: p.who,
      note_why: p.why,
    }),
)
/** Ids only rise, so the newest `max` are those above the highest id less `max`. */
const deleteOldEvents = sqlStatement<{ max: number }, unknown>(
  p => sql`delete from event where event_id <= (select max(event_id) from event) - ${p.max}`,
)
interface Wanted {
  readonly tableId: string
  readonly after: bigint
  readonly before: bigint
  /** Each between bars: `|source.gap|task.failing|`; empty for all. */
  readonly types: string
  readonly limit: number
}
type EventRow = Row<'event'> & { readonly table_name: string | null }

/** The bar, which no type holds, keeps one type from being found inside another; an underscore matches itself among others, and no two types differ by that. */
const select = (from: 'table' | 'all', order: 'asc' | 'desc') =>
  sqlStatement<Wanted, EventRow>(
    p => sql`select event.*, iceberg_table.name as table_name
      from event left join iceberg_table on iceberg_table.table_id = event.table_id
      where ${from === 'table' ? sql`event.table_id = ${p.tableId} and` : sql``}
        event_id > ${p.after} and event_id < ${p.before}
        and (${p.types} = '' or ${p.types} like '%|' || type || '|%')
      order by event_id ${sql.raw(order)} limit ${p.limit}`,
  )
const SELECTS = {
  table: { newest: select('table', 'desc'), oldest: select('table', 'asc') },
  all: { newest: select('all', 'desc'), oldest: select('all', 'asc') },
}
/** Above every id. */
const END = 2n ** 63n - 1n

/** Callers have locked the table that they change before. */
export function* appendEvent(event: NewEvent): Steps<void> {
  yield* takeLock({ on: 'events' })
  yield* change(insertEvent, {
    atMs: yield* now(),
    type: event.type,
    tableId: event.tableId ?? null,
    topic: event.topic ?? null,
    partition: event.partition ?? null,
    message: event.message,
    details: stringifyExactJson(event.details),
    who: event.note?.who ?? null,
    why: event.note?.why ?? null,
  })
  yield* change(deleteOldEvents, { max: MAX_EVENTS })
}

export function* listEvents(filter: EventFilter): Steps<readonly EventRecord[]> {
  const { tableId, types, before, after, limit } = filter
  const selects = tableId === undefined ? SELECTS.all : SELECTS.table
  const rows = yield* all(after === undefined ? selects.newest : selects.oldest, {
    tableId: tableId ?? '',
    after: after ?? 0n,
    before: before ?? END,
    types: types === undefined ? '' : `|${types.join('|')}|`,
    limit,
  })
  return rows.map(row => ({ ...eventOf(row), ...present('table', row.table_name) }))
}
