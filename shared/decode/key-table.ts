/** Finds a key that did not come where it was expected: a small open-addressing table over the keys' raw bytes. */
import { type ScanState, skipSpace } from './scan-state.ts'
import { utf8SequenceLength } from './scan-text.ts'

export interface KeyTable {
  readonly mask: number
  /** Index into `keys`, −1 where free. */
  readonly slots: Int32Array
  readonly keys: readonly Uint8Array[]
  /** What `findKey` answers for `keys[i]`. */
  readonly answers: readonly number[]
  /** What it answers for any other key. */
  readonly unknownAnswer: number
}

/** What `findKey` answers at the end of the object. */
export const END_OF_OBJECT = -2

export function createKeyTable(
  entries: readonly { key: string; answer: number }[],
  unknownAnswer: number,
): KeyTable {
  let size = 4
  while (size < entries.length * 4) size *= 2
  const encoder = new TextEncoder()
  const keys = entries.map(({ key }) => encoder.encode(key))
  const slots = new Int32Array(size).fill(-1)
  for (const [index, key] of keys.entries()) {
    let slot = hashOf(key) & (size - 1)
    while (slots[slot] !== -1) slot = (slot + 1) & (size - 1)
    slots[slot] = index
  }
  return { mask: size - 1, slots, keys, answers: entries.map(({ answer }) => answer), unknownAnswer }
}

/**
 * From the end of a value (or the opening brace, when `isFirst`) to the next value: its position, and the key's answer in `s.next`.
 * −1 for anything malformed, and for keys with escapes, which the plain decoder takes.
 */
export function findKey(s: ScanState, table: KeyTable, position: number, isFirst: boolean): number {
  const { bytes, end } = s
  s.lookups++
  let p = skipSpace(bytes, isFirst ? position + 1 : position)
  if (bytes[p] === 125) {
    s.next = END_OF_OBJECT
    return p + 1
  }
  if (!isFirst) {
    if (bytes[p] !== 44) return -1
    p = skipSpace(bytes, p + 1)
  }
  if (bytes[p] !== 34) return -1
  const keyStart = ++p
  let hash = 0
  let hasHighBytes = false
  for (let c = bytes[p] ?? 0; c !== 34; c = bytes[++p] ?? 0) {
    if (c === 92 || c < 32 || p >= end) return -1
    if (c >= 128) hasHighBytes = true
    hash = (Math.imul(hash, 31) + c) | 0
  }
  const keyEnd = p
  p = skipSpace(bytes, p + 1)
  if (bytes[p] !== 58) return -1
  p = skipSpace(bytes, p + 1)
  if (p >= end) return -1
  const found = findSlot(table, hash, bytes, keyStart, keyEnd)
  if (found < 0 && hasHighBytes && !isWellFormed(bytes, keyStart, keyEnd)) return -1
  s.next = found < 0 ? table.unknownAnswer : (table.answers[found] ?? table.unknownAnswer)
  return p
}

function findSlot(table: KeyTable, hash: number, bytes: Uint8Array, start: number, end: number): number {
  const { slots, mask, keys } = table
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const index = slots[slot] ?? -1
    if (index < 0) return -1
    const key = keys[index]
    if (key === undefined || key.length !== end - start) continue
    let i = 0
    while (i < key.length && key[i] === bytes[start + i]) i++
    if (i === key.length) return index
  }
}

function hashOf(key: Uint8Array): number {
  let hash = 0
  for (const byte of key) hash = (Math.imul(hash, 31) + byte) | 0
  return hash
}

function isWellFormed(bytes: Uint8Array, start: number, end: number): boolean {
  let p = start
  while (p < end) {
    const length = (bytes[p] ?? 0) < 128 ? 1 : utf8SequenceLength(bytes, p)
    if (length === 0) return false
    p += length
  }
  return p === end
}
