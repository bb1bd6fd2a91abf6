/**
 * Independent streams of randomness from one seed, so that what one part of a simulated world draws does not shift what another draws.
 * sfc32, because the 32 bits of state of a plain xorshift would make two streams overlap, and a uuid appear twice, within some thousand
 * worlds.
 */
export interface SeededRandom {
  /** Uniform in [0, 1). */
  next(): number
  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number
  /** Uniform in [from, to). */
  span(from: number, to: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly [T, ...T[]]): T
  /** Version 4, lower case. */
  uuid(): string
}

const WARM_UP_DRAWS = 15

export function createSeededRandom(seed: number, stream: string): SeededRandom {
  let [a, b, c, counter] = [hash(`${stream}/a/${seed}`), hash(`${stream}/b/${seed}`), seed >>> 0, 1]
  function draw(): number {
    const result = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + result) | 0
    return result >>> 0
  }
  for (let i = 0; i < WARM_UP_DRAWS; i++) draw()

  const next = () => draw() / 2 ** 32
  const between = (from: number, to: number) => from + Math.floor(next() * (to - from + 1))
  const hex = (digits: number) => Array.from({ length: digits }, () => (draw() >>> 28).toString(16)).join('')
  return {
    next,
    between,
    span: (from, to) => from + next() * (to - from),
    chance: probability => next() < probability,
    pick: items => items[between(0, items.length - 1)] ?? items[0],
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value | 0
}
