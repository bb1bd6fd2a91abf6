/**
 * What one catalog shows, by name: the questions of the embedded REST catalog, asked at every request, so each is one search of an index.
 * A table is shown once its publication there has a metadata location. Namespaces have no rows: they are the first parts of tables' names.
 */
import type { PublishedNames, PublishedNamesQuery, PublishedTable } from '../metadata-store.ts'
import { all, first, type Steps, statement } from '../steps.ts'

/** Names read at once; a namespace within the one that is listed costs at most one such read, however many tables it has. */
const NAMES_PER_READ = 100
/** The character after the dot that ends a namespace, and one after all that names begin with: both end a range of names. */
const AFTER_DOT = '/'
const AFTER_ALL_NAMES = '\x7f'

const selectPublishedTable = statement((db, p: { catalog: string; name: string }) =>
  db
    .selectFrom('iceberg_table')
    .innerJoin('publication', 'publication.table_id', 'iceberg_table.table_id')
    .select(['iceberg_table.table_id', 'name', 'location', 'metadata_location'])
    .where('name', '=', p.name)
    .where('catalog', '=', p.catalog)
    .where('metadata_location', 'is not', null),
)
const selectPublishedNames = statement(
  (db, p: { catalog: string; after: string; before: string; limit: number }) =>
    db
      .selectFrom('iceberg_table')
      .innerJoin('publication', 'publication.table_id', 'iceberg_table.table_id')
      .select('name')
      .where('name', '>', p.after)
      .where('name', '<', p.before)
      .where('catalog', '=', p.catalog)
      .where('metadata_location', 'is not', null)
      .orderBy('name')
      .limit(p.limit),
)

export function* findPublishedTable(catalog: string, name: string): Steps<PublishedTable | undefined> {
  const row = yield* first(selectPublishedTable, { catalog, name })
  if (row === undefined || row.metadata_location === null) return undefined
  return {
    tableId: row.table_id,
    name: row.name,
    location: row.location,
    metadataLocation: row.metadata_location,
  }
}

export function* listPublishedNames(catalog: string, query: PublishedNamesQuery): Steps<PublishedNames> {
  const names = yield* namesIn(catalog, query)
  if (names.length > 0) return { exists: true, names }
  const { start, before } = rangeOf(query.namespace)
  const [any] = yield* all(selectPublishedNames, { catalog, after: start, before, limit: 1 })
  return { exists: query.namespace === undefined || any !== undefined, names }
}

/** Goes through the names in order; one of a namespace further down is answered with, or passed over with, all others of that namespace. */
function* namesIn(
  catalog: string,
  { namespace, kind, after, limit }: PublishedNamesQuery,
): Steps<readonly string[]> {
  const { start, before } = rangeOf(namespace)
  const names: string[] = []
  let cursor = after === undefined ? start : kind === 'namespaces' ? `${after}${AFTER_DOT}` : after
  while (names.length < limit) {
    const rows = yield* all(selectPublishedNames, { catalog, after: cursor, before, limit: NAMES_PER_READ })
    for (const { name } of rows) {
      if (name < cursor || names.length === limit) continue
      const dot = name.indexOf('.', start.length)
      const found = dot < 0 ? name : name.slice(0, dot)
      if (dot < 0 === (kind === 'tables')) names.push(found)
      cursor = dot < 0 ? name : `${found}${AFTER_DOT}`
    }
    if (rows.length < NAMES_PER_READ) break
  }
  return names
}

function rangeOf(namespace: string | undefined): { readonly start: string; readonly before: string } {
  return namespace === undefined
    ? { start: '', before: AFTER_ALL_NAMES }
    : { start: `${namespace}.`, before: `${namespace}${AFTER_DOT}` }
}
