/**
 * Snappy in the two framings that Kafka clients send: a bare block (librdkafka, franz-go), and xerial's stream of blocks
 * (Java: `\x82SNAPPY\0`, two int32 versions, then int32 lengths and blocks). A bare block cannot begin with that magic:
 * it would claim 2 + 0x53·128… bytes and a first tag that copies from before the start.
 */
import { compressSync, uncompressSync } from 'snappy'
import { type BoundedOutput, DecompressionFault, reserve } from './decompression.ts'
import { type PaddedBytes, viewOf } from './padded-bytes.ts'

const XERIAL_MAGIC = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00)
const XERIAL_HEADER_BYTES = 16
const XERIAL_VERSION = 1
/** What Java clients cut the records into. */
const XERIAL_BLOCK_BYTES = 32 * 1024
const MAX_LENGTH_VARINT_BYTES = 5

/** Errors: DecompressionFault, or what the native module says of a corrupt block. */
export function decompressSnappy(input: Uint8Array, output: BoundedOutput): PaddedBytes {
  const blocks = isXerial(input, 0) ? xerialBlocks(input) : [input]
  let byteLength = 0
  for (const block of blocks) {
    byteLength += blockContentLength(block)
    if (byteLength > output.bound) {
      throw new DecompressionFault(`snappy blocks of at most ${output.bound} bytes together`, `${byteLength}`)
    }
  }
  const bytes = reserve(output.scratch, byteLength)
  let end = 0
  for (const block of blocks) {
    const content = uncompressSync(block, { asBuffer: true })
    if (typeof content === 'string') throw new DecompressionFault('bytes from the snappy module', 'text')
    // The block's own length was summed above; a module that disagreed with it would write past the room reserved.
    if (end + content.byteLength > byteLength) throw new DecompressionFault(`${byteLength} bytes`, 'more')
    bytes.set(content, end)
    end += content.byteLength
  }
  if (end !== byteLength) throw new DecompressionFault(`${byteLength} bytes`, `${end}`)
  return { bytes, byteLength }
}

function isXerial(input: Uint8Array, position: number): boolean {
  return XERIAL_MAGIC.every((byte, i) => input[position + i] === byte)
}

/** The blocks of a xerial stream; its header may come again between them, where streams were joined. */
function xerialBlocks(input: Uint8Array): Uint8Array[] {
  const view = viewOf(input)
  const blocks: Uint8Array[] = []
  let position = 0
  while (position < input.byteLength) {
    if (isXerial(input, position)) {
      position += XERIAL_HEADER_BYTES
      continue
    }
    const room = input.byteLength - position - 4
    if (room < 0) throw new DecompressionFault("a xerial block's length", `${room + 4} bytes before the end`)
    const length = view.getInt32(position)
    if (length < 1 || length > room) {
      throw new DecompressionFault(`a xerial block of 1 to ${room} bytes at byte ${position}`, `${length}`)
    }
    blocks.push(input.subarray(position + 4, position + 4 + length))
    position += 4 + length
  }
  if (position !== input.byteLength)
    throw new DecompressionFault('a whole xerial header', 'the end of the data')
  return blocks
}

/** The little-endian base-128 length that begins each block. */
function blockContentLength(block: Uint8Array): number {
  let length = 0
  for (let i = 0; i < MAX_LENGTH_VARINT_BYTES; i++) {
    const byte = block[i]
    if (byte === undefined) break
    length += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return length
  }
  throw new DecompressionFault("a snappy block's length", 'no end of it in the first five bytes')
}

export function compressRawSnappy(records: Uint8Array): Uint8Array {
  return compressSync(records)
}

export function compressXerialSnappy(records: Uint8Array): Uint8Array {
  const header = new Uint8Array(XERIAL_HEADER_BYTES)
  header.set(XERIAL_MAGIC)
  viewOf(header).setInt32(8, XERIAL_VERSION)
  viewOf(header).setInt32(12, XERIAL_VERSION)
  const parts: Uint8Array[] = [header]
  for (let start = 0; start < records.byteLength; start += XERIAL_BLOCK_BYTES) {
    const block = compressSync(records.subarray(start, start + XERIAL_BLOCK_BYTES))
    const length = new Uint8Array(4)
    viewOf(length).setInt32(0, block.byteLength)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}
