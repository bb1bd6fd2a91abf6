/** Names of types as written in tidewater.yaml: `long`, `decimal(12,2)`, `fixed[16]`, `struct`. */
import type { PrimitiveType } from '../iceberg/schema.ts'
import type { Parsed } from './scalars.ts'
import { closest } from './suggest.ts'

/** Types without parameters. */
const SIMPLE = [
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'string',
  'uuid',
  'binary',
] as const
const NESTED = ['struct', 'list', 'map'] as const
const ALL = [...SIMPLE, ...NESTED, 'decimal', 'fixed']

const MAX_DECIMAL_PRECISION = 38
/** Java readers keep the length as an int; nobody means more than this. */
const MAX_FIXED_LENGTH = 1 << 20

/** What other systems call these types. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  bool: 'boolean',
  integer: 'int',
  int32: 'int',
  smallint: 'int',
  tinyint: 'int',
  int64: 'long',
  bigint: 'long',
  float32: 'float',
  real: 'float',
  float64: 'double',
  number: 'double, or decimal(p,s) when the value must be exact',
  numeric: 'decimal(p,s), for example decimal(18,2)',
  text: 'string',
  varchar: 'string',
  char: 'string',
  json: 'string, or struct with fields',
  object: 'struct, with fields',
  record: 'struct, with fields',
  row: 'struct, with fields',
  array: 'list, with element',
  bytes: 'binary',
  varbinary: 'binary',
  blob: 'binary',
  datetime: 'timestamp, or timestamptz when values carry a zone',
  timestamp_tz: 'timestamptz',
  timestamp_ltz: 'timestamptz',
  'timestamp with time zone': 'timestamptz',
  guid: 'uuid',
}

const EXPECTED = 'an Iceberg type'

export function parseTypeName(text: string): Parsed<PrimitiveType | (typeof NESTED)[number]> {
  const simple = SIMPLE.find(kind => kind === text)
  if (simple !== undefined) return { ok: true, value: { kind: simple } }
  const nested = NESTED.find(kind => kind === text)
  if (nested !== undefined) return { ok: true, value: nested }
  if (/^decimal\b/.test(text)) return parseDecimal(text)
  if (/^fixed\b/.test(text)) return parseFixed(text)
  return { ok: false, expected: EXPECTED, ...suggestionFor(text) }
}

function parseDecimal(text: string): Parsed<PrimitiveType> {
  const match = /^decimal\(\s*(\d{1,4})\s*,\s*(\d{1,4})\s*\)$/.exec(text)
  const expected = `decimal(p,s) with a precision from 1 to ${MAX_DECIMAL_PRECISION} and a scale from 0 to the precision`
  if (match === null) return { ok: false, expected, suggestion: 'For example decimal(12,2).' }
  const precision = Number(match[1])
  const scale = Number(match[2])
  if (precision > MAX_DECIMAL_PRECISION) {
    const best = `decimal(${MAX_DECIMAL_PRECISION},${Math.min(scale, MAX_DECIMAL_PRECISION)})`
    return { ok: false, expected, suggestion: `The largest is ${best}; string keeps any number exactly.` }
  }
  if (precision < 1 || scale > precision) return { ok: false, expected }
  return { ok: true, value: { kind: 'decimal', precision, scale } }
}

function parseFixed(text: string): Parsed<PrimitiveType> {
  const match = /^fixed(?:\(\s*(\d{1,10})\s*\)|\[\s*(\d{1,10})\s*\])$/.exec(text)
  const length = Number(match?.[1] ?? match?.[2] ?? 0)
  return length >= 1 && length <= MAX_FIXED_LENGTH
    ? { ok: true, value: { kind: 'fixed', length } }
    : {
        ok: false,
        expected: `fixed(n) with a length from 1 to ${MAX_FIXED_LENGTH} bytes`,
        suggestion: 'For example fixed(16).',
      }
}

function suggestionFor(text: string): { readonly suggestion?: string } {
  const base = text.toLowerCase().trim()
  if (/_ns$|^timestamptz?_ns|^(variant|geometry|geography|unknown)\b/.test(base)) {
    return { suggestion: 'This type came with Iceberg v3; this version writes v2.' }
  }
  const parameterized = /^(list|array)\s*[<(]/.test(base)
    ? 'list'
    : /^map\s*[<(]/.test(base)
      ? 'map'
      : undefined
  if (parameterized === 'list')
    return { suggestion: 'Write type: list and, beside it, element: and its type.' }
  if (parameterized === 'map')
    return { suggestion: 'Write type: map and, beside it, key: and value: with their types.' }
  if (/^(struct|row)\s*[<(]/.test(base)) return { suggestion: 'Write type: struct and, beside it, fields.' }
  const word = base.replace(/\s*[([<].*$/, '')
  const known = Object.hasOwn(OTHER_NAMES, word) ? OTHER_NAMES[word] : closest(word, ALL)
  return known === undefined
    ? { suggestion: `Known types are ${ALL.join(', ')}.` }
    : { suggestion: `Did you mean ${known}?` }
}
