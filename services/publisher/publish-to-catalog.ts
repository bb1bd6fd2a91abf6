/**
 * Brings one catalog up to the newest snapshot of a table: intent → metadata → commit → confirm.
 *
 * A catalog that was behind catches up in one commit that carries every missed snapshot not yet expired. After an answer that is no
 * answer the intent stays, and the next round first looks whether the catalog shows it (DESIGN invariant 6). What the catalog shows
 * and Tidewater did not write is never overwritten: the table is held there until a person decides.
 */
import type { Catalog } from '../../catalog-adapters/catalog.ts'
import { tableIdentifierOf } from '../../shared/config/config.ts'
import { metadataFilePath } from '../../shared/iceberg/locations.ts'
import { previousVersionsMax, tableMetadataOf } from '../../shared/iceberg/table-metadata-of.ts'
import type {
  MetadataStore,
  Publication,
  PublicationIntent,
  ShownTable,
  SnapshotRecord,
  TableDetail,
} from '../../shared/metadata/metadata-store.ts'
import { AppError, invariant, unreachable } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { foreignChange } from './foreign-change.ts'

/** A catalog that fails for this long raises an event; shorter trouble passes by itself. */
export const REPORT_FAILING_AFTER_MS = 120_000

export interface PublishContext {
  readonly metadata: MetadataStore
  readonly runtime: Runtime
}

export type CatalogOutcome =
  | { readonly kind: 'published'; readonly metadataLocation: string; readonly snapshot?: SnapshotRecord }
  | { readonly kind: 'unchanged' }
  /** Tried again at the next round. */
  | { readonly kind: 'failed'; readonly error: AppError }
  /** Waits for a person. */
  | { readonly kind: 'held'; readonly error: AppError }

export async function publishToCatalog(
  context: PublishContext,
  table: TableDetail,
  catalog: Catalog,
): Promise<CatalogOutcome> {
  const outcome = await bringForward(context, table, catalog)
  if (outcome.kind !== 'published') return outcome
  // An intent that a crash left behind may show an older snapshot: the newest follows at once.
  const next = await bringForward(context, table, catalog)
  return next.kind === 'unchanged' ? outcome : next
}

async function bringForward(
  context: PublishContext,
  table: TableDetail,
  catalog: Catalog,
): Promise<CatalogOutcome> {
  const { metadata } = context
  const publication = await metadata.loadPublication(table.tableId, catalog.name)
  if (publication.state === 'held') return { kind: 'held', error: heldError(table, catalog, publication) }
  const snapshots = await metadata.listSnapshots(table.tableId)
  if (publication.intent === undefined && showsNewest(publication, snapshots)) return { kind: 'unchanged' }
  try {
    return await publish(context, { table, catalog, publication, snapshots })
  } catch (cause) {
    if (!(cause instanceof AppError) || cause.next === 'fatal') throw cause
    const state = cause.next === 'park' ? 'held' : 'failing'
    await metadata.failPublication(table.tableId, catalog.name, {
      state,
      code: cause.code,
      message: cause.message,
      atVersion: publication.metadataVersion,
      reportAfterMs: REPORT_FAILING_AFTER_MS,
    })
    if (state === 'held') await reportHeld(metadata, { table, catalog, cause })
    return { kind: state === 'held' ? 'held' : 'failed', error: cause }
  }
}

interface Publishing {
  readonly table: TableDetail
  readonly catalog: Catalog
  readonly publication: Publication
  readonly snapshots: readonly SnapshotRecord[]
}

async function publish(context: PublishContext, publishing: Publishing): Promise<CatalogOutcome> {
  const { metadata } = context
  const { table, catalog, publication, snapshots } = publishing
  const identifier = tableIdentifierOf(table.name)
  const current = await catalog.loadTable(identifier)
  await refuseOvertaken(context, publishing)

  const intent = publication.intent ?? newIntent(context.runtime, publishing)
  const { metadataLocation, timestampMs } = intent
  const shown = upTo(snapshots, intent.snapshotId)
  const wanted = tableMetadataOf({ table, snapshots: shown, publication, timestampMs })
  const foreign = foreignChange({ table, publication, snapshots, wanted }, current)
  if (foreign !== undefined) throw foreign

  if (publication.intent === undefined)
    await metadata.beginPublication(table.tableId, catalog.name, intent, publication.metadataVersion)
  // An earlier attempt may have arrived without our hearing of it. A catalog that writes files of its own finds nothing left to change.
  if (current?.metadataLocation === metadataLocation)
    return await confirm(context, publishing, { intent, shown: current })

  const outcome = await catalog.commit({
    identifier,
    ...(current !== undefined && { base: current }),
    metadata: wanted,
    metadataLocation,
  })
  switch (outcome.kind) {
    case 'committed':
      return await confirm(context, publishing, { intent, shown: outcome })
    case 'created':
      // What it is now is judged as any table that the catalog shows; it is there, so this happens once.
      invariant(
        current === undefined,
        `catalog ${catalog.name} created ${table.name}, which it showed before`,
      )
      return await publish(context, { ...publishing, publication: { ...publication, intent } })
    case 'conflict':
      return failed(publishing, context, {
        code: 'publish-conflict',
        message: outcome.message,
        dropIntent: intent,
      })
    case 'unknown':
      return failed(publishing, context, {
        code: 'publish-outcome-unknown',
        message: `the commit had no clear answer (${outcome.cause instanceof Error ? outcome.cause.message : String(outcome.cause)}); the next round looks whether it arrived`,
      })
    default:
      return unreachable(outcome)
  }
}

