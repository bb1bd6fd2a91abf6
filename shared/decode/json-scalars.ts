/** Writes one parsed JSON value into a slot of a primitive column, or says why it does not fit. The rules are in docs/types.md. */
import type { FixedBuilder } from '../columns/fixed-builder.ts'
import type { VariableBuilder } from '../columns/variable-builder.ts'
import { unreachable } from '../runtime/errors.ts'
import { parseBase64, parseHex, parseUuid } from './binary-text.ts'
import type { FieldOptions } from './field-options.ts'
import { EPOCH_SCALE } from './json-fields.ts'
import { type ExactNumber, exactNumber, scaleDown, scaleExactly } from './json-numbers.ts'
import type { JsonValue } from './json-text.ts'
import { quoted, type ValueFailure, valueFailure } from './record-failure.ts'
import {
  FIRST_DAY,
  FIRST_MICROS,
  LAST_DAY,
  LAST_MICROS,
  MICROS_PER_DAY,
  parseDate,
  parseTime,
  parseTimestamp,
} from './temporal-text.ts'

const MAX_INT64 = 2n ** 63n - 1n
const MIN_INT64 = -(2n ** 63n)
const MAX_INT32 = 2n ** 31n - 1n
const MIN_INT32 = -(2n ** 31n)
const INT64_DIGITS = 19
const SPECIAL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
])

/** The value is not null. Undefined when it was written. */
export function writeFixed(
  column: FixedBuilder,
  options: FieldOptions,
  slot: number,
  value: JsonValue,
): ValueFailure | undefined {
  const { type } = column.field
  switch (type.kind) {
    case 'boolean':
      if (value.kind !== 'boolean') return mismatch('true or false', value)
      column.setBoolean(slot, value.value)
      return undefined
    case 'int':
      return withInteger(value, { min: MIN_INT32, max: MAX_INT32, name: 'an int (32 bits)' }, integer =>
        column.setInt32(slot, Number(integer)),
      )
    case 'long':
      return withInteger(value, { min: MIN_INT64, max: MAX_INT64, name: 'a long (64 bits)' }, integer =>
        column.setInt64(slot, integer),
      )
    case 'float':
    case 'double':
      return writeFloating(column, slot, value)
    case 'decimal':
      return writeDecimal(column, type, slot, value)
    case 'date':
      return writeDate(column, options, slot, value)
    case 'time':
      return writeTime(column, options, slot, value)
    case 'timestamp':
    case 'timestamptz':
      return writeTimestamp(column, options, slot, value)
    case 'uuid': {
      const bytes = value.kind === 'string' ? parseUuid(value.value) : undefined
      if (bytes === undefined) return mismatch('a UUID such as "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"', value)
      column.setBytes(slot, bytes)
      return undefined
    }
    case 'fixed': {
      const bytes = parseBytes(options, value)
      if (bytes === undefined) return mismatch(`${type.length} bytes as ${encodingName(options)}`, value)
      if (bytes.length !== type.length) {
        return valueFailure('type-mismatch', `expected ${type.length} bytes, found ${bytes.length}`)
      }
      column.setBytes(slot, bytes)
      return undefined
    }
    default:
      return unreachable(type)
  }
}

/** The value is not null. Undefined when it was written. */
export function writeVariable(
  column: VariableBuilder,
  options: FieldOptions,
  slot: number,
  value: JsonValue,
): ValueFailure | undefined {
  if (column.field.type.kind === 'string') {
    if (value.kind !== 'string') return mismatch('a string', value)
    column.setText(slot, value.value)
    return undefined
  }
  const bytes = parseBytes(options, value)
  if (bytes === undefined) return mismatch(`bytes as ${encodingName(options)}`, value)
  column.setBytes(slot, bytes)
  return undefined
}

interface IntegerRange {
  readonly min: bigint
  readonly max: bigint
  readonly name: string
}

/** Any number text whose value is whole: 5, 5.0 and 5e3 are integers, 5.5 is not. */
function withInteger(
  value: JsonValue,
  range: IntegerRange,
  write: (integer: bigint) => void,
): ValueFailure | undefined {
  const number = value.kind === 'number' ? exactNumber(value.text) : undefined
  if (number === undefined) return mismatch('a whole number', value)
  const scaled = scaleExactly(number, 0, INT64_DIGITS)
  if (scaled.kind === 'too-precise') return mismatch('a whole number', value)
  if (scaled.kind === 'too-large' || scaled.unscaled < range.min || scaled.unscaled > range.max) {
    return overflow(range.name, value)
  }
  write(scaled.unscaled)
  return undefined
}

function writeFloating(column: FixedBuilder, slot: number, value: JsonValue): ValueFailure | undefined {
  const isFloat = column.field.type.kind === 'float'
  let number = value.kind === 'string' ? SPECIAL_NUMBERS.get(value.value) : undefined
  if (value.kind === 'number') {
    number = Number(value.text)
    if (!Number.isFinite(isFloat ? Math.fround(number) : number)) {
      return overflow(isFloat ? 'a float (32 bits)' : 'a double (64 bits)', value)
    }
  }
  if (number === undefined) return mismatch('a number, "NaN", "Infinity" or "-Infinity"', value)
  if (isFloat) column.setFloat32(slot, number)
  else column.setFloat64(slot, number)
  return undefined
}

