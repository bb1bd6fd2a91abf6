/**
 * An intent becomes a snapshot once its objects are durable. What is recorded is what the objects say, so it is proven first: every
 * new file is in exactly one manifest, no live file falls out, and the counts of a manifest are those of the files placed in it.
 */
import { sql } from 'kysely'
import { invariant } from '../../runtime/errors.ts'
import type { Row } from '../database.ts'
import { fieldSummariesToJson } from '../json-columns.ts'
import type { ManifestRecord, SnapshotCut } from '../metadata-store.ts'
import { toNumber } from '../rows.ts'
import {
  change,
  countChanged,
  first,
  insertStatement,
  type Steps,
  sqlStatement,
  statement,
} from '../steps.ts'
import {
  findLastSnapshot,
  findSnapshot,
  listManifestsOf,
  releaseManifests,
  staleSnapshot,
} from './snapshots.ts'

const selectManifest = statement((db, p: { tableId: string; path: string }) =>
  db.selectFrom('manifest').selectAll().where('table_id', '=', p.tableId).where('path', '=', p.path),
)
const insertManifest = insertStatement('manifest', [
  'table_id',
  'path',
  'length_bytes',
  'spec_id',
  'sequence_number',
  'min_sequence_number',
  'added_snapshot_id',
  'added_files_count',
  'existing_files_count',
  'deleted_files_count',
  'added_rows_count',
  'existing_rows_count',
  'deleted_rows_count',
  'partitions',
  'state',
])
const listManifest = insertStatement('snapshot_manifest', [
  'table_id',
  'snapshot_id',
  'position',
  'manifest_key',
])
const placeFile = sqlStatement<
  {
    tableId: string
    path: string
    manifestKey: bigint
    snapshotId: bigint
    sequenceNumber: bigint
    after: bigint
    upTo: bigint
  },
  unknown
>(
  p => sql`update data_file
    set manifest_key = ${p.manifestKey}, snapshot_id = ${p.snapshotId}, sequence_number = ${p.sequenceNumber}
    where table_id = ${p.tableId} and path = ${p.path} and snapshot_id is null
      and added_version > ${p.after} and added_version <= ${p.upTo}`,
)
/** A removed file stays where it was last listed as live. */
const mergeFiles = sqlStatement<{ from: bigint; into: bigint; version: bigint }, unknown>(
  p => sql`update data_file set manifest_key = ${p.into}
    where manifest_key = ${p.from} and (removed_version is null or removed_version > ${p.version})`,
)
const countLive = sqlStatement<{ manifestKey: bigint; version: bigint }, { count: bigint }>(
  p => sql`select count(*) as count from data_file
    where manifest_key = ${p.manifestKey} and (removed_version is null or removed_version > ${p.version})`,
)
const countRemoved = sqlStatement<{ tableId: string; after: bigint; upTo: bigint }, { count: bigint }>(
  p => sql`select count(*) as count from data_file
    where table_id = ${p.tableId} and removed_version is not null
      and removed_version > ${p.after} and removed_version <= ${p.upTo}`,
)
const countUnplaced = sqlStatement<{ tableId: string; after: bigint; upTo: bigint }, { count: bigint }>(
  p => sql`select count(*) as count from data_file
    where table_id = ${p.tableId} and added_version is not null
      and added_version > ${p.after} and added_version <= ${p.upTo}
      and (removed_version is null or removed_version > ${p.upTo}) and snapshot_id is null`,
)
const markCut = statement((db, p: { tableId: string; snapshotId: bigint }) =>
  db
    .updateTable('snapshot')
    .set({ state: 'cut' })
    .where('table_id', '=', p.tableId)
    .where('snapshot_id', '=', p.snapshotId),
)
const updateSequence = statement((db, p: { tableId: string; sequenceNumber: bigint }) =>
  db
    .updateTable('iceberg_table')
    .set({ last_sequence_number: p.sequenceNumber })
    .where('table_id', '=', p.tableId),
)

