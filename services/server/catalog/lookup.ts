/** What the path of a request names: asked of the database at every request, and refused in the specification's words when it is not there. */
import { z } from 'zod'
import type { PublishedTable } from '../../../shared/metadata/metadata-store.ts'
import { namespaceName, noSuchNamespace, noSuchTable, tableName } from './names.ts'
import { cutPage, type NamesOnPage, pageOf } from './page.ts'
import type { CatalogContext } from './routes.ts'
import { knownWarehouse } from './warehouse.ts'

type LookupContext = Pick<CatalogContext, 'metadata' | 'catalogs'>

export const namespacePath = z.object({ warehouse: z.string(), namespace: z.string() })
const tablePath = namespacePath.extend({ table: z.string() })

export interface FoundTable extends PublishedTable {
  readonly catalog: string
}

export async function findTable({ metadata, catalogs }: LookupContext, params: unknown): Promise<FoundTable> {
  const path = tablePath.parse(params)
  const catalog = knownWarehouse(path.warehouse, catalogs)
  const name = tableName(path.namespace, path.table)
  const table = name === undefined ? undefined : await metadata.findPublishedTable(catalog, name)
  if (table === undefined) throw noSuchTable(path.namespace, path.table, catalog)
  return { ...table, catalog }
}

/** The namespace's name, its levels joined by dots. */
export async function findNamespace({ metadata, catalogs }: LookupContext, params: unknown): Promise<string> {
  const path = namespacePath.parse(params)
  const catalog = knownWarehouse(path.warehouse, catalogs)
  const namespace = namespaceName(path.namespace)
  if (namespace !== undefined) {
    const { exists } = await metadata.listPublishedNames(catalog, { namespace, kind: 'tables', limit: 0 })
    if (exists) return namespace
  }
  throw noSuchNamespace(path.namespace)
}

/** The page of the tables in the namespace that the query asks for. */
export async function listTables(
  { metadata, catalogs }: LookupContext,
  params: unknown,
  query: unknown,
): Promise<NamesOnPage> {
  const path = namespacePath.parse(params)
  const catalog = knownWarehouse(path.warehouse, catalogs)
  const namespace = namespaceName(path.namespace)
  if (namespace === undefined) throw noSuchNamespace(path.namespace)
  return await listNames({ metadata, catalog, namespace, kind: 'tables' }, query)
}

export interface Listing extends Pick<CatalogContext, 'metadata'> {
  readonly catalog: string
  /** The top when absent. */
  readonly namespace: string | undefined
  readonly kind: 'tables' | 'namespaces'
}

export async function listNames(
  { metadata, catalog, namespace, kind }: Listing,
  query: unknown,
): Promise<NamesOnPage> {
  const listing = `${kind} ${namespace ?? ''}`
  const page = pageOf(query, listing)
  const { exists, names } = await metadata.listPublishedNames(catalog, {
    kind,
    ...(namespace !== undefined && { namespace }),
    ...page,
    limit: page.limit + 1,
  })
  if (!exists) throw noSuchNamespace(namespace ?? '')
  return cutPage(names, page, listing)
}
