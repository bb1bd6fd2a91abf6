/** A set of offsets as bitmaps of 65,536 offsets each: what `audit` remembers of a partition, one bit per offset. */

const CHUNK_BITS = 16n
const CHUNK_SIZE = 1n << CHUNK_BITS
const CHUNK_BYTES = 2 ** 16 / 8

export interface OffsetSet {
  /** `false` when the offset was in the set already. */
  add(offset: bigint): boolean
  has(offset: bigint): boolean
  /** Whether any of `[start, end)` is in the set; costs by what is in the set, however wide the range. */
  hasAny(start: bigint, end: bigint): boolean
  readonly size: bigint
}

export function createOffsetSet(): OffsetSet {
  const chunks = new Map<bigint, Uint8Array>()
  let size = 0n
  const place = (offset: bigint) => {
    const bit = Number(offset & 0xffffn)
    return { byte: bit >> 3, mask: 1 << (bit & 7) }
  }
  return {
    add(offset) {
      const chunk = chunks.get(offset >> CHUNK_BITS) ?? new Uint8Array(CHUNK_BYTES)
      chunks.set(offset >> CHUNK_BITS, chunk)
      const { byte, mask } = place(offset)
      const before = chunk[byte] ?? 0
      if ((before & mask) !== 0) return false
      chunk[byte] = before | mask
      size++
      return true
    },
    hasAny(start, end) {
      for (const [number, chunk] of chunks) {
        const chunkStart = number << CHUNK_BITS
        if (chunkStart >= end || chunkStart + CHUNK_SIZE <= start) continue
        const from = Number((start > chunkStart ? start : chunkStart) - chunkStart)
        const to = Number((end < chunkStart + CHUNK_SIZE ? end : chunkStart + CHUNK_SIZE) - chunkStart)
        for (let bit = from; bit < to; bit++) {
          if (((chunk[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0) return true
        }
      }
      return false
    },
    has(offset) {
      const { byte, mask } = place(offset)
      return ((chunks.get(offset >> CHUNK_BITS)?.[byte] ?? 0) & mask) !== 0
    },
    get size() {
      return size
    },
  }
}