/** Nothing happens when the snapshot is cut already. */
export function* completeSnapshot(cut: SnapshotCut): Steps<void> {
  const { tableId, snapshotId } = cut
  const what = `snapshot ${snapshotId} of table ${tableId}`
  const intent = yield* findSnapshot(tableId, snapshotId)
  // Cut by another publisher, and expired perhaps: what a slow one would record stands already.
  if (intent?.state === 'cut' || intent?.state === 'expired') return
  if (intent === undefined) throw staleSnapshot(tableId, snapshotId, 'it is not begun, or was given up')
  const last = yield* findLastSnapshot(tableId)
  const before = new Map<string, Row<'manifest'>>()
  if (last !== undefined) {
    for (const manifest of yield* listManifestsOf(last)) before.set(manifest.path, manifest)
  }

  const keys = new Map<string, bigint>()
  for (const [position, manifest] of cut.manifests.entries()) {
    invariant(!keys.has(manifest.path), `${what} lists ${manifest.path} twice`)
    const key = before.get(manifest.path)?.manifest_key ?? (yield* addManifest(intent, manifest))
    keys.set(manifest.path, key)
    yield* change(listManifest, {
      table_id: tableId,
      snapshot_id: snapshotId,
      position,
      manifest_key: key,
    })
  }
  yield* placeFiles(intent, { cut, keys, before, after: last?.version ?? 0n })
  for (const [path, manifest] of before) {
    const live = keys.has(path)
      ? undefined
      : yield* first(countLive, { manifestKey: manifest.manifest_key, version: intent.version })
    invariant(
      live === undefined || live.count === 0n,
      `${what} drops manifest ${path} with ${live?.count} live files`,
    )
  }
  yield* change(markCut, { tableId, snapshotId })
  yield* change(updateSequence, { tableId, sequenceNumber: intent.sequence_number })
  // A last snapshot that had expired was kept only for this.
  if (last?.state === 'expired') yield* releaseManifests(tableId, last.snapshot_id)
}

interface Placing {
  readonly cut: SnapshotCut
  readonly keys: ReadonlyMap<string, bigint>
  readonly before: ReadonlyMap<string, Row<'manifest'>>
  /** Version of the last snapshot. */
  readonly after: bigint
}

function* placeFiles(intent: Row<'snapshot'>, { cut, keys, before, after }: Placing): Steps<void> {
  const tableId = intent.table_id
  const news = { tableId, after, upTo: intent.version }
  for (const { manifestPath, newFiles, mergedManifests } of cut.placements) {
    const manifestKey = keys.get(manifestPath)
    const manifest = cut.manifests.find(listed => listed.path === manifestPath)
    invariant(
      manifestKey !== undefined && manifest !== undefined && !before.has(manifestPath),
      `files are placed in ${manifestPath}, which is no new manifest of the snapshot`,
    )
    const added = yield* countChanged(
      placeFile,
      newFiles.map(path => ({
        ...news,
        path,
        manifestKey,
        snapshotId: intent.snapshot_id,
        sequenceNumber: intent.sequence_number,
      })),
    )
    let merged = 0
    for (const path of mergedManifests) {
      const from = before.get(path)
      invariant(
        from !== undefined && !keys.has(path),
        `manifest ${path} is merged into ${manifestPath}, and is not one that the snapshot leaves behind`,
      )
      merged += yield* countChanged(mergeFiles, [
        { from: from.manifest_key, into: manifestKey, version: intent.version },
      ])
    }
    invariant(
      added === newFiles.length &&
        added === manifest.addedFilesCount &&
        merged === manifest.existingFilesCount,
      `manifest ${manifestPath} says ${manifest.addedFilesCount} added and ${manifest.existingFilesCount} existing files; placed were ${added} of ${newFiles.length} new and ${merged} merged`,
    )
  }
  const unplaced = toNumber((yield* first(countUnplaced, news))?.count ?? 0n)
  invariant(unplaced === 0, `${unplaced} new files are in no manifest of snapshot ${intent.snapshot_id}`)
  const removed = toNumber((yield* first(countRemoved, news))?.count ?? 0n)
  const deleted = cut.manifests
    .filter(({ addedSnapshotId }) => addedSnapshotId === intent.snapshot_id)
    .reduce((sum, { deletedFilesCount }) => sum + deletedFilesCount, 0)
  invariant(
    deleted === removed,
    `the manifests of snapshot ${intent.snapshot_id} delete the ${removed} files that left since the last one, found ${deleted}`,
  )
}

function* addManifest(intent: Row<'snapshot'>, manifest: ManifestRecord): Steps<bigint> {
  const tableId = intent.table_id
  invariant(
    manifest.addedSnapshotId === intent.snapshot_id,
    `manifest ${manifest.path} was added by snapshot ${manifest.addedSnapshotId}, which the last snapshot of table ${tableId} does not list`,
  )
  yield* change(insertManifest, {
    table_id: tableId,
    path: manifest.path,
    length_bytes: manifest.lengthBytes,
    spec_id: manifest.specId,
    sequence_number: manifest.sequenceNumber,
    min_sequence_number: manifest.minSequenceNumber,
    added_snapshot_id: manifest.addedSnapshotId,
    added_files_count: manifest.addedFilesCount,
    existing_files_count: manifest.existingFilesCount,
    deleted_files_count: manifest.deletedFilesCount,
    added_rows_count: manifest.addedRowsCount,
    existing_rows_count: manifest.existingRowsCount,
    deleted_rows_count: manifest.deletedRowsCount,
    partitions: fieldSummariesToJson(manifest.partitions),
    state: 'live',
  })
  const inserted = yield* first(selectManifest, { tableId, path: manifest.path })
  invariant(inserted !== undefined, `manifest ${manifest.path} is gone right after it was inserted`)
  return inserted.manifest_key
}
