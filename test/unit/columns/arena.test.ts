import { expect, test } from 'vitest'
import { ARENA_PADDING_BYTES, createArena, growBlock } from '../../../shared/columns/arena.ts'

test('blocks are aligned, as large as asked, and padded from one another', () => {
  const arena = createArena()
  const blocks = [1, 63, 64, 65, 1000, 3_000_000].map(size => ({ size, block: arena.allocate(size) }))
  for (const { size, block } of blocks) {
    expect(block.length).toBeGreaterThanOrEqual(size)
    expect([block.byteOffset % 64, block.length % 64]).toEqual([0, 0])
    expect(block.buffer.byteLength - block.byteOffset - block.length).toBeGreaterThanOrEqual(
      ARENA_PADDING_BYTES,
    )
  }
  const [first, second] = blocks
  expect((second?.block.byteOffset ?? 0) - (first?.block.byteOffset ?? 0)).toBe(64 + ARENA_PADDING_BYTES)
})

test('a released block serves the next request of its size', () => {
  const arena = createArena()
  const block = arena.allocate(1000)
  arena.release(block)
  expect(arena.allocate(1000)).toBe(block)
  expect(arena.allocate(1000)).not.toBe(block)
})

test('growing keeps what was used', () => {
  const arena = createArena()
  const block = arena.allocate(64).fill(7)
  const grown = growBlock(arena, block, { usedBytes: 10, byteLength: 200 })
  expect([...grown.subarray(0, 10)]).toEqual(Array(10).fill(7))
})

test('past its limit an arena refuses with what is needed and what is in use', () => {
  const arena = createArena({ maxBytes: 2 * 1024 * 1024 })
  arena.allocate(1000)
  expect(() => arena.allocate(4 * 1024 * 1024)).toThrow(
    expect.objectContaining({ code: 'column-memory-exceeded', next: 'park' }),
  )
})

test('memory may come from elsewhere', () => {
  const memory = new SharedArrayBuffer(2 * 1024 * 1024)
  const arena = createArena({ newChunk: byteLength => new Uint8Array(memory, 0, byteLength) })
  expect(arena.allocate(100).buffer).toBe(memory)
})

test('trimmed, it forgets its chunks where they are too many, and has its whole limit again', () => {
  const arena = createArena({ maxBytes: 4 * 1024 * 1024 })
  const first = arena.allocate(1024 * 1024)
  arena.release(first)
  arena.trim(8 * 1024 * 1024)
  expect(arena.allocate(1024 * 1024)).toBe(first)
  arena.release(first)
  arena.trim(1024 * 1024)
  expect(arena.reservedBytes).toBe(0)
  expect(arena.allocate(3 * 1024 * 1024).buffer).not.toBe(first.buffer)
})
