/**
 * Makes a Parquet footer right for UUIDs. parquet-wasm has no Arrow type for them and leaves the logical type out; readers that map columns
 * by Iceberg's types (Spark, Trino) then refuse or misread the column.
 *
 * Their smallest and largest values are taken out: Parquet orders UUIDs by unsigned bytes, Iceberg's Java library (1.11, its issue 14216)
 * by two signed longs, so that Spark would skip row groups that hold matching rows.
 */
import type { IcebergType, Schema } from '../iceberg/schema.ts'
import { invariant } from '../runtime/errors.ts'
import type { ThriftFields, ThriftValue } from './thrift-compact.ts'

const ELEMENT = { numChildren: 5, fieldId: 9, logicalType: 10 } as const
const COLUMN_STATISTICS = 12
/** `max` and `min` of old readers, `max_value`, `min_value`, and whether those are exact; counts stay. */
const STATISTICS_BOUNDS = [1, 2, 5, 6, 7, 8]
/** Member of the `LogicalType` union (parquet.thrift); its struct is empty. */
const LOGICAL_UUID = 14
const UUID_TYPE: ThriftValue = {
  kind: 'struct',
  fields: new Map([[LOGICAL_UUID, { kind: 'struct', fields: new Map() }]]),
}

/** Field ids of all uuid fields, at every level of nesting. */
export function uuidFieldIds(schema: Schema): ReadonlySet<number> {
  const ids = new Set<number>()
  const visit = (id: number, type: IcebergType): void => {
    if (type.kind === 'uuid') ids.add(id)
    if (type.kind === 'struct') for (const field of type.fields) visit(field.id, field.type)
    if (type.kind === 'list') visit(type.elementId, type.element)
    if (type.kind === 'map') {
      visit(type.keyId, type.key)
      visit(type.valueId, type.value)
    }
  }
  for (const field of schema.fields) visit(field.id, field.type)
  return ids
}

/** The footer's list of schema elements with the UUID logical type on those whose field id is given. */
export function annotateUuids(schema: ThriftValue | undefined, ids: ReadonlySet<number>): ThriftValue {
  invariant(schema?.kind === 'list', 'a Parquet footer without a schema')
  if (ids.size === 0) return schema
  const items = schema.items.map((element): ThriftValue => {
    if (!isUuid(element, ids)) return element
    return { kind: 'struct', fields: new Map(element.fields).set(ELEMENT.logicalType, UUID_TYPE) }
  })
  return { ...schema, items }
}

/** Which column chunks of a row group hold uuids: positions among the schema's leaves, in order. */
export function uuidLeaves(schema: ThriftValue | undefined, ids: ReadonlySet<number>): ReadonlySet<number> {
  invariant(schema?.kind === 'list', 'a Parquet footer without a schema')
  const leaves = schema.items.filter(
    element => element.kind === 'struct' && !element.fields.has(ELEMENT.numChildren),
  )
  return new Set(leaves.flatMap((element, position) => (isUuid(element, ids) ? [position] : [])))
}

/** A column chunk's metadata whose statistics count but do not bound. */
export function withoutBounds(metaData: ThriftFields): Map<number, ThriftValue> {
  const fields = new Map(metaData)
  const statistics = fields.get(COLUMN_STATISTICS)
  if (statistics?.kind !== 'struct') return fields
  const kept = new Map(statistics.fields)
  for (const id of STATISTICS_BOUNDS) kept.delete(id)
  return fields.set(COLUMN_STATISTICS, { kind: 'struct', fields: kept })
}

function isUuid(
  element: ThriftValue,
  ids: ReadonlySet<number>,
): element is Extract<ThriftValue, { kind: 'struct' }> {
  const fieldId = element.kind === 'struct' ? element.fields.get(ELEMENT.fieldId) : undefined
  return fieldId?.kind === 'int' && ids.has(fieldId.value)
}
