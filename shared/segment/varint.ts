/**
 * Kafka's zigzag varints, plainly: at most 5 bytes for an int32, 10 for an int64. The record parser has its own copies,
 * inlined; these serve its plain twin, headers and the writer's tests.
 */

export interface VarintValue<T> {
  readonly value: T
  /** The position after it. */
  readonly end: number
}

export type VarintFault = 'too-long' | 'truncated'

/** An int32 in `[position, end)`; bits beyond the 32nd are a fault, needlessly long encodings are not, as in Kafka. */
export function readVarint(
  bytes: Uint8Array,
  position: number,
  end: number,
): VarintValue<number> | VarintFault {
  const wide = readVarlong(bytes, position, end)
  if (typeof wide === 'string') return wide
  if (wide.end - position > 5 || wide.value < -2147483648n || wide.value > 2147483647n) return 'too-long'
  return { value: Number(wide.value), end: wide.end }
}

/** An int64 in `[position, end)`. */
export function readVarlong(
  bytes: Uint8Array,
  position: number,
  end: number,
): VarintValue<bigint> | VarintFault {
  let zigzag = 0n
  for (let i = 0; i < 10; i++) {
    const byte = position + i < end ? bytes[position + i] : undefined
    if (byte === undefined) return 'truncated'
    zigzag |= BigInt(byte & 0x7f) << BigInt(7 * i)
    if (byte < 0x80) {
      if (zigzag >= 1n << 64n) return 'too-long'
      return { value: (zigzag >> 1n) ^ -(zigzag & 1n), end: position + i + 1 }
    }
  }
  return 'too-long'
}
