/**
 * Marks fixed(16) columns as UUIDs in a Parquet footer. parquet-wasm has no Arrow type for them and leaves the logical type out;
 * readers that map columns by Iceberg's types (Spark, Trino) then refuse or misread the column.
 */
import type { IcebergType, Schema } from '../iceberg/schema.ts'
import { invariant } from '../runtime/errors.ts'
import type { ThriftValue } from './thrift-compact.ts'

const ELEMENT = { fieldId: 9, logicalType: 10 } as const
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
    if (element.kind !== 'struct') return element
    const fieldId = element.fields.get(ELEMENT.fieldId)
    if (fieldId?.kind !== 'int' || !ids.has(fieldId.value)) return element
    return { kind: 'struct', fields: new Map(element.fields).set(ELEMENT.logicalType, UUID_TYPE) }
  })
  return { ...schema, items }
}
