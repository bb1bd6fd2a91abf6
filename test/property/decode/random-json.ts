/**
 * Random schemas and records for them, from a seed: mostly what a producer would write, often oddly written (key orders, white space,
 * escapes, number notations), sometimes wrong, sometimes damaged. Its own generator, because fast-check's combinators make hundreds of
 * cases in the time that this makes tens of thousands.
 */
import type { EpochUnit, FieldOptions } from '../../../shared/decode/field-options.ts'
import { assignFreshIds } from '../../../shared/iceberg/assign-ids.ts'
import type { IcebergType, NestedField, Schema } from '../../../shared/iceberg/schema.ts'

export interface RandomCase {
  readonly schema: Schema
  readonly fieldOptions: ReadonlyMap<number, FieldOptions>
  readonly unknownFields: 'ignore' | 'dlq'
  /** null is a tombstone. */
  readonly records: readonly (Uint8Array | null)[]
}

interface Random {
  next(): number
  int(low: number, high: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
}

/** mulberry32. */
function randomFrom(seed: number): Random {
  let state = seed | 0
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const int = (low: number, high: number) => low + Math.floor(next() * (high - low + 1))
  return {
    next,
    int,
    chance: probability => next() < probability,
    pick: items => {
      const item = items[int(0, items.length - 1)]
      if (item === undefined) throw new Error('pick needs items')
      return item
    },
  }
}

export function randomCase(seed: number): RandomCase {
  const random = randomFrom(seed)
  const { schema } = assignFreshIds(randomFields(random, random.chance(0.05) ? 80 : random.int(1, 8), 0))
  const fieldOptions = new Map<number, FieldOptions>()
  collectOptions(random, schema.fields, fieldOptions)
  const style: Style = {
    space: random.chance(0.3) ? ' ' : '',
    shuffles: random.chance(0.4),
    oddity: random.pick([0, 0.01, 0.1]),
    fieldOptions,
  }
  const records = Array.from({ length: random.int(1, 40) }, () => randomRecord(random, schema, style))
  return { schema, fieldOptions, unknownFields: random.chance(0.2) ? 'dlq' : 'ignore', records }
}

const NAMES = [
  'id',
  'a',
  'ab',
  'amount',
  'created_at',
  'näme',
  'key',
  'value',
  'quote"d',
  'longer_name_of_a_column_that_goes_past_every_word_compared_at_once',
  '0',
  'x y',
]

function randomFields(random: Random, count: number, depth: number): NestedField[] {
  const names = new Set<string>()
  while (names.size < count) {
    const name = random.pick(NAMES)
    names.add(names.has(name) ? `${name}${random.int(0, 999)}` : name)
  }
  return [...names].map(name => ({
    id: 0,
    name,
    required: random.chance(0.15),
    type: randomType(random, depth),
  }))
}

const PLAIN_KINDS = [
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
  'string',
  'uuid',
  'binary',
] as const

function randomType(random: Random, depth: number): IcebergType {
  const isNested = depth < 3 && random.chance(0.25)
  if (!isNested) {
    if (random.chance(0.1)) {
      const precision = random.pick([1, 5, 9, 12, 15, 18, 38])
      return { kind: 'decimal', precision, scale: random.int(0, precision) }
    }
    if (random.chance(0.05)) return { kind: 'fixed', length: random.int(1, 9) }
    return { kind: random.pick(PLAIN_KINDS) }
  }
  const inner = () => randomType(random, depth + 1)
  switch (random.pick(['struct', 'list', 'map'])) {
    case 'struct':
      return { kind: 'struct', fields: randomFields(random, random.int(1, 5), depth + 1) }
    case 'list':
      return { kind: 'list', elementId: 0, elementRequired: random.chance(0.2), element: inner() }
    default: {
      const key: IcebergType = random.chance(0.7) ? { kind: 'string' } : inner()
      return { kind: 'map', keyId: 0, key, valueId: 0, valueRequired: random.chance(0.2), value: inner() }
    }
  }
}

function collectOptions(
  random: Random,
  fields: readonly NestedField[],
  options: Map<number, FieldOptions>,
): void {
  const visit = (id: number, type: IcebergType) => {
    const units: EpochUnit[] =
      type.kind === 'date' ? ['days', 'seconds', 'millis', 'micros'] : ['seconds', 'millis', 'micros']
    switch (type.kind) {
      case 'struct':
        collectOptions(random, type.fields, options)
        break
      case 'list':
        visit(type.elementId, type.element)
        break
      case 'map':
        visit(type.keyId, type.key)
        visit(type.valueId, type.value)
        break
      case 'date':
      case 'time':
      case 'timestamp':
      case 'timestamptz':
        if (random.chance(0.4)) options.set(id, { epochUnit: random.pick(units) })
        break
      case 'binary':
      case 'fixed':
        if (random.chance(0.3)) options.set(id, { binaryEncoding: 'hex' })
    }
  }
  for (const { id, type } of fields) visit(id, type)
}

interface Style {
  /** Around colons and after commas. */
  readonly space: string
  readonly shuffles: boolean
  /** How often something is not as it should be. */
  readonly oddity: number
  readonly fieldOptions: ReadonlyMap<number, FieldOptions>
}

function randomRecord(random: Random, schema: Schema, style: Style): Uint8Array | null {
  if (random.chance(style.oddity / 4)) return random.chance(0.5) ? null : new Uint8Array(0)
  let text = objectText(random, schema.fields, style)
  if (random.chance(0.05)) text = ` \n${text}\t`
  const bytes = new TextEncoder().encode(text)
  return random.chance(style.oddity) ? damaged(random, bytes) : bytes
}

function damaged(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.int(0, Math.max(0, bytes.length - 1))
  switch (random.int(0, 3)) {
    case 0:
      return bytes.slice(0, at)
    case 1:
      return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1)])
    case 2:
      return Uint8Array.from([...bytes.subarray(0, at), random.int(0, 255), ...bytes.subarray(at)])
    default: {
      const copy = bytes.slice()
      copy[at] = random.chance(0.5) ? (copy[at] ?? 0) ^ (1 << random.int(0, 7)) : random.int(0, 255)
      return copy
    }
  }
}