function writeDecimal(
  column: FixedBuilder,
  type: { readonly precision: number; readonly scale: number },
  slot: number,
  value: JsonValue,
): ValueFailure | undefined {
  const text = value.kind === 'number' ? value.text : value.kind === 'string' ? value.value : ''
  const number = exactNumber(text)
  const name = `decimal(${type.precision},${type.scale})`
  if (number === undefined) return mismatch(`a ${name} as a number or its text`, value)
  const scaled = scaleExactly(number, type.scale, type.precision)
  if (scaled.kind === 'too-large') return overflow(`a ${name}`, value)
  if (scaled.kind === 'too-precise') {
    return valueFailure(
      'scale-exceeded',
      `expected at most ${type.scale} fractional digits for a ${name}, found ${describe(value)}`,
    )
  }
  column.setInt128(slot, scaled.unscaled)
  return undefined
}

function writeDate(
  column: FixedBuilder,
  options: FieldOptions,
  slot: number,
  value: JsonValue,
): ValueFailure | undefined {
  const days = value.kind === 'string' ? parseDate(value.value) : daysOfNumber(value, options)
  if (days === 'outside') return overflow('a date from 0001-01-01 to 9999-12-31', value)
  if (days === undefined) return mismatch(`a date such as "2026-01-31"${orEpoch(options)}`, value)
  column.setInt32(slot, days)
  return undefined
}

function writeTime(
  column: FixedBuilder,
  options: FieldOptions,
  slot: number,
  value: JsonValue,
): ValueFailure | undefined {
  const micros = value.kind === 'string' ? parseTime(value.value) : microsOfNumber(value, options)
  if (micros === undefined) return mismatch(`a time such as "23:59:58.5"${orEpoch(options)}`, value)
  if (micros === 'outside' || micros < 0n || micros >= MICROS_PER_DAY) return overflow('a time of day', value)
  column.setInt64(slot, micros)
  return undefined
}

function writeTimestamp(
  column: FixedBuilder,
  options: FieldOptions,
  slot: number,
  value: JsonValue,
): ValueFailure | undefined {
  const micros = value.kind === 'string' ? microsOfText(column, value.value) : microsOfNumber(value, options)
  if (micros === undefined) {
    const example =
      column.field.type.kind === 'timestamptz'
        ? 'a timestamp with a zone such as "2026-01-31T23:59:58.5Z" or "2026-01-31T23:59:58+01:00"'
        : 'a timestamp without a zone such as "2026-01-31T23:59:58.5"'
    return mismatch(example + orEpoch(options), value)
  }
  if (micros === 'outside' || micros < FIRST_MICROS || micros > LAST_MICROS) {
    return overflow('a timestamp in the years 0001 to 9999', value)
  }
  column.setInt64(slot, micros)
  return undefined
}

/** A timestamptz must name its zone, and a timestamp must not. */
function microsOfText(column: FixedBuilder, text: string): bigint | undefined {
  const parsed = parseTimestamp(text)
  const wantsZone = column.field.type.kind === 'timestamptz'
  if (parsed === undefined || (parsed.zoneMicros !== undefined) !== wantsZone) return undefined
  return parsed.localMicros - (parsed.zoneMicros ?? 0n)
}

const MICROS_DIGITS = 19

/** Undefined without a declared unit; what is finer than a microsecond is cut off. */
function microsOfNumber(value: JsonValue, options: FieldOptions): bigint | 'outside' | undefined {
  const number = epochNumber(value, options)
  if (number === undefined || options.epochUnit === undefined || options.epochUnit === 'days')
    return undefined
  return scaleDown(number, EPOCH_SCALE[options.epochUnit], MICROS_DIGITS) ?? 'outside'
}

function daysOfNumber(value: JsonValue, options: FieldOptions): number | 'outside' | undefined {
  const number = epochNumber(value, options)
  if (number === undefined) return undefined
  if (options.epochUnit === 'days') {
    const days = scaleExactly(number, 0, MICROS_DIGITS)
    if (days.kind === 'too-precise') return undefined
    return days.kind === 'exact' ? dayWithin(days.unscaled) : 'outside'
  }
  const micros = microsOfNumber(value, options)
  if (micros === undefined || micros === 'outside') return micros
  const towardZero = micros / MICROS_PER_DAY
  return dayWithin(micros % MICROS_PER_DAY < 0n ? towardZero - 1n : towardZero)
}

function dayWithin(days: bigint): number | 'outside' {
  return days < BigInt(FIRST_DAY) || days > BigInt(LAST_DAY) ? 'outside' : Number(days)
}

function epochNumber(value: JsonValue, options: FieldOptions): ExactNumber | undefined {
  return value.kind === 'number' && options.epochUnit !== undefined ? exactNumber(value.text) : undefined
}

function parseBytes(options: FieldOptions, value: JsonValue): Uint8Array | undefined {
  if (value.kind !== 'string') return undefined
  return options.binaryEncoding === 'hex' ? parseHex(value.value) : parseBase64(value.value)
}

function encodingName(options: FieldOptions): string {
  return options.binaryEncoding === 'hex' ? 'hexadecimal text' : 'base64 text'
}

function orEpoch(options: FieldOptions): string {
  return options.epochUnit === undefined
    ? ' (numbers need a declared epoch_unit)'
    : ` or a number of ${options.epochUnit}`
}

/** A failure of a value whose kind or form is not the field's. */
export function mismatch(expected: string, value: JsonValue): ValueFailure {
  return valueFailure('type-mismatch', `expected ${expected}, found ${describe(value)}`)
}

function overflow(target: string, value: JsonValue): ValueFailure {
  return valueFailure('overflow', `expected a value that fits ${target}, found ${describe(value)}`)
}

function describe(value: JsonValue): string {
  switch (value.kind) {
    case 'null':
      return 'null'
    case 'boolean':
      return String(value.value)
    case 'number':
      return `the number ${quoted(value.text).slice(1, -1)}`
    case 'string':
      return `the string ${quoted(value.value)}`
    case 'array':
      return 'an array'
    case 'object':
      return 'an object'
    default:
      return unreachable(value)
  }
}
