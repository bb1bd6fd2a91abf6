/**
 * What a statement says of the rows that it can use at all, per table: predicates that every row must meet, else it changes nothing in
 * the result. Files without such a row need not be read.
 *
 * They are taken from WHERE and from the conditions of inner joins, each for the tables of its own SELECT alone, and only where a row
 * that fails them is dropped whatever else the statement does: not below the null-supplying side of an outer join, nor where rows are
 * sampled or matched by position before WHERE sees them. What is not understood is left out, which keeps more files, never fewer.
 */
import type { IcebergType, NestedField, PrimitiveType, Schema } from '../../shared/iceberg/schema.ts'
import { isPrimitive } from '../../shared/iceberg/schema-lookup.ts'
import { type Literal, literalOf } from './literals.ts'
import { nodeAt, nodesAt, nodesOfType, referenceOf, type SyntaxNode, textAt, textsAt } from './syntax-tree.ts'

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>='

export interface PredicateColumn {
  readonly id: number
  readonly type: PrimitiveType
}

export type Predicate =
  | { readonly kind: 'and'; readonly parts: readonly Predicate[] }
  | { readonly kind: 'or'; readonly parts: readonly Predicate[] }
  | {
      readonly kind: 'compare'
      readonly column: PredicateColumn
      readonly op: Comparison
      readonly literal: Literal
    }
  | { readonly kind: 'null' | 'not_null'; readonly column: PredicateColumn }
  /** Text that begins with `prefix`. */
  | { readonly kind: 'prefix'; readonly column: PredicateColumn; readonly prefix: string }

/** Longest list of `IN` that is looked at. */
const MAX_LIST = 1000

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  COMPARE_EQUAL: '=',
  COMPARE_NOTEQUAL: '<>',
  COMPARE_LESSTHAN: '<',
  COMPARE_LESSTHANOREQUALTO: '<=',
  COMPARE_GREATERTHAN: '>',
  COMPARE_GREATERTHANOREQUALTO: '>=',
}
const FLIPPED: Readonly<Record<Comparison, Comparison>> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

/**
 * For each mention of a table in the statement, by its node in the tree, what its rows must meet; a mention that is absent needs every
 * row. `schemaOf` gives the schema of a table that is ours.
 */
export function predicatesOf(
  tree: SyntaxNode,
  schemaOf: (baseTable: SyntaxNode) => Schema | undefined,
): ReadonlyMap<SyntaxNode, Predicate> {
  const found = new Map<SyntaxNode, Predicate>()
  for (const select of nodesOfType(tree, 'SELECT_NODE')) {
    const scope = scopeOf(select, schemaOf)
    if (scope === undefined) continue
    for (const source of scope.sources) {
      if (!source.safe) continue
      const parts = scope.conditions.flatMap(condition => conjuncts(condition, scope, source))
      if (parts.length > 0) found.set(source.node, { kind: 'and', parts })
    }
  }
  return found
}

interface Source {
  readonly node: SyntaxNode
  readonly schema: Schema
  /** Names that may stand before a column of it. */
  readonly names: readonly string[]
  /** A row of it that fails a condition is dropped. */
  readonly safe: boolean
}

interface Scope {
  readonly sources: readonly Source[]
  /** Something else is in FROM, whose columns are not known. */
  readonly opaque: boolean
  readonly conditions: readonly SyntaxNode[]
  /** Lower case; DuckDB lets WHERE name what SELECT names. */
  readonly aliases: ReadonlySet<string>
}