function objectText(random: Random, fields: readonly NestedField[], style: Style): string {
  const members: string[] = []
  const member = (name: string, value: string) =>
    members.push(`${keyText(random, name, style)}${style.space}:${style.space}${value}`)
  for (const { id, name, required, type } of fields) {
    const isAbsent = random.chance(required ? style.oddity / 4 : 0.1)
    if (!isAbsent) member(name, valueText(random, { id, type, required }, style))
    if (random.chance(style.oddity / 8)) member(name, valueText(random, { id, type, required }, style))
    if (random.chance(0.1))
      member(random.pick(['unknown', 'other', `u${random.int(0, 9)}`]), anyText(random, 0))
  }
  if (style.shuffles) members.sort(() => random.next() - 0.5)
  const gap = random.chance(style.oddity) ? random.pick([' ', '\n  ', '\t', '\r\n']) : ''
  return `{${gap}${members.join(`${gap},${style.space}`)}${gap}}`
}

function keyText(random: Random, name: string, style: Style): string {
  if (!random.chance(style.oddity / 4)) return JSON.stringify(name)
  return `"${Array.from(name, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`
}

interface Slot {
  readonly id: number
  readonly type: IcebergType
  readonly required: boolean
}

function valueText(random: Random, { id, type, required }: Slot, style: Style): string {
  if (!required && random.chance(0.1)) return 'null'
  if (random.chance(style.oddity / 2)) return anyText(random, 0)
  const options = style.fieldOptions.get(id)
  switch (type.kind) {
    case 'struct':
      return objectText(random, type.fields, style)
    case 'list': {
      const element = { id: type.elementId, type: type.element, required: type.elementRequired }
      const items = Array.from({ length: random.int(0, 4) }, () => valueText(random, element, style))
      return `[${items.join(`,${style.space}`)}]`
    }
    case 'map':
      return mapText(random, type, style)
    default:
      return scalarText(random, type, options)
  }
}

