/**
 * A snapshot, cut once per table: first its plan (the row of the intent, and what to write), then its objects. Both are pure, and a plan
 * made again from an intent that a crash left behind gives the same keys and the same bytes.
 *
 * Order of work for the publisher: `planSnapshot`; put `plan.sidecar`, if any (its name is its content's hash, so it is harmless
 * without the intent); insert `plan.snapshot` as the intent; fetch the live files of each group's merged manifests;
 * `renderSnapshotObjects`; put the objects in order; complete the snapshot with `cut`.
 */

import type {
  LiveFile,
  ManifestRecord,
  RemovedFile,
  SnapshotCut,
  SnapshotInput,
  SnapshotRecord,
} from '../metadata/metadata-store.ts'
import { invariant } from '../runtime/errors.ts'
import { manifestListPath, manifestPath, offsetsPath } from './locations.ts'
import { type ManifestEntry, renderManifest } from './manifest.ts'
import { renderManifestList } from './manifest-list.ts'
import type { PartitionSpec } from './partition-spec.ts'
import {
  type ListedManifest,
  type ManifestGroup,
  type MergePolicy,
  planManifests,
  planRemovals,
} from './plan-manifests.ts'
import type { Schema } from './schema.ts'
import {
  MAX_INLINE_OFFSETS_BYTES,
  NEWEST_RECORD_KEY,
  OFFSETS_KEY,
  OFFSETS_LOCATION_KEY,
  OFFSETS_SHA256_KEY,
  offsetsHash,
  offsetsText,
} from './snapshot-offsets.ts'
import { summarizeSnapshot } from './snapshot-summary.ts'

export interface RenderedObject {
  /** Absolute location. */
  readonly path: string
  readonly bytes: Uint8Array
}

/** A manifest to write, at its place in the manifest list. */
export interface PlannedManifest extends ManifestGroup {
  readonly path: string
}

export interface SnapshotPlan {
  /** State `intent`: the row to insert, or the one that was there already. */
  readonly snapshot: SnapshotRecord
  /** To be put before the intent is inserted; none when an intent is being finished, since it was put then. */
  readonly sidecar?: RenderedObject
  readonly schema: Schema
  readonly specs: readonly PartitionSpec[]
  /** In manifest-list order. */
  readonly manifests: readonly (PlannedManifest | Extract<ListedManifest, { kind: 'keep' }>)[]
  readonly removedFiles: readonly RemovedFile[]
  /** Those of `manifests` whose merged files must be fetched for `renderSnapshotObjects`. */
  readonly merges: readonly PlannedManifest[]
}

export interface PlanOptions {
  readonly snapshotId: bigint
  readonly timestampMs: number
  readonly mergePolicy: MergePolicy
}

/** With `input.intent` the snapshot is that one, and `snapshotId` and `timestampMs` of the options are not used. */
export function planSnapshot(input: SnapshotInput, options: PlanOptions): SnapshotPlan {
  const { table } = input
  const { snapshot, sidecar } =
    input.intent === undefined ? newSnapshot(input, options) : { snapshot: input.intent, sidecar: undefined }
  const schema = table.schemas.find(known => known.schemaId === snapshot.schemaId)
  invariant(schema !== undefined, `schema ${snapshot.schemaId} of table ${table.name} is known`)
  for (const file of input.newFiles)
    invariant(
      file.snapshotId === undefined || file.snapshotId === snapshot.snapshotId,
      `new file ${file.path} is not in a snapshot yet, found ${file.snapshotId}`,
    )
  invariant(
    input.newFiles.length === 0 || input.removedFiles.length === 0,
    `snapshot ${snapshot.snapshotId} of table ${table.name} either adds files or removes some`,
  )
  const name = { location: table.location, tableId: table.tableId, snapshotId: snapshot.snapshotId }
  let written = 0
  const listed =
    input.removedFiles.length > 0
      ? planRemovals(input.removedFiles, input.manifests)
      : planManifests(input.newFiles, input.manifests, options.mergePolicy)
  const manifests = listed.map(manifest =>
    manifest.kind === 'keep' ? manifest : { ...manifest, path: manifestPath(name, written++) },
  )
  return {
    snapshot,
    ...(sidecar === undefined ? {} : { sidecar }),
    schema,
    specs: table.specs,
    manifests,
    removedFiles: input.removedFiles,
    merges: manifests
      .filter(manifest => manifest.kind === 'write')
      .filter(planned => planned.merged.length > 0),
  }
}

