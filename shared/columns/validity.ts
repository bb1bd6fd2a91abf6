/**
 * Validity bitmaps of builders: LSB first, a set bit means that the slot holds a value.
 *
 * The trick: every bit is set beforehand, and only a null clears one. Columns without nulls then cost nothing per value, and
 * undoing a partly written row means setting bits again from the row to `nullEnd`, past which no bit was ever cleared.
 */
import { type Arena, growBlock, releaseBlock } from './arena.ts'

export class Validity {
  bits: Uint8Array = new Uint8Array(0)
  /** One past the highest slot whose bit may be clear. */
  nullEnd = 0

  grow(arena: Arena, capacity: number): void {
    const usedBytes = (this.nullEnd + 7) >>> 3
    this.bits = growBlock(arena, this.bits, { usedBytes, byteLength: (capacity + 7) >>> 3 })
    this.bits.fill(255, usedBytes)
  }

  clear(slot: number): void {
    const at = slot >>> 3
    this.bits[at] = (this.bits[at] ?? 0) & ~(1 << (slot & 7))
    if (slot >= this.nullEnd) this.nullEnd = slot + 1
  }

  isNull(slot: number): boolean {
    return (((this.bits[slot >>> 3] ?? 0) >>> (slot & 7)) & 1) === 0
  }

  /** Forgets the nulls at `length` and after. */
  truncate(length: number): void {
    if (this.nullEnd <= length) return
    const firstByte = length >>> 3
    if ((length & 7) !== 0) this.bits[firstByte] = (this.bits[firstByte] ?? 0) | (255 << (length & 7))
    this.bits.fill(255, (length + 7) >>> 3, (this.nullEnd + 7) >>> 3)
    this.nullEnd = length
  }

  /** The bitmap of the first `length` slots, the unused bits of its last byte clear. `truncate` comes before the next write. */
  seal(length: number): Uint8Array {
    if ((length & 7) !== 0) {
      const last = length >>> 3
      this.bits[last] = (this.bits[last] ?? 0) & ((1 << (length & 7)) - 1)
      this.nullEnd = Math.max(this.nullEnd, (length + 7) & ~7)
    }
    return this.bits.subarray(0, (length + 7) >>> 3)
  }

  release(arena: Arena): void {
    releaseBlock(arena, this.bits)
    this.bits = new Uint8Array(0)
    this.nullEnd = 0
  }

  countNulls(length: number): number {
    return this.nullEnd === 0 ? 0 : length - countSetBits(this.bits, length)
  }
}

/** Number of set bits among the first `length` bits. */
export function countSetBits(bits: Uint8Array, length: number): number {
  let count = 0
  const whole = length >>> 3
  for (let i = 0; i < whole; i++) count += BITS_IN_BYTE[bits[i] ?? 0] ?? 0
  if ((length & 7) !== 0) count += BITS_IN_BYTE[(bits[whole] ?? 0) & ((1 << (length & 7)) - 1)] ?? 0
  return count
}

const BITS_IN_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0
  for (let rest = byte; rest !== 0; rest >>>= 1) count += rest & 1
  return count
})
