/**
 * Topics of dead letters: their offsets, given in the commit that makes the dead letters live, and the segments that are rendered
 * from them afterwards. At most one segment of a topic is planned and not rendered; it begins where the rendered ones end.
 */
import { sql } from 'kysely'
import { invariant } from '../../runtime/errors.ts'
import type { Row } from '../database.ts'
import type { DeadLetterFile, DeadLetterSegment, DeadLetterTopic } from '../metadata-store.ts'
import { present, toNumber } from '../rows.ts'
import {
  all,
  change,
  first,
  insertStatement,
  now,
  query,
  type Steps,
  sqlStatement,
  statement,
  together,
} from '../steps.ts'
import { appendEvent } from './events.ts'
import { requireTable } from './tables.ts'

type TopicRow = Row<'dead_letter_topic'>
type SegmentRow = Row<'dead_letter_segment'>

const selectTopic = statement((db, p: { tableId: string }) =>
  db.selectFrom('dead_letter_topic').selectAll().where('table_id', '=', p.tableId),
)
const selectTopics = statement(db => db.selectFrom('dead_letter_topic').selectAll().orderBy('table_id'))
const selectAllPlanned = statement(db =>
  db.selectFrom('dead_letter_segment').selectAll().where('state', '=', sql.lit('planned')),
)
const updatePlace = statement((db, p: { tableId: string; topic: string; location: string }) =>
  db
    .updateTable('dead_letter_topic')
    .set({ topic: p.topic, location: p.location })
    .where('table_id', '=', p.tableId),
)
const raiseNextOffset = statement((db, p: { tableId: string; count: bigint }) =>
  db
    .updateTable('dead_letter_topic')
    .set({ next_offset: sql`next_offset + ${p.count}` })
    .where('table_id', '=', p.tableId)
    .returning('next_offset'),
)
const raisePlannedOffset = statement((db, p: { tableId: string; offset: bigint }) =>
  db.updateTable('dead_letter_topic').set({ planned_offset: p.offset }).where('table_id', '=', p.tableId),
)
const raiseRenderedOffset = statement((db, p: { tableId: string; offset: bigint }) =>
  db
    .updateTable('dead_letter_topic')
    .set({ rendered_offset: p.offset, last_error_code: null, last_error_message: null })
    .where('table_id', '=', p.tableId),
)
const updateError = statement((db, p: { tableId: string; code: string; message: string }) =>
  db
    .updateTable('dead_letter_topic')
    .set({ last_error_code: p.code, last_error_message: p.message })
    .where('table_id', '=', p.tableId),
)
const selectFilesOfTask = statement((db, p: { tableId: string; taskKey: bigint }) =>
  db
    .selectFrom('data_file')
    .select(['path', 'record_count', 'file_size_bytes'])
    .where('task_key', '=', p.taskKey)
    .where('table_id', '=', p.tableId),
)
const insertTopicFile = insertStatement('dead_letter_topic_file', [
  'table_id',
  'base_offset',
  'record_count',
  'path',
  'file_size_bytes',
])
const selectTopicFiles = sqlStatement<
  { tableId: string; fromOffset: bigint; limit: number },
  Row<'dead_letter_topic_file'>
>(
  p => sql`select * from dead_letter_topic_file
    where table_id = ${p.tableId} and base_offset >= coalesce(
      (select max(base_offset) from dead_letter_topic_file
        where table_id = ${p.tableId} and base_offset <= ${p.fromOffset}), 0)
    order by base_offset limit ${p.limit}`,
)
const insertSegment = insertStatement('dead_letter_segment', [
  'table_id',
  'base_offset',
  'end_offset',
  'created_at_ms',
  'state',
])
const selectPlanned = statement((db, p: { tableId: string }) =>
  db
    .selectFrom('dead_letter_segment')
    .selectAll()
    .where('table_id', '=', p.tableId)
    .where('state', '=', sql.lit('planned')),
)
const markRendered = statement((db, p: { tableId: string; baseOffset: bigint }) =>
  db
    .updateTable('dead_letter_segment')
    .set({ state: 'rendered' })
    .where('table_id', '=', p.tableId)
    .where('base_offset', '=', p.baseOffset)
    .where('state', '=', sql.lit('planned'))
    .returning('end_offset'),
)
const selectRendered = sqlStatement<{ tableId: string; fromOffset: bigint; limit: number }, SegmentRow>(
  p => sql`select * from dead_letter_segment
    where table_id = ${p.tableId} and base_offset >= ${p.fromOffset} and state = 'rendered'
    order by base_offset limit ${p.limit}`,
)

