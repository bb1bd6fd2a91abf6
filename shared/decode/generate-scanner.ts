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
import { emitValue } from './generate-values.ts'
import type { JsonMembers } from './json-fields.ts'
import { createKeyTable } from './key-table.ts'
import type { ExpectedKey, LearnedKeys } from './learn-keys.ts'
import { matchPattern } from './match-pattern.ts'
import type { ScanState } from './scan-state.ts'
import { createScannerEnvironment, type Generator, type ScanObject } from './scanner-environment.ts'

/** More keys than this in one function and its speed falls to a fifth. */
export const KEYS_PER_FUNCTION = 24
/** Bits of a mask that stays a small integer. */
const BITS_PER_MASK = 30
/** A key in fewer samples than this is skipped over when it is not there … */
const COMMON_SHARE = 0.98
/** … unless it is in so few that looking up the key that came instead is cheaper. */
const RARE_SHARE = 0.5

export interface ScannerPlan {
  readonly root: JsonMembers
  readonly learned: LearnedKeys
  readonly unknownFields: 'ignore' | 'dlq'
}

/** The scanner of a record's object, and the state that says what it reads. */
export interface Scanner {
  readonly scan: ScanObject
  readonly state: ScanState
}

interface ObjectGenerator extends Generator {
  readonly learned: LearnedKeys
  readonly ignoresUnknown: boolean
}

export function generateScanner({ root, learned, unknownFields }: ScannerPlan): Scanner {
  const environment = createScannerEnvironment(unknownFields)
  const generator: ObjectGenerator = {
    environment,
    learned,
    ignoresUnknown: unknownFields === 'ignore',
    functions: [],
    emitObject: (members, depth) => emitObject(generator, members, depth),
  }
  const entry = generator.emitObject(root, 1)
  return { scan: environment.compile(generator.functions, entry), state: environment.state }
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
function emitObject(generator: ObjectGenerator, members: JsonMembers, depth: number): string {
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
function wholeObject(generator: ObjectGenerator, plan: ObjectPlan): string {
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
function splitObject(generator: ObjectGenerator, plan: ObjectPlan): string {
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

function unknownValue(generator: ObjectGenerator, plan: ObjectPlan): string {
  return generator.ignoresUnknown ? skip(plan.depth) : 'return -1;'
}

/** Most of what is skipped is text. */
function skip(depth: number): string {
  return `p = b[p] === 34 ? skipString(s, p) : skipValue(s, p, ${depth}); if (p < 0) return -1;`
}

/** After a value whose successor is not the expected key: the end, or a look at the table. */
function nextKey(id: number): string {
  return `if (b[p] === 125) { p++; break walk; }
    p = findKey(s, tables[${id}], p, p === start); if (p < 0) return -1;
    k = s.next; if (k === END_OF_OBJECT) break walk;`
}

function keyCase(generator: ObjectGenerator, plan: ObjectPlan, i: number, miss: string): string {
  const { keys, members, samples, depth } = plan
  const expected = keys[i]
  if (expected === undefined) return ''
  const { key, pattern, count } = expected
  const isSkippable = count < samples * COMMON_SHARE && count >= samples * RARE_SHARE
  const onMiss = isSkippable ? `{ k = ${2 * i + 2}; continue walk; }` : miss
  const match =
    pattern.length === 0 ? miss : `if (!(${matchPattern(pattern)})) ${onMiss} p += ${pattern.length};`
  const index = members.indexByName.get(key)
  const field = index === undefined ? undefined : members.fields[index]
  if (index === undefined || field === undefined) {
    return `case ${2 * i}: ${match}\ncase ${2 * i + 1}: ${skip(depth)}`
  }
  const mask = maskName(plan.id, index)
  const bit = 1 << (index % BITS_PER_MASK)
  // A field given twice goes to the plain decoder, which says so.
  return `case ${2 * i}: ${match}
case ${2 * i + 1}: if (${mask} & ${bit}) return -1; ${mask} |= ${bit}; ${emitValue(generator, field, 'r', depth)}`
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
