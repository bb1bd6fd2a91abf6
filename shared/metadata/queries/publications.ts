/** One row per table and catalog: what that catalog is known to show, and the commit under way (DESIGN invariants 6 and 7). */
import { AppError } from '../../runtime/errors.ts'
import type { Row } from '../database.ts'
import { jsonText, metadataLogFromJson } from '../json-columns.ts'
import type { Publication, PublicationIntent, ShownTable } from '../metadata-store.ts'
import { publicationOf, toNumber } from '../rows.ts'
import { all, change, first, insertStatement, now, type Steps, statement } from '../steps.ts'
import { appendEvent } from './events.ts'
import { requireTable } from './tables.ts'

const selectPublication = statement((db, p: { tableId: string; catalog: string }) =>
  db.selectFrom('publication').selectAll().where('table_id', '=', p.tableId).where('catalog', '=', p.catalog),
)
const selectPublications = statement((db, p: { tableId: string }) =>
  db.selectFrom('publication').selectAll().where('table_id', '=', p.tableId).orderBy('catalog'),
)
const insertPublication = insertStatement('publication', ['table_id', 'catalog', 'state'])
const updateIntent = statement(
  (
    db,
    p: {
      tableId: string
      catalog: string
      snapshotId: bigint | null
      metadataLocation: string | null
      timestampMs: number | null
    },
  ) =>
    db
      .updateTable('publication')
      .set({
        intent_snapshot_id: p.snapshotId,
        intent_metadata_location: p.metadataLocation,
        intent_timestamp_ms: p.timestampMs,
      })
      .where('table_id', '=', p.tableId)
      .where('catalog', '=', p.catalog),
)
const updatePublished = statement(
  (
    db,
    p: {
      tableId: string
      catalog: string
      snapshotId: bigint | null
      metadataLocation: string
      tableUuid: string
      metadataTimestampMs: number
      metadataVersion: bigint
      metadataLog: string
      nowMs: bigint
    },
  ) =>
    db
      .updateTable('publication')
      .set({
        snapshot_id: p.snapshotId,
        metadata_location: p.metadataLocation,
        table_uuid: p.tableUuid,
        metadata_timestamp_ms: p.metadataTimestampMs,
        metadata_version: p.metadataVersion,
        metadata_log: p.metadataLog,
        state: 'published',
        last_error_code: null,
        last_error_message: null,
        last_published_at_ms: p.nowMs,
        failing_since_ms: null,
        failing_reported_ms: null,
        intent_snapshot_id: null,
        intent_metadata_location: null,
        intent_timestamp_ms: null,
      })
      .where('table_id', '=', p.tableId)
      .where('catalog', '=', p.catalog),
)
const updateFailure = statement(
  (
    db,
    p: {
      tableId: string
      catalog: string
      state: 'failing' | 'held'
      code: string
      message: string
      failingSinceMs: bigint | null
      failingReportedMs: bigint | null
    },
  ) =>
    db
      .updateTable('publication')
      .set({
        state: p.state,
        last_error_code: p.code,
        last_error_message: p.message,
        failing_since_ms: p.failingSinceMs,
        failing_reported_ms: p.failingReportedMs,
      })
      .where('table_id', '=', p.tableId)
      .where('catalog', '=', p.catalog),
)

/** A table that was never published there answers `pending`. */
export function* loadPublication(tableId: string, catalog: string): Steps<Publication> {
  const row = yield* first(selectPublication, { tableId, catalog })
  return row === undefined
    ? { tableId, catalog, metadataVersion: 0, metadataLog: [], state: 'pending' }
    : publicationOf(row)
}

export function* listPublications(tableId: string): Steps<readonly Publication[]> {
  return (yield* all(selectPublications, { tableId })).map(publicationOf)
}

function* rowOf(tableId: string, catalog: string): Steps<Row<'publication'> | undefined> {
  const row = yield* first(selectPublication, { tableId, catalog })
  if (row !== undefined) return row
  yield* change(insertPublication, { table_id: tableId, catalog, state: 'pending' })
  return yield* first(selectPublication, { tableId, catalog })
}

/**
 * The same intent may be begun again; another one must be confirmed or dropped first, because its commit may have arrived. An intent
 * rests on the metadata that its publisher loaded: begun later, by one that slept meanwhile, it would put an older table in the place
 * of a newer one.
 */
export function* beginPublication(
  tableId: string,
  catalog: string,
  intent: PublicationIntent,
  atVersion: number,
): Steps<void> {
  const row = yield* rowOf(tableId, catalog)
  const isOther = row !== undefined && row.intent_metadata_location !== null && !isIntent(row, intent)
  if (isOther || isMovedOn(row, atVersion)) throw otherIntent('Beginning', { tableId, catalog, intent, row })
  const { snapshotId = null, metadataLocation, timestampMs } = intent
  yield* change(updateIntent, { tableId, catalog, snapshotId, metadataLocation, timestampMs })
}

