/**
 * Builds a column of fixed-width values. The typed views share one block; `grow` replaces them all, so hot loops read them from
 * the builder at each value and keep none. See `column.ts` for what `data` holds by type.
 */
import { invariant } from '../runtime/errors.ts'
import { type Arena, growBlock, releaseBlock } from './arena.ts'
import type { FixedWidthColumn } from './column.ts'
import { Validity } from './validity.ts'

export type FixedWidthType = FixedWidthColumn['type']

export interface BuilderField<T> {
  readonly fieldId: number
  readonly name: string
  readonly required: boolean
  readonly type: T
}

const SMALLEST_CAPACITY = 64
const LOW_64_BITS = (1n << 64n) - 1n

/** Bytes per slot; 0 for boolean, which takes one bit. */
export function fixedWidthBytes(type: FixedWidthType): number {
  switch (type.kind) {
    case 'boolean':
      return 0
    case 'int':
    case 'date':
    case 'float':
      return 4
    case 'decimal':
    case 'uuid':
      return 16
    case 'fixed':
      return type.length
    default:
      return 8
  }
}

/** The number of slots to grow to: doubling, from a floor that spares small columns many steps. */
export function grownCapacity(current: number, needed: number): number {
  let capacity = Math.max(current, SMALLEST_CAPACITY)
  while (capacity < needed) capacity *= 2
  return capacity
}

export class FixedBuilder {
  readonly layout = 'fixed'
  readonly field: BuilderField<FixedWidthType>
  readonly widthBytes: number
  readonly validity = new Validity()
  capacity = 0
  bytes: Uint8Array = new Uint8Array(0)
  int32: Int32Array = new Int32Array(0)
  float32: Float32Array = new Float32Array(0)
  float64: Float64Array = new Float64Array(0)
  #arena: Arena
  #view: DataView = new DataView(new ArrayBuffer(0))

  constructor(field: BuilderField<FixedWidthType>, arena: Arena) {
    this.field = field
    this.widthBytes = fixedWidthBytes(field.type)
    this.#arena = arena
  }

  ensureSlots(count: number): void {
    if (count <= this.capacity) return
    const usedBytes = this.#dataBytes(this.capacity)
    const capacity = grownCapacity(this.capacity, count)
    this.#useBlock(growBlock(this.#arena, this.bytes, { usedBytes, byteLength: this.#dataBytes(capacity) }))
    this.validity.grow(this.#arena, capacity)
    this.capacity = capacity
  }

  #useBlock(block: Uint8Array): void {
    const { buffer, byteOffset, length } = block
    this.bytes = block
    this.int32 = new Int32Array(buffer, byteOffset, length >>> 2)
    this.float32 = new Float32Array(buffer, byteOffset, length >>> 2)
    this.float64 = new Float64Array(buffer, byteOffset, length >>> 3)
    this.#view = new DataView(buffer, byteOffset, length)
  }

  /** A null slot holds zero bytes. */
  setNull(slot: number): void {
    this.validity.clear(slot)
    switch (this.widthBytes) {
      case 0:
        this.setBoolean(slot, false)
        break
      case 4:
        this.int32[slot] = 0
        break
      case 8:
        this.int32[2 * slot] = 0
        this.int32[2 * slot + 1] = 0
        break
      default:
        this.bytes.fill(0, slot * this.widthBytes, (slot + 1) * this.widthBytes)
    }
  }

  setBoolean(slot: number, value: boolean): void {
    const at = slot >>> 3
    const bit = 1 << (slot & 7)
    const others = (this.bytes[at] ?? 0) & ~bit
    this.bytes[at] = value ? others | bit : others
  }

  setInt32(slot: number, value: number): void {
    this.int32[slot] = value
  }

  /** The same value in slots `[from, to)`. */
  fillInt32(from: number, to: number, value: number): void {
    this.int32.fill(value, from, to)
  }

  /** Any integer that a double holds exactly. */
  setInt64FromNumber(slot: number, value: number): void {
    this.int32[2 * slot] = value | 0
    this.int32[2 * slot + 1] = Math.floor(value / 4294967296)
  }

  setInt64(slot: number, value: bigint): void {
    this.#view.setBigInt64(8 * slot, value, true)
  }

  setInt128(slot: number, value: bigint): void {
    this.#view.setBigUint64(16 * slot, value & LOW_64_BITS, true)
    this.#view.setBigInt64(16 * slot + 8, value >> 64n, true)
  }

  setFloat32(slot: number, value: number): void {
    this.float32[slot] = value
  }

  setFloat64(slot: number, value: number): void {
    this.float64[slot] = value
  }

  /** For uuid and fixed: exactly `widthBytes` bytes. */
  setBytes(slot: number, value: Uint8Array): void {
    invariant(
      value.length === this.widthBytes,
      `column ${this.field.name} takes ${this.widthBytes} bytes per value`,
    )
    this.bytes.set(value, slot * this.widthBytes)
  }

  truncate(length: number): void {
    this.validity.truncate(length)
  }

  /** Gives the memory back to the arena; the builder is as new. */
  release(): void {
    releaseBlock(this.#arena, this.bytes)
    this.validity.release(this.#arena)
    this.#useBlock(new Uint8Array(0))
    this.capacity = 0
  }

  sizeBytes(length: number): number {
    return ((length + 7) >>> 3) + this.#dataBytes(length)
  }

  finish(length: number): FixedWidthColumn {
    if (this.widthBytes === 0) this.#clearBooleansAfter(length)
    return {
      layout: 'fixed',
      ...this.field,
      length,
      nullCount: this.validity.countNulls(length),
      validity: this.validity.seal(length),
      data: this.bytes.subarray(0, this.#dataBytes(length)),
    }
  }

  #dataBytes(slots: number): number {
    return this.widthBytes === 0 ? (slots + 7) >>> 3 : slots * this.widthBytes
  }

  #clearBooleansAfter(length: number): void {
    if ((length & 7) === 0) return
    const last = length >>> 3
    this.bytes[last] = (this.bytes[last] ?? 0) & ((1 << (length & 7)) - 1)
  }
}
