/**
 * Snapshots: a state of the table at one version, cut once. The intent is written before the first object, so that after a crash the
 * same snapshot is finished under its own id; `complete-snapshot.ts` turns it into a snapshot. Callers hold the table's publish lease.
 */
import { sql } from 'kysely'
import { AppError, invariant } from '../../runtime/errors.ts'
import type { Row } from '../database.ts'
import { jsonText } from '../json-columns.ts'
import {
  type LiveFile,
  MAX_RANGES_IN_SUMMARY,
  type ManifestRecord,
  type SnapshotInput,
  type SnapshotRecord,
} from '../metadata-store.ts'
import { manifestOf, snapshotOf } from '../rows.ts'
import {
  all,
  change,
  countChanged,
  first,
  insertStatement,
  type Steps,
  sqlStatement,
  statement,
} from '../steps.ts'
import { endOfOneKind, listFilesOfManifestsAt, listNews, listRemoved } from './files.ts'
import { listPartitions } from './partitions.ts'
import { detailOf, requireTable } from './tables.ts'
import { listRanges } from './watermark.ts'

const selectSnapshot = statement((db, p: { tableId: string; snapshotId: bigint }) =>
  db
    .selectFrom('snapshot')
    .selectAll()
    .where('table_id', '=', p.tableId)
    .where('snapshot_id', '=', p.snapshotId),
)
const selectIntent = sqlStatement<{ tableId: string }, Row<'snapshot'>>(
  p => sql`select * from snapshot where table_id = ${p.tableId} and state = 'intent'`,
)
const selectLast = sqlStatement<{ tableId: string }, Row<'snapshot'>>(
  p => sql`select * from snapshot where table_id = ${p.tableId} and state <> 'intent'
    order by sequence_number desc limit 1`,
)
const selectCut = sqlStatement<{ tableId: string }, Row<'snapshot'>>(
  p => sql`select * from snapshot where table_id = ${p.tableId} and state = 'cut' order by sequence_number`,
)
const insertSnapshot = insertStatement('snapshot', [
  'table_id',
  'snapshot_id',
  'parent_snapshot_id',
  'sequence_number',
  'version',
  'timestamp_ms',
  'operation',
  'schema_id',
  'manifest_list_path',
  'summary',
  'state',
])
const deleteIntent = statement((db, p: { tableId: string; snapshotId: bigint }) =>
  db
    .deleteFrom('snapshot')
    .where('table_id', '=', p.tableId)
    .where('snapshot_id', '=', p.snapshotId)
    .where('state', '=', 'intent'),
)
const markExpired = statement((db, p: { tableId: string; snapshotId: bigint }) =>
  db
    .updateTable('snapshot')
    .set({ state: 'expired' })
    .where('table_id', '=', p.tableId)
    .where('snapshot_id', '=', p.snapshotId)
    .where('state', '=', 'cut'),
)
const selectPending = sqlStatement<{ tableId: string }, { sequence: bigint | null }>(
  p => sql`select min(s.sequence_number) as sequence from publication p
    join snapshot s on s.table_id = p.table_id and s.snapshot_id = p.intent_snapshot_id
    where p.table_id = ${p.tableId}`,
)
const selectManifests = sqlStatement<{ tableId: string; snapshotId: bigint }, Row<'manifest'>>(
  p => sql`select manifest.* from snapshot_manifest join manifest using (manifest_key)
    where snapshot_manifest.table_id = ${p.tableId} and snapshot_id = ${p.snapshotId} order by position`,
)
const unlistManifests = statement((db, p: { tableId: string; snapshotId: bigint }) =>
  db
    .deleteFrom('snapshot_manifest')
    .where('table_id', '=', p.tableId)
    .where('snapshot_id', '=', p.snapshotId),
)
const retireManifest = sqlStatement<{ manifestKey: bigint }, unknown>(
  p => sql`update manifest set state = 'retired' where manifest_key = ${p.manifestKey}
    and not exists (select 1 from snapshot_manifest where snapshot_manifest.manifest_key = manifest.manifest_key)`,
)

export function* findSnapshot(tableId: string, snapshotId: bigint): Steps<Row<'snapshot'> | undefined> {
  return yield* first(selectSnapshot, { tableId, snapshotId })
}

/** The last snapshot that was cut, also when it has expired since. */
export function* findLastSnapshot(tableId: string): Steps<Row<'snapshot'> | undefined> {
  return yield* first(selectLast, { tableId })
}

export function* listManifestsOf(snapshot: Row<'snapshot'>): Steps<readonly Row<'manifest'>[]> {
  return yield* all(selectManifests, { tableId: snapshot.table_id, snapshotId: snapshot.snapshot_id })
}

export function* loadSnapshotInput(tableId: string): Steps<SnapshotInput> {
  const row = yield* requireTable(tableId)
  const table = yield* detailOf(row)
  const last = yield* findLastSnapshot(tableId)
  const intent = yield* first(selectIntent, { tableId })
  const after = last?.version ?? 0n
  const version = intent?.version ?? (yield* endOfOneKind(tableId, { after, newest: row.version }))
  const manifests: readonly ManifestRecord[] =
    last === undefined ? [] : (yield* listManifestsOf(last)).map(manifestOf)
  // Dead letters are cut from the same offsets as their table's rows.
  const offsetsOf = row.parent_table_id ?? tableId
  return {
    table,
    version,
    ...(last !== undefined && { lastSnapshot: snapshotOf(last) }),
    ...(intent !== undefined && { intent: snapshotOf(intent) }),
    newFiles: yield* listNews(tableId, { after, upTo: version }),
    removedFiles: yield* listRemoved(tableId, { after, upTo: version }),
    manifests,
    offsets: yield* listPartitions(offsetsOf),
    ranges: yield* listRanges(offsetsOf, MAX_RANGES_IN_SUMMARY),
  }
}

