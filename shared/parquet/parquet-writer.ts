/**
 * The port through which converters and compactors write Parquet. One implementation stands today, over parquet-wasm; an encoder of
 * our own takes its place later for the shapes that it covers.
 *
 * Contract:
 * - `append` has taken all it needs of a batch when it returns (or its promise resolves): the batch's buffers are reused afterwards.
 * - `finish` gives a file that was already read back: row count, field ids, types and row-group starts (`verifyParquetFile`).
 * - A writer that failed or was aborted gives no file; nothing of it is outside this process.
 */
import type { ColumnBatch } from '../columns/column.ts'
import type { ColumnMetrics } from '../iceberg/data-file.ts'
import type { Schema } from '../iceberg/schema.ts'
import { createParquetWasmWriter } from './parquet-wasm-writer.ts'

export type ParquetCompression = 'zstd' | 'snappy' | 'gzip' | 'lz4' | 'none'

export interface ParquetFile {
  readonly bytes: Uint8Array
  readonly recordCount: bigint
  readonly metrics: ColumnMetrics
  /** Starts of the row groups, ascending. */
  readonly splitOffsets: readonly bigint[]
}

export interface ParquetWriter {
  /** Rows appended so far. */
  readonly recordCount: bigint
  /** Memory that this writer holds: waiting rows, encoded row groups and, by estimate, statistics. Grows with what was appended, from next to nothing. */
  readonly bufferedBytes: number
  /** What the file would come to if it were finished now, estimated from the row groups encoded so far: for rolling by size. */
  readonly estimatedFileBytes: number
  /** Throws `parquet-batch-mismatch`, `parquet-batch-too-large` or `parquet-encode-failed`; the writer is then of no further use. */
  append(batch: ColumnBatch): void | Promise<void>
  /** Throws `parquet-no-rows` when nothing was appended: files without rows are never written. */
  finish(): Promise<ParquetFile>
  /** Releases the memory; for failures and cancelled tasks. Harmless after `finish`. */
  abort(): void
}

export interface ParquetWriterOptions {
  readonly schema: Schema
  readonly compression: ParquetCompression
  /** Arrow bytes (before encoding) per row group; default 64 MiB. Peak memory of an encode is about five times this. */
  readonly rowGroupBytes?: number
}

export function createParquetWriter(options: ParquetWriterOptions): ParquetWriter {
  return createParquetWasmWriter(options)
}
