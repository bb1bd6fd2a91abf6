/**
 * Writes parsed JSON values into builders, by the rules of docs/types.md: the plain way, which the generated scanner is held against
 * and falls back to for any value that it does not take at a glance.
 *
 * A failure leaves slots partly written; whoever called undoes the row.
 */
import { unreachable } from '../runtime/errors.ts'
import type { UnknownFields } from './field-options.ts'
import type { JsonField, JsonMembers } from './json-fields.ts'
import { isNumberText } from './json-numbers.ts'
import { mismatch, writeFixed, writeVariable } from './json-scalars.ts'
import { type JsonMember, type JsonValue, latin1 } from './json-text.ts'
import { quoted, type ValueFailure, valueFailure, within } from './record-failure.ts'

const JSON_NULL: JsonValue = { kind: 'null' }

/** Writes one slot, null included. Undefined when it was written. */
export function writeJson(
  field: JsonField,
  slot: number,
  value: JsonValue,
  unknownFields: UnknownFields,
): ValueFailure | undefined {
  if (value.kind === 'null') return writeNull(field, slot)
  switch (field.layout) {
    case 'fixed':
      return writeFixed(field.column, field.options, slot, value)
    case 'variable':
      return writeVariable(field.column, field.options, slot, value)
    case 'struct':
      if (value.kind !== 'object') return mismatch('an object', value)
      return writeMembers(field.members, slot, value.members, unknownFields)
    case 'list':
      return writeList(field, slot, value, unknownFields)
    case 'map':
      return writeMap(field, slot, value, unknownFields)
    default:
      return unreachable(field)
  }
}

/** Writes a row or struct: each field once, absent ones as null. */
export function writeMembers(
  target: JsonMembers,
  slot: number,
  members: readonly JsonMember[],
  unknownFields: UnknownFields,
): ValueFailure | undefined {
  const seen = new Uint8Array(target.fields.length)
  for (const { key, value } of members) {
    const index = target.indexByName.get(key)
    const field = index === undefined ? undefined : target.fields[index]
    if (index === undefined || field === undefined) {
      if (unknownFields === 'ignore') continue
      return within(key, valueFailure('unknown-field', 'the schema has no such field'))
    }
    if (seen[index] === 1) {
      return within(key, valueFailure('duplicate-key', 'expected one value, found a second one'))
    }
    seen[index] = 1
    const failure = writeJson(field, slot, value, unknownFields)
    if (failure !== undefined) return within(key, failure)
  }
  for (const [index, field] of target.fields.entries()) {
    if (seen[index] === 1) continue
    if (field.column.field.required) {
      const failure = valueFailure(
        'missing-required',
        'the field is required, and the record does not have it',
      )
      return within(field.column.field.name, failure)
    }
    field.column.setNull(slot)
  }
  return undefined
}

function writeNull(field: JsonField, slot: number): ValueFailure | undefined {
  if (field.column.field.required) {
    return valueFailure('missing-required', 'expected a value, because the field is required, found null')
  }
  field.column.setNull(slot)
  return undefined
}

function writeList(
  field: Extract<JsonField, { layout: 'list' }>,
  slot: number,
  value: JsonValue,
  unknownFields: UnknownFields,
): ValueFailure | undefined {
  if (value.kind !== 'array') return mismatch('an array', value)
  const { column, element } = field
  const first = column.firstChild(slot)
  element.column.ensureSlots(first + value.items.length)
  for (const [i, item] of value.items.entries()) {
    const failure = writeJson(element, first + i, item, unknownFields)
    if (failure !== undefined) return within(i, failure)
  }
  column.endSlot(slot, first + value.items.length)
  return undefined
}

interface MapEntry {
  readonly step: string | number
  readonly key: JsonValue
  readonly value: JsonValue
}

