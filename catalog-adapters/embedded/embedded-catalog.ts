/**
 * The embedded catalog: metadata files in the warehouse, and the pointer to the current one in the metadata database, moved when the
 * publisher confirms. So a commit here is one immutable object, and a crash before the confirmation leaves an orphan, nothing else.
 */
import { parseTableMetadata, renderTableMetadata } from '../../shared/iceberg/table-metadata-json.ts'
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import { locationToKey } from '../../shared/object-store/locations.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { putImmutable } from '../../shared/object-store/put-immutable.ts'
import type { Catalog, TableIdentifier } from '../catalog.ts'

export interface EmbeddedCatalogContext {
  readonly metadata: MetadataStore
  readonly warehouse: ObjectStore
}

export function createEmbeddedCatalog(
  name: string,
  { metadata, warehouse }: EmbeddedCatalogContext,
): Catalog {
  return {
    name,
    type: 'embedded',
    traits: {
      keepsPointer: { holds: true, because: 'the pointer is a column of the metadata database' },
    },
    async loadTable(identifier) {
      const table = await metadata.loadTable(nameOf(identifier))
      if (table === undefined) return undefined
      const { metadataLocation } = await metadata.loadPublication(table.tableId, name)
      if (metadataLocation === undefined) return undefined
      const bytes = await warehouse.get(locationToKey(warehouse, metadataLocation))
      return {
        tableUuid: table.tableId,
        metadataLocation,
        metadata: parseTableMetadata(bytes, metadataLocation),
      }
    },
    async commit({ metadata: tableMetadata, metadataLocation }) {
      const outcome = await putImmutable(warehouse, metadataLocation, renderTableMetadata(tableMetadata))
      if (outcome === 'differs') {
        return {
          kind: 'conflict',
          message: `another content stands at ${metadataLocation}; it is left alone and a new name is taken`,
        }
      }
      return { kind: 'committed', metadataLocation, tableUuid: tableMetadata.tableUuid }
    },
    async close() {},
  }
}

function nameOf({ namespace, name }: TableIdentifier): string {
  return [...namespace, name].join('.')
}
