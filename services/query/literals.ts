/**
 * The constants that a predicate compares a column with, written back as SQL from the syntax tree. Only what has the same value in every
 * file: no column, no randomness. What depends on the clock is computed twice, when files are chosen and when rows are, and is later
 * the second time: it is marked, so that only conditions use it that an earlier time makes weaker.
 */
import { type ExactJson, exactInteger } from '../../shared/iceberg/exact-json.ts'
import { quoteText } from './sql-text.ts'
import { isNode, nodeAt, nodesAt, type SyntaxNode, textAt, textsAt } from './syntax-tree.ts'

export interface Literal {
  readonly sql: string
  /** A text as it stands, which DuckDB casts to the type of the column that it is compared with. */
  readonly untyped: boolean
  /** Rises with the clock: `now() - INTERVAL 1 HOUR`. */
  readonly moving: boolean
}

const INTEGERS = new Set([
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'HUGEINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
])
const CASTS = new Set([
  ...INTEGERS,
  'FLOAT',
  'DOUBLE',
  'BOOLEAN',
  'DATE',
  'TIME',
  'TIMESTAMP',
  'TIMESTAMP WITH TIME ZONE',
  'UUID',
  'BLOB',
  'INTERVAL',
])
const CLOCKS = new Set(['now', 'today', 'get_current_timestamp', 'current_date', 'current_timestamp'])
const FUNCTIONS = new Set([
  ...CLOCKS,
  'date_trunc',
  'trunc',
  'to_years',
  'to_months',
  'to_weeks',
  'to_days',
  'to_hours',
  'to_minutes',
  'to_seconds',
])
/** A time less something constant rises with the clock; what is taken less of something else as the clock rises is not looked at. */
const OPERATORS = new Set(['+', '-'])
const MAX_DEPTH = 16

/** `undefined` for everything that is not surely a constant. `isColumn` tells names of columns from keywords without parentheses. */
export function literalOf(
  node: SyntaxNode,
  isColumn: (name: string) => boolean,
  depth = 0,
): Literal | undefined {
  if (depth > MAX_DEPTH) return undefined
  const inner = (child: SyntaxNode) => literalOf(child, isColumn, depth + 1)
  switch (textAt(node, 'class')) {
    case 'CONSTANT': {
      const value = nodeAt(node, 'value')
      return value === undefined ? undefined : constantOf(value)
    }
    case 'CAST': {
      const child = nodeAt(node, 'child')
      const type = castType(nodeAt(node, 'cast_type'))
      const literal = child === undefined || node.try_cast !== false ? undefined : inner(child)
      if (literal === undefined || type === undefined) return undefined
      // The time of day begins again at midnight.
      if (literal.moving && type === 'TIME') return undefined
      return typed(`CAST(${literal.sql} AS ${type})`, literal.moving)
    }
    case 'FUNCTION': {
      const name = textAt(node, 'function_name')
      const args = nodesAt(node, 'children').map(inner)
      if (!args.every(arg => arg !== undefined)) return undefined
      const [left, right] = args
      const moving = CLOCKS.has(name) || args.some(arg => arg.moving)
      if (OPERATORS.has(name) && left !== undefined && right !== undefined)
        return name === '-' && right.moving ? undefined : typed(`(${left.sql} ${name} ${right.sql})`, moving)
      return FUNCTIONS.has(name)
        ? typed(`${name}(${args.map(arg => arg.sql).join(', ')})`, moving)
        : undefined
    }
    case 'COLUMN_REF': {
      const [name = '', ...more] = textsAt(node, 'column_names')
      return more.length === 0 && CLOCKS.has(name.toLowerCase()) && !isColumn(name)
        ? typed(name, true)
        : undefined
    }
    default:
      return undefined
  }
}

function constantOf(constant: SyntaxNode): Literal | undefined {
  if (constant.is_null !== false) return undefined
  const type = nodeAt(constant, 'type')
  const id = type === undefined ? '' : textAt(type, 'id')
  const { value } = constant
  if (id === 'VARCHAR')
    return typeof value === 'string' ? { sql: quoteText(value), untyped: true, moving: false } : undefined
  if (id === 'DOUBLE') return typeof value === 'number' ? typed(`CAST('${value}' AS DOUBLE)`) : undefined
  const integer = integerOf(value)
  if (integer === undefined) return undefined
  if (INTEGERS.has(id)) return typed(integer.toString())
  const info = type === undefined ? undefined : nodeAt(type, 'type_info')
  const width = info === undefined ? undefined : info.width
  const scale = info === undefined ? undefined : info.scale
  if (id !== 'DECIMAL' || typeof width !== 'number' || typeof scale !== 'number') return undefined
  return typed(`CAST('${decimalText(integer, scale)}' AS DECIMAL(${width},${scale}))`)
}

/** Beyond 64 bits the tree writes two halves. */
function integerOf(value: ExactJson | undefined): bigint | undefined {
  if (!isNode(value)) return exactInteger(value)
  const upper = exactInteger(value.upper)
  const lower = exactInteger(value.lower)
  return upper === undefined || lower === undefined ? undefined : (upper << 64n) + lower
}

export function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const whole = `${unscaled < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}`
  return scale === 0 ? whole : `${whole}.${digits.slice(digits.length - scale)}`
}

function castType(type: SyntaxNode | undefined): string | undefined {
  if (type === undefined) return undefined
  const id = textAt(type, 'id')
  const info = nodeAt(type, 'type_info')
  if (info === undefined) return CASTS.has(id) ? id : undefined
  return id === 'DECIMAL' && typeof info.width === 'number' && typeof info.scale === 'number'
    ? `DECIMAL(${info.width},${info.scale})`
    : undefined
}

function typed(sql: string, moving = false): Literal {
  return { sql, untyped: false, moving }
}