function newSnapshot(
  input: SnapshotInput,
  options: PlanOptions,
): { snapshot: SnapshotRecord; sidecar: RenderedObject | undefined } {
  const { table, version, lastSnapshot, newFiles, removedFiles, manifests } = input
  const name = { location: table.location, tableId: table.tableId, snapshotId: options.snapshotId }
  // The watermarks are those of the table now: a snapshot of an earlier version, which another follows at once, says none.
  const offsets =
    version === table.version ? carryOffsets(offsetsText(input), name) : { summary: {}, sidecar: undefined }
  const snapshot: SnapshotRecord = {
    tableId: table.tableId,
    snapshotId: options.snapshotId,
    ...(lastSnapshot === undefined ? {} : { parentSnapshotId: lastSnapshot.snapshotId }),
    sequenceNumber: table.lastSequenceNumber + 1n,
    version,
    // Strictly rising, whatever the clock does: time travel by timestamp then reaches every snapshot.
    timestampMs:
      lastSnapshot === undefined
        ? options.timestampMs
        : Math.max(options.timestampMs, lastSnapshot.timestampMs + 1),
    operation: removedFiles.length > 0 ? 'delete' : 'append',
    schemaId: table.currentSchemaId,
    manifestListPath: manifestListPath(name),
    summary: {
      ...summarizeSnapshot({
        newFiles,
        removedFiles,
        manifests,
        version,
        ...(lastSnapshot === undefined ? {} : { parent: lastSnapshot }),
      }),
      ...newestRecordOf(input),
      ...offsets.summary,
    },
    state: 'intent',
  }
  return { snapshot, sidecar: offsets.sidecar }
}

/** How fresh the snapshot is: readers see every record up to its watermarks. Those of an earlier version are not at hand. */
function newestRecordOf({ table, version, offsets, lastSnapshot }: SnapshotInput): Record<string, string> {
  const newestMs = offsets.reduce((newest, { maxTimestampMs }) => Math.max(newest, maxTimestampMs), -1)
  const before = lastSnapshot?.summary[NEWEST_RECORD_KEY]
  if (version === table.version && newestMs >= 0) return { [NEWEST_RECORD_KEY]: String(newestMs) }
  return before === undefined ? {} : { [NEWEST_RECORD_KEY]: before }
}

function carryOffsets(
  text: string,
  name: { location: string; tableId: string; snapshotId: bigint },
): { summary: Record<string, string>; sidecar: RenderedObject | undefined } {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length <= MAX_INLINE_OFFSETS_BYTES)
    return { summary: { [OFFSETS_KEY]: text }, sidecar: undefined }
  const hash = offsetsHash(text)
  const path = offsetsPath(name, hash)
  return {
    summary: { [OFFSETS_LOCATION_KEY]: path, [OFFSETS_SHA256_KEY]: hash },
    sidecar: { path, bytes },
  }
}

/**
 * The objects of the snapshot in the order to write them, manifests before the list that names them.
 * `mergedFiles`: for each of `plan.merges`, by its path, all live files of its merged manifests.
 */
