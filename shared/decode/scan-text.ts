/**
 * Strings, four bytes at a time, twice per turn of the loop: copy a word, look whether it holds a quote, a backslash, a control character or a byte of a longer
 * UTF-8 sequence, and only then look at single bytes. UTF-8 and escapes are checked where they occur, so plain text costs nothing.
 * The words-at-a-time copy makes string columns about four times faster than byte by byte. The plain twin is in `json-text.ts`.
 */
import type { VariableBuilder } from '../columns/variable-builder.ts'
import { hexDigit } from './json-text.ts'
import type { ScanState } from './scan-state.ts'

const QUOTE = 34
const BACKSLASH = 92
/** Bytes that are copied before the room for more is looked at again. */
const RUN_BYTES = 256
/** A word may be written where a byte is due, and an escape is at most four bytes. */
const SLACK_BYTES = 16

/** A string into a slot. */
export function scanString(s: ScanState, column: VariableBuilder, slot: number, position: number): number {
  const { bytes, view, end } = s
  if (bytes[position] !== QUOTE) return -1
  let p = position + 1
  let to = column.offsets[slot] ?? 0
  if (to + RUN_BYTES + SLACK_BYTES > column.valuesCapacity) column.ensureValues(to + RUN_BYTES + SLACK_BYTES)
  const target = column.valuesView
  const stop = Math.min(end, p + RUN_BYTES)
  while (p < stop) {
    let word = view.getInt32(p, true)
    target.setInt32(to, word, true)
    let special = specialBytes(word)
    if (special === 0) {
      word = view.getInt32(p + 4, true)
      target.setInt32(to + 4, word, true)
      special = specialBytes(word)
      p += 4
      to += 4
      if (special === 0) {
        p += 4
        to += 4
        continue
      }
    }
    const plain = firstFlagged(special)
    p += plain
    to += plain
    if (bytes[p] !== QUOTE) break
    if (p >= end) return -1
    column.offsets[slot + 1] = to
    return p + 1
  }
  return scanRestOfString(s, column, slot, p, to)
}

/** From anywhere inside a string, with `to` bytes of the column's values used. */
function scanRestOfString(
  s: ScanState,
  column: VariableBuilder,
  slot: number,
  position: number,
  written: number,
): number {
  const { bytes, view, end } = s
  let p = position
  let to = written
  while (p < end) {
    const room = to + RUN_BYTES
    column.ensureValues(room + SLACK_BYTES)
    const target = column.valuesView
    const { values } = column
    const stop = Math.min(end, p + RUN_BYTES)
    let special = 0
    while (p < stop && special === 0) {
      const word = view.getInt32(p, true)
      target.setInt32(to, word, true)
      special = specialBytes(word)
      const plain = special === 0 ? 4 : firstFlagged(special)
      p += plain
      to += plain
    }
    if (special === 0) continue
    let c = bytes[p] ?? 0
    if (c === QUOTE) {
      if (p >= end) return -1
      column.offsets[slot + 1] = to
      return p + 1
    }
    if (c === BACKSLASH) {
      const codePoint = readEscape(s, p)
      if (codePoint < 0) return -1
      to = writeUtf8(values, to, codePoint)
      p = s.next
      continue
    }
    while (c >= 128 && to < room) {
      const length = utf8SequenceLength(bytes, p)
      if (length === 0) return -1
      for (let i = 0; i < length; i++) values[to++] = bytes[p++] ?? 0
      c = bytes[p] ?? 0
    }
    if (c < 32) return -1
  }
  return -1
}

/** The position after a string whose text nobody wants; it is checked all the same. */
export function skipString(s: ScanState, position: number): number {
  const { bytes, view, end } = s
  if (bytes[position] !== QUOTE) return -1
  let p = position + 1
  while (p < end) {
    let special = specialBytes(view.getInt32(p, true))
    if (special === 0) {
      p += 4
      special = specialBytes(view.getInt32(p, true))
      if (special === 0) {
        p += 4
        continue
      }
    }
    p += firstFlagged(special)
    const c = bytes[p] ?? 0
    if (c === QUOTE) return p < end ? p + 1 : -1
    if (c === BACKSLASH) {
      if (readEscape(s, p) < 0) return -1
      p = s.next
    } else {
      const length = utf8SequenceLength(bytes, p)
      if (length === 0) return -1
      p += length
    }
  }
  return -1
}

