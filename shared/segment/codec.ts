/**
 * The codecs of record batches, both ways. Output is bounded (decompression.ts) and padded; corrupt input is a typed error.
 * gzip and zstd go through node:zlib with the chunk size set to the whole output, which is several times faster than its
 * default of 16 KiB; snappy and lz4 go through native modules behind our own walk of their framings.
 */
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { PADDING_BYTES } from '../object-store/padded-bytes.ts'
import { unreachable } from '../runtime/errors.ts'
import {
  DecompressionFault,
  type DecompressionScratch,
  MAX_DECOMPRESSED_BATCH_BYTES,
  outputBound,
} from './decompression.ts'
import { compressLz4Frame, decompressLz4Frame } from './lz4-frame.ts'
import { malformed } from './malformed.ts'
import { type PaddedBytes, padBytes } from './padded-bytes.ts'
import { compressRawSnappy, compressXerialSnappy, decompressSnappy } from './snappy-framing.ts'

export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
/** `snappy` writes the xerial framing of Java clients, `snappy-raw` the bare block of librdkafka and franz-go. */
export type WriterCodec = Codec | 'snappy-raw'

/** By the number in bits 0-2 of a batch's attributes. */
const CODECS: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

export interface BatchPlace {
  readonly key: string
  readonly byteOffset: number
}

/** Errors: `codec-unsupported`. */
export function codecOfAttributes(attributes: number, place: BatchPlace): Codec {
  const codec = CODECS[attributes & 0x07]
  if (codec !== undefined) return codec
  throw malformed({
    code: 'codec-unsupported',
    ...place,
    reading: "a record batch's attributes",
    expected: `a codec from 0 to ${CODECS.length - 1} (${CODECS.join(', ')})`,
    found: `${attributes & 0x07}`,
  })
}

export function attributesOfCodec(codec: WriterCodec): number {
  return CODECS.indexOf(codec === 'snappy-raw' ? 'snappy' : codec)
}

export interface DecompressOptions extends BatchPlace {
  readonly scratch: DecompressionScratch
  /** At most `MAX_DECOMPRESSED_BATCH_BYTES`, which is the default. */
  readonly maxBytes?: number
}

/** The records of one batch, valid until the scratch is used again. Errors: `decompression-failed`. */
export function decompressRecords(
  codec: Exclude<Codec, 'none'>,
  input: Uint8Array,
  options: DecompressOptions,
): PaddedBytes {
  const maxBytes = Math.min(options.maxBytes ?? MAX_DECOMPRESSED_BATCH_BYTES, MAX_DECOMPRESSED_BATCH_BYTES)
  const bound = outputBound(codec, input.byteLength, maxBytes)
  try {
    switch (codec) {
      case 'gzip':
        return gunzip(input, bound)
      case 'snappy':
        return decompressSnappy(input, { bound, scratch: options.scratch })
      case 'lz4':
        return decompressLz4Frame(input, { bound, scratch: options.scratch })
      case 'zstd':
        return unzstd(input, bound)
      default:
        return unreachable(codec)
    }
  } catch (cause) {
    const known = cause instanceof DecompressionFault
    throw malformed({
      code: 'decompression-failed',
      key: options.key,
      byteOffset: options.byteOffset,
      reading: `a batch's ${codec} records`,
      expected: known ? cause.expected : `valid ${codec} data of at most ${bound} bytes`,
      found: known ? cause.found : errorText(cause),
      cause,
      // Only who was given a bound of its own can be given another.
      ...(options.maxBytes !== undefined && bound === options.maxBytes && { advice: TOO_LARGE_ADVICE }),
    })
  }
}

const TOO_LARGE_ADVICE =
  'The batch is damaged, or larger than a worker may hold: give workers more memory (limits.worker_memory) and resume the partition, or pass over it with skip-to.'

