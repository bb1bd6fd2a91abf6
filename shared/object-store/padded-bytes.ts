/** Readers load whole words and look past the end of values; these bytes make that safe (see the port's `get`). */
export const PADDING_BYTES = 64

/** `sizeBytes` zero bytes with at least `PADDING_BYTES` more behind them in the same ArrayBuffer. A plain Uint8Array: a Buffer is slower to read. */
export function allocatePadded(sizeBytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(sizeBytes + PADDING_BYTES), 0, sizeBytes)
}

/** A padded copy. */
export function copyPadded(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = allocatePadded(bytes.byteLength)
  copy.set(bytes)
  return copy
}
