/**
 * The port to a catalog: one table of Tidewater's virtual state as that catalog knows it.
 * An adapter translates and classifies; the publisher decides. Each adapter passes `test/contract/catalog.ts`.
 */
import type { CommitOutcome } from '../shared/flow.ts'
import type { TableMetadata } from '../shared/iceberg/table-metadata.ts'

export interface TableIdentifier {
  readonly namespace: readonly string[]
  readonly name: string
}

/** A table as the catalog answers for it now. */
export interface CatalogTable {
  /** A catalog that makes its tables itself may give one of its own: then `TABLE_ID_PROPERTY` says whose the table is. */
  readonly tableUuid: string
  readonly metadataLocation: string
  readonly metadata: TableMetadata
}

export interface CatalogCommit {
  readonly identifier: TableIdentifier
  /** What the catalog must still show, as it was loaded, or the outcome is `conflict`; absent when the table is to be created. */
  readonly base?: CatalogTable
  /** The whole new metadata, rendered. A catalog that keeps metadata itself is told how it differs from `base`. */
  readonly metadata: TableMetadata
  /** Where the metadata belongs if the catalog takes it as a file: a pointer always does, another one at most when it registers a table. */
  readonly metadataLocation: string
}

/** The table property in which a catalog that gives tables uuids of its own keeps Tidewater's. */
export const TABLE_ID_PROPERTY = 'tidewater.table-id'

/** What not every catalog does, with the reason, for people and for the contract. */
export interface CatalogTraits {
  /** It knows where a table's metadata lies and nothing more; the file is Tidewater's. Others write metadata of their own. */
  readonly keepsPointer: Trait
}
export interface Trait {
  readonly holds: boolean
  readonly because: string
}

export interface Catalog {
  readonly name: string
  readonly type: 'embedded' | 'rest' | 'glue' | 'unity' | 'polaris'
  readonly traits: CatalogTraits
  /** `undefined` when the catalog has no such table. Errors are AppErrors with the catalog's own words explained. */
  loadTable(identifier: TableIdentifier): Promise<CatalogTable | undefined>
  commit(commit: CatalogCommit): Promise<CommitOutcome>
  close(): Promise<void>
}