export function* confirmPublication(
  tableId: string,
  catalog: string,
  intent: PublicationIntent,
  metadataLogMax: number,
  shown: ShownTable = { metadataLocation: intent.metadataLocation, tableUuid: tableId },
): Steps<void> {
  const row = yield* first(selectPublication, { tableId, catalog })
  if (row === undefined || !isIntent(row, intent)) {
    throw otherIntent('Confirming', { tableId, catalog, intent, row })
  }
  if (row.failing_reported_ms !== null) yield* reportRecovered(tableId, catalog, row.failing_reported_ms)
  const log = [...metadataLogFromJson(row.metadata_log)]
  if (row.metadata_location !== null && row.metadata_timestamp_ms !== null) {
    log.push({
      metadataLocation: row.metadata_location,
      timestampMs: toNumber(row.metadata_timestamp_ms),
    })
  }
  yield* change(updatePublished, {
    tableId,
    catalog,
    snapshotId: intent.snapshotId ?? null,
    metadataLocation: shown.metadataLocation,
    tableUuid: shown.tableUuid,
    metadataTimestampMs: intent.timestampMs,
    metadataVersion: row.metadata_version + 1n,
    metadataLog: jsonText(log.slice(Math.max(0, log.length - metadataLogMax))),
    nowMs: yield* now(),
  })
}

function isMovedOn(row: Row<'publication'> | undefined, atVersion: number): boolean {
  return row !== undefined && toNumber(row.metadata_version) !== atVersion
}

function isIntent(row: Row<'publication'>, intent: PublicationIntent): boolean {
  return (
    row.intent_snapshot_id === (intent.snapshotId ?? null) &&
    row.intent_metadata_location === intent.metadataLocation &&
    row.intent_timestamp_ms === BigInt(intent.timestampMs)
  )
}

interface OtherIntent {
  readonly tableId: string
  readonly catalog: string
  readonly intent: PublicationIntent
  readonly row: Row<'publication'> | undefined
}

function otherIntent(doing: string, { tableId, catalog, intent, row }: OtherIntent): AppError {
  return new AppError({
    code: 'publication-intent-differs',
    next: 'retry',
    message: `${doing} the publication of ${intent.metadataLocation} of table ${tableId} to catalog ${catalog}: the intent in the database is ${row?.intent_metadata_location ?? 'none'}, and the catalog shows ${row?.metadata_location ?? 'nothing yet'}. Another publisher was at work; this one loads the table again.`,
    details: { tableId, catalog, metadataLocation: intent.metadataLocation },
  })
}

export interface PublicationFailure {
  readonly state: 'failing' | 'held'
  readonly code: string
  readonly message: string
  readonly dropIntent?: PublicationIntent
  readonly atVersion: number
  readonly reportAfterMs?: number
}

export function* failPublication(
  tableId: string,
  catalog: string,
  { state, code, message, dropIntent, atVersion, reportAfterMs }: PublicationFailure,
): Steps<void> {
  const row = yield* rowOf(tableId, catalog)
  if (row === undefined || isMovedOn(row, atVersion)) return
  const nowMs = yield* now()
  const sinceMs = row.failing_since_ms ?? nowMs
  const isDue =
    state === 'failing' &&
    reportAfterMs !== undefined &&
    row.failing_reported_ms === null &&
    nowMs - sinceMs >= BigInt(reportAfterMs)
  yield* change(updateFailure, {
    tableId,
    catalog,
    state,
    code,
    message,
    // What is held waits for a person, which has its own event.
    failingSinceMs: state === 'failing' ? sinceMs : null,
    failingReportedMs: isDue ? sinceMs : row.failing_reported_ms,
  })
  if (isDue) yield* reportFailing(tableId, { catalog, code, message, sinceMs })
  if (dropIntent !== undefined && isIntent(row, dropIntent)) {
    yield* change(updateIntent, {
      tableId,
      catalog,
      snapshotId: null,
      metadataLocation: null,
      timestampMs: null,
    })
  }
}

function* reportFailing(
  tableId: string,
  failure: {
    readonly catalog: string
    readonly code: string
    readonly message: string
    readonly sinceMs: bigint
  },
): Steps<void> {
  const { catalog, code, message, sinceMs } = failure
  const { name } = yield* requireTable(tableId)
  yield* appendEvent({
    type: 'publication.failing',
    tableId,
    message: `Catalog ${catalog} still shows ${name} as it was: every attempt to publish it there fails, the last one with: ${message}`,
    details: { catalog, code, sinceMs },
  })
}

function* reportRecovered(tableId: string, catalog: string, sinceMs: bigint): Steps<void> {
  const { name } = yield* requireTable(tableId)
  yield* appendEvent({
    type: 'publication.recovered',
    tableId,
    message: `Catalog ${catalog} shows ${name} as it is again.`,
    details: { catalog, failedSinceMs: sinceMs },
  })
}
