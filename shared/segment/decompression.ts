/**
 * What the codecs share: the bound on their output, the buffer that they reuse, and the fault they raise.
 * Invariant: no codec allocates by a size that its input merely claims; a claim is first held against what the format
 * could at most expand that many bytes to, and against the maximum for a batch.
 */
import { PADDING_BYTES } from '../object-store/padded-bytes.ts'

/** The decompressed records of one batch. Producers bound a batch by what it weighs before compression, usually 1 MiB. */
export const MAX_DECOMPRESSED_BATCH_BYTES = 512 * 1024 * 1024

/** The most that one byte of input can become, by the formats' own encodings, and what an input of a few bytes may add. */
export const MAX_EXPANSION = {
  /** 258 bytes from two bits. */
  gzip: 1032,
  /** 64 bytes from a copy of three. */
  snappy: 22,
  /** 255 bytes from each further length byte. */
  lz4: 256,
  /** A block of 128 KiB from its header of three bytes and one. */
  zstd: 32 * 1024,
} as const
const EXPANSION_SLACK_BYTES = 128 * 1024

/** The most that `inputBytes` of a codec may become. */
export function outputBound(codec: keyof typeof MAX_EXPANSION, inputBytes: number, maxBytes: number): number {
  return Math.min(maxBytes, inputBytes * MAX_EXPANSION[codec] + EXPANSION_SLACK_BYTES)
}

/** What a codec found wrong with its input; codec.ts gives it the object and the place. */
export class DecompressionFault extends Error {
  readonly expected: string
  readonly found: string

  constructor(expected: string, found: string, options?: { readonly cause: unknown }) {
    super(`expected ${expected}, found ${found}`, options)
    this.expected = expected
    this.found = found
  }
}

/** An output buffer kept between batches; fresh pages are dear. It grows to the largest batch seen, within the maximum. */
export interface DecompressionScratch {
  bytes: Uint8Array
}

export interface BoundedOutput {
  /** The most bytes that the output may have. */
  readonly bound: number
  readonly scratch: DecompressionScratch
}

export function createScratch(): DecompressionScratch {
  return { bytes: new Uint8Array(0) }
}

/** The scratch with room for `byteLength` bytes and their padding; what it held is gone. */
export function reserve(scratch: DecompressionScratch, byteLength: number): Uint8Array {
  if (scratch.bytes.byteLength < byteLength + PADDING_BYTES) {
    scratch.bytes = new Uint8Array(byteLength + (byteLength >>> 2) + PADDING_BYTES)
  }
  return scratch.bytes
}
