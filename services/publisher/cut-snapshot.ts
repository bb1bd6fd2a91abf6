/**
 * Cuts a snapshot of a table's virtual state, once for all its catalogs: intent → manifests → manifest list → cut.
 *
 * The intent is written first and fixes the id, the parent, the version, the time and every key. After a crash anywhere the next
 * round finds it, renders the same bytes under the same keys, and goes on. Callers hold the table's publish lease.
 */

import { DEFAULT_MERGE_POLICY, type MergePolicy } from '../../shared/iceberg/plan-manifests.ts'
import {
  planSnapshot,
  renderSnapshotObjects,
  type SnapshotPlan,
} from '../../shared/iceberg/render-snapshot.ts'
import type {
  LiveFile,
  MetadataStore,
  SnapshotInput,
  SnapshotRecord,
} from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { putImmutable } from '../../shared/object-store/put-immutable.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'

export interface CutContext {
  readonly metadata: MetadataStore
  readonly warehouse: ObjectStore
  readonly runtime: Runtime
  /** When small manifests are merged; simulations merge sooner than the default. */
  readonly mergePolicy?: MergePolicy
}

/** Snapshots of one round: files added and removed by turns since the last one need one each, and bounds what one round takes. */
const MAX_SNAPSHOTS_PER_ROUND = 100

/** The newest of the new snapshots, or `undefined` when the last one shows the state as it is. */
export async function cutSnapshot(context: CutContext, tableId: string): Promise<SnapshotRecord | undefined> {
  let newest: SnapshotRecord | undefined
  for (let cuts = 0; cuts < MAX_SNAPSHOTS_PER_ROUND; cuts++) {
    const input = await context.metadata.loadSnapshotInput(tableId)
    const { intent, newFiles, removedFiles } = input
    if (intent === undefined && newFiles.length === 0 && removedFiles.length === 0) return newest
    newest = await cutNext(context, input)
    // What a crash left behind shows the state of then: what was committed since follows at once.
    if (intent === undefined && input.version === input.table.version) return newest
  }
  return newest
}

async function cutNext(context: CutContext, input: SnapshotInput): Promise<SnapshotRecord> {
  const { metadata, warehouse, runtime } = context
  const plan = planSnapshot(input, {
    snapshotId: newSnapshotId(runtime),
    timestampMs: runtime.nowMs(),
    mergePolicy: context.mergePolicy ?? DEFAULT_MERGE_POLICY,
  })
  // The sidecar's name is its content's hash, so it may stand before the intent that names it.
  if (plan.sidecar !== undefined) await putImmutable(warehouse, plan.sidecar.path, plan.sidecar.bytes)
  if (input.intent === undefined) await metadata.insertSnapshotIntent(plan.snapshot)

  const { objects, cut } = renderSnapshotObjects(plan, await loadMergedFiles(metadata, plan))
  for (const { path, bytes } of objects) {
    if ((await putImmutable(warehouse, path, bytes)) === 'differs') {
      await metadata.abandonSnapshot(plan.snapshot.tableId, plan.snapshot.snapshotId)
      throw objectDiffers(plan.snapshot, path)
    }
  }
  await metadata.completeSnapshot(cut)
  return { ...plan.snapshot, state: 'cut' }
}

async function loadMergedFiles(
  metadata: MetadataStore,
  plan: SnapshotPlan,
): Promise<ReadonlyMap<string, readonly LiveFile[]>> {
  const files = new Map<string, readonly LiveFile[]>()
  for (const { path, merged } of plan.merges) {
    const paths = merged.map(manifest => manifest.path)
    files.set(path, await metadata.listFilesOfManifests(plan.snapshot.tableId, paths))
  }
  if (plan.merges.length > 0) await refuseOvertaken(metadata, plan.snapshot)
  return files
}

/** Files leave the merged manifests when the snapshot is cut: those listed after another publisher did so are not the ones to write. */
async function refuseOvertaken(
  metadata: MetadataStore,
  { tableId, snapshotId }: SnapshotRecord,
): Promise<void> {
  const { intent } = await metadata.loadSnapshotInput(tableId)
  if (intent?.snapshotId === snapshotId) return
  throw new AppError({
    code: 'snapshot-stale',
    next: 'retry',
    message: `Cutting snapshot ${snapshotId} of table ${tableId}: another publisher has finished it or given it up meanwhile; the table is loaded again.`,
    details: { tableId, snapshotId },
  })
}

/** A random positive 63-bit number: ids must not collide between writers, and readers expect no order in them. */
function newSnapshotId(runtime: Runtime): bigint {
  const hex = runtime.uuid().replaceAll('-', '')
  const folded = BigInt(`0x${hex.slice(0, 16)}`) ^ BigInt(`0x${hex.slice(16)}`)
  return BigInt.asUintN(63, folded) || 1n
}

function objectDiffers(snapshot: SnapshotRecord, path: string): AppError {
  return new AppError({
    code: 'object-differs',
    next: 'retry',
    message: `Writing ${path} of snapshot ${snapshot.snapshotId}: another content stands there already. The snapshot is given up and cut again under a new id; the object is left alone.`,
    details: { path, snapshotId: snapshot.snapshotId },
  })
}
