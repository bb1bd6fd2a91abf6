/** Columns filled slot by slot in the plainest way, for tests of code that reads the buffers. */
import type { Column, ColumnBatch } from '../../../shared/columns/column.ts'
import type { PartitionValue } from '../../../shared/iceberg/partition-spec.ts'
import type { NestedField, PrimitiveType } from '../../../shared/iceberg/schema.ts'
import { isPrimitive } from '../../../shared/iceberg/schema-lookup.ts'
import { serializeSingleValue } from '../../../shared/iceberg/single-value.ts'

/** A struct's value is an array of its members' values. */
export type Slot = PartitionValue | readonly Slot[]

export function batchOf(fields: readonly NestedField[], rows: readonly (readonly Slot[])[]): ColumnBatch {
  return {
    fields,
    columns: fields.map((field, index) =>
      columnOf(
        field,
        rows.map(row => row[index] ?? null),
      ),
    ),
    rowCount: rows.length,
    sizeBytes: 0,
  }
}

function columnOf(field: NestedField, slots: readonly Slot[]): Column {
  const { name, required, type } = field
  const validity = new Uint8Array(Math.ceil(slots.length / 8))
  for (const [slot, value] of slots.entries()) if (value !== null) setBit(validity, slot)
  const nullCount = slots.filter(value => value === null).length
  const base = { fieldId: field.id, name, required, length: slots.length, nullCount, validity }
  if (type.kind === 'struct')
    return {
      ...base,
      type,
      layout: 'struct',
      children: type.fields.map((child, index) =>
        columnOf(
          child,
          slots.map(value => (Array.isArray(value) ? (value[index] ?? null) : null)),
        ),
      ),
    }
  if (!isPrimitive(type)) throw new Error(`not needed in these tests: ${type.kind}`)
  const values = slots.map(value => (isPlain(value) ? value : null))
  if (type.kind === 'string' || type.kind === 'binary') {
    const parts = values.map(value => (value === null ? new Uint8Array() : serializeSingleValue(type, value)))
    const offsets = new Int32Array(parts.length + 1)
    for (const [slot, part] of parts.entries()) offsets[slot + 1] = (offsets[slot] ?? 0) + part.length
    return { ...base, type, layout: 'variable', offsets, values: new Uint8Array(Buffer.concat(parts)) }
  }
  return { ...base, type, layout: 'fixed', data: fixedData(type, values) }
}

function isPlain(value: Slot): value is PartitionValue {
  return !Array.isArray(value)
}

function setBit(bits: Uint8Array, at: number): void {
  bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7))
}

function fixedData(type: PrimitiveType, values: readonly PartitionValue[]): Uint8Array {
  if (type.kind === 'boolean') {
    const data = new Uint8Array(Math.ceil(values.length / 8))
    for (const [slot, value] of values.entries()) if (value === true) setBit(data, slot)
    return data
  }
  const width = widthOf(type)
  // One byte of lead, so that reads which assume alignment fail.
  const data = new Uint8Array(1 + width * values.length).subarray(1)
  for (const [slot, value] of values.entries())
    if (value !== null)
      data.set(type.kind === 'decimal' ? int128(value) : serializeSingleValue(type, value), slot * width)
  return data
}

function widthOf(type: PrimitiveType): number {
  if (type.kind === 'fixed') return type.length
  if (type.kind === 'decimal' || type.kind === 'uuid') return 16
  return ['int', 'date', 'float'].includes(type.kind) ? 4 : 8
}

function int128(value: PartitionValue): Uint8Array {
  let rest = BigInt.asUintN(128, BigInt(typeof value === 'bigint' ? value : 0))
  return Uint8Array.from({ length: 16 }, () => {
    const byte = Number(rest & 0xffn)
    rest >>= 8n
    return byte
  })
}
