/**
 * Builds a string or binary column: offsets and values. Slot i may be written only after slot i − 1, and writing it again
 * replaces it: its bytes begin at `offsets[i]`, and its end is the only thing that a write leaves behind. So undoing a row is free.
 */
import { invariant } from '../runtime/errors.ts'
import { type Arena, growBlock, releaseBlock } from './arena.ts'
import type { VariableColumn } from './column.ts'
import { type BuilderField, grownCapacity } from './fixed-builder.ts'
import { Validity } from './validity.ts'

export type VariableType = VariableColumn['type']

/** Offsets are 32-bit. */
export const MAX_VALUES_BYTES = 2 ** 31 - 1
const SMALLEST_VALUES_BYTES = 512

const utf8Encoder = new TextEncoder()

export class VariableBuilder {
  readonly layout = 'variable'
  readonly field: BuilderField<VariableType>
  readonly validity = new Validity()
  capacity = 0
  offsets: Int32Array = new Int32Array(0)
  values: Uint8Array = new Uint8Array(0)
  /** The same bytes as `values`, for writes of whole words. */
  valuesView: DataView = new DataView(new ArrayBuffer(0))
  valuesCapacity = 0
  #arena: Arena

  constructor(field: BuilderField<VariableType>, arena: Arena) {
    this.field = field
    this.#arena = arena
  }

  ensureSlots(count: number): void {
    if (count <= this.capacity) return
    const capacity = grownCapacity(this.capacity, count)
    this.offsets = growOffsets(this.#arena, this.offsets, this.capacity, capacity)
    this.validity.grow(this.#arena, capacity)
    if (this.capacity === 0) this.ensureValues(SMALLEST_VALUES_BYTES)
    this.capacity = capacity
  }

  ensureValues(byteLength: number): void {
    if (byteLength <= this.valuesCapacity) return
    invariant(byteLength <= MAX_VALUES_BYTES, `the values of column ${this.field.name} fit 32-bit offsets`)
    let wanted = Math.max(this.valuesCapacity, SMALLEST_VALUES_BYTES)
    while (wanted < byteLength) wanted = Math.min(wanted * 2, MAX_VALUES_BYTES)
    this.values = growBlock(this.#arena, this.values, { usedBytes: this.valuesCapacity, byteLength: wanted })
    this.valuesCapacity = this.values.length
    this.valuesView = new DataView(this.values.buffer, this.values.byteOffset, this.values.length)
  }

  setNull(slot: number): void {
    this.validity.clear(slot)
    this.offsets[slot + 1] = this.offsets[slot] ?? 0
  }

  setBytes(slot: number, value: Uint8Array): void {
    const begin = this.offsets[slot] ?? 0
    this.ensureValues(begin + value.length)
    this.values.set(value, begin)
    this.offsets[slot + 1] = begin + value.length
  }

  /** Copies `source[range.start .. range.end)`. */
  setRange(slot: number, source: Uint8Array, range: { start: number; end: number }): void {
    const begin = this.offsets[slot] ?? 0
    const byteLength = range.end - range.start
    this.ensureValues(begin + byteLength)
    const values = this.values
    if (byteLength > 32) values.set(source.subarray(range.start, range.end), begin)
    else for (let i = 0; i < byteLength; i++) values[begin + i] = source[range.start + i] ?? 0
    this.offsets[slot + 1] = begin + byteLength
  }

  /** The same value in slots `[slot, slot + count)`. */
  setRepeated(slot: number, count: number, value: Uint8Array): void {
    const begin = this.offsets[slot] ?? 0
    const byteLength = value.length * count
    this.ensureValues(begin + byteLength)
    if (byteLength > 0) this.values.set(value, begin)
    for (let done = value.length; done < byteLength; done *= 2)
      this.values.copyWithin(begin + done, begin, begin + Math.min(done, byteLength - done))
    for (let i = 1; i <= count; i++) this.offsets[slot + i] = begin + i * value.length
  }

  /** Unpaired surrogates become U+FFFD; callers that must not lose them check before. */
  setText(slot: number, text: string): void {
    const begin = this.offsets[slot] ?? 0
    this.ensureValues(begin + 3 * text.length)
    const { written } = utf8Encoder.encodeInto(text, this.values.subarray(begin))
    this.offsets[slot + 1] = begin + written
  }

  /** The bytes of a slot that was written; valid until the next write. */
  bytesAt(slot: number): Uint8Array {
    return this.values.subarray(this.offsets[slot], this.offsets[slot + 1])
  }

  truncate(length: number): void {
    this.validity.truncate(length)
  }

  /** Gives the memory back to the arena; the builder is as new. */
  release(): void {
    releaseBlock(this.#arena, this.offsets)
    releaseBlock(this.#arena, this.values)
    this.validity.release(this.#arena)
    this.offsets = new Int32Array(0)
    this.values = new Uint8Array(0)
    this.valuesView = new DataView(new ArrayBuffer(0))
    this.valuesCapacity = 0
    this.capacity = 0
  }

  sizeBytes(length: number): number {
    return ((length + 7) >>> 3) + 4 * (length + 1) + (this.offsets[length] ?? 0)
  }

  finish(length: number): VariableColumn {
    this.ensureSlots(1)
    return {
      layout: 'variable',
      ...this.field,
      length,
      nullCount: this.validity.countNulls(length),
      validity: this.validity.seal(length),
      offsets: this.offsets.subarray(0, length + 1),
      values: this.values.subarray(0, this.offsets[length]),
    }
  }
}

/** Offsets for `capacity` slots, one more than slots; the first is 0. */
export function growOffsets(
  arena: Arena,
  offsets: Int32Array,
  usedSlots: number,
  capacity: number,
): Int32Array {
  const old = new Uint8Array(offsets.buffer, offsets.byteOffset, offsets.byteLength)
  const size = { usedBytes: usedSlots === 0 ? 0 : 4 * (usedSlots + 1), byteLength: 4 * (capacity + 1) }
  const { buffer, byteOffset, length } = growBlock(arena, old, size)
  const grown = new Int32Array(buffer, byteOffset, length >>> 2)
  if (usedSlots === 0) grown[0] = 0
  return grown
}