/** Flags (bit 7 of) the bytes of a word that are a quote, a backslash, below 32 or above 127. The lowest flag is exact. */
function specialBytes(word: number): number {
  const quote = word ^ 0x22222222
  const backslash = word ^ 0x5c5c5c5c
  return (
    (((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash) | (word - 0x20202020) | word) &
    0x80808080
  )
}

/** Which byte of a word (0 to 3) carries the lowest flag. */
function firstFlagged(special: number): number {
  return (31 - Math.clz32(special & -special)) >>> 3
}

/** The code point of the escape at `position`, −1 when it is malformed or half a surrogate pair; `s.next` is the position after it. */
export function readEscape(s: ScanState, position: number): number {
  const { bytes } = s
  s.next = position + 2
  switch (bytes[position + 1]) {
    case QUOTE:
      return QUOTE
    case BACKSLASH:
      return BACKSLASH
    case 47:
      return 47
    case 98:
      return 8
    case 102:
      return 12
    case 110:
      return 10
    case 114:
      return 13
    case 116:
      return 9
    case 117:
      return readUnicodeEscape(s, position + 2)
    default:
      return -1
  }
}

function readUnicodeEscape(s: ScanState, position: number): number {
  const { bytes } = s
  const unit = readHexUnit(bytes, position)
  s.next = position + 4
  if (unit < 0xd800 || unit > 0xdfff) return unit
  if (unit > 0xdbff || bytes[position + 4] !== BACKSLASH || bytes[position + 5] !== 117) return -1
  const low = readHexUnit(bytes, position + 6)
  if (low < 0xdc00 || low > 0xdfff) return -1
  s.next = position + 10
  return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
}

function readHexUnit(bytes: Uint8Array, position: number): number {
  let unit = 0
  for (let i = 0; i < 4; i++) {
    const digit = hexDigit(bytes[position + i] ?? 0)
    if (digit < 0) return -1
    unit = (unit << 4) | digit
  }
  return unit
}

/** Bytes of the well-formed UTF-8 sequence at `position` (Unicode, table 3-7), 0 when it is none. */
export function utf8SequenceLength(bytes: Uint8Array, position: number): number {
  const first = bytes[position] ?? 0
  if (first < 128) return 0
  const second = bytes[position + 1] ?? 0
  if ((second & 0xc0) !== 0x80 || first < 0xc2) return 0
  if (first < 0xe0) return 2
  if (((bytes[position + 2] ?? 0) & 0xc0) !== 0x80) return 0
  if (first < 0xf0) {
    if ((first === 0xe0 && second < 0xa0) || (first === 0xed && second > 0x9f)) return 0
    return 3
  }
  if (((bytes[position + 3] ?? 0) & 0xc0) !== 0x80 || first > 0xf4) return 0
  if ((first === 0xf0 && second < 0x90) || (first === 0xf4 && second > 0x8f)) return 0
  return 4
}

/** Writes a code point and returns the end of it. */
function writeUtf8(values: Uint8Array, at: number, codePoint: number): number {
  let to = at
  if (codePoint < 0x80) {
    values[to++] = codePoint
    return to
  }
  if (codePoint < 0x800) values[to++] = 0xc0 | (codePoint >> 6)
  else {
    if (codePoint < 0x10000) values[to++] = 0xe0 | (codePoint >> 12)
    else {
      values[to++] = 0xf0 | (codePoint >> 18)
      values[to++] = 0x80 | ((codePoint >> 12) & 63)
    }
    values[to++] = 0x80 | ((codePoint >> 6) & 63)
  }
  values[to++] = 0x80 | (codePoint & 63)
  return to
}