function scopeOf(
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

// ---- conditions -------------------------------------------------------------------------------------------------

/** The parts of a condition that are understood and speak of `source`; each of them must hold. */
function conjuncts(node: SyntaxNode, scope: Scope, source: Source): readonly Predicate[] {
  if (textAt(node, 'type') === 'CONJUNCTION_AND')
    return nodesAt(node, 'children').flatMap(child => conjuncts(child, scope, source))
  const one = predicateOf(node, scope, source)
  return one === undefined ? [] : [one]
}

function predicateOf(node: SyntaxNode, scope: Scope, source: Source): Predicate | undefined {
  const type = textAt(node, 'type')
  const children = nodesAt(node, 'children')
  const [first, ...others] = children
  const column = (of: SyntaxNode | undefined) => (of === undefined ? undefined : columnOf(of, scope, source))
  const literal = (of: SyntaxNode) => literalOf(of, name => isNameInScope(name, scope))
  const comparison = COMPARISONS[type]
  if (comparison !== undefined)
    return compare(nodeAt(node, 'left'), comparison, nodeAt(node, 'right'), { column, literal })
  switch (type) {
    case 'CONJUNCTION_AND': {
      const parts = conjuncts(node, scope, source)
      return parts.length === 0 ? undefined : { kind: 'and', parts }
    }
    case 'CONJUNCTION_OR': {
      const parts = children.map(child => predicateOf(child, scope, source))
      return parts.every(part => part !== undefined) ? { kind: 'or', parts } : undefined
    }
    case 'COMPARE_BETWEEN': {
      const bounded = column(nodeAt(node, 'input'))
      const [lower, upper] = [nodeAt(node, 'lower'), nodeAt(node, 'upper')].map(bound =>
        bound === undefined ? undefined : literal(bound),
      )
      if (bounded === undefined || lower === undefined || upper === undefined) return undefined
      return {
        kind: 'and',
        parts: [
          { kind: 'compare', column: bounded, op: '>=', literal: lower },
          { kind: 'compare', column: bounded, op: '<=', literal: upper },
        ],
      }
    }
    case 'COMPARE_IN': {
      const tested = column(first)
      const literals = others.length > MAX_LIST ? [undefined] : others.map(literal)
      if (tested === undefined || !literals.every(item => item !== undefined)) return undefined
      const parts = literals.map(
        item => ({ kind: 'compare', column: tested, op: '=', literal: item }) as const,
      )
      return { kind: 'or', parts }
    }
    case 'OPERATOR_IS_NULL':
    case 'OPERATOR_IS_NOT_NULL': {
      const tested = column(first)
      return tested && { kind: type === 'OPERATOR_IS_NULL' ? 'null' : 'not_null', column: tested }
    }
    case 'FUNCTION':
      return prefixOf(textAt(node, 'function_name'), column(first), others[0])
    default:
      return undefined
  }
}

function compare(
  left: SyntaxNode | undefined,
  op: Comparison,
  right: SyntaxNode | undefined,
  read: {
    readonly column: (node: SyntaxNode) => PredicateColumn | undefined
    readonly literal: (node: SyntaxNode) => Literal | undefined
  },
): Predicate | undefined {
  if (left === undefined || right === undefined) return undefined
  const column = read.column(left)
  if (column === undefined) {
    const flipped = read.column(right)
    const literal = read.literal(left)
    return flipped && literal && { kind: 'compare', column: flipped, op: FLIPPED[op], literal }
  }
  const literal = read.literal(right)
  return literal && { kind: 'compare', column, op, literal }
}

/** `LIKE 'ab%'` and `starts_with(c, 'ab')`; a pattern without wildcards is its own prefix, which keeps a little more than it needs. */
function prefixOf(
  name: string,
  column: PredicateColumn | undefined,
  pattern: SyntaxNode | undefined,
): Predicate | undefined {
  if (column?.type.kind !== 'string' || pattern === undefined) return undefined
  const value = textAt(pattern, 'class') === 'CONSTANT' ? nodeAt(pattern, 'value') : undefined
  const text = value?.value
  if (typeof text !== 'string') return undefined
  if (name === 'starts_with') return { kind: 'prefix', column, prefix: text }
  return name === '~~' ? { kind: 'prefix', column, prefix: text.split(/[%_]/)[0] ?? '' } : undefined
}

// ---- names ------------------------------------------------------------------------------------------------------

/** The column of `source` that a reference means, or `undefined` when it is not surely one. */
function columnOf(node: SyntaxNode, scope: Scope, source: Source): PredicateColumn | undefined {
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

function isNameInScope(name: string, scope: Scope): boolean {
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
