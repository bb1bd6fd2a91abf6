/**
 * From a predicate on rows to a condition on files: SQL over a table with one line for each file, in which false means that no row of the
 * file can meet the predicate, and true or null that one may.
 *
 * DuckDB itself compares the bounds with the constant, so both are cast exactly as the column will be when its rows are compared. That is
 * sound while the cast keeps the order of the column's values, which `mayCompare` makes sure of: a text compared with a number, for
 * example, is cast to one, and then its bounds as text say nothing.
 */
import type { PrimitiveType } from '../../shared/iceberg/schema.ts'
import { unreachable } from '../../shared/runtime/errors.ts'
import type { Literal } from './literals.ts'
import type { Predicate } from './predicates.ts'
import type { PredicateColumn } from './scope.ts'
import { quoteText } from './sql-text.ts'

/** Names of the columns that hold what is known of one column of the table. */
export interface StatisticsNames {
  readonly lower: string
  readonly upper: string
  /** Number of nulls. */
  readonly nulls: string
  /** True where all values are null. */
  readonly onlyNulls: string
}

export interface ConditionOptions {
  readonly names: (column: PredicateColumn) => StatisticsNames
  /** What DuckDB's `typeof` says of a literal. */
  readonly typeOf: (literal: Literal) => string
  /** More that an equality implies, for partitions that keep no order. */
  readonly equality?: (column: PredicateColumn, literal: Literal) => readonly string[]
}

const NUMBERS = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(.*\)|FLOAT|DOUBLE)$/
const TIMES = /^(DATE|TIMESTAMP|TIMESTAMP WITH TIME ZONE)$/

/** Whether casting the column for a comparison with a constant of this type keeps the order of its values. */
export function mayCompare(type: PrimitiveType, literal: Literal, literalType: string): boolean {
  if (literal.untyped) return true
  switch (type.kind) {
    case 'int':
    case 'long':
    case 'float':
    case 'double':
    case 'decimal':
      return NUMBERS.test(literalType)
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return TIMES.test(literalType)
    case 'time':
    case 'uuid':
    case 'boolean':
      return literalType === type.kind.toUpperCase()
    case 'binary':
    case 'fixed':
      return literalType === 'BLOB'
    case 'string':
      return false
    default:
      return unreachable(type)
  }
}

/** `undefined` where nothing can be said. */
export function keepCondition(predicate: Predicate, options: ConditionOptions): string | undefined {
  switch (predicate.kind) {
    case 'and': {
      const parts = predicate.parts.flatMap(part => keepCondition(part, options) ?? [])
      return parts.length === 0 ? undefined : `(${parts.join(' AND ')})`
    }
    case 'or': {
      const parts = predicate.parts.map(part => keepCondition(part, options))
      return parts.every(part => part !== undefined) && parts.length > 0
        ? `(${parts.join(' OR ')})`
        : undefined
    }
    case 'null':
      return `(${options.names(predicate.column).nulls} > 0)`
    case 'not_null':
      return `(NOT ${options.names(predicate.column).onlyNulls})`
    case 'prefix': {
      const { lower, upper, onlyNulls } = options.names(predicate.column)
      const prefix = quoteText(predicate.prefix)
      return `(NOT ${onlyNulls} AND ${upper} >= ${prefix} AND (${lower} <= ${prefix} OR starts_with(${lower}, ${prefix})))`
    }
    case 'compare':
      return comparison(predicate, options)
    default:
      return unreachable(predicate)
  }
}

function comparison(
  { column, op, literal }: Predicate & { kind: 'compare' },
  options: ConditionOptions,
): string | undefined {
  if (!mayCompare(column.type, literal, options.typeOf(literal))) return undefined
  if (literal.moving && op !== '>' && op !== '>=') return undefined
  const { lower, upper, onlyNulls } = options.names(column)
  const { sql } = literal
  const met = (): readonly string[] => {
    switch (op) {
      case '=':
        return [`${lower} <= ${sql}`, `${upper} >= ${sql}`, ...(options.equality?.(column, literal) ?? [])]
      case '<>':
        return [`NOT (${lower} = ${sql} AND ${upper} = ${sql})`]
      case '<':
      case '<=':
        return [`${lower} ${op} ${sql}`]
      case '>':
      case '>=':
        return [`${upper} ${op} ${sql}`]
      default:
        return unreachable(op)
    }
  }
  return `(${[`NOT ${onlyNulls}`, ...met()].join(' AND ')})`
}
