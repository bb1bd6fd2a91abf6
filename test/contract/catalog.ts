/** What every catalog does, whatever keeps it. An implementation's test file calls `describeCatalog`. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Catalog, CatalogCommit, TableIdentifier } from '../../catalog-adapters/catalog.ts'
import type { TableMetadata } from '../../shared/iceberg/table-metadata.ts'

export interface OpenedCatalog {
  readonly catalog: Catalog
  readonly identifier: TableIdentifier
  /** Metadata of the table at its n-th version, and where it belongs. */
  metadata(version: number): { readonly metadata: TableMetadata; readonly metadataLocation: string }
  /** What the publisher does after a commit. */
  confirm(version: number): Promise<void>
  /** Puts something else where the metadata of that version belongs. */
  occupy(version: number): Promise<void>
  close(): Promise<void>
}

export function describeCatalog(name: string, open: () => Promise<OpenedCatalog>): void {
  describe(`catalog ${name}`, () => {
    let opened: OpenedCatalog
    beforeEach(async () => {
      opened = await open()
    })
    afterEach(() => opened.close())

    async function commit(version: number) {
      const { catalog, identifier } = opened
      const current = await catalog.loadTable(identifier)
      const snapshotId = current?.metadata.snapshots.at(-1)?.snapshotId
      const base: CatalogCommit['base'] = current && {
        tableUuid: current.tableUuid,
        metadataLocation: current.metadataLocation,
        ...(snapshotId !== undefined && { snapshotId }),
      }
      return await catalog.commit({ identifier, ...opened.metadata(version), ...(base && { base }) })
    }

    test('a table that was never committed is not there', async () => {
      expect(await opened.catalog.loadTable(opened.identifier)).toBeUndefined()
    })

    test('what was committed and confirmed is shown, with the very metadata', async () => {
      for (const version of [1, 2]) {
        const { metadata, metadataLocation } = opened.metadata(version)
        expect(await commit(version)).toEqual({ kind: 'committed', metadataLocation })
        await opened.confirm(version)
        const shown = await opened.catalog.loadTable(opened.identifier)
        expect(shown).toEqual({ tableUuid: metadata.tableUuid, metadataLocation, metadata })
      }
    })

    test('the same commit again arrives again', async () => {
      await commit(1)
      expect(await commit(1)).toMatchObject({ kind: 'committed' })
    })

    test('other content under the name of the metadata is a conflict, and is left alone', async () => {
      await opened.occupy(1)
      expect(await commit(1)).toMatchObject({
        kind: 'conflict',
        message: expect.stringContaining('metadata'),
      })
    })
  })
}
