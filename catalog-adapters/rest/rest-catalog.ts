/**
 * Any catalog that speaks the Iceberg REST catalog specification. It keeps the metadata of tables itself, so a commit says what changes
 * and what must still be so. The files of a snapshot are written before, under the table's own location, by Tidewater.
 */
import { stringifyExactJson } from '../../shared/iceberg/exact-json.ts'
import { changesBetween } from '../../shared/iceberg/table-changes.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { type Catalog, TABLE_ID_PROPERTY } from '../catalog.ts'
import { createTable } from './create-table.ts'
import type { RestClient } from './rest-client.ts'
import { committed, isMissing, nameOf, outcomeOf, tableIn, tablePath } from './table-requests.ts'

export interface RestCatalogContext {
  readonly client: RestClient
  /** For metadata files that the catalog is to register. */
  readonly warehouse: ObjectStore
  close(): Promise<void>
}

export function createRestCatalog(name: string, { client, warehouse, close }: RestCatalogContext): Catalog {
  const failedWays = new Set<string>()
  return {
    name,
    type: 'rest',
    traits: {
      keepsPointer: {
        holds: false,
        because:
          'the server writes metadata files of its own; Tidewater’s is at most registered when a table is created',
      },
    },
    async loadTable(identifier) {
      const purpose = {
        doing: `load table ${nameOf(identifier)}`,
        permission: 'read the metadata of the table',
      }
      const reply = await client.ask({ ...purpose, method: 'GET', path: await tablePath(client, identifier) })
      if (reply.kind === 'ok') return tableIn(client, purpose, reply.json)
      if (reply.kind === 'unknown') throw reply.cause
      if (isMissing(reply.refusal)) return undefined
      throw client.explain(purpose, reply.refusal)
    },
    async commit({ identifier, base, metadata, metadataLocation }) {
      if (base === undefined)
        return await createTable(
          { client, warehouse, failedWays },
          { identifier, metadata, metadataLocation },
        )
      // Whether the table is ours has been decided; its uuid is the catalog's.
      const wanted = { ...metadata, tableUuid: base.tableUuid }
      const changes = changesBetween(base.metadata, wanted, mayRemove)
      if (changes.updates.length === 0) return committed(base)
      const purpose = {
        doing: `commit to table ${nameOf(identifier)}`,
        permission: 'write the metadata of the table',
      }
      const path = await tablePath(client, identifier)
      const body = stringifyExactJson({ identifier, ...changes })
      return outcomeOf(client, purpose, await client.ask({ ...purpose, method: 'POST', path, body }))
    },
    close,
  }
}

/** Properties that engines and the server itself set are theirs. */
function mayRemove(property: string): boolean {
  return property.startsWith('tidewater.') && property !== TABLE_ID_PROPERTY
}
