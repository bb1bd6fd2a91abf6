/**
 * Where column buffers live: blocks cut from a few large chunks, 64-byte aligned, each followed by padding, so that kernels may
 * read and write a little past the end. Chunks come from one function, so that WebAssembly memory can stand behind them.
 *
 * Blocks are not given back to the system one by one: a released block serves the next request of its size, because fresh pages cost
 * more than anything that decoders do with them. Content of a block is undefined: whoever allocates writes before reading.
 */
import { AppError, invariant } from '../runtime/errors.ts'

/** Readable and writable bytes after each block that belong to no other block. */
export const ARENA_PADDING_BYTES = 64
export const ARENA_ALIGNMENT_BYTES = 64
/** More than this in one arena means that a batch limit is wrong; typed array offsets are 32-bit too. */
export const MAX_ARENA_BYTES = 3 * 1024 ** 3

const FIRST_CHUNK_BYTES = 1024 ** 2
const LARGEST_CHUNK_BYTES = 64 * 1024 ** 2

export interface Arena {
  /** A block of at least `byteLength` bytes; its length is a multiple of 64. Throws `column-memory-exceeded`. */
  allocate(byteLength: number): Uint8Array
  /** Gives a block back for reuse. Whoever still holds a view of it will see other data. */
  release(block: Uint8Array): void
  /** Forgets its chunks where they are more than `maxBytes`. Only once every block has been released. */
  trim(maxBytes: number): void
  /** Bytes taken from the system. */
  readonly reservedBytes: number
}

export interface ArenaOptions {
  readonly maxBytes?: number
  /** Gives memory of at least `byteLength` bytes, 64-byte aligned within its buffer. */
  readonly newChunk?: (byteLength: number) => Uint8Array
}

export function createArena(options: ArenaOptions = {}): Arena {
  const maxBytes = options.maxBytes ?? MAX_ARENA_BYTES
  const largestChunkBytes = Math.min(LARGEST_CHUNK_BYTES, Math.max(FIRST_CHUNK_BYTES, maxBytes / 8))
  const newChunk = options.newChunk ?? (byteLength => new Uint8Array(new ArrayBuffer(byteLength)))
  const freeBlocks = new Map<number, Uint8Array[]>()
  let chunk: Uint8Array = new Uint8Array(0)
  let used = 0
  let reservedBytes = 0
  let nextChunkBytes = FIRST_CHUNK_BYTES

  function takeChunk(minBytes: number): void {
    // Near the limit a chunk is as small as it can be.
    const byteLength = Math.max(minBytes, Math.min(nextChunkBytes, maxBytes - reservedBytes))
    if (reservedBytes + byteLength > maxBytes) {
      throw new AppError({
        code: 'column-memory-exceeded',
        next: 'park',
        message:
          `Growing column buffers: ${reservedBytes} bytes are in use, ${byteLength} more are needed, and the limit is ${maxBytes}. ` +
          'A single record probably expands to far more column data than its text: give workers more memory (limits.worker_memory) and resume the partition, or pass over the record with skip-to.',
        details: { reservedBytes, neededBytes: byteLength, maxBytes },
      })
    }
    chunk = newChunk(byteLength)
    used = 0
    reservedBytes += byteLength
    nextChunkBytes = Math.min(nextChunkBytes * 2, largestChunkBytes)
  }

  return {
    allocate(byteLength) {
      const size = roundUp(Math.max(byteLength, 1))
      const reused = freeBlocks.get(size)?.pop()
      if (reused !== undefined) return reused
      const needed = size + ARENA_PADDING_BYTES
      if (used + needed > chunk.length) takeChunk(needed)
      const block = new Uint8Array(chunk.buffer, chunk.byteOffset + used, size)
      used += needed
      return block
    },
    release(block) {
      invariant(
        block.length > 0 && block.length % ARENA_ALIGNMENT_BYTES === 0,
        'a released block is an arena block',
      )
      const blocks = freeBlocks.get(block.length)
      if (blocks === undefined) freeBlocks.set(block.length, [block])
      else blocks.push(block)
    },
    trim(maxBytes) {
      if (reservedBytes <= maxBytes) return
      freeBlocks.clear()
      chunk = new Uint8Array(0)
      used = 0
      reservedBytes = 0
      nextChunkBytes = FIRST_CHUNK_BYTES
    },
    get reservedBytes() {
      return reservedBytes
    },
  }
}

function roundUp(byteLength: number): number {
  return Math.ceil(byteLength / ARENA_ALIGNMENT_BYTES) * ARENA_ALIGNMENT_BYTES
}

/** Replaces a block by a larger one, keeping its first `usedBytes` bytes. */
export function growBlock(
  arena: Arena,
  block: Uint8Array,
  size: { usedBytes: number; byteLength: number },
): Uint8Array {
  const grown = arena.allocate(size.byteLength)
  if (block.length > 0) {
    grown.set(block.subarray(0, size.usedBytes))
    arena.release(block)
  }
  return grown
}

/** Gives a block back; a builder that never grew has an empty one. */
export function releaseBlock(arena: Arena, block: Uint8Array | Int32Array): void {
  if (block.length > 0) arena.release(new Uint8Array(block.buffer, block.byteOffset, block.byteLength))
}
