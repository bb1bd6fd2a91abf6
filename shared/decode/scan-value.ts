/** What generated scanners call besides the readers of single types: skipping, UUIDs, booleans, and the way back to the plain writer. */
import type { ColumnBuilder } from '../columns/column-builder.ts'
import type { FixedBuilder } from '../columns/fixed-builder.ts'
import type { VariableBuilder } from '../columns/variable-builder.ts'
import type { UnknownFields } from './field-options.ts'
import type { JsonField } from './json-fields.ts'
import { hexDigit, MAX_JSON_DEPTH, parseJsonPrefix } from './json-text.ts'
import { writeJson } from './json-writer.ts'
import { skipNumber } from './scan-number.ts'
import { type ScanState, skipSpace } from './scan-state.ts'
import { skipString } from './scan-text.ts'

/** `true`, `fals` and `null` as little-endian words. */
const TRUE_WORD = 0x65757274
const FALS_WORD = 0x736c6166
const NULL_WORD = 0x6c6c756e

/** Entries up to which a map's keys are compared with one another; larger maps go the plain way. */
const MAX_COMPARED_KEYS = 16

export function scanBoolean(s: ScanState, column: FixedBuilder, slot: number, position: number): number {
  const word = s.view.getInt32(position, true)
  if (word === TRUE_WORD) {
    column.setBoolean(slot, true)
    return position + 4
  }
  if (word !== FALS_WORD || s.bytes[position + 4] !== 101) return -1
  column.setBoolean(slot, false)
  return position + 5
}

export function scanUuid(s: ScanState, column: FixedBuilder, slot: number, position: number): number {
  const { bytes } = s
  if (bytes[position] !== 34 || bytes[position + 37] !== 34) return -1
  let p = position + 1
  const first = 16 * slot
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) {
      if (bytes[p++] !== 45) return -1
    }
    const byte = (hexDigit(bytes[p] ?? 0) << 4) | hexDigit(bytes[p + 1] ?? 0)
    if (byte < 0) return -1
    column.bytes[first + i] = byte
    p += 2
  }
  return position + 38
}

/**
 * A value that the scanner of its type did not take: null, or parsed and written the plain way. −1 when it does not fit; then the
 * record is decoded again as a whole, which tells why. `depth` counts the containers around the value.
 */
export function scanPlainly(
  s: ScanState,
  field: JsonField,
  slot: number,
  position: number,
  depth: number,
  unknownFields: UnknownFields,
): number {
  const { bytes, end } = s
  if (bytes[position] === 110) {
    if (field.column.field.required || s.view.getInt32(position, true) !== NULL_WORD) return -1
    field.column.setNull(slot)
    return position + 4
  }
  const parsed = parseJsonPrefix({ bytes, start: position, end, depth })
  if ('failure' in parsed) return -1
  return writeJson(field, slot, parsed.value, unknownFields) === undefined ? parsed.end : -1
}

/** Nulls the columns whose bits are set in `missing`; bit 0 is column `first`. */
export function setMissing(
  columns: readonly ColumnBuilder[],
  first: number,
  missing: number,
  slot: number,
): void {
  for (let rest = missing; rest !== 0; rest &= rest - 1) {
    columns[first + 31 - Math.clz32(rest & -rest)]?.setNull(slot)
  }
}

/** Whether the key in `slot` equals one of the entry's earlier keys, or there are too many to compare. */
export function mayRepeatKey(keys: VariableBuilder, first: number, slot: number): boolean {
  if (slot - first > MAX_COMPARED_KEYS) return true
  const { offsets, values } = keys
  const begin = offsets[slot] ?? 0
  const length = (offsets[slot + 1] ?? 0) - begin
  for (let other = first; other < slot; other++) {
    const otherBegin = offsets[other] ?? 0
    if ((offsets[other + 1] ?? 0) - otherBegin !== length) continue
    let i = 0
    while (i < length && values[begin + i] === values[otherBegin + i]) i++
    if (i === length) return true
  }
  return false
}

/** The position after a value that nobody wants; it must be JSON all the same. `depth` counts the containers around it. */
export function skipValue(s: ScanState, position: number, depth: number): number {
  switch (s.bytes[position]) {
    case 34:
      return skipString(s, position)
    case 123:
      return depth >= MAX_JSON_DEPTH ? -1 : skipObject(s, position, depth + 1)
    case 91:
      return depth >= MAX_JSON_DEPTH ? -1 : skipArray(s, position, depth + 1)
    case 116:
      return s.view.getInt32(position, true) === TRUE_WORD ? position + 4 : -1
    case 102:
      return s.view.getInt32(position, true) === FALS_WORD && s.bytes[position + 4] === 101
        ? position + 5
        : -1
    case 110:
      return s.view.getInt32(position, true) === NULL_WORD ? position + 4 : -1
    default:
      return skipNumber(s, position)
  }
}

function skipObject(s: ScanState, position: number, depth: number): number {
  const { bytes } = s
  let p = skipSpace(bytes, position + 1)
  if (bytes[p] === 125) return p + 1
  while (p < s.end) {
    p = skipString(s, p)
    if (p < 0) return -1
    p = skipSpace(bytes, p)
    if (bytes[p] !== 58) return -1
    p = skipValue(s, skipSpace(bytes, p + 1), depth)
    if (p < 0) return -1
    p = skipSpace(bytes, p)
    if (bytes[p] === 125) return p + 1
    if (bytes[p] !== 44) return -1
    p = skipSpace(bytes, p + 1)
  }
  return -1
}

function skipArray(s: ScanState, position: number, depth: number): number {
  const { bytes } = s
  let p = skipSpace(bytes, position + 1)
  if (bytes[p] === 93) return p + 1
  while (p < s.end) {
    p = skipValue(s, p, depth)
    if (p < 0) return -1
    p = skipSpace(bytes, p)
    if (bytes[p] === 93) return p + 1
    if (bytes[p] !== 44) return -1
    p = skipSpace(bytes, p + 1)
  }
  return -1
}
