/**
 * Gathers chosen rows of a batch into a new one: how rows fan out to the files of their partitions.
 * The result owns its buffers (blocks of `arena`, or of a new one) and outlives the batch that it came from.
 */
import { unreachable } from '../runtime/errors.ts'
import { type Arena, createArena } from './arena.ts'
import type { Column, ColumnBatch } from './column.ts'
import { fixedWidthBytes } from './fixed-builder.ts'
import { countSetBits } from './validity.ts'

/** Slots to copy, in order; the same slot may come twice. */
export type SlotIndexes = Int32Array | Uint32Array

/** Row i of the result is row `rowIndexes[i]` of `batch`; each must be below `batch.rowCount`. */
export function takeRows(
  batch: ColumnBatch,
  rowIndexes: SlotIndexes,
  arena: Arena = createArena(),
): ColumnBatch {
  const columns = batch.columns.map(column => takeSlots(column, rowIndexes, arena))
  return {
    fields: batch.fields,
    columns,
    rowCount: rowIndexes.length,
    sizeBytes: columns.reduce((sum, column) => sum + columnSizeBytes(column), 0),
  }
}

/** Bytes in use in all buffers of a column. */
export function columnSizeBytes(column: Column): number {
  const own = column.validity.byteLength
  switch (column.layout) {
    case 'fixed':
      return own + column.data.byteLength
    case 'variable':
      return own + column.offsets.byteLength + column.values.byteLength
    case 'struct':
      return column.children.reduce((sum, child) => sum + columnSizeBytes(child), own)
    case 'list':
      return own + column.offsets.byteLength + columnSizeBytes(column.element)
    case 'map':
      return own + column.offsets.byteLength + columnSizeBytes(column.key) + columnSizeBytes(column.value)
    default:
      return unreachable(column)
  }
}

function takeSlots(column: Column, slots: SlotIndexes, arena: Arena): Column {
  const length = slots.length
  const validity = takeBits(column.validity, slots, arena)
  const nullCount = column.nullCount === 0 ? 0 : length - countSetBits(validity, length)
  const taken = { length, nullCount, validity }
  switch (column.layout) {
    case 'fixed': {
      const widthBytes = fixedWidthBytes(column.type)
      const data =
        widthBytes === 0
          ? takeBits(column.data, slots, arena)
          : takeFixed(column.data, slots, widthBytes, arena)
      return { ...column, ...taken, data }
    }
    case 'variable':
      return { ...column, ...taken, ...takeVariable(column.offsets, column.values, slots, arena) }
    case 'struct':
      return { ...column, ...taken, children: column.children.map(child => takeSlots(child, slots, arena)) }
    case 'list': {
      const { offsets, children } = takeRanges(column.offsets, slots, arena)
      return { ...column, ...taken, offsets, element: takeSlots(column.element, children, arena) }
    }
    case 'map': {
      const { offsets, children } = takeRanges(column.offsets, slots, arena)
      const key = takeSlots(column.key, children, arena)
      return { ...column, ...taken, offsets, key, value: takeSlots(column.value, children, arena) }
    }
    default:
      return unreachable(column)
  }
}

function takeBits(bits: Uint8Array, slots: SlotIndexes, arena: Arena): Uint8Array {
  const byteLength = (slots.length + 7) >>> 3
  const taken = arena.allocate(byteLength).subarray(0, byteLength)
  for (let at = 0; at < byteLength; at++) {
    const first = at * 8
    const end = Math.min(first + 8, slots.length)
    let byte = 0
    for (let i = first; i < end; i++) {
      const slot = slots[i] ?? 0
      byte |= (((bits[slot >>> 3] ?? 0) >>> (slot & 7)) & 1) << (i & 7)
    }
    taken[at] = byte
  }
  return taken
}

function takeFixed(data: Uint8Array, slots: SlotIndexes, widthBytes: number, arena: Arena): Uint8Array {
  const byteLength = slots.length * widthBytes
  const taken = arena.allocate(byteLength).subarray(0, byteLength)
  if (widthBytes % 4 !== 0) {
    for (let i = 0; i < slots.length; i++) {
      const from = (slots[i] ?? 0) * widthBytes
      taken.set(data.subarray(from, from + widthBytes), i * widthBytes)
    }
    return taken
  }
  const words = widthBytes / 4
  const source = new Int32Array(data.buffer, data.byteOffset, data.byteLength >>> 2)
  const target = new Int32Array(taken.buffer, taken.byteOffset, byteLength >>> 2)
  for (let i = 0, to = 0; i < slots.length; i++) {
    const from = (slots[i] ?? 0) * words
    for (let word = 0; word < words; word++) target[to++] = source[from + word] ?? 0
  }
  return taken
}

function takeVariable(offsets: Int32Array, values: Uint8Array, slots: SlotIndexes, arena: Arena) {
  const taken = takeOffsets(offsets, slots, arena)
  const byteLength = taken[slots.length] ?? 0
  const bytes = arena.allocate(byteLength).subarray(0, byteLength)
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i] ?? 0
    const from = offsets[slot] ?? 0
    const to = taken[i] ?? 0
    const length = (taken[i + 1] ?? 0) - to
    if (length > 32) bytes.set(values.subarray(from, from + length), to)
    else for (let k = 0; k < length; k++) bytes[to + k] = values[from + k] ?? 0
  }
  return { offsets: taken, values: bytes }
}

/** The children of the chosen slots, one after another. */
function takeRanges(offsets: Int32Array, slots: SlotIndexes, arena: Arena) {
  const taken = takeOffsets(offsets, slots, arena)
  const children = new Int32Array(taken[slots.length] ?? 0)
  let to = 0
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i] ?? 0
    const end = offsets[slot + 1] ?? 0
    for (let child = offsets[slot] ?? 0; child < end; child++) children[to++] = child
  }
  return { offsets: taken, children }
}

function takeOffsets(offsets: Int32Array, slots: SlotIndexes, arena: Arena): Int32Array {
  const block = arena.allocate(4 * (slots.length + 1))
  const taken = new Int32Array(block.buffer, block.byteOffset, slots.length + 1)
  let end = 0
  taken[0] = 0
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i] ?? 0
    end += (offsets[slot + 1] ?? 0) - (offsets[slot] ?? 0)
    taken[i + 1] = end
  }
  return taken
}
