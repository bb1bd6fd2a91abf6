/** Reads single values out of columns, for tests, previews and partition values; loops over whole columns read the buffers. */
import { unreachable } from '../runtime/errors.ts'
import type { Column, FixedWidthColumn } from './column.ts'

/**
 * The value of a slot, null when it is null: boolean; number for int, date, float and double; bigint for long, time, timestamp,
 * timestamptz and the unscaled decimal; string for string and uuid; bytes for fixed and binary; struct → object by field name;
 * list → array; map → array of [key, value].
 */
export type ColumnValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly ColumnValue[]
  | { readonly [name: string]: ColumnValue }

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function isNullAt(column: Column, slot: number): boolean {
  return (((column.validity[slot >>> 3] ?? 0) >>> (slot & 7)) & 1) === 0
}

export function valueAt(column: Column, slot: number): ColumnValue {
  if (isNullAt(column, slot)) return null
  switch (column.layout) {
    case 'fixed':
      return fixedValueAt(column, slot)
    case 'variable': {
      const bytes = column.values.subarray(column.offsets[slot], column.offsets[slot + 1])
      return column.type.kind === 'string' ? utf8Decoder.decode(bytes) : bytes.slice()
    }
    case 'struct':
      return Object.fromEntries(column.children.map(child => [child.name, valueAt(child, slot)]))
    case 'list':
      return childSlots(column.offsets, slot).map(child => valueAt(column.element, child))
    case 'map':
      return childSlots(column.offsets, slot).map(child => [
        valueAt(column.key, child),
        valueAt(column.value, child),
      ])
    default:
      return unreachable(column)
  }
}

/** Element slots of a list's or map's slot. */
function childSlots(offsets: Int32Array, slot: number): number[] {
  const first = offsets[slot] ?? 0
  return Array.from({ length: (offsets[slot + 1] ?? 0) - first }, (_, i) => first + i)
}

function fixedValueAt(column: FixedWidthColumn, slot: number): ColumnValue {
  const { type, data } = column
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  switch (type.kind) {
    case 'boolean':
      return (((data[slot >>> 3] ?? 0) >>> (slot & 7)) & 1) === 1
    case 'int':
    case 'date':
      return view.getInt32(4 * slot, true)
    case 'float':
      return view.getFloat32(4 * slot, true)
    case 'double':
      return view.getFloat64(8 * slot, true)
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return view.getBigInt64(8 * slot, true)
    case 'decimal':
      return (view.getBigInt64(16 * slot + 8, true) << 64n) | view.getBigUint64(16 * slot, true)
    case 'uuid':
      return uuidText(data.subarray(16 * slot, 16 * slot + 16))
    case 'fixed':
      return data.slice(type.length * slot, type.length * (slot + 1))
    default:
      return unreachable(type)
  }
}

function uuidText(bytes: Uint8Array): string {
  const hex = Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
