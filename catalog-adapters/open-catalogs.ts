/** Opens the configured catalogs, by name. */
import type { CatalogConfig } from '../shared/config/config.ts'
import { unreachable } from '../shared/runtime/errors.ts'
import type { Catalog } from './catalog.ts'
import { createEmbeddedCatalog, type EmbeddedCatalogContext } from './embedded/embedded-catalog.ts'
import { type GlueCatalogParts, openGlueCatalog } from './glue/open-glue-catalog.ts'
import { openRestCatalog, type RestCatalogParts } from './rest/open-rest-catalog.ts'

export type CatalogParts = EmbeddedCatalogContext & RestCatalogParts & GlueCatalogParts

export function openCatalogs(
  configs: readonly CatalogConfig[],
  parts: CatalogParts,
): ReadonlyMap<string, Catalog> {
  return new Map(configs.map(config => [config.name, openCatalog(config, parts)]))
}

function openCatalog(config: CatalogConfig, parts: CatalogParts): Catalog {
  switch (config.type) {
    case 'embedded':
      return createEmbeddedCatalog(config.name, parts)
    case 'rest':
      return openRestCatalog(config, parts)
    case 'glue':
      return openGlueCatalog(config, parts)
    default:
      return unreachable(config)
  }
}
