/**
 * 32-bit Murmur3, x86 variant, seed 0 (table spec, appendix B), as signed 32-bit results like the spec's test values.
 * `hashLong` takes the two halves of the integer, so that column buffers are hashed without making a bigint per row.
 */

const C1 = 0xcc9e2d51
const C2 = 0x1b873593

function mixBlock(hash: number, block: number): number {
  let k = Math.imul(block, C1)
  k = (k << 15) | (k >>> 17)
  const mixed = hash ^ Math.imul(k, C2)
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0
}

function finish(hash: number, lengthBytes: number): number {
  let h = hash ^ lengthBytes
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** Hash of the 64-bit integer whose low and high 32 bits are given; also of ints and dates, widened with their sign. */
export function hashLong(low: number, high: number): number {
  return finish(mixBlock(mixBlock(0, low | 0), high | 0), 8)
}

/** Hash of `bytes[start .. end)`. */
export function hashBytes(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const byteAt = (at: number) => bytes[at] ?? 0
  let hash = 0
  let at = start
  for (; at + 4 <= end; at += 4)
    hash = mixBlock(
      hash,
      byteAt(at) | (byteAt(at + 1) << 8) | (byteAt(at + 2) << 16) | (byteAt(at + 3) << 24),
    )
  let tail = 0
  for (let last = end - 1; last >= at; last--) tail = (tail << 8) | byteAt(last)
  if (at < end) {
    let k = Math.imul(tail, C1)
    k = (k << 15) | (k >>> 17)
    hash ^= Math.imul(k, C2)
  }
  return finish(hash, end - start)
}

/** The bucket of a hash: its sign bit is dropped before the modulo. */
export function bucketOf(hash: number, buckets: number): number {
  return (hash & 0x7fffffff) % buckets
}
