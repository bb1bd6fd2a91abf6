import { expect, test } from 'vitest'
import {
  DEFAULT_WORKER_MEMORY_BYTES,
  divideWorkerMemory,
  MAX_WORKER_MEMORY_BYTES,
  MIN_WORKER_MEMORY_BYTES,
  maxColumns,
  memoryForColumns,
} from '../../../shared/runtime/worker-memory.ts'

/** A WebAssembly memory of five times what is encoded, and JavaScript's strings and typed arrays, have bounds of their own. */
const WASM_BYTES = 4 * 1024 ** 3
const ENCODING = 5

test.each([MIN_WORKER_MEMORY_BYTES, DEFAULT_WORKER_MEMORY_BYTES, MAX_WORKER_MEMORY_BYTES])(
  'the shares of %d bytes come to no more than the whole at the worst moment',
  totalBytes => {
    const memory = divideWorkerMemory(totalBytes)
    const held =
      memory.segmentBytes +
      memory.decompressedBatchBytes +
      memory.columnBytes +
      memory.bufferedBytes +
      memory.bufferedDeadLetterBytes +
      ENCODING * memory.recordBytes
    expect(held).toBeLessThanOrEqual(totalBytes)
    expect(ENCODING * memory.recordBytes).toBeLessThan(WASM_BYTES)
    expect(memory.batchBytes).toBeLessThanOrEqual(memory.rowGroupBytes)
    expect(memory.rowGroupBytes).toBeLessThanOrEqual(memory.recordBytes)
  },
)

test.each([1, 2000, 2731, 10_000, 20_000])(
  'the memory for %d columns is the least that takes them',
  columns => {
    const bytes = memoryForColumns(columns)
    expect(maxColumns(bytes)).toBeGreaterThanOrEqual(columns)
    expect(maxColumns(bytes - 1024 ** 2)).toBeLessThan(columns)
    expect(divideWorkerMemory(bytes).maxColumns).toBe(maxColumns(bytes))
  },
)
