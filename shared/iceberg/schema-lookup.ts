/** Finding columns in a schema: by field id, and by the dotted name that users write. Only struct members have a dotted name here. */
import type { IcebergType, NestedField, PrimitiveType, Schema } from './schema.ts'

export interface ColumnPosition {
  readonly field: NestedField
  /** Names from the top, joined by dots: `customer.country`. */
  readonly name: string
  /** Index of the field at each level, from the top; every level but the last is a struct. */
  readonly path: readonly number[]
}

/** Every column reachable through structs alone, each parent before its members. */
export function* columnsThroughStructs(schema: Pick<Schema, 'fields'>): Generator<ColumnPosition> {
  yield* walk(schema.fields, '', [])
}

function* walk(
  fields: readonly NestedField[],
  prefix: string,
  parents: readonly number[],
): Generator<ColumnPosition> {
  for (const [index, field] of fields.entries()) {
    const position = { field, name: prefix + field.name, path: [...parents, index] }
    yield position
    if (field.type.kind === 'struct') yield* walk(field.type.fields, `${position.name}.`, position.path)
  }
}

export function findColumnById(schema: Pick<Schema, 'fields'>, id: number): ColumnPosition | undefined {
  for (const position of columnsThroughStructs(schema)) if (position.field.id === id) return position
  return undefined
}

export function findColumnByName(schema: Pick<Schema, 'fields'>, name: string): ColumnPosition | undefined {
  for (const position of columnsThroughStructs(schema)) if (position.name === name) return position
  return undefined
}

export function isPrimitive(type: IcebergType): type is PrimitiveType {
  return type.kind !== 'struct' && type.kind !== 'list' && type.kind !== 'map'
}

/** Columns of Parquet: what holds values, inside structs, lists and maps too. */
export function leafCount(fields: readonly Pick<NestedField, 'type'>[]): number {
  return fields.reduce((sum, { type }) => sum + leavesOf(type), 0)
}

function leavesOf(type: IcebergType): number {
  switch (type.kind) {
    case 'struct':
      return leafCount(type.fields)
    case 'list':
      return leavesOf(type.element)
    case 'map':
      return leavesOf(type.key) + leavesOf(type.value)
    default:
      return 1
  }
}
