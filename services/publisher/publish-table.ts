/** Publishes one table: cut a snapshot when there is something new, let old ones expire, bring every catalog up to date. */
import type { Catalog } from '../../catalog-adapters/catalog.ts'
import type { SnapshotRetentionConfig } from '../../shared/config/config.ts'
import { selectExpired } from '../../shared/iceberg/expire-snapshots.ts'
import type { SnapshotRecord } from '../../shared/metadata/metadata-store.ts'
import { withLease } from '../../shared/metadata/with-lease.ts'
import { invariant } from '../../shared/runtime/errors.ts'
import type { Report } from '../progress.ts'
import { type CutContext, cutSnapshot } from './cut-snapshot.ts'
import { type CatalogOutcome, publishToCatalog } from './publish-to-catalog.ts'

export interface PublishTableContext extends CutContext {
  readonly catalogs: readonly Catalog[]
  readonly retention: SnapshotRetentionConfig
  readonly holder: string
  readonly report: Report
}

/** `busy`: another process is publishing this table right now. */
export type PublishOutcome =
  | (CatalogOutcome & { readonly table: string; readonly catalog: string; readonly durationMs: number })
  | { readonly kind: 'busy'; readonly table: string }

export async function publishTable(
  context: PublishTableContext,
  tableName: string,
): Promise<readonly PublishOutcome[]> {
  const { metadata, runtime, catalogs } = context
  const table = await metadata.loadTable(tableName)
  invariant(table !== undefined, `the declared table ${tableName} is in the database`)
  const outcomes = await withLease(context, `publish:${table.tableId}`, async () => {
    if (await cutAndMeasure(context, table.tableId)) await expireOld(context, table.tableId)
    const published: PublishOutcome[] = []
    for (const catalog of catalogs) {
      const startedMs = runtime.monotonicMs()
      const outcome = await publishToCatalog(context, table, catalog)
      const durationMs = runtime.monotonicMs() - startedMs
      published.push({ ...outcome, table: tableName, catalog: catalog.name, durationMs })
    }
    return published
  })
  return outcomes ?? [{ kind: 'busy', table: tableName }]
}

/** Whether there was something to cut. */
async function cutAndMeasure(context: PublishTableContext, tableId: string): Promise<boolean> {
  const { runtime, report } = context
  const startedMs = runtime.monotonicMs()
  if ((await cutSnapshot(context, tableId)) === undefined) return false
  const durationMs = runtime.monotonicMs() - startedMs
  report({ kind: 'measured', measure: { step: 'cut', durationMs } })
  return true
}

/** Metadata only. A snapshot that an unfinished publication still has to show stays. */
async function expireOld(context: PublishTableContext, tableId: string): Promise<void> {
  const { metadata, runtime, retention } = context
  const snapshots = await metadata.listSnapshots(tableId)
  const expired = selectExpired(snapshots, { ...retention, nowMs: runtime.nowMs() })
  if (expired.length === 0) return
  const publications = await metadata.listPublications(tableId)
  const pending = new Set(publications.map(publication => publication.intent?.snapshotId))
  const firstPending = snapshots.findIndex((snapshot: SnapshotRecord) => pending.has(snapshot.snapshotId))
  const free = firstPending < 0 ? snapshots : snapshots.slice(0, firstPending)
  const freeIds = new Set(free.map(snapshot => snapshot.snapshotId))
  await metadata.expireSnapshots(
    tableId,
    expired.filter(snapshotId => freeIds.has(snapshotId)),
  )
}
