/** Opens the configured catalogs, by name. */
import type { CatalogConfig } from '../shared/config/config.ts'
import type { Catalog } from './catalog.ts'
import { createEmbeddedCatalog, type EmbeddedCatalogContext } from './embedded/embedded-catalog.ts'

export function openCatalogs(
  configs: readonly CatalogConfig[],
  context: EmbeddedCatalogContext,
): ReadonlyMap<string, Catalog> {
  return new Map(configs.map(({ name }) => [name, createEmbeddedCatalog(name, context)]))
}
