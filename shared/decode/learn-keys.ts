/**
 * Learns from sample records in which order keys come and what white space surrounds them, object by object. Producers write the same
 * shape over and over, so a scanner that compares the whole `,"key":` at once hardly ever looks a key up.
 *
 * What is learned only steers speed: keys in another order, with other white space, or never seen are found all the same.
 */
import type { JsonField, JsonMembers } from './json-fields.ts'
import { parseJsonPrefix } from './json-text.ts'
import { ScanState, skipSpace } from './scan-state.ts'
import { skipString } from './scan-text.ts'
import { skipValue } from './scan-value.ts'

export interface ExpectedKey {
  readonly key: string
  /** From the end of the value before (or the opening brace) to this key's value. Empty for a key that no sample had. */
  pattern: Uint8Array
  /** Samples of the object that had it. */
  count: number
}

/** By the object's members; objects that no sample had are absent. */
export type LearnedKeys = ReadonlyMap<JsonMembers, readonly ExpectedKey[]>

export interface Sample {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/** Keys that the schema does not name are expected only when this share of samples has them: keys may be data. */
const MIN_UNKNOWN_SHARE = 0.1
export const MAX_EXPECTED_KEYS = 1024
const MAX_PATTERN_BYTES = 512

const COMMA = 44
const OPEN_BRACE = 123

export function learnKeys(root: JsonMembers, samples: readonly Sample[]): LearnedKeys {
  const objects = new Map<JsonMembers, { keys: ExpectedKey[]; seen: number }>()
  const s = new ScanState()
  for (const { bytes, start, end } of samples) {
    s.bytes = bytes
    s.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    s.end = end
    const p = skipSpace(bytes, start)
    if (bytes[p] === OPEN_BRACE) learnObject(s, objects, root, p)
  }
  const learned = new Map<JsonMembers, readonly ExpectedKey[]>()
  for (const [members, { keys, seen }] of objects) learned.set(members, prune(members, keys, seen))
  return learned
}

function prune(members: JsonMembers, keys: readonly ExpectedKey[], seen: number): readonly ExpectedKey[] {
  const kept = keys.filter(({ key, count, pattern }) => {
    if (pattern.length > MAX_PATTERN_BYTES) return false
    return members.indexByName.has(key) || count >= seen * MIN_UNKNOWN_SHARE
  })
  return kept.slice(0, MAX_EXPECTED_KEYS).map((expected, index) => {
    const opener = Uint8Array.of(index === 0 ? OPEN_BRACE : COMMA)
    const own = expected.pattern[0]
    if (own === opener[0] || (index > 0 && own !== OPEN_BRACE)) return expected
    // The first key of one record may come later in another: only what stands before it differs.
    const separator = own === OPEN_BRACE ? 0 : Math.max(0, expected.pattern.indexOf(COMMA))
    const pattern = Uint8Array.of(...opener, ...expected.pattern.subarray(separator + 1))
    return { ...expected, pattern }
  })
}

type Objects = Map<JsonMembers, { keys: ExpectedKey[]; seen: number }>

/** The position after the object, −1 when the sample is malformed; what was learned until then stays. */
function learnObject(s: ScanState, objects: Objects, members: JsonMembers, position: number): number {
  const { bytes } = s
  const object = objects.get(members) ?? { keys: [], seen: 0 }
  objects.set(members, object)
  object.seen++
  let patternStart = position
  let last = -1
  let p = skipSpace(bytes, position + 1)
  if (bytes[p] === 125) return p + 1
  while (p < s.end) {
    const keyStart = p
    p = skipString(s, p)
    if (p < 0) return -1
    const key = parseJsonPrefix({ bytes, start: keyStart, end: p })
    p = skipSpace(bytes, p)
    if (bytes[p] !== 58 || 'failure' in key || key.value.kind !== 'string') return -1
    p = skipSpace(bytes, p + 1)
    last = noteKey(object.keys, last, key.value.value, bytes.subarray(patternStart, p))
    const index = members.indexByName.get(key.value.value)
    const field = index === undefined ? undefined : members.fields[index]
    p = field === undefined ? skipValue(s, p, 0) : learnValue(s, objects, field, p)
    if (p < 0) return -1
    patternStart = p
    p = skipSpace(bytes, p)
    if (bytes[p] === 125) return p + 1
    if (bytes[p] !== COMMA) return -1
    p = skipSpace(bytes, p + 1)
  }
  return -1
}

/** Inserts a new key after the one before it, and returns where the key is. */
function noteKey(keys: ExpectedKey[], last: number, key: string, pattern: Uint8Array): number {
  const known = keys[last + 1]?.key === key ? last + 1 : keys.findIndex(expected => expected.key === key)
  const expected = keys[known]
  if (expected !== undefined) {
    expected.count++
    return known
  }
  if (keys.length >= 2 * MAX_EXPECTED_KEYS) return last
  keys.splice(last + 1, 0, { key, pattern: pattern.slice(), count: 1 })
  return last + 1
}

function learnValue(s: ScanState, objects: Objects, field: JsonField, position: number): number {
  const first = s.bytes[position]
  if (field.layout === 'struct' && first === OPEN_BRACE)
    return learnObject(s, objects, field.members, position)
  if (field.layout === 'list' && first === 91) return learnItems(s, objects, field.element, position)
  return skipValue(s, position, 0)
}

function learnItems(s: ScanState, objects: Objects, element: JsonField, position: number): number {
  const { bytes } = s
  let p = skipSpace(bytes, position + 1)
  if (bytes[p] === 93) return p + 1
  while (p < s.end) {
    p = learnValue(s, objects, element, p)
    if (p < 0) return -1
    p = skipSpace(bytes, p)
    if (bytes[p] === 93) return p + 1
    if (bytes[p] !== COMMA) return -1
    p = skipSpace(bytes, p + 1)
  }
  return -1
}
