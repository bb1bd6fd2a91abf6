/** A catalog of Glue from its configuration. Nothing is asked of AWS until a table is. */
import type { GlueCatalogConfig } from '../../shared/config/config.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import type { Catalog } from '../catalog.ts'
import { createGlueCatalog } from './glue-catalog.ts'
import { openGlue } from './glue-client.ts'

export interface GlueCatalogParts {
  readonly warehouse: ObjectStore
  readonly runtime: Pick<Runtime, 'sleep' | 'random'>
}

export function openGlueCatalog(
  { name, type: _, credentials, ...settings }: GlueCatalogConfig,
  { warehouse, runtime }: GlueCatalogParts,
): Catalog {
  const keys = credentials && {
    accessKeyId: credentials.accessKeyId.reveal(),
    secretAccessKey: credentials.secretAccessKey.reveal(),
    ...(credentials.sessionToken !== undefined && { sessionToken: credentials.sessionToken.reveal() }),
  }
  const glue = openGlue(name, { ...settings, ...(keys && { credentials: keys }) }, runtime)
  return createGlueCatalog(name, { glue, warehouse })
}
