/**
 * Bytes with room to read past their end. The tuned loops read a few bytes ahead without asking; out of range a typed
 * array answers `undefined`, which arithmetic turns into 0 or NaN, so every buffer they see carries this padding.
 */
export const PADDING_BYTES = 64

export interface PaddedBytes {
  /** A plain Uint8Array (a Buffer is markedly slower in hot loops), `byteLength` bytes of content and then the padding. */
  readonly bytes: Uint8Array
  readonly byteLength: number
}

/** Views `bytes` with its padding when its ArrayBuffer has the room, else copies it once. */
export function padBytes(bytes: Uint8Array): PaddedBytes {
  const { buffer, byteOffset, byteLength } = bytes
  if (buffer.byteLength - byteOffset - byteLength >= PADDING_BYTES) {
    return { bytes: new Uint8Array(buffer, byteOffset, byteLength + PADDING_BYTES), byteLength }
  }
  const copy = new Uint8Array(byteLength + PADDING_BYTES)
  copy.set(bytes)
  return { bytes: copy, byteLength }
}

/** A DataView over exactly the view's bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