function writeMap(
  field: Extract<JsonField, { layout: 'map' }>,
  slot: number,
  value: JsonValue,
  unknownFields: UnknownFields,
): ValueFailure | undefined {
  const entries = mapEntries(field, value, unknownFields)
  if (!Array.isArray(entries)) return entries
  const { column } = field
  const first = column.firstChild(slot)
  column.key.ensureSlots(first + entries.length)
  column.value.ensureSlots(first + entries.length)
  const keys = new Set<string>()
  for (const [i, entry] of entries.entries()) {
    const failure =
      writeJson(field.key, first + i, entry.key, unknownFields) ??
      refuseKnownKey(field.key, first + i, keys) ??
      writeJson(field.value, first + i, entry.value, unknownFields)
    if (failure !== undefined) return within(entry.step, failure)
  }
  column.endSlot(slot, first + entries.length)
  return undefined
}

/** An object gives text keys, read as the key's type; an array gives `{"key": …, "value": …}` with keys of any type. */
function mapEntries(
  field: Extract<JsonField, { layout: 'map' }>,
  value: JsonValue,
  unknownFields: UnknownFields,
): MapEntry[] | ValueFailure {
  if (value.kind === 'object') {
    const isNested = field.key.layout !== 'fixed' && field.key.layout !== 'variable'
    if (isNested) return mismatch('an array of {"key": …, "value": …}, because the keys are no text', value)
    return value.members.map(({ key, value }) => ({ step: key, key: keyFromText(field.key, key), value }))
  }
  if (value.kind !== 'array') return mismatch('an object or an array of {"key": …, "value": …}', value)
  const entries: MapEntry[] = []
  for (const [step, item] of value.items.entries()) {
    const entry = arrayEntry(item, unknownFields)
    if ('code' in entry) return within(step, entry)
    entries.push({ step, ...entry })
  }
  return entries
}

function arrayEntry(
  item: JsonValue,
  unknownFields: UnknownFields,
): { readonly key: JsonValue; readonly value: JsonValue } | ValueFailure {
  if (item.kind !== 'object') return mismatch('an object with "key" and "value"', item)
  let key: JsonValue | undefined
  let value: JsonValue | undefined
  for (const member of item.members) {
    if (member.key === 'key' && key === undefined) key = member.value
    else if (member.key === 'value' && value === undefined) value = member.value
    else if (member.key === 'key' || member.key === 'value') {
      return within(member.key, valueFailure('duplicate-key', 'expected one value, found a second one'))
    } else if (unknownFields === 'dlq') {
      return within(member.key, valueFailure('unknown-field', 'a map entry has "key" and "value" only'))
    }
  }
  return { key: key ?? JSON_NULL, value: value ?? JSON_NULL }
}

/** Keys of objects are strings: numbers and booleans are read from their text, everything else as a string value. */
function keyFromText(field: JsonField, text: string): JsonValue {
  const kind = field.column.field.type.kind
  if (kind === 'boolean' && (text === 'true' || text === 'false'))
    return { kind: 'boolean', value: text === 'true' }
  if (kind !== 'string' && kind !== 'binary' && kind !== 'fixed' && isNumberText(text))
    return { kind: 'number', text }
  return { kind: 'string', value: text }
}

/** Keys are the same when the stored bytes are; keys that are structs, lists or maps are not compared. */
function refuseKnownKey(field: JsonField, slot: number, keys: Set<string>): ValueFailure | undefined {
  if (field.layout !== 'fixed' && field.layout !== 'variable') return undefined
  const text = field.layout === 'variable' ? variableKeyText(field, slot) : fixedKeyText(field, slot)
  if (keys.has(text)) {
    return valueFailure('duplicate-key', `the map already has the key ${quoted(text)}`)
  }
  keys.add(text)
  return undefined
}

function fixedKeyText(field: Extract<JsonField, { layout: 'fixed' }>, slot: number): string {
  const { widthBytes, bytes } = field.column
  if (widthBytes === 0) return String(((bytes[slot >>> 3] ?? 0) >>> (slot & 7)) & 1)
  return latin1(bytes, slot * widthBytes, (slot + 1) * widthBytes)
}

function variableKeyText(field: Extract<JsonField, { layout: 'variable' }>, slot: number): string {
  const bytes = field.column.bytesAt(slot)
  return latin1(bytes, 0, bytes.length)
}