function mapText(random: Random, type: Extract<IcebergType, { kind: 'map' }>, style: Style): string {
  const value = () =>
    valueText(random, { id: type.valueId, type: type.value, required: type.valueRequired }, style)
  const count = random.chance(0.05) ? random.int(15, 20) : random.int(0, 4)
  if (random.chance(0.3)) {
    const key = () => valueText(random, { id: type.keyId, type: type.key, required: true }, style)
    return `[${Array.from({ length: count }, () => `{"key":${key()},"value":${value()}}`).join(',')}]`
  }
  const keyOf = (i: number) => {
    if (type.key.kind === 'string')
      return JSON.stringify(random.chance(style.oddity) ? 'same' : `${random.pick(['k', 'é', '"'])}${i}`)
    const text = scalarText(random, type.key, style.fieldOptions.get(type.keyId))
    return text.startsWith('"') ? text : JSON.stringify(text)
  }
  return `{${Array.from({ length: count }, (_, i) => `${keyOf(i)}:${style.space}${value()}`).join(',')}}`
}

const TEXTS = [
  '',
  'plain',
  'exactly four',
  'quote " and \\ back',
  'line\nbreak',
  'é',
  '日本語',
  '🎉 party',
  'x'.repeat(255),
  `${'y'.repeat(254)}é`,
  'z'.repeat(600),
  'é'.repeat(300),
  '\u0000\u001f',
  'a\u007fb',
  '\u2028',
]
const INTEGERS = [
  '0',
  '-0',
  '1',
  '-1',
  '7',
  '42',
  '2147483647',
  '2147483648',
  '-2147483648',
  '999999999',
  '1000000000',
  '123456789012345',
  '1234567890123456',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  '99999999999999999999',
  '1.0',
  '1e3',
  '12.50',
  '-5E-1',
  '00',
  '01',
  '1.',
  '.5',
  '1e',
  '+1',
]
const FRACTIONS = [
  '0.1',
  '-0.0',
  '1.5',
  '123.456',
  '0.000000001',
  '12345678.12345678',
  '1e22',
  '1e23',
  '1.7976931348623157e308',
  '1e309',
  '5e-324',
  '3.4028236e38',
  '0.30000000000000004',
  '99999999999999.99',
  '"NaN"',
  '"Infinity"',
  '"-Infinity"',
  '9999999999.99',
  '1234567890123.45',
]

function scalarText(random: Random, type: IcebergType, options: FieldOptions | undefined): string {
  switch (type.kind) {
    case 'boolean':
      return random.pick(['true', 'false'])
    case 'int':
      return random.chance(0.9) ? String(random.int(-100_000, 100_000)) : random.pick(INTEGERS)
    case 'long':
      return random.chance(0.5) ? digits(random, random.int(1, 19)) : random.pick(INTEGERS)
    case 'float':
    case 'double':
      return random.chance(0.5)
        ? String((random.next() - 0.5) * 10 ** random.int(-8, 20))
        : random.pick([...FRACTIONS, ...INTEGERS])
    case 'decimal':
      return decimalText(random, type)
    case 'string':
      return random.chance(0.8) ? JSON.stringify(random.pick(TEXTS) + random.int(0, 9)) : escapedText(random)
    case 'uuid':
      return JSON.stringify(
        `${hex(random, 8)}-${hex(random, 4)}-${hex(random, 4)}-${hex(random, 4)}-${hex(random, 12)}`,
      )
    case 'fixed':
    case 'binary': {
      const bytes = Buffer.from(
        Array.from({ length: type.kind === 'fixed' ? type.length : random.int(0, 20) }, () =>
          random.int(0, 255),
        ),
      )
      return JSON.stringify(bytes.toString(options?.binaryEncoding === 'hex' ? 'hex' : 'base64'))
    }
    default:
      return temporalText(random, type.kind, options)
  }
}

function digits(random: Random, count: number): string {
  const text = Array.from({ length: count }, (_, i) => random.int(i === 0 && count > 1 ? 1 : 0, 9)).join('')
  return random.chance(0.3) ? `-${text}` : text
}

function decimalText(random: Random, type: { precision: number; scale: number }): string {
  const whole = digits(random, random.int(1, Math.max(1, type.precision - type.scale)))
  const fraction = Array.from({ length: random.int(0, Math.min(type.scale + 1, 20)) }, () =>
    random.int(0, 9),
  ).join('')
  const text = random.chance(0.9) ? (fraction === '' ? whole : `${whole}.${fraction}`) : random.pick(INTEGERS)
  return random.chance(0.3) ? JSON.stringify(text) : text
}

