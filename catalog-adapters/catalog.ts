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
  readonly tableUuid: string
  readonly metadataLocation: string
  readonly metadata: TableMetadata
}

export interface CatalogCommit {
  readonly identifier: TableIdentifier
  /** What the catalog must still show, or the outcome is `conflict`; absent when the table is to be created. */
  readonly base?: {
    readonly tableUuid: string
    readonly metadataLocation: string
    readonly snapshotId?: bigint
  }
  /** The whole new metadata, rendered; catalogs that keep only a pointer write it at `metadataLocation`. */
  readonly metadata: TableMetadata
  readonly metadataLocation: string
}

export interface Catalog {
  readonly name: string
  readonly type: 'embedded' | 'rest' | 'glue' | 'unity' | 'polaris'
  /** `undefined` when the catalog has no such table. Errors are AppErrors with the catalog's own words explained. */
  loadTable(identifier: TableIdentifier): Promise<CatalogTable | undefined>
  commit(commit: CatalogCommit): Promise<CommitOutcome>
  close(): Promise<void>
}
