/** Pseudo-random choices that are the same on every run (mulberry32), so that what is produced follows from the seed alone. */
export interface Random {
  /** An integer from 0 to `limit` − 1. */
  below(limit: number): number
  pick<T>(values: readonly [T, ...T[]]): T
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const below = (limit: number) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
  return { below, pick: values => values[below(values.length)] ?? values[0] }
}