function temporalText(random: Random, kind: string, options: FieldOptions | undefined): string {
  if (options?.epochUnit !== undefined && random.chance(0.7)) {
    return random.chance(0.8)
      ? digits(random, random.int(1, 16))
      : random.pick(['1.5', '-0.25', '1e3', '1700000000.123456789'])
  }
  const two = (high: number) => String(random.chance(0.98) ? random.int(0, high) : 77).padStart(2, '0')
  const year = random.chance(0.9)
    ? random.int(1990, 2040)
    : random.pick([0, 1, 1600, 1684, 1700, 1900, 2000, 2255, 2256, 9999])
  const date = `${String(year).padStart(4, '0')}-${two(12)}-${two(30)}`
  const fraction = random.chance(0.5)
    ? `.${Array.from({ length: random.int(0, 10) }, () => random.int(0, 9)).join('')}`
    : ''
  const seconds = random.chance(0.9) ? `:${two(59)}${fraction}` : ''
  const time = `${two(23)}:${two(59)}${seconds}`
  if (kind === 'date') return JSON.stringify(date)
  if (kind === 'time') return JSON.stringify(time)
  const usualZone = kind === 'timestamptz' ? 'Z' : ''
  const zone = random.chance(0.9)
    ? usualZone
    : random.pick(['', 'Z', '+01:00', '-0530', '+14', '+99:00', 'z'])
  return JSON.stringify(`${date}${random.chance(0.9) ? 'T' : ' '}${time}${zone}`)
}

function escapedText(random: Random): string {
  const parts = [
    '\\"',
    '\\\\',
    '\\/',
    '\\b',
    '\\f',
    '\\n',
    '\\r',
    '\\t',
    '\\u0041',
    '\\u00e9',
    '\\u20AC',
    '\\ud83c\\udf89',
    'text',
    'é',
    '🎉',
    random.chance(0.1) ? '\\ud800' : '',
    random.chance(0.05) ? '\\x' : '',
  ]
  return `"${Array.from({ length: random.int(0, 12) }, () => random.pick(parts)).join('')}"`
}

const hex = (random: Random, count: number) =>
  Array.from({ length: count }, () => random.pick([...'0123456789abcdefABCDEF'])).join('')

/** Any JSON at all, valid or nearly so. */
export function anyText(random: Random, depth: number): string {
  const kind = random.int(0, depth > 4 ? 5 : 9)
  if (kind === 6 || kind === 7)
    return `[${Array.from({ length: random.int(0, 3) }, () => anyText(random, depth + 1)).join(' , ')}]`
  if (kind >= 8) {
    const members = Array.from(
      { length: random.int(0, 3) },
      () => `"${random.pick(['a', 'b', 'é', '\\n'])}": ${anyText(random, depth + 1)}`,
    )
    return `{${members.join(',')}}`
  }
  if (kind === 5) return random.chance(0.05) ? `${'['.repeat(70)}${']'.repeat(70)}` : 'null'
  if (kind === 4)
    return random.chance(0.03)
      ? random.pick(['tru', 'nul', 'undefined', '', '-', '"\u0001"', '[1,]', '{"a"}'])
      : 'false'
  if (kind === 3) return escapedText(random)
  if (kind === 2) return JSON.stringify(random.pick(TEXTS))
  return random.pick(
    kind === 1
      ? FRACTIONS
      : INTEGERS.filter(
          text =>
            random.chance(0.02) || (/^-?(0|[1-9])(?!\.$|.*e$)/.test(text) && text !== '00' && text !== '01'),
        ),
  )
}

/** Random JSON texts, some damaged, for the parser alone. */
export function randomTexts(seed: number, count: number): Uint8Array[] {
  const random = randomFrom(seed)
  return Array.from({ length: count }, () => {
    const bytes = new TextEncoder().encode(anyText(random, 0))
    return random.chance(0.3) ? damaged(random, bytes) : bytes
  })
}
