/**
 * Generates, per schema, the functions that walk a record's objects: which key comes next, which scan function reads its value, into
 * which column. What the functions call is ordinary code (`scan-*.ts`); what is generated is only the order of the calls.
 *
 * How an object is walked: states 2i and 2i + 1 are "key i is expected" and "at the value of key i". Falling from one case to the next
 * is the fast path: compare the whole `,"key":` by words, scan the value. A key that does not match is looked up, which gives
 * the state to go on from. Wide objects are split into functions of KEYS_PER_FUNCTION keys, because V8 does not optimise large ones:
 * one function for 400 keys ran at 17 MB/s, split at 1,000.
 *
 * Text of a schema or sample reaches generated code only as numbers and through arrays of the environment.
 */
import { EPOCH_SCALE, type JsonField, type JsonMembers } from './json-fields.ts'
import { MAX_JSON_DEPTH } from './json-text.ts'
import { createKeyTable } from './key-table.ts'
import type { ExpectedKey, LearnedKeys } from './learn-keys.ts'
import { decimalShape } from './scan-number.ts'
import { createScannerEnvironment, type ScannerEnvironment } from './scanner-environment.ts'

/** More keys than this in one function and its speed falls to a fifth. */
export const KEYS_PER_FUNCTION = 24
/** Bits of a mask that stays a small integer. */
const BITS_PER_MASK = 30
/** A key in fewer samples than this is skipped over when it is not there … */
const COMMON_SHARE = 0.98
/** … unless it is in so few that looking up the key that came instead is cheaper. */
const RARE_SHARE = 0.5
/** Longer patterns could be read past the padding. */
const MAX_UNCHECKED_PATTERN_BYTES = 56

/** Scans the object at `position` into row `slot`: the position after it, or −1 when the plain decoder must take the record. */
export type ScanObject = (position: number, slot: number) => number

interface Generator {
  readonly environment: ScannerEnvironment
  readonly learned: LearnedKeys
  readonly ignoresUnknown: boolean
  /** Finished functions. */
  readonly functions: string[]
}

export interface ScannerPlan {
  readonly root: JsonMembers
  readonly learned: LearnedKeys
  readonly unknownFields: 'ignore' | 'dlq'
}

export function generateScanner(plan: ScannerPlan): { scan: ScanObject; environment: ScannerEnvironment } {
  const environment = createScannerEnvironment(plan.unknownFields)
  const { learned, root } = plan
  const generator = { environment, learned, ignoresUnknown: plan.unknownFields === 'ignore', functions: [] }
  const name = emitObject(generator, root, 1)
  return { scan: environment.compile(generator.functions, name), environment }
}

interface ObjectPlan {
  readonly id: number
  readonly members: JsonMembers
  readonly keys: readonly ExpectedKey[]
  /** Containers open inside the object, itself included. */
  readonly depth: number
  /** The most samples that any of its keys has. */
  readonly samples: number
}

/** Emits the function of an object and returns its name. */
function emitObject(generator: Generator, members: JsonMembers, depth: number): string {
  const learned = (generator.learned.get(members) ?? []).filter(
    ({ key }) => generator.ignoresUnknown || members.indexByName.has(key),
  )
  const known = new Set(learned.map(({ key }) => key))
  const unseen = [...members.indexByName.keys()].filter(key => !known.has(key))
  const keys = [...learned, ...unseen.map(key => ({ key, pattern: new Uint8Array(0), count: 0 }))]
  const unknownState = 2 * keys.length + 1
  const id = generator.environment.addTable(
    createKeyTable(
      keys.map(({ key }, i) => ({ key, answer: 2 * i + 1 })),
      unknownState,
    ),
  )
  generator.environment.addColumns(
    id,
    members.fields.map(field => field.column),
  )
  const samples = Math.max(0, ...keys.map(({ count }) => count))
  const plan = { id, members, keys, depth, samples }
  const source =
    keys.length <= KEYS_PER_FUNCTION ? wholeObject(generator, plan) : splitObject(generator, plan)
  generator.functions.push(source)
  return `object${id}`
}

