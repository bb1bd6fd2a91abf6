/** The event log: what happened and what a person should know, bounded to the newest. */

import { sql } from 'kysely'
import { jsonText } from '../json-columns.ts'
import { type EventRecord, MAX_EVENTS, type NewEvent } from '../metadata-store.ts'
import { eventOf } from '../rows.ts'
import { all, change, now, type Steps, sqlStatement, statement } from '../steps.ts'

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
const selectEvents = statement((db, p: { limit: number }) =>
  db.selectFrom('event').selectAll().orderBy('event_id', 'desc').limit(p.limit),
)
const selectTableEvents = statement((db, p: { tableId: string; limit: number }) =>
  db
    .selectFrom('event')
    .selectAll()
    .where('table_id', '=', p.tableId)
    .orderBy('event_id', 'desc')
    .limit(p.limit),
)

export function* appendEvent(event: NewEvent): Steps<void> {
  yield* change(insertEvent, {
    atMs: yield* now(),
    type: event.type,
    tableId: event.tableId ?? null,
    topic: event.topic ?? null,
    partition: event.partition ?? null,
    message: event.message,
    details: jsonText(event.details),
    who: event.note?.who ?? null,
    why: event.note?.why ?? null,
  })
  yield* change(deleteOldEvents, { max: MAX_EVENTS })
}

export function* listEvents(filter: {
  readonly tableId?: string
  readonly limit: number
}): Steps<readonly EventRecord[]> {
  const { tableId, limit } = filter
  const rows =
    tableId === undefined
      ? yield* all(selectEvents, { limit })
      : yield* all(selectTableEvents, { tableId, limit })
  return rows.map(eventOf)
}