function errorText(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

/** A guess for formats that do not state their size; a wrong one costs a copy, not correctness. */
function guessOutputBytes(inputBytes: number, bound: number): number {
  return Math.min(bound, Math.max(64 * 1024, inputBytes * 8))
}

/** One member as a rule; the trailer's size is a hint only, since it counts the last member modulo 2^32. */
function gunzip(input: Uint8Array, bound: number): PaddedBytes {
  const at = input.byteLength - 4
  const claimed = at < 0 ? 0 : new DataView(input.buffer, input.byteOffset + at, 4).getUint32(0, true)
  const expected = claimed <= bound ? claimed : guessOutputBytes(input.byteLength, bound)
  return padBytes(gunzipSync(input, { chunkSize: expected + PADDING_BYTES, maxOutputLength: bound }))
}

/** The largest window that a frame may ask the decoder to hold: 2^27 bytes, the format's usual limit. */
const MAX_ZSTD_WINDOW_LOG = 27

/** One frame as a rule, but they may be joined, and node:zlib stops after the first without a word. */
function unzstd(input: Uint8Array, bound: number): PaddedBytes {
  if (input.byteLength === 0) throw new DecompressionFault('a zstd frame', 'nothing')
  const contents: Uint8Array[] = []
  let room = bound
  // Each turn consumes a whole frame, so the input's size bounds the loop.
  for (let position = 0; position < input.byteLength; ) {
    const { content, inputBytes } = unzstdFrame(input.subarray(position), room)
    contents.push(content)
    position += inputBytes
    room -= content.byteLength
  }
  const [only] = contents
  return padBytes(contents.length === 1 && only !== undefined ? only : Buffer.concat(contents))
}

function unzstdFrame(input: Uint8Array, bound: number): { content: Uint8Array; inputBytes: number } {
  const claimed = zstdContentSize(input)
  if (claimed !== undefined && claimed > BigInt(bound)) {
    throw new DecompressionFault(`a content size of at most ${bound} bytes`, `${claimed}`)
  }
  const expected = claimed === undefined ? guessOutputBytes(input.byteLength, bound) : Number(claimed)
  const { buffer, engine } = zstdDecompressSync(input, {
    chunkSize: expected + PADDING_BYTES,
    maxOutputLength: Math.max(bound, 1),
    params: { [constants.ZSTD_d_windowLogMax]: MAX_ZSTD_WINDOW_LOG },
    info: true,
  }) as unknown as { buffer: Uint8Array; engine: { bytesWritten: number } } // @types/node does not know `info` here.
  if (engine.bytesWritten < 1)
    throw new DecompressionFault('a zstd frame', 'nothing that the decoder consumed')
  return { content: buffer, inputBytes: engine.bytesWritten }
}

/** The content size of the first frame's header (RFC 8878, section 3.1.1.1); streaming encoders leave it out. */
export function zstdContentSize(input: Uint8Array): bigint | undefined {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  if (view.byteLength < 6 || view.getUint32(0, true) !== 0xfd2fb528) return undefined
  const descriptor = view.getUint8(4)
  const isSingleSegment = (descriptor & 0x20) !== 0
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  const at = 5 + (isSingleSegment ? 0 : 1) + dictionaryIdBytes
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6] ?? 0
  if (sizeBytes === 0 || at + sizeBytes > view.byteLength) return undefined
  if (sizeBytes === 1) return BigInt(view.getUint8(at))
  if (sizeBytes === 2) return BigInt(view.getUint16(at, true) + 256)
  return sizeBytes === 4 ? BigInt(view.getUint32(at, true)) : view.getBigUint64(at, true)
}

/** Compresses the records of a batch as the clients that write each framing do. */
export function compressRecords(codec: WriterCodec, records: Uint8Array): Uint8Array {
  switch (codec) {
    case 'none':
      return records
    case 'gzip':
      return gzipSync(records)
    case 'snappy':
      return compressXerialSnappy(records)
    case 'snappy-raw':
      return compressRawSnappy(records)
    case 'lz4':
      return compressLz4Frame(records)
    case 'zstd':
      return zstdCompressSync(records)
    default:
      return unreachable(codec)
  }
}
