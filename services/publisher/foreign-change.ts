/**
 * What others did to a table in a catalog, recognised by uuid, snapshots and ids. Nothing of it is overwritten: the table is held in that
 * catalog until a person decides. Pure.
 */
import { type CatalogTable, TABLE_ID_PROPERTY } from '../../catalog-adapters/catalog.ts'
import { currentSnapshotOf, differenceOf } from '../../shared/iceberg/table-changes.ts'
import type { TableMetadata } from '../../shared/iceberg/table-metadata.ts'
import type { Publication, SnapshotRecord, TableDetail } from '../../shared/metadata/metadata-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'

/** The error code of a publication that a person has released with `resume`. */
export const RELEASED_CODE = 'publication-released'

export interface Standing {
  readonly table: TableDetail
  readonly publication: Publication
  /** Cut and not expired, oldest first. */
  readonly snapshots: readonly SnapshotRecord[]
  /** What the catalog is to show next. */
  readonly wanted: TableMetadata
}

/** `undefined` where the catalog shows what Tidewater published there, or nothing where it published nothing. */
export function foreignChange(standing: Standing, current: CatalogTable | undefined): AppError | undefined {
  const found = current === undefined ? missing(standing) : changed(standing, current)
  if (found === undefined) return undefined
  const { table, publication } = standing
  return new AppError({
    code: found.code,
    next: 'park',
    message: `Catalog ${publication.catalog} shows ${table.name} ${found.what}. Nothing was overwritten; the table is held there.`,
  })
}

interface Found {
  readonly code: string
  /** Completes "Catalog … shows …". */
  readonly what: string
}

function missing({ publication }: Standing): Found | undefined {
  if (publication.metadataLocation === undefined || isReleased(publication)) return undefined
  return {
    code: 'table-dropped',
    what: 'no longer: somebody dropped or renamed it, or whoever asks may not see it any more. Once it is released, it is published there anew with all its snapshots',
  }
}

/** A person has looked into it: what is gone is made again, and what went back is brought forward. */
const isReleased = ({ lastErrorCode }: Publication) => lastErrorCode === RELEASED_CODE

function changed(standing: Standing, current: CatalogTable): Found | undefined {
  return replaced(standing, current) ?? otherSnapshot(standing, current) ?? otherIds(standing, current)
}

function replaced({ table, publication }: Standing, current: CatalogTable): Found | undefined {
  const expected = publication.tableUuid ?? table.tableId
  const isOurs = current.metadata.properties[TABLE_ID_PROPERTY] === table.tableId
  if (current.tableUuid === expected || isOurs) return undefined
  return {
    code: 'table-replaced',
    what: `with the table uuid ${current.tableUuid}, not ${expected}: another table stands under its name`,
  }
}

function otherSnapshot({ publication, snapshots }: Standing, { metadata }: CatalogTable): Found | undefined {
  const shown = currentSnapshotOf(metadata)
  const published = publication.snapshotId
  const positions = new Map(snapshots.map(({ snapshotId }, at) => [snapshotId, at]))
  if (shown === undefined) {
    return published === undefined || isReleased(publication)
      ? undefined
      : { code: 'foreign-rollback', what: `without a snapshot, where it was at ${published}` }
  }
  const isOurs = positions.has(shown) || shown === published || shown === publication.intent?.snapshotId
  if (!isOurs) {
    const parent = metadata.snapshots.find(({ snapshotId }) => snapshotId === shown)?.parentSnapshotId
    const onOurs = parent !== undefined && (positions.has(parent) || parent === published)
    const where = onOurs ? ` on top of its own ${parent}` : ''
    return { code: 'foreign-snapshot', what: `at snapshot ${shown}${where}, which Tidewater did not write` }
  }
  const [before, now] = [published, shown].map(id => (id === undefined ? undefined : positions.get(id)))
  if (before === undefined || now === undefined || now >= before || isReleased(publication)) return undefined
  return {
    code: 'foreign-rollback',
    what: `at snapshot ${shown}, an earlier one than ${published}, where it was: somebody rolled it back`,
  }
}

function otherIds({ publication, wanted }: Standing, { metadata }: CatalogTable): Found | undefined {
  const difference = differenceOf(metadata, wanted)
  if (difference !== undefined) {
    const isNew = publication.metadataLocation === undefined
    return isNew
      ? {
          code: 'table-ids-differ',
          what: `with ${difference}. Files are read by these ids, so nothing was added: this catalog gives ids of its own; drop the table there, or leave this catalog out of its catalogs`,
        }
      : { code: 'foreign-schema', what: `with ${difference}` }
  }
  const [there, here] = [metadata.location, wanted.location].map(location => location.replace(/\/+$/, ''))
  if (there === here) return undefined
  return { code: 'table-moved', what: `at ${there}, not at ${here}, where its files are` }
}