/** An object in one function: masks are locals, and the switch loops inside. */
function wholeObject(generator: Generator, plan: ObjectPlan): string {
  const { id, members, keys } = plan
  return `
function object${id}(p, r) {
  const b = s.bytes, v = s.view;
  if (b[p] !== 123) return -1;
  const start = p;
  let k = 0, q = 0;
  ${declareMasks(plan)}
  walk: for (;;) {
    found: switch (k) {
      ${keys.map((_, i) => keyCase(generator, plan, i, 'break found;')).join('\n')}
      case ${2 * keys.length}: break found;
      default: ${unknownValue(generator, plan)}
    }
    ${nextKey(id)}
  }
  ${absentFields(id, members)}
  return p;
}`
}

/** A wide object: functions of some keys each, masks in variables around them, and a driver. */
function splitObject(generator: Generator, plan: ObjectPlan): string {
  const { id, members, keys } = plan
  const parts: string[] = []
  const calls: string[] = []
  for (let first = 0; first < keys.length; first += KEYS_PER_FUNCTION) {
    const end = Math.min(first + KEYS_PER_FUNCTION, keys.length)
    const part = first / KEYS_PER_FUNCTION
    calls.push(`case ${part}: p = part${id}_${part}(p, r, k); break;`)
    const cases = keys
      .slice(first, end)
      .map((_, i) => keyCase(generator, plan, first + i, '{ s.next = -1; return p; }'))
    parts.push(`
function part${id}_${part}(p, r, k) {
  const b = s.bytes, v = s.view;
  let q = 0;
  walk: for (;;) {
    switch (k) {
      ${cases.join('\n')}
    }
    s.next = ${2 * end};
    return p;
  }
}`)
  }
  return `
${declareMasks(plan)}
${parts.join('\n')}
function object${id}(p, r) {
  const b = s.bytes;
  if (b[p] !== 123) return -1;
  const start = p;
  let k = 0;
  ${resetMasks(plan)}
  walk: for (;;) {
    if (k < ${2 * keys.length}) {
      switch ((k / ${2 * KEYS_PER_FUNCTION}) | 0) { ${calls.join(' ')} }
      if (p < 0) return -1;
      k = s.next;
      if (k >= 0) continue;
    } else if (k === ${2 * keys.length + 1}) { ${unknownValue(generator, plan)} }
    ${nextKey(id)}
  }
  ${absentFields(id, members)}
  return p;
}`
}

function unknownValue(generator: Generator, plan: ObjectPlan): string {
  return generator.ignoresUnknown ? `p = skipValue(s, p, ${plan.depth}); if (p < 0) return -1;` : 'return -1;'
}

/** After a value whose successor is not the expected key: the end, or a look at the table. */
function nextKey(id: number): string {
  return `if (b[p] === 125) { p++; break walk; }
    p = findKey(s, tables[${id}], p, p === start); if (p < 0) return -1;
    k = s.next; if (k === END_OF_OBJECT) break walk;`
}

function keyCase(generator: Generator, plan: ObjectPlan, i: number, miss: string): string {
  const { keys, members, samples, depth } = plan
  const expected = keys[i]
  if (expected === undefined) return ''
  const { key, pattern, count } = expected
  const isSkippable = count < samples * COMMON_SHARE && count >= samples * RARE_SHARE
  const onMiss = isSkippable ? `{ k = ${2 * i + 2}; continue walk; }` : miss
  const match = pattern.length === 0 ? miss : `if (!(${matches(pattern)})) ${onMiss} p += ${pattern.length};`
  const index = members.indexByName.get(key)
  const field = index === undefined ? undefined : members.fields[index]
  if (index === undefined || field === undefined) {
    return `case ${2 * i}: ${match}\ncase ${2 * i + 1}: p = skipValue(s, p, ${depth}); if (p < 0) return -1;`
  }
  const mask = maskName(plan.id, index)
  const bit = 1 << (index % BITS_PER_MASK)
  // A field given twice goes to the plain decoder, which says so.
  return `case ${2 * i}: ${match}
case ${2 * i + 1}: if (${mask} & ${bit}) return -1; ${mask} |= ${bit}; ${emitValue(generator, field, 'r', depth)}`
}