const raiseStartOffset = statement((db, p: { tableId: string; offset: bigint }) =>
  db.updateTable('dead_letter_topic').set({ start_offset: p.offset }).where('table_id', '=', p.tableId),
)
const selectBelow = sqlStatement<{ tableId: string; endOffset: bigint; limit: number }, SegmentRow>(
  p => sql`select * from dead_letter_segment
    where table_id = ${p.tableId} and base_offset < ${p.endOffset} order by base_offset limit ${p.limit}`,
)
const deleteSegmentsBelow = statement((db, p: { tableId: string; endOffset: bigint }) =>
  db
    .deleteFrom('dead_letter_segment')
    .where('table_id', '=', p.tableId)
    .where('base_offset', '<', p.endOffset),
)
/** A file that reaches beyond the end is still needed. */
const deleteFilesBelow = sqlStatement<{ tableId: string; endOffset: bigint }, unknown>(
  p => sql`delete from dead_letter_topic_file
    where table_id = ${p.tableId} and base_offset < ${p.endOffset} and base_offset + record_count <= ${p.endOffset}`,
)

function* requireTopic(tableId: string): Steps<TopicRow> {
  const row = yield* first(selectTopic, { tableId })
  invariant(row !== undefined, `dead-letter table ${tableId} has no topic`)
  return row
}

/** In the commit that makes the task's dead letters live: they get the next offsets, file by file. */
export function* giveTopicOffsets(tableId: string, taskKey: bigint): Steps<void> {
  const files = [...(yield* all(selectFilesOfTask, { tableId, taskKey }))]
  for (const file of files.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const raised = yield* first(raiseNextOffset, { tableId, count: file.record_count })
    invariant(raised !== undefined, `dead-letter table ${tableId} has no topic`)
    yield* change(insertTopicFile, {
      table_id: tableId,
      base_offset: raised.next_offset - file.record_count,
      ...file,
    })
  }
}

export function* declareTopic(
  tableId: string,
  place: { readonly topic: string; readonly location: string },
): Steps<{ readonly kind: 'declared' } | { readonly kind: 'moved'; readonly location: string }> {
  const { location, planned_offset } = yield* requireTopic(tableId)
  if (location === place.location) return { kind: 'declared' }
  if (location !== null && planned_offset > 0n) return { kind: 'moved', location }
  yield* change(updatePlace, { tableId, ...place })
  return { kind: 'declared' }
}

export function* loadTopic(tableId: string): Steps<DeadLetterTopic | undefined> {
  const [[row], [planned]] = yield* together<[TopicRow, SegmentRow]>(
    query(selectTopic, { tableId }),
    query(selectPlanned, { tableId }),
  )
  return row === undefined ? undefined : topicOf(row, planned)
}

export function* listTopics(): Steps<readonly DeadLetterTopic[]> {
  const [rows, planned] = yield* together<[TopicRow, SegmentRow]>(
    query(selectTopics, {}),
    query(selectAllPlanned, {}),
  )
  const plannedOf = new Map(planned.map(segment => [segment.table_id, segment]))
  return rows.flatMap(row => topicOf(row, plannedOf.get(row.table_id)) ?? [])
}

export function topicOf(row: TopicRow, planned: SegmentRow | undefined): DeadLetterTopic | undefined {
  if (row.topic === null || row.location === null) return undefined
  return {
    tableId: row.table_id,
    topic: row.topic,
    location: row.location,
    startOffset: row.start_offset,
    endOffset: row.next_offset,
    renderedOffset: row.rendered_offset,
    ...(planned !== undefined && { planned: segmentOf(planned) }),
    ...present('lastErrorCode', row.last_error_code),
    ...present('lastErrorMessage', row.last_error_message),
  }
}

