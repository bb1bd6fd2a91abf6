/**
 * Avro schemas as Iceberg uses them: every record field carries `field-id`, lists `element-id`, maps with int keys are arrays of
 * key/value records. Written verbatim, read strictly. Primitive types are plain names, never `{"type":"int"}`, which BigQuery rejects.
 */
import { malformed, unsupported } from './iceberg-error.ts'
import type { PrimitiveType } from './schema.ts'

export type AvroPrimitive = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string'

export interface AvroRecord {
  readonly type: 'record'
  readonly name: string
  readonly fields: readonly AvroField[]
}
export interface AvroField {
  readonly name: string
  readonly type: AvroSchema
  readonly default?: null
  readonly 'field-id': number
  /** The Iceberg name, where it is not a valid Avro name. */
  readonly 'iceberg-field-name'?: string
}
export interface AvroArray {
  readonly type: 'array'
  readonly items: AvroSchema
  readonly 'element-id'?: number
  readonly logicalType?: 'map'
}
export interface AvroFixed {
  readonly type: 'fixed'
  readonly name: string
  readonly size: number
  readonly logicalType?: string
  readonly precision?: number
  readonly scale?: number
}
/** A primitive with a logical type, for example a date. */
export interface AvroLogical {
  readonly type: AvroPrimitive
  readonly logicalType: string
  readonly 'adjust-to-utc'?: boolean
}
/** `null` or one other type; Iceberg uses no other unions. */
export type AvroOption = readonly ['null', AvroSchema] | readonly [AvroSchema, 'null']

export type AvroSchema = AvroPrimitive | AvroOption | AvroRecord | AvroArray | AvroFixed | AvroLogical

const MAX_SCHEMA_DEPTH = 64

export function requiredField(name: string, id: number, type: AvroSchema): AvroField {
  return { name, type, 'field-id': id }
}

export function optionalField(name: string, id: number, type: AvroSchema): AvroField {
  return { name, type: ['null', type], default: null, 'field-id': id }
}

export function listOf(elementId: number, items: AvroSchema): AvroArray {
  return { type: 'array', items, 'element-id': elementId }
}

/** A map with int keys: Avro's own maps have string keys only. */
export function intMap(keyId: number, valueId: number, value: AvroSchema): AvroArray {
  return {
    type: 'array',
    logicalType: 'map',
    items: {
      type: 'record',
      name: `k${keyId}_v${valueId}`,
      fields: [requiredField('key', keyId, 'int'), requiredField('value', valueId, value)],
    },
  }
}

/**
 * The Avro type of a partition value. `suffix` makes the names of fixed types unique: Avro allows each name to be defined once, and
 * some Iceberg readers do not follow a reference to a name.
 */
export function avroTypeOf(type: PrimitiveType, suffix: string): AvroSchema {
  switch (type.kind) {
    case 'boolean':
    case 'int':
    case 'long':
    case 'float':
    case 'double':
    case 'string':
      return type.kind
    case 'binary':
      return 'bytes'
    case 'date':
      return { type: 'int', logicalType: 'date' }
    case 'time':
      return { type: 'long', logicalType: 'time-micros' }
    case 'timestamp':
      return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': false }
    case 'timestamptz':
      return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': true }
    case 'uuid':
      return { type: 'fixed', name: `uuid_fixed${suffix}`, size: 16, logicalType: 'uuid' }
    case 'fixed':
      return { type: 'fixed', name: `fixed_${type.length}${suffix}`, size: type.length }
    case 'decimal':
      return {
        type: 'fixed',
        name: `decimal_${type.precision}_${type.scale}${suffix}`,
        size: decimalFixedBytes(type.precision),
        logicalType: 'decimal',
        precision: type.precision,
        scale: type.scale,
      }
  }
}

/** Fewest bytes that hold every two's-complement integer of that many decimal digits. */
export function decimalFixedBytes(precision: number): number {
  const highest = 10n ** BigInt(precision) - 1n
  let bytes = 1
  while (BigInt.asIntN(bytes * 8, highest) !== highest) bytes++
  return bytes
}

