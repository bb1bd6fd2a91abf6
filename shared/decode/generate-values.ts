/** The generated code that reads one value: a call of the type's scan function, or a function of its own for a list or map. */
import { EPOCH_SCALE, type JsonField } from './json-fields.ts'
import { MAX_JSON_DEPTH } from './json-text.ts'
import { decimalShape } from './scan-number.ts'
import type { Generator } from './scanner-environment.ts'

/** Statements that read a field's value at `p` into `slot` and leave `p` after it. `depth` counts the containers around it. */
export function emitValue(generator: Generator, field: JsonField, slot: string, depth: number): string {
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
      const name = generator.emitObject(field.members, depth + 1)
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

/** Maps with text keys. One with more entries than are compared starts over, the plain way, which writes the same slots again. */
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
    if (mayRepeatKey(C${key}, first, j)) return scanPlainly(s, F${id}, r, begin, ${depth - 1}, unknownFields);
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
