/**
 * The LZ4 frame format (lz4_Frame_format.md 1.6), as far as needed to bound the output before the native module sees it:
 * each block becomes at most the frame's maximum block size, so walking the block lengths gives a bound that is tight
 * to one block. The native module checks the header checksum and, where present, block and content checksums.
 */
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { type BoundedOutput, DecompressionFault, MAX_EXPANSION, reserve } from './decompression.ts'
import { type PaddedBytes, viewOf } from './padded-bytes.ts'

const FRAME_MAGIC = 0x184d2204
const FLAG_BLOCK_CHECKSUM = 0x10
const FLAG_CONTENT_SIZE = 0x08
const FLAG_CONTENT_CHECKSUM = 0x04
const FLAG_DICTIONARY_ID = 0x01
/** By bits 4-6 of the block descriptor; 0 to 3 are reserved. */
const BLOCK_MAX_BYTES = [0, 0, 0, 0, 64 * 1024, 256 * 1024, 1024 * 1024, 4 * 1024 * 1024]
const UNCOMPRESSED_BLOCK_BIT = 0x80000000

/** Errors: DecompressionFault, or what the native module says of a corrupt frame. */
export function decompressLz4Frame(input: Uint8Array, { bound, scratch }: BoundedOutput): PaddedBytes {
  const most = mostContentBytes(input)
  if (most > bound)
    throw new DecompressionFault(`lz4 blocks of at most ${bound} bytes together`, `up to ${most}`)
  const content = decompressFrameSync(Buffer.from(input.buffer, input.byteOffset, input.byteLength))
  // A copy costs little beside decompression, and gives the padding and the plain array that the record parser needs.
  const bytes = reserve(scratch, content.byteLength)
  bytes.set(content)
  return { bytes, byteLength: content.byteLength }
}

/** An upper bound of the frame's content from its block lengths; also proves that the frame is whole and alone. */
function mostContentBytes(input: Uint8Array): number {
  const view = viewOf(input)
  if (input.byteLength < 7)
    throw new DecompressionFault('an lz4 frame header of 7 bytes', `${input.byteLength}`)
  const magic = view.getUint32(0, true)
  if (magic !== FRAME_MAGIC) {
    throw new DecompressionFault(`lz4 frame magic 0x${FRAME_MAGIC.toString(16)}`, `0x${magic.toString(16)}`)
  }
  const flags = view.getUint8(4)
  const blockMaxBytes = BLOCK_MAX_BYTES[(view.getUint8(5) >>> 4) & 7] ?? 0
  if (flags >>> 6 !== 1) throw new DecompressionFault('lz4 frame version 1', `${flags >>> 6}`)
  if (blockMaxBytes === 0)
    throw new DecompressionFault('an lz4 block size code from 4 to 7', `byte ${view.getUint8(5)}`)

  let position = 7 + (flags & FLAG_CONTENT_SIZE ? 8 : 0) + (flags & FLAG_DICTIONARY_ID ? 4 : 0)
  let most = 0
  // Each turn takes at least the four bytes of a length, so the input's size bounds the loop.
  for (;;) {
    if (position + 4 > input.byteLength)
      throw new DecompressionFault("an lz4 block or the frame's end mark", 'nothing')
    const word = view.getUint32(position, true)
    position += 4
    if (word === 0) break
    const length = word & ~UNCOMPRESSED_BLOCK_BIT
    if (length > input.byteLength - position) {
      throw new DecompressionFault(
        `an lz4 block of at most ${input.byteLength - position} bytes`,
        `${length}`,
      )
    }
    most += Math.min(blockMaxBytes, length * MAX_EXPANSION.lz4)
    position += length + (flags & FLAG_BLOCK_CHECKSUM ? 4 : 0)
  }
  position += flags & FLAG_CONTENT_CHECKSUM ? 4 : 0
  if (position !== input.byteLength) {
    throw new DecompressionFault(`one lz4 frame of ${input.byteLength} bytes`, `its end at byte ${position}`)
  }
  return most
}

export function compressLz4Frame(records: Uint8Array): Uint8Array {
  return compressFrameSync(Buffer.from(records.buffer, records.byteOffset, records.byteLength))
}
