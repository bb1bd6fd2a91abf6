/**
 * What a statement says of the rows that it can use at all, per table: predicates that every row must meet, else it changes nothing in
 * the result. Files without such a row need not be read.
 *
 * They are taken from WHERE and from the conditions of inner joins, each for the tables of its own SELECT alone, and only where a row
 * that fails them is dropped whatever else the statement does: not below the null-supplying side of an outer join, nor where rows are
 * sampled or matched by position before WHERE sees them. What is not understood is left out, which keeps more files, never fewer.
 */
import type { Schema } from '../../shared/iceberg/schema.ts'
import { type Literal, literalOf } from './literals.ts'
import { columnOf, isNameInScope, type PredicateColumn, type Scope, type Source, scopeOf } from './scope.ts'
import { nodeAt, nodesAt, nodesOfType, type SyntaxNode, textAt } from './syntax-tree.ts'

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>='

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
