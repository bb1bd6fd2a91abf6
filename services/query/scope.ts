/**
 * What one SELECT says of the tables in its FROM: which are ours, under which names, the conditions on all of its rows, and which
 * column a name in them means. Whatever is not surely one column of one table is none.
 */
import type { IcebergType, NestedField, PrimitiveType, Schema } from '../../shared/iceberg/schema.ts'
import { isPrimitive } from '../../shared/iceberg/schema-lookup.ts'
import { nodeAt, nodesAt, referenceOf, type SyntaxNode, textAt, textsAt } from './syntax-tree.ts'

export interface PredicateColumn {
  readonly id: number
  readonly type: PrimitiveType
}

export interface Source {
  readonly node: SyntaxNode
  readonly schema: Schema
  /** Names that may stand before a column of it. */
  readonly names: readonly string[]
  /** A row of it that fails a condition is dropped. */
  readonly safe: boolean
}

export interface Scope {
  readonly sources: readonly Source[]
  /** Something else is in FROM, whose columns are not known. */
  readonly opaque: boolean
  readonly conditions: readonly SyntaxNode[]
  /** Lower case; DuckDB lets WHERE name what SELECT names. */
  readonly aliases: ReadonlySet<string>
}

export function scopeOf(
  select: SyntaxNode,
  schemaOf: (baseTable: SyntaxNode) => Schema | undefined,
): Scope | undefined {
  const from = nodeAt(select, 'from_table')
  if (from === undefined || nodeAt(select, 'sample') !== undefined || hasSample(from)) return undefined
  const sources: Source[] = []
  const conditions: SyntaxNode[] = []
  let opaque = false
  const visit = (node: SyntaxNode, safe: boolean): void => {
    const type = textAt(node, 'type')
    const schema = type === 'BASE_TABLE' ? schemaOf(node) : undefined
    if (schema !== undefined && textsAt(node, 'column_name_alias').length === 0) {
      sources.push({ node, schema, names: namesOf(node), safe })
    } else if (type === 'JOIN') {
      const sides = safeSides(node)
      const condition = nodeAt(node, 'condition')
      if (safe && sides.left && sides.right && condition !== undefined) conditions.push(condition)
      const left = nodeAt(node, 'left')
      const right = nodeAt(node, 'right')
      if (left !== undefined) visit(left, safe && sides.left)
      if (right !== undefined) visit(right, safe && sides.right)
    } else {
      opaque = true
    }
  }
  visit(from, true)
  const where = nodeAt(select, 'where_clause')
  if (where !== undefined) conditions.push(where)
  const aliases = new Set(nodesAt(select, 'select_list').map(item => textAt(item, 'alias').toLowerCase()))
  return { sources, opaque, conditions, aliases }
}

/** Of the joins of one FROM, not of subqueries in it, which are scopes of their own. */
function hasSample(from: SyntaxNode): boolean {
  if (nodeAt(from, 'sample') !== undefined) return true
  if (textAt(from, 'type') !== 'JOIN') return false
  return ['left', 'right'].some(side => {
    const child = nodeAt(from, side)
    return child !== undefined && hasSample(child)
  })
}

function safeSides(join: SyntaxNode): { readonly left: boolean; readonly right: boolean } {
  if (!['REGULAR', 'CROSS', 'NATURAL'].includes(textAt(join, 'ref_type')))
    return { left: false, right: false }
  switch (textAt(join, 'join_type')) {
    case 'INNER':
      return { left: true, right: true }
    case 'LEFT':
    case 'SEMI':
    case 'ANTI':
      return { left: true, right: false }
    case 'RIGHT':
      return { left: false, right: true }
    default:
      return { left: false, right: false }
  }
}

function namesOf(baseTable: SyntaxNode): readonly string[] {
  const alias = textAt(baseTable, 'alias')
  if (alias !== '') return [alias.toLowerCase()]
  return [referenceOf(baseTable).table.toLowerCase()]
}

// ---- names ------------------------------------------------------------------------------------------------------

/** The column of `source` that a reference means, or `undefined` when it is not surely one. */
export function columnOf(node: SyntaxNode, scope: Scope, source: Source): PredicateColumn | undefined {
  if (textAt(node, 'class') !== 'COLUMN_REF') return undefined
  const path = textsAt(node, 'column_names').map(name => name.toLowerCase())
  const [first = '', ...rest] = path
  const named = scope.sources.filter(other => other.names.includes(first))
  const holding = scope.sources.filter(other => findField(other.schema.fields, first) !== undefined)
  // `shop.orders.id` is a column of `shop.orders` before it is a member of a column `shop`.
  if (rest.length > 1 && scope.sources.some(other => isSchemaOf(first, other))) return undefined
  if (named.length > 0 && rest.length > 0) {
    // A name that could be a table and a column at once is left to DuckDB.
    if (holding.length > 0 || named.length !== 1 || named[0] !== source) return undefined
    return primitiveAt(source.schema.fields, rest)
  }
  if (scope.opaque || holding.length !== 1 || holding[0] !== source || scope.aliases.has(first))
    return undefined
  return primitiveAt(source.schema.fields, path)
}

function isSchemaOf(name: string, { node }: Source): boolean {
  const { catalog, schema } = referenceOf(node)
  return [catalog, schema].some(part => part.toLowerCase() === name)
}

export function isNameInScope(name: string, scope: Scope): boolean {
  const lower = name.toLowerCase()
  return (
    scope.opaque ||
    scope.aliases.has(lower) ||
    scope.sources.some(({ schema }) => findField(schema.fields, lower) !== undefined)
  )
}

function primitiveAt(fields: readonly NestedField[], path: readonly string[]): PredicateColumn | undefined {
  const [name = '', ...rest] = path
  const field = findField(fields, name)
  if (field === undefined) return undefined
  const type: IcebergType = field.type
  if (rest.length > 0) return type.kind === 'struct' ? primitiveAt(type.fields, rest) : undefined
  return isPrimitive(type) ? { id: field.id, type } : undefined
}

/** DuckDB does not tell upper from lower case in names. */
function findField(fields: readonly NestedField[], lowerName: string): NestedField | undefined {
  const found = fields.filter(field => field.name.toLowerCase() === lowerName)
  return found.length === 1 ? found[0] : undefined
}