export function renderSnapshotObjects(
  plan: SnapshotPlan,
  mergedFiles: ReadonlyMap<string, readonly LiveFile[]>,
): { readonly objects: readonly RenderedObject[]; readonly cut: SnapshotCut } {
  const { snapshot } = plan
  const objects: RenderedObject[] = []
  const records = plan.manifests.map(planned => {
    if (planned.kind === 'keep') return planned.manifest
    const rendered = renderPlanned(plan, planned, mergedFiles.get(planned.path) ?? [])
    objects.push({ path: planned.path, bytes: rendered.bytes })
    return rendered.record
  })
  checkTotals(snapshot, records)
  objects.push({
    path: snapshot.manifestListPath,
    bytes: renderManifestList({
      path: snapshot.manifestListPath,
      snapshotId: snapshot.snapshotId,
      ...(snapshot.parentSnapshotId === undefined ? {} : { parentSnapshotId: snapshot.parentSnapshotId }),
      sequenceNumber: snapshot.sequenceNumber,
      manifests: records,
      specs: plan.specs,
    }),
  })
  const placements = plan.manifests
    .filter(planned => planned.kind === 'write')
    .map(planned => ({
      manifestPath: planned.path,
      newFiles: planned.newFiles.map(file => file.path),
      mergedManifests: planned.merged.map(manifest => manifest.path),
    }))
  return {
    objects,
    cut: { tableId: snapshot.tableId, snapshotId: snapshot.snapshotId, manifests: records, placements },
  }
}

function renderPlanned(plan: SnapshotPlan, planned: PlannedManifest, merged: readonly LiveFile[]) {
  const { snapshot } = plan
  const spec = plan.specs.find(known => known.specId === planned.specId)
  invariant(spec !== undefined, `spec ${planned.specId} of snapshot ${snapshot.snapshotId} is known`)
  checkMerged(planned, merged)
  const removed = new Set(plan.removedFiles.map(file => file.path))
  return renderManifest({
    path: planned.path,
    schema: plan.schema,
    spec,
    snapshotId: snapshot.snapshotId,
    sequenceNumber: snapshot.sequenceNumber,
    entries: [
      ...planned.newFiles.map(addedEntry),
      ...merged.map(file =>
        removed.has(file.path) ? deletedEntry(file, snapshot.snapshotId) : existingEntry(file),
      ),
    ],
  })
}

/** A rewritten manifest keeps every surviving file, or rows silently leave the table. */
function checkMerged(planned: PlannedManifest, merged: readonly LiveFile[]): void {
  const liveFiles = planned.merged.reduce((sum, m) => sum + m.addedFilesCount + m.existingFilesCount, 0)
  const liveRows = planned.merged.reduce((sum, m) => sum + m.addedRowsCount + m.existingRowsCount, 0n)
  const rows = merged.reduce((sum, file) => sum + file.recordCount, 0n)
  invariant(
    merged.length === liveFiles && rows === liveRows,
    `the manifests merged into ${planned.path} have ${liveFiles} live files with ${liveRows} rows, found ${merged.length} with ${rows}`,
  )
  for (const file of merged)
    invariant(
      file.specId === planned.specId,
      `${file.path} merged into ${planned.path} has spec ${planned.specId}, found ${file.specId}`,
    )
}

function checkTotals(snapshot: SnapshotRecord, manifests: readonly ManifestRecord[]): void {
  const rows = manifests.reduce((sum, m) => sum + m.addedRowsCount + m.existingRowsCount, 0n)
  invariant(
    String(rows) === snapshot.summary['total-records'],
    `the manifests of snapshot ${snapshot.snapshotId} list its ${snapshot.summary['total-records']} rows, found ${rows}`,
  )
}

function addedEntry(file: LiveFile): ManifestEntry {
  return {
    status: 'added',
    recordCount: file.recordCount,
    partition: file.partition,
    encoded: file.encoded,
  }
}

/** Named for the snapshot that removes it, with the sequence number that it was added with (table spec, "Manifest Entry Fields"). */
function deletedEntry(file: LiveFile, snapshotId: bigint): ManifestEntry {
  return { ...existingEntry(file), status: 'deleted', snapshotId }
}

function existingEntry(file: LiveFile): ManifestEntry {
  const { snapshotId, sequenceNumber } = file
  invariant(
    snapshotId !== undefined && sequenceNumber !== undefined,
    `${file.path} in an earlier manifest has its snapshot id and sequence number`,
  )
  return {
    status: 'existing',
    snapshotId,
    sequenceNumber,
    // Appended files have one sequence number for their data and for themselves.
    fileSequenceNumber: sequenceNumber,
    recordCount: file.recordCount,
    partition: file.partition,
    encoded: file.encoded,
  }
}