/**
 * Compares the bytes at `p` with a pattern, eight or four at a time; the last comparison may overlap the one before. Eight bytes are
 * compared as a double: no two different ones are equal, because UTF-8 has neither the zero bytes of ±0 nor, checked here, those of NaN.
 */
function matches(pattern: Uint8Array): string {
  const { length } = pattern
  const view = new DataView(pattern.buffer, pattern.byteOffset, pattern.byteLength)
  const terms = length > MAX_UNCHECKED_PATTERN_BYTES ? [`p + ${length} <= s.end`] : []
  const compareWord = (at: number) => terms.push(`v.getInt32(p + ${at}, true) === ${view.getInt32(at, true)}`)
  let at = 0
  for (; at + 8 <= length; at += 8) {
    const double = view.getFloat64(at, true)
    if (Number.isFinite(double)) terms.push(`v.getFloat64(p + ${at}, true) === ${double}`)
    else {
      compareWord(at)
      compareWord(at + 4)
    }
  }
  if (length < 4) for (; at < length; at++) terms.push(`b[p + ${at}] === ${pattern[at]}`)
  if (at + 4 < length) compareWord(at)
  if (at < length) compareWord(length - 4)
  return terms.join(' && ')
}

const maskCount = (members: JsonMembers) => Math.ceil(members.fields.length / BITS_PER_MASK)
const maskName = (id: number, index: number) => `m${id}_${Math.floor(index / BITS_PER_MASK)}`

function maskNames({ id, members }: ObjectPlan): string[] {
  return Array.from({ length: maskCount(members) }, (_, i) => maskName(id, i * BITS_PER_MASK))
}

function declareMasks(plan: ObjectPlan): string {
  const names = maskNames(plan)
  return names.length === 0 ? '' : `let ${names.map(name => `${name} = 0`).join(', ')};`
}

function resetMasks(plan: ObjectPlan): string {
  return maskNames(plan)
    .map(name => `${name} = 0;`)
    .join(' ')
}

/** Fields that did not come: null, or the plain decoder's to refuse. */
function absentFields(id: number, members: JsonMembers): string {
  return Array.from({ length: maskCount(members) }, (_, word) => {
    const first = word * BITS_PER_MASK
    const fields = members.fields.slice(first, first + BITS_PER_MASK)
    const all = 2 ** fields.length - 1
    const required = fields.reduce(
      (bits, { column }, i) => (column.field.required ? bits | (1 << i) : bits),
      0,
    )
    const mask = maskName(id, first)
    return `if (${mask} !== ${all}) {
    if ((${mask} & ${required}) !== ${required}) return -1;
    setMissing(columns[${id}], ${first}, ${mask} ^ ${all}, r);
  }`
  }).join('\n  ')
}

/** Statements that read a field's value at `p` into `slot` and leave `p` after it. `depth` counts the containers around it. */
function emitValue(generator: Generator, field: JsonField, slot: string, depth: number): string {
  const id = generator.environment.addField(field)
  const plainly = `scanPlainly(s, F${id}, ${slot}, p, ${depth}, unknownFields)`
  const orPlainly = (scan: string) =>
    `q = ${scan}; if (q < 0) { q = ${plainly}; if (q < 0) return -1; } p = q;`
  const isTooDeep = depth >= MAX_JSON_DEPTH
  switch (field.layout) {
    case 'fixed': {
      const scan = fixedScan(field, id, slot)
      return scan === undefined ? `p = ${plainly}; if (p < 0) return -1;` : orPlainly(scan)
    }
    case 'variable':
      if (field.column.field.type.kind === 'string') return orPlainly(`scanString(s, C${id}, ${slot}, p)`)
      return `p = ${plainly}; if (p < 0) return -1;`
    case 'struct': {
      if (isTooDeep) return `p = ${plainly}; if (p < 0) return -1;`
      const name = emitObject(generator, field.members, depth + 1)
      return `p = b[p] === 123 ? ${name}(p, ${slot}) : ${plainly}; if (p < 0) return -1;`
    }
    case 'list':
      if (isTooDeep) return `p = ${plainly}; if (p < 0) return -1;`
      emitList(generator, field, id, depth + 1)
      return `p = b[p] === 91 ? list${id}(p, ${slot}) : ${plainly}; if (p < 0) return -1;`
    case 'map': {
      const hasTextKeys = field.column.field.type.key.kind === 'string'
      if (isTooDeep || !hasTextKeys) return `p = ${plainly}; if (p < 0) return -1;`
      emitMap(generator, field, id, depth + 1)
      return `p = b[p] === 123 ? map${id}(p, ${slot}) : ${plainly}; if (p < 0) return -1;`
    }
  }
}