/** Any text as an Avro name, escaped in the Java library's way: `a.b` becomes `a_x2Eb`, a leading digit gets an underscore. Letters are ASCII, as Avro wants. */
export function avroName(name: string): string {
  let out = ''
  // UTF-16 units, not code points: that is what the Java library escapes.
  for (let at = 0; at < name.length; at++) {
    const unit = name.charAt(at)
    if (/[A-Za-z_]/.test(unit) || (at > 0 && /[0-9]/.test(unit))) out += unit
    else if (/[0-9]/.test(unit)) out += `_${unit}`
    else out += `_x${unit.charCodeAt(0).toString(16).toUpperCase()}`
  }
  return out
}

const PRIMITIVES: ReadonlySet<string> = new Set<AvroPrimitive>([
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
])

function isAvroPrimitive(name: unknown): name is AvroPrimitive {
  return typeof name === 'string' && PRIMITIVES.has(name)
}

/** Parses the schema of a file's header; references to named types are resolved. `what` names the file in errors. */
export function parseAvroSchema(json: unknown, what: string): AvroSchema {
  return parse(json, { what, named: new Map() }, 0)
}

interface ParseContext {
  readonly what: string
  readonly named: Map<string, AvroSchema>
}

function parse(json: unknown, context: ParseContext, depth: number): AvroSchema {
  if (depth > MAX_SCHEMA_DEPTH)
    throw malformed(context.what, `an Avro schema nested deeper than ${MAX_SCHEMA_DEPTH}`)
  if (isAvroPrimitive(json)) return json
  if (typeof json === 'string') {
    const named = context.named.get(json)
    if (named === undefined) throw malformed(context.what, `an Avro type "${json}" that is not defined`)
    return named
  }
  if (Array.isArray(json)) return parseUnion(json, context, depth)
  if (!isObject(json)) throw malformed(context.what, `not an Avro type: ${JSON.stringify(json)}`)
  if (json.type === 'record') return parseRecord(json, context, depth)
  if (json.type === 'array') {
    const elementId = json['element-id']
    return {
      type: 'array',
      items: parse(json.items, context, depth + 1),
      ...(typeof elementId === 'number' ? { 'element-id': elementId } : {}),
      ...(json.logicalType === 'map' ? { logicalType: 'map' } : {}),
    }
  }
  if (json.type === 'fixed') return parseFixed(json, context)
  if (isAvroPrimitive(json.type)) {
    if (typeof json.logicalType !== 'string') return json.type
    const adjust = json['adjust-to-utc']
    return {
      type: json.type,
      logicalType: json.logicalType,
      ...(typeof adjust === 'boolean' ? { 'adjust-to-utc': adjust } : {}),
    }
  }
  throw unsupported(context.what, `Avro type "${String(json.type)}"`)
}

function parseUnion(json: readonly unknown[], context: ParseContext, depth: number): AvroSchema {
  const [first, second] = json
  if (json.length === 2 && first === 'null') return ['null', parse(second, context, depth + 1)]
  if (json.length === 2 && second === 'null') return [parse(first, context, depth + 1), 'null']
  throw unsupported(context.what, 'an Avro union other than null and one type')
}

function parseRecord(json: JsonObject, context: ParseContext, depth: number): AvroSchema {
  if (typeof json.name !== 'string' || !Array.isArray(json.fields))
    throw malformed(context.what, 'an Avro record without name or fields')
  const fields = json.fields.map((field: unknown): AvroField => {
    if (!isObject(field) || typeof field.name !== 'string')
      throw malformed(context.what, `a field without a name in Avro record "${String(json.name)}"`)
    const id = field['field-id']
    if (typeof id !== 'number')
      throw malformed(context.what, `Avro field "${field.name}" without the "field-id" that Iceberg requires`)
    return requiredField(field.name, id, parse(field.type, context, depth + 1))
  })
  const record: AvroRecord = { type: 'record', name: json.name, fields }
  context.named.set(json.name, record)
  return record
}

function parseFixed(json: JsonObject, context: ParseContext): AvroSchema {
  if (typeof json.name !== 'string' || typeof json.size !== 'number' || json.size < 0)
    throw malformed(context.what, 'an Avro fixed type without name or size')
  const fixed: AvroFixed = {
    type: 'fixed',
    name: json.name,
    size: json.size,
    ...(typeof json.logicalType === 'string' ? { logicalType: json.logicalType } : {}),
    ...(typeof json.precision === 'number' ? { precision: json.precision } : {}),
    ...(typeof json.scale === 'number' ? { scale: json.scale } : {}),
  }
  context.named.set(json.name, fixed)
  return fixed
}

type JsonObject = { readonly [key: string]: unknown }

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
