import { expect, test } from 'vitest'
import {
  DEFAULT_WORKER_MEMORY_BYTES,
  divideWorkerMemory,
  MAX_WORKER_MEMORY_BYTES,
  MIN_WORKER_MEMORY_BYTES,
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
