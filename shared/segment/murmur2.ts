/** Kafka's default partitioner for keyed records: 32-bit murmur2 with seed 0x9747b28c, made positive, modulo the partitions. */

const SEED = 0x9747b28c
const M = 0x5bd1e995

export function murmur2(bytes: Uint8Array): number {
  const length = bytes.byteLength
  const view = new DataView(bytes.buffer, bytes.byteOffset, length)
  const wholeWords = length & ~3
  let h = SEED ^ length
  for (let at = 0; at < wholeWords; at += 4) {
    let k = Math.imul(view.getInt32(at, true), M)
    k = Math.imul(k ^ (k >>> 24), M)
    h = Math.imul(h, M) ^ k
  }
  const rest = length & 3
  if (rest >= 3) h ^= view.getUint8(wholeWords + 2) << 16
  if (rest >= 2) h ^= view.getUint8(wholeWords + 1) << 8
  if (rest >= 1) h = Math.imul(h ^ view.getUint8(wholeWords), M)
  h = Math.imul(h ^ (h >>> 13), M)
  return h ^ (h >>> 15)
}

export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount
}
