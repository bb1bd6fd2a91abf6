/**
 * Bytes with room to read past their end (`PADDING_BYTES` of object-store/padded-bytes.ts). The tuned loops read a few bytes
 * ahead without asking; out of range a typed array answers `undefined`, which arithmetic turns into 0 or NaN.
 */
import { copyPadded, PADDING_BYTES } from '../object-store/padded-bytes.ts'

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
  return { bytes: new Uint8Array(copyPadded(bytes).buffer), byteLength }
}

/** A DataView over exactly the view's bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