/** The call that reads a fixed-width value in its common form; undefined for types that always go the plain way. */
function fixedScan(
  field: Extract<JsonField, { layout: 'fixed' }>,
  id: number,
  slot: string,
): string | undefined {
  const { type } = field.column.field
  const call = (name: string, ...more: number[]) =>
    `${name}(${['s', `C${id}`, slot, 'p', ...more].join(', ')})`
  switch (type.kind) {
    case 'boolean':
      return call('scanBoolean')
    case 'int':
      return call('scanInt')
    case 'long':
      return call('scanLong')
    case 'float':
      return call('scanFloat')
    case 'double':
      return call('scanDouble')
    case 'decimal': {
      const { scale, limit } = decimalShape(type)
      return call('scanDecimal', scale, limit)
    }
    case 'date':
      return call('scanDate')
    case 'timestamp':
    case 'timestamptz': {
      const text = call(type.kind === 'timestamp' ? 'scanTimestamp' : 'scanTimestamptz')
      const { epochUnit } = field.options
      if (epochUnit === undefined || epochUnit === 'days') return text
      return `b[p] === 34 ? ${text} : ${call('scanEpoch', 10 ** EPOCH_SCALE[epochUnit])}`
    }
    case 'uuid':
      return call('scanUuid')
    default:
      return undefined
  }
}

function emitList(
  generator: Generator,
  field: Extract<JsonField, { layout: 'list' }>,
  id: number,
  depth: number,
): void {
  const element = generator.environment.addField(field.element)
  generator.functions.push(`
function list${id}(p, r) {
  const b = s.bytes;
  let j = C${id}.offsets[r], q = 0;
  p = skipSpace(b, p + 1);
  if (b[p] === 93) p++;
  else for (;;) {
    if (j >= C${element}.capacity) C${element}.ensureSlots(j + 1);
    ${emitValue(generator, field.element, 'j', depth)}
    j++;
    if (b[p] <= 32) p = skipSpace(b, p);
    if (b[p] === 93) { p++; break; }
    if (b[p] !== 44) return -1;
    p++;
    if (b[p] <= 32) p = skipSpace(b, p);
  }
  C${id}.offsets[r + 1] = j;
  return p;
}`)
}

/** Maps with text keys. One with more entries than are compared starts over, the plain way. */
function emitMap(
  generator: Generator,
  field: Extract<JsonField, { layout: 'map' }>,
  id: number,
  depth: number,
): void {
  const key = generator.environment.addField(field.key)
  const value = generator.environment.addField(field.value)
  generator.functions.push(`
function map${id}(p, r) {
  const b = s.bytes, begin = p, first = C${id}.offsets[r];
  let j = first, q = 0;
  p = skipSpace(b, p + 1);
  if (b[p] === 125) p++;
  else for (;;) {
    if (j >= C${key}.capacity) C${key}.ensureSlots(j + 1);
    if (j >= C${value}.capacity) C${value}.ensureSlots(j + 1);
    p = scanString(s, C${key}, j, p); if (p < 0) return -1;
    if (mayRepeatKey(C${key}, first, j)) {
      C${value}.truncate(first);
      return scanPlainly(s, F${id}, r, begin, ${depth - 1}, unknownFields);
    }
    if (b[p] <= 32) p = skipSpace(b, p);
    if (b[p] !== 58) return -1;
    p = skipSpace(b, p + 1);
    ${emitValue(generator, field.value, 'j', depth)}
    j++;
    if (b[p] <= 32) p = skipSpace(b, p);
    if (b[p] === 125) { p++; break; }
    if (b[p] !== 44) return -1;
    p = skipSpace(b, p + 1);
  }
  C${id}.offsets[r + 1] = j;
  return p;
}`)
}
