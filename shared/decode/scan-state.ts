/**
 * What the scan functions share: where they read, and one spare result.
 *
 * Every scan function takes `(state, …, position)` and returns the position after what it read, or −1 when the text is not what it
 * takes at a glance; then nothing is decided yet, and a plainer way looks again. They may read up to 64 bytes past `end`, which the
 * padding of record slices allows, and may accept text that runs past `end`: whoever called compares the final position with `end`.
 */
export class ScanState {
  /** A plain Uint8Array: a Buffer costs more than half the speed. */
  bytes: Uint8Array = new Uint8Array(0)
  /** Over the same bytes. */
  view: DataView = new DataView(new ArrayBuffer(0))
  /** End of the record, exclusive. */
  end = 0
  /** A second result of some functions. */
  next = 0
  /** Keys that did not come where they were expected; when many, the template no longer fits. */
  lookups = 0
}

/** The position after white space. */
export function skipSpace(bytes: Uint8Array, position: number): number {
  let p = position
  for (let c = bytes[p]; c === 32 || c === 10 || c === 13 || c === 9; c = bytes[p]) p++
  return p
}
