/**
 * Column batches made by hand from plain values, for the tests of everything that takes batches: no builder or decoder is involved,
 * so that a defect in those cannot hide one here. Values have the shapes of `ColumnValue`; floats may be NaN.
 */
import type { Column, ColumnBatch } from '../../../shared/columns/column.ts'
import type { ColumnValue } from '../../../shared/columns/column-values.ts'
import type { IcebergType, NestedField, Schema } from '../../../shared/iceberg/schema.ts'

export type Row = Readonly<Record<string, ColumnValue>>

export function schemaOf(...fields: readonly NestedField[]): Schema {
  return { schemaId: 0, fields }
}

export function batchOf(schema: Schema, rows: readonly Row[]): ColumnBatch {
  const columns = schema.fields.map(field =>
    columnOf(
      { id: field.id, name: field.name, required: field.required },
      field.type,
      rows.map(row => row[field.name] ?? null),
    ),
  )
  return { fields: schema.fields, columns, rowCount: rows.length, sizeBytes: 0 }
}

interface ColumnIdentity {
  readonly id: number
  readonly name: string
  readonly required: boolean
}

function columnOf(identity: ColumnIdentity, type: IcebergType, values: readonly ColumnValue[]): Column {
  const base = {
    fieldId: identity.id,
    name: identity.name,
    required: identity.required,
    length: values.length,
    nullCount: values.filter(value => value === null).length,
    validity: bitmap(values.map(value => value !== null)),
  }
  switch (type.kind) {
    case 'struct': {
      const children = type.fields.map(field =>
        columnOf(
          field,
          field.type,
          values.map(value => (value === null ? null : (asStruct(value)[field.name] ?? null))),
        ),
      )
      return { ...base, layout: 'struct', type, children }
    }
    case 'list': {
      const lists = values.map(value => (value === null ? [] : asList(value)))
      const identityOfElement = { id: type.elementId, name: 'element', required: type.elementRequired }
      const element = columnOf(identityOfElement, type.element, lists.flat(1))
      return { ...base, layout: 'list', type, offsets: offsetsOf(lists), element }
    }
    case 'map': {
      const maps = values.map(value => (value === null ? [] : asList(value).map(asList)))
      const entries = maps.flat(1)
      const keys = entries.map(entry => entry[0] ?? null)
      const key = columnOf({ id: type.keyId, name: 'key', required: true }, type.key, keys)
      const entryValues = entries.map(entry => entry[1] ?? null)
      const value = columnOf(
        { id: type.valueId, name: 'value', required: type.valueRequired },
        type.value,
        entryValues,
      )
      return { ...base, layout: 'map', type, offsets: offsetsOf(maps), key, value }
    }
    case 'string':
    case 'binary': {
      const bytes = values.map(value =>
        value instanceof Uint8Array
          ? value
          : new Uint8Array(Buffer.from(value === null ? '' : String(value))),
      )
      return {
        ...base,
        layout: 'variable',
        type,
        offsets: offsetsOf(bytes),
        values: new Uint8Array(Buffer.concat(bytes)),
      }
    }
    case 'boolean':
      return { ...base, layout: 'fixed', type, data: bitmap(values.map(value => value === true)) }
    default:
      return {
        ...base,
        layout: 'fixed',
        type,
        data: new Uint8Array(Buffer.concat(values.map(fixedBytes(type)))),
      }
  }
}

function fixedBytes(type: IcebergType): (value: ColumnValue) => Uint8Array {
  return value => {
    const fixed = (length: number, write: (bytes: Buffer) => unknown): Buffer => {
      const bytes = Buffer.alloc(length)
      if (value !== null) write(bytes)
      return bytes
    }
    switch (type.kind) {
      case 'int':
      case 'date':
        return fixed(4, bytes => bytes.writeInt32LE(Number(value)))
      case 'float':
        return fixed(4, bytes => bytes.writeFloatLE(Number(value)))
      case 'double':
        return fixed(8, bytes => bytes.writeDoubleLE(Number(value)))
      case 'long':
      case 'time':
      case 'timestamp':
      case 'timestamptz':
        return fixed(8, bytes => bytes.writeBigInt64LE(BigInt(value as bigint)))
      case 'decimal':
        return fixed(16, bytes => {
          bytes.writeBigUInt64LE(BigInt.asUintN(64, value as bigint), 0)
          bytes.writeBigInt64LE(BigInt.asIntN(64, (value as bigint) >> 64n), 8)
        })
      case 'uuid':
        return fixed(16, bytes => bytes.write(String(value).replaceAll('-', ''), 'hex'))
      case 'fixed':
        return fixed(type.length, bytes => bytes.set(value as Uint8Array))
      default:
        throw new Error(`${type.kind} has no fixed width`)
    }
  }
}

/** LSB first. */
function bitmap(bits: readonly boolean[]): Uint8Array {
  const bytes = new Uint8Array((bits.length + 7) >> 3)
  bits.forEach((bit, i) => {
    if (bit) bytes[i >> 3] = (bytes[i >> 3] ?? 0) | (1 << (i & 7))
  })
  return bytes
}

function offsetsOf(items: readonly { readonly length: number }[]): Int32Array {
  const offsets = new Int32Array(items.length + 1)
  items.forEach((item, i) => {
    offsets[i + 1] = (offsets[i] ?? 0) + item.length
  })
  return offsets
}

function asStruct(value: ColumnValue): Readonly<Record<string, ColumnValue>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw new Error('a struct value is an object')
  return value as Readonly<Record<string, ColumnValue>>
}

function asList(value: ColumnValue): readonly ColumnValue[] {
  if (!Array.isArray(value)) throw new Error('a list value is an array')
  return value
}
