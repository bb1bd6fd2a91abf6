/**
 * DuckDB's own syntax tree of a statement, as its `json_serialize_sql` gives it. The tree is DuckDB's and may grow: it is read leniently,
 * by what this program looks for, and whatever it does not know is left alone.
 */
import type { ExactJson } from '../../shared/iceberg/exact-json.ts'

export type SyntaxNode = { readonly [key: string]: ExactJson | undefined }

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function nodeAt(node: SyntaxNode, key: string): SyntaxNode | undefined {
  const value = node[key]
  return isNode(value) ? value : undefined
}

export function nodesAt(node: SyntaxNode, key: string): readonly SyntaxNode[] {
  const value = node[key]
  return Array.isArray(value) ? value.filter(isNode) : []
}

/** `''` where there is none, as DuckDB itself writes absent names. */
export function textAt(node: SyntaxNode, key: string): string {
  const value = node[key]
  return typeof value === 'string' ? value : ''
}

export function textsAt(node: SyntaxNode, key: string): readonly string[] {
  const value = node[key]
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : []
}

/** Every node at any depth with this `type`, parents before their children. */
export function* nodesOfType(root: unknown, type: string): Generator<SyntaxNode> {
  if (Array.isArray(root)) {
    for (const item of root) yield* nodesOfType(item, type)
  } else if (isNode(root)) {
    if (root.type === type) yield root
    for (const value of Object.values(root)) yield* nodesOfType(value, type)
  }
}

/** A table as the statement writes it. `catalog` and `schema` are `''` where they are not written. */
export interface TableReference {
  readonly catalog: string
  readonly schema: string
  readonly table: string
}

export function referenceOf(baseTable: SyntaxNode): TableReference {
  return {
    catalog: textAt(baseTable, 'catalog_name'),
    schema: textAt(baseTable, 'schema_name'),
    table: textAt(baseTable, 'table_name'),
  }
}

/** As people write it, without quotes: `shop.orders`. */
export function referenceText({ catalog, schema, table }: TableReference): string {
  return [catalog, schema, table].filter(part => part !== '').join('.')
}
