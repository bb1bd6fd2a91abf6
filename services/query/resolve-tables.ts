/**
 * From the names in a statement to tables. A name's parts are joined by dots, so `analytics.eu.orders` and `"analytics.eu".orders` are
 * the same table. A name without a namespace is never one of ours: it is a common table expression, or DuckDB says what is missing.
 */
import { closest } from '../../shared/config/suggest.ts'
import type { TableDetail } from '../../shared/metadata/metadata-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import {
  nodesOfType,
  referenceOf,
  referenceText,
  type SyntaxNode,
  type TableReference,
} from './syntax-tree.ts'
import { SYSTEM_NAMESPACE, SYSTEM_TABLES, type SystemTable } from './system-tables.ts'

export type NamedTable =
  | { readonly kind: 'data'; readonly table: TableDetail }
  | { readonly kind: 'system'; readonly table: SystemTable }

/** One mention of a table in a statement. */
export interface Mention {
  readonly node: SyntaxNode
  readonly reference: TableReference
  readonly named: NamedTable
}

/** DuckDB's own catalogs and schemas; a table in a namespace of these names cannot be told from them. */
const RESERVED = new Set(['system', 'temp', 'memory', 'information_schema', 'pg_catalog'])
/** Tables named in an error. */
const MAX_NAMED = 20

/** Throws `unknown-table` with the nearest name. */
export function resolveTables(tree: SyntaxNode, tables: readonly TableDetail[]): readonly Mention[] {
  const mentions: Mention[] = []
  for (const node of nodesOfType(tree, 'BASE_TABLE')) {
    const reference = referenceOf(node)
    if (reference.schema === '' || isDuckDBs(reference)) continue
    mentions.push({ node, reference, named: find(reference, tables) })
  }
  return mentions
}

/** `information_schema.columns`, `pg_catalog.pg_tables`: they show what the statement has opened. */
function isDuckDBs({ catalog, schema }: TableReference): boolean {
  return catalog === '' && RESERVED.has(schema.toLowerCase())
}

function find(reference: TableReference, tables: readonly TableDetail[]): NamedTable {
  const name = referenceText(reference)
  const system = SYSTEM_TABLES.find(table => sameName(`${SYSTEM_NAMESPACE}.${table.name}`, name))
  if (system !== undefined) return { kind: 'system', table: system }
  const table =
    tables.find(known => known.name === name) ?? onlyOne(tables.filter(known => sameName(known.name, name)))
  if (table !== undefined) return { kind: 'data', table }
  throw new AppError({
    code: 'unknown-table',
    next: 'fatal',
    message: `There is no table ${name}. ${suggestTable(
      name,
      tables.map(known => known.name),
    )}`,
  })
}

/** What to write instead of a name that is no table's; also for names without a namespace. */
export function suggestTable(name: string, tableNames: readonly string[]): string {
  const all = [...tableNames, ...SYSTEM_TABLES.map(table => `${SYSTEM_NAMESPACE}.${table.name}`)]
  const lastPart = (full: string) => full.slice(full.lastIndexOf('.') + 1)
  const near =
    all.find(known => sameName(lastPart(known), name)) ??
    closest(name, all) ??
    all.find(known => closest(lastPart(name), [lastPart(known)]) !== undefined)
  const listed = all.slice(0, MAX_NAMED).join(', ')
  return near === undefined
    ? `There are: ${listed}${all.length > MAX_NAMED ? `, and ${all.length - MAX_NAMED} more` : ''}.`
    : `Did you mean ${near}?`
}

function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}

function onlyOne<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined
}