async function confirm(
  { metadata }: PublishContext,
  { table, catalog, snapshots }: Publishing,
  { intent, shown }: { readonly intent: PublicationIntent; readonly shown: ShownTable },
): Promise<CatalogOutcome> {
  const { metadataLocation, tableUuid } = shown
  await metadata.confirmPublication(
    table.tableId,
    catalog.name,
    intent,
    previousVersionsMax(table.properties),
    { metadataLocation, tableUuid },
  )
  const snapshot = snapshots.find(candidate => candidate.snapshotId === intent.snapshotId)
  return { kind: 'published', metadataLocation, ...(snapshot !== undefined && { snapshot }) }
}

async function failed(
  { table, catalog, publication }: Publishing,
  { metadata }: PublishContext,
  failure: { readonly code: string; readonly message: string; readonly dropIntent?: PublicationIntent },
): Promise<CatalogOutcome> {
  const message = `Publishing ${table.name} to catalog ${catalog.name}: ${failure.message}`
  const atVersion = publication.metadataVersion
  await metadata.failPublication(table.tableId, catalog.name, {
    ...failure,
    message,
    state: 'failing',
    atVersion,
    reportAfterMs: REPORT_FAILING_AFTER_MS,
  })
  return { kind: 'failed', error: new AppError({ code: failure.code, next: 'retry', message }) }
}

function showsNewest(publication: Publication, snapshots: readonly SnapshotRecord[]): boolean {
  return publication.metadataLocation !== undefined && publication.snapshotId === snapshots.at(-1)?.snapshotId
}

function newIntent(runtime: Runtime, { table, publication, snapshots }: Publishing): PublicationIntent {
  const newest = snapshots.at(-1)
  return {
    ...(newest !== undefined && { snapshotId: newest.snapshotId }),
    metadataLocation: metadataFilePath(table.location, publication.metadataVersion + 1, runtime.uuid()),
    // Never before the snapshot that it shows, nor before the metadata that it replaces, whatever clocks say.
    timestampMs: Math.max(runtime.nowMs(), newest?.timestampMs ?? 0, publication.metadataTimestampMs ?? 0),
  }
}

/** Snapshots that an intent shows: those up to its own, which a younger cut may have followed by now. */
function upTo(
  snapshots: readonly SnapshotRecord[],
  snapshotId: bigint | undefined,
): readonly SnapshotRecord[] {
  if (snapshotId === undefined) return []
  const index = snapshots.findIndex(snapshot => snapshot.snapshotId === snapshotId)
  invariant(index >= 0, `snapshot ${snapshotId}, which a publication is to show, has not expired`)
  return snapshots.slice(0, index + 1)
}

/**
 * What the catalog shows can be judged only against what Tidewater knew when it was read: a publisher that was overtaken between the two
 * would take its own table for a foreign one.
 */
async function refuseOvertaken(
  { metadata }: PublishContext,
  { table, catalog, publication }: Publishing,
): Promise<void> {
  const now = await metadata.loadPublication(table.tableId, catalog.name)
  if (
    now.metadataVersion === publication.metadataVersion &&
    now.intent?.metadataLocation === publication.intent?.metadataLocation
  )
    return
  throw new AppError({
    code: 'publication-overtaken',
    next: 'retry',
    message: `Publishing ${table.name} to catalog ${catalog.name}: another publisher did so meanwhile. The table is loaded again.`,
  })
}

async function reportHeld(
  metadata: MetadataStore,
  {
    table,
    catalog,
    cause,
  }: { readonly table: TableDetail; readonly catalog: Catalog; readonly cause: AppError },
): Promise<void> {
  await metadata.appendEvent({
    type: 'publication.held',
    tableId: table.tableId,
    message: `${cause.message} Look into it, then: tidewater resume ${table.name} --why …`,
    details: { catalog: catalog.name, code: cause.code },
  })
}

function heldError(table: TableDetail, catalog: Catalog, publication: Publication): AppError {
  return new AppError({
    code: publication.lastErrorCode ?? 'publication-held',
    next: 'park',
    message: publication.lastErrorMessage ?? `Table ${table.name} is held for catalog ${catalog.name}.`,
  })
}