export function* listTopicFiles(
  tableId: string,
  page: { readonly fromOffset: bigint; readonly limit: number },
): Steps<readonly DeadLetterFile[]> {
  return (yield* all(selectTopicFiles, { tableId, ...page })).map(row => ({
    baseOffset: row.base_offset,
    recordCount: row.record_count,
    path: row.path,
    fileSizeBytes: row.file_size_bytes,
  }))
}

export function* planSegment(
  tableId: string,
  { baseOffset, endOffset }: { readonly baseOffset: bigint; readonly endOffset: bigint },
): Steps<DeadLetterSegment | undefined> {
  const topic = yield* requireTopic(tableId)
  const isNext = topic.planned_offset === baseOffset && topic.rendered_offset === baseOffset
  if (!isNext) return undefined
  const createdAtMs = yield* now()
  yield* change(insertSegment, {
    table_id: tableId,
    base_offset: baseOffset,
    end_offset: endOffset,
    created_at_ms: createdAtMs,
    state: 'planned',
  })
  yield* change(raisePlannedOffset, { tableId, offset: endOffset })
  return { baseOffset, endOffset, createdAtMs: toNumber(createdAtMs) }
}

export function* completeSegment(tableId: string, baseOffset: bigint): Steps<'rendered' | 'expired'> {
  if (baseOffset < (yield* requireTopic(tableId)).start_offset) return 'expired'
  const marked = yield* first(markRendered, { tableId, baseOffset })
  if (marked !== undefined) yield* change(raiseRenderedOffset, { tableId, offset: marked.end_offset })
  return 'rendered'
}

export function* listSegments(
  tableId: string,
  page: { readonly fromOffset: bigint; readonly limit: number },
): Steps<readonly DeadLetterSegment[]> {
  return (yield* all(selectRendered, { tableId, ...page })).map(segmentOf)
}

export function* expireSegments(
  tableId: string,
  { createdBeforeMs, limit }: { readonly createdBeforeMs: number; readonly limit: number },
): Steps<readonly DeadLetterSegment[]> {
  let start = (yield* requireTopic(tableId)).start_offset
  for (const segment of yield* all(selectRendered, { tableId, fromOffset: start, limit })) {
    if (segment.created_at_ms >= BigInt(createdBeforeMs)) break
    start = segment.end_offset
  }
  yield* change(raiseStartOffset, { tableId, offset: start })
  return (yield* all(selectBelow, { tableId, endOffset: start, limit })).map(segmentOf)
}

export function* forgetSegments(tableId: string, endOffset: bigint): Steps<void> {
  const { start_offset } = yield* requireTopic(tableId)
  invariant(
    endOffset <= start_offset,
    `segments below ${endOffset} are forgotten, and the topic of ${tableId} starts at ${start_offset}`,
  )
  yield* change(deleteSegmentsBelow, { tableId, endOffset })
  yield* change(deleteFilesBelow, { tableId, endOffset })
}

export function* failTopic(
  tableId: string,
  { code, message }: { readonly code: string; readonly message: string },
): Steps<void> {
  const { topic, last_error_code, last_error_message } = yield* requireTopic(tableId)
  const isKnown = last_error_code === code && last_error_message === message
  if (isKnown) return
  yield* change(updateError, { tableId, code, message })
  const { parent_table_id } = yield* requireTable(tableId)
  yield* appendEvent({
    type: 'dlq.topic_stopped',
    ...present('tableId', parent_table_id),
    ...present('topic', topic),
    partition: 0,
    message: `The dead-letter topic ${topic} stopped: ${message}`,
    details: { code },
  })
}

function segmentOf(row: SegmentRow): DeadLetterSegment {
  return {
    baseOffset: row.base_offset,
    endOffset: row.end_offset,
    createdAtMs: toNumber(row.created_at_ms),
  }
}