export function* listFilesOfManifests(
  tableId: string,
  manifestPaths: readonly string[],
): Steps<readonly LiveFile[]> {
  const version = (yield* findLastSnapshot(tableId))?.version ?? 0n
  return yield* listFilesOfManifestsAt(tableId, manifestPaths, version)
}

export function* insertSnapshotIntent(snapshot: SnapshotRecord): Steps<void> {
  const { tableId, snapshotId } = snapshot
  const what = `snapshot ${snapshotId} of table ${tableId}`
  const table = yield* requireTable(tableId)
  const last = yield* findLastSnapshot(tableId)
  invariant(snapshot.state === 'intent', `${what} is inserted as ${snapshot.state}`)
  // Its publisher slept past its lease after it loaded the table, and another has cut a snapshot since.
  if (snapshot.parentSnapshotId !== last?.snapshot_id) {
    throw staleSnapshot(
      tableId,
      snapshotId,
      `it names the parent ${snapshot.parentSnapshotId ?? 'none'}, and the last snapshot is ${last?.snapshot_id ?? 'none'}`,
    )
  }
  invariant(
    snapshot.sequenceNumber > table.last_sequence_number,
    `${what} has the sequence number ${snapshot.sequenceNumber}, not above ${table.last_sequence_number}`,
  )
  invariant(
    (last?.version ?? 0n) <= snapshot.version && snapshot.version <= table.version,
    `${what} shows version ${snapshot.version}, outside ${last?.version ?? 0n} to ${table.version}`,
  )
  const open = yield* first(selectIntent, { tableId })
  if (open !== undefined) throw intentExists(snapshot, open)
  yield* change(insertSnapshot, {
    table_id: tableId,
    snapshot_id: snapshotId,
    parent_snapshot_id: snapshot.parentSnapshotId ?? null,
    sequence_number: snapshot.sequenceNumber,
    version: snapshot.version,
    timestamp_ms: snapshot.timestampMs,
    operation: snapshot.operation,
    schema_id: snapshot.schemaId,
    manifest_list_path: snapshot.manifestListPath,
    summary: jsonText(snapshot.summary),
    state: 'intent',
  })
}

/** Not a defect: whoever lost its lease tries again from what the table is now. */
export function staleSnapshot(tableId: string, snapshotId: bigint, found: string): AppError {
  return new AppError({
    code: 'snapshot-stale',
    next: 'retry',
    message: `Cutting snapshot ${snapshotId} of table ${tableId}: ${found}. Another publisher was at work meanwhile; the table is loaded again.`,
    details: { tableId, snapshotId },
  })
}

function intentExists(snapshot: SnapshotRecord, open: Row<'snapshot'>): AppError {
  return new AppError({
    code: 'snapshot-intent-exists',
    next: 'retry',
    message: `Beginning snapshot ${snapshot.snapshotId} of table ${snapshot.tableId}: snapshot ${open.snapshot_id} is not finished yet. Another publisher began it, or a crash left it; it is finished or abandoned first.`,
    details: { tableId: snapshot.tableId, snapshotId: snapshot.snapshotId, openSnapshotId: open.snapshot_id },
  })
}

export function* abandonSnapshot(tableId: string, snapshotId: bigint): Steps<void> {
  yield* change(deleteIntent, { tableId, snapshotId })
}

export function* listSnapshots(tableId: string): Steps<readonly SnapshotRecord[]> {
  return (yield* all(selectCut, { tableId })).map(snapshotOf)
}

/**
 * The last snapshot keeps its list of manifests, because the next one is cut from it, also when it expires. What an unfinished
 * publication has to show stays, and so do those after it: its retry must render the same metadata.
 */
export function* expireSnapshots(tableId: string, snapshotIds: readonly bigint[]): Steps<void> {
  const last = yield* findLastSnapshot(tableId)
  const pending = (yield* first(selectPending, { tableId }))?.sequence ?? undefined
  for (const snapshotId of snapshotIds) {
    const snapshot = yield* findSnapshot(tableId, snapshotId)
    if (snapshot === undefined || (pending !== undefined && snapshot.sequence_number >= pending)) continue
    const expired = yield* countChanged(markExpired, [{ tableId, snapshotId }])
    if (expired > 0 && snapshotId !== last?.snapshot_id) yield* releaseManifests(tableId, snapshotId)
  }
}

/** Manifests that no snapshot lists any more are retired; their objects wait for the proof that deletion needs. */
export function* releaseManifests(tableId: string, snapshotId: bigint): Steps<void> {
  const manifests = yield* all(selectManifests, { tableId, snapshotId })
  yield* change(unlistManifests, { tableId, snapshotId })
  for (const { manifest_key } of manifests) yield* change(retireManifest, { manifestKey: manifest_key })
}
