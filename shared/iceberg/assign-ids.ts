/**
 * Giving out field ids for a new table, in the order of the Java library: all fields of one struct level first, then what is nested
 * in each, in field order; a list's element id and a map's key and value ids before what is nested in them. A REST catalog that
 * assigns ids on creation therefore arrives at the same ones.
 */
import { unreachable } from '../runtime/errors.ts'
import { invalidDefinition } from './iceberg-error.ts'
import type { IcebergType, NestedField, Schema } from './schema.ts'
import { columnsThroughStructs } from './schema-lookup.ts'

/** The spec reserves the ids above this one for metadata columns. */
export const MAX_FIELD_ID = 2_147_483_447
/** Far above any real table; it bounds what one schema costs in every metadata file. */
export const MAX_FIELDS = 20_000

/**
 * An id of 0 asks for a fresh one; other ids are the user's and kept, and fresh ones then follow the highest of them.
 * Throws `iceberg-invalid-definition` for ids that are reserved or given twice, names used twice, and structs without fields
 * (Parquet has no empty groups).
 */
export function assignFreshIds(fields: readonly NestedField[]): { schema: Schema; lastColumnId: number } {
  const given = collectIds(fields).filter(id => id !== 0)
  checkGivenIds(given)
  let lastColumnId = given.reduce((highest, id) => Math.max(highest, id), 0)
  const idFor = (id: number): number => {
    if (id !== 0) return id
    if (lastColumnId >= MAX_FIELD_ID)
      throw invalidDefinition(`No field ids are left above ${MAX_FIELD_ID}: declare lower ids.`)
    lastColumnId += 1
    return lastColumnId
  }
  const schema = { schemaId: 0, fields: assignStruct(fields, idFor) }
  checkNames(schema)
  return { schema, lastColumnId }
}

function assignStruct(fields: readonly NestedField[], idFor: (id: number) => number): readonly NestedField[] {
  const ids = fields.map(field => idFor(field.id))
  return fields.map((field, index) => ({
    ...field,
    id: ids[index] ?? 0,
    type: assignType(field.type, idFor),
  }))
}

function assignType(type: IcebergType, idFor: (id: number) => number): IcebergType {
  switch (type.kind) {
    case 'struct':
      return { kind: 'struct', fields: assignStruct(type.fields, idFor) }
    case 'list': {
      const elementId = idFor(type.elementId)
      return { ...type, elementId, element: assignType(type.element, idFor) }
    }
    case 'map': {
      const keyId = idFor(type.keyId)
      const valueId = idFor(type.valueId)
      return {
        ...type,
        keyId,
        valueId,
        key: assignType(type.key, idFor),
        value: assignType(type.value, idFor),
      }
    }
    default:
      return type
  }
}

/** Ids of all fields, elements, keys and values, nested ones included. */
export function collectIds(fields: readonly NestedField[]): number[] {
  return fields.flatMap(field => [field.id, ...idsOfType(field.type)])
}

function idsOfType(type: IcebergType): number[] {
  switch (type.kind) {
    case 'struct':
      if (type.fields.length === 0)
        throw invalidDefinition('A struct without fields cannot be stored: Parquet has no empty groups.')
      return collectIds(type.fields)
    case 'list':
      return [type.elementId, ...idsOfType(type.element)]
    case 'map':
      return [type.keyId, type.valueId, ...idsOfType(type.key), ...idsOfType(type.value)]
    case 'boolean':
    case 'int':
    case 'long':
    case 'float':
    case 'double':
    case 'decimal':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'string':
    case 'uuid':
    case 'fixed':
    case 'binary':
      return []
    default:
      return unreachable(type)
  }
}

function checkGivenIds(given: readonly number[]): void {
  const seen = new Set<number>()
  for (const id of given) {
    if (!Number.isInteger(id) || id < 1 || id > MAX_FIELD_ID)
      throw invalidDefinition(
        `Field id ${id} cannot be used: ids are whole numbers from 1 to ${MAX_FIELD_ID}; higher ones are reserved by Iceberg.`,
        { id },
      )
    if (seen.has(id))
      throw invalidDefinition(`Field id ${id} is given twice: each column needs its own.`, { id })
    seen.add(id)
  }
}

/** Dotted names must tell columns apart: readers look columns up by them, so `a.b` beside a struct `a` with a member `b` is refused. */
function checkNames(schema: Schema): void {
  checkStruct(schema.fields)
  if (collectIds(schema.fields).length > MAX_FIELDS)
    throw invalidDefinition(`A schema has at most ${MAX_FIELDS} fields, nested ones included.`)
  const dotted = new Set<string>()
  for (const { name } of columnsThroughStructs(schema)) {
    if (dotted.has(name)) throw invalidDefinition(`Column name "${name}" is used twice.`, { name })
    dotted.add(name)
  }
}

function checkStruct(fields: readonly NestedField[]): void {
  const names = new Set<string>()
  for (const field of fields) {
    if (field.name === '') throw invalidDefinition('A column needs a name, found an empty one.')
    if (names.has(field.name))
      throw invalidDefinition(`Column name "${field.name}" is used twice in one struct.`, {
        name: field.name,
      })
    names.add(field.name)
    checkType(field.type)
  }
}

function checkType(type: IcebergType): void {
  if (type.kind === 'struct') checkStruct(type.fields)
  if (type.kind === 'list') checkType(type.element)
  if (type.kind === 'map') {
    checkType(type.key)
    checkType(type.value)
  }
}
