/**
 * Schemas as JSON (table spec, appendix C), as the Java library spells them: `decimal(9, 2)` with a space, `fixed[16]`.
 * Reading is strict: a type or a default value that version 2 does not have is `iceberg-unsupported`, never dropped.
 */
import { z } from 'zod'
import { unreachable } from '../runtime/errors.ts'
import type { ExactJson } from './exact-json.ts'
import { malformed, unsupported } from './iceberg-error.ts'
import type { IcebergType, NestedField, PrimitiveType, Schema } from './schema.ts'

/** Deeper nesting than any real table has; it keeps a hostile file from exhausting the stack. */
const MAX_TYPE_DEPTH = 100

export function schemaToJson(schema: Schema): ExactJson {
  return {
    type: 'struct',
    'schema-id': schema.schemaId,
    ...(schema.identifierFieldIds === undefined || schema.identifierFieldIds.length === 0
      ? {}
      : { 'identifier-field-ids': schema.identifierFieldIds }),
    fields: schema.fields.map(fieldToJson),
  }
}

function fieldToJson(field: NestedField): ExactJson {
  return {
    id: field.id,
    name: field.name,
    required: field.required,
    type: typeToJson(field.type),
    ...(field.doc === undefined ? {} : { doc: field.doc }),
  }
}

function typeToJson(type: IcebergType): ExactJson {
  switch (type.kind) {
    case 'struct':
      return { type: 'struct', fields: type.fields.map(fieldToJson) }
    case 'list':
      return {
        type: 'list',
        'element-id': type.elementId,
        element: typeToJson(type.element),
        'element-required': type.elementRequired,
      }
    case 'map':
      return {
        type: 'map',
        'key-id': type.keyId,
        key: typeToJson(type.key),
        'value-id': type.valueId,
        value: typeToJson(type.value),
        'value-required': type.valueRequired,
      }
    default:
      return primitiveText(type)
  }
}

/** The type as the spec writes it, for example `decimal(9, 2)`, `fixed[16]`, `timestamptz`. */
export function primitiveText(type: PrimitiveType): string {
  switch (type.kind) {
    case 'decimal':
      return `decimal(${type.precision}, ${type.scale})`
    case 'fixed':
      return `fixed[${type.length}]`
    case 'boolean':
    case 'int':
    case 'long':
    case 'float':
    case 'double':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'string':
    case 'uuid':
    case 'binary':
      return type.kind
    default:
      return unreachable(type)
  }
}

const fieldId = z.number().int()
const nestedFieldJson = z.object({
  id: fieldId,
  name: z.string(),
  required: z.boolean(),
  type: z.unknown(),
  doc: z.string().optional(),
  'initial-default': z.unknown().optional(),
  'write-default': z.unknown().optional(),
})
const structJson = z.object({ type: z.literal('struct'), fields: z.array(nestedFieldJson) })
const listJson = z.object({
  type: z.literal('list'),
  'element-id': fieldId,
  element: z.unknown(),
  'element-required': z.boolean(),
})
const mapJson = z.object({
  type: z.literal('map'),
  'key-id': fieldId,
  key: z.unknown(),
  'value-id': fieldId,
  value: z.unknown(),
  'value-required': z.boolean(),
})
const nestedTypeJson = z.discriminatedUnion('type', [structJson, listJson, mapJson])
const schemaJson = structJson.extend({
  'schema-id': z.number().int().nonnegative(),
  'identifier-field-ids': z.array(fieldId).optional(),
})

/** `what` names the object in errors. */
export function schemaFromJson(json: unknown, what: string): Schema {
  const parsed = schemaJson.safeParse(json)
  if (!parsed.success) throw malformed(what, `not a schema: ${z.prettifyError(parsed.error)}`, parsed.error)
  const identifiers = parsed.data['identifier-field-ids']
  return {
    schemaId: parsed.data['schema-id'],
    fields: parsed.data.fields.map(field => fieldFromJson(field, what, 1)),
    ...(identifiers === undefined || identifiers.length === 0 ? {} : { identifierFieldIds: identifiers }),
  }
}

function fieldFromJson(json: z.infer<typeof nestedFieldJson>, what: string, depth: number): NestedField {
  if (json['initial-default'] !== undefined || json['write-default'] !== undefined)
    throw unsupported(what, `field ${json.id} "${json.name}" has a default value`)
  return {
    id: json.id,
    name: json.name,
    required: json.required,
    type: typeFromJson(json.type, what, depth),
    ...(json.doc === undefined ? {} : { doc: json.doc }),
  }
}

function typeFromJson(json: unknown, what: string, depth: number): IcebergType {
  if (depth > MAX_TYPE_DEPTH) throw unsupported(what, `types nested deeper than ${MAX_TYPE_DEPTH}`)
  if (typeof json === 'string') {
    const primitive = parsePrimitiveText(json)
    if (primitive === undefined) throw unsupported(what, `unknown type "${json}"`)
    return primitive
  }
  const parsed = nestedTypeJson.safeParse(json)
  if (!parsed.success) throw malformed(what, `not a type: ${z.prettifyError(parsed.error)}`, parsed.error)
  const type = parsed.data
  switch (type.type) {
    case 'struct':
      return { kind: 'struct', fields: type.fields.map(field => fieldFromJson(field, what, depth + 1)) }
    case 'list':
      return {
        kind: 'list',
        elementId: type['element-id'],
        elementRequired: type['element-required'],
        element: typeFromJson(type.element, what, depth + 1),
      }
    case 'map':
      return {
        kind: 'map',
        keyId: type['key-id'],
        key: typeFromJson(type.key, what, depth + 1),
        valueId: type['value-id'],
        valueRequired: type['value-required'],
        value: typeFromJson(type.value, what, depth + 1),
      }
    default:
      return unreachable(type)
  }
}

/** The inverse of `primitiveText`; spaces inside the parentheses are free. `undefined` for anything else. */
function parsePrimitiveText(text: string): PrimitiveType | undefined {
  const decimal = /^decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)$/.exec(text)
  if (decimal !== null) {
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2])]
    return precision >= 1 && precision <= 38 && scale <= precision
      ? { kind: 'decimal', precision, scale }
      : undefined
  }
  const fixed = /^fixed\[\s*(\d{1,9})\s*\]$/.exec(text)
  if (fixed !== null) return Number(fixed[1]) > 0 ? { kind: 'fixed', length: Number(fixed[1]) } : undefined
  switch (text) {
    case 'boolean':
    case 'int':
    case 'long':
    case 'float':
    case 'double':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'string':
    case 'uuid':
    case 'binary':
      return { kind: text }
    default:
      return undefined
  }
}
