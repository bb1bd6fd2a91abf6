/**
 * `ParquetWriter` over parquet-wasm.
 *
 * Rows wait as an Arrow IPC stream in one buffer that grows in place; when it holds `rowGroupBytes`, it is encoded by the synchronous
 * `writeParquet` into a small file of its own, and `assemble-file.ts` joins those at the end. Considered and left: one call per file
 * (needs the whole file as Arrow in a 32-bit memory), and `transformParquetStream` (swallows errors into truncated files).
 * Merging small batches before encoding gains under 10 % at 2,000 rows and nothing at 8,000 and more, so each batch stays a message
 * of its own.
 *
 * Memory: a writer holds what was appended since its last row group, its encoded row groups, and statistics of each column. Each thread keeps one buffer of a row
 * group's size for the next writer that needs one. An encode adds about three times `rowGroupBytes` in WebAssembly memory, once per
 * thread: that memory is reused by all writers and never shrinks.
 */
import {
  Compression,
  EnabledStatistics,
  Table,
  type WriterProperties,
  WriterPropertiesBuilder,
  writeParquet,
} from 'parquet-wasm'
import type { ColumnBatch } from '../columns/column.ts'
import type { Schema } from '../iceberg/schema.ts'
import { AppError, invariant } from '../runtime/errors.ts'
import { END_OF_STREAM, encodeSchemaMessage, planRecordBatch, writeRecordBatch } from './arrow-data.ts'
import { assembleFile, type FilePart, takeApart } from './assemble-file.ts'
import { createMetricsCollector } from './column-metrics.ts'
import { compressPages } from './compress-pages.ts'
import { createDictionarySampler, type DictionaryChoice } from './dictionary-choice.ts'
import { verifyParquetFile } from './parquet-footer.ts'
import type {
  ParquetCompression,
  ParquetFile,
  ParquetWriter,
  ParquetWriterOptions,
} from './parquet-writer.ts'
import { uuidFieldIds } from './uuid-annotation.ts'

const DEFAULT_ROW_GROUP_BYTES = 64 * 1024 * 1024
/** Below the 2 GiB that Arrow's 32-bit offsets reach, with room for three copies in a 4 GiB WebAssembly memory. */
const MAX_BATCH_BYTES = 1024 * 1024 * 1024
/** Buffers are reserved in such steps, so that the writers of different schemas can use each other's; larger ones are not kept. */
const SPARE_STEP_BYTES = 1024 * 1024
const MAX_SPARE_BYTES = DEFAULT_ROW_GROUP_BYTES + 8 * SPARE_STEP_BYTES
/**
 * About what the JavaScript heap holds of a leaf column: its bounds and its sample for the dictionary, and in each encoded row group
 * the metadata of its chunk. Of a thousand columns it outweighs the rows of many small files.
 */
const BYTES_PER_LEAF = 2048
const BYTES_PER_CHUNK = 4096
/** Encoded size over Arrow size that is assumed until a row group tells better. */
const ASSUMED_RATIO = 0.4

const COMPRESSION: Readonly<Record<ParquetCompression, Compression>> = {
  // Left to `compress-pages.ts`, which is faster.
  zstd: Compression.UNCOMPRESSED,
  snappy: Compression.SNAPPY,
  gzip: Compression.GZIP,
  lz4: Compression.LZ4_RAW,
  none: Compression.UNCOMPRESSED,
}

export function createParquetWasmWriter(options: ParquetWriterOptions): ParquetWriter {
  const { schema, compression } = options
  const rowGroupBytes = Math.min(options.rowGroupBytes ?? DEFAULT_ROW_GROUP_BYTES, MAX_BATCH_BYTES)
  const schemaMessage = encodeSchemaMessage(schema)
  const metrics = createMetricsCollector()
  const sampler = createDictionarySampler()
  const pending = createIpcBuffer(schemaMessage, rowGroupBytes)
  const parts: FilePart[] = []
  let dictionaries: DictionaryChoice | undefined
  let recordCount = 0n
  let encodedBytes = 0
  let encodedFrom = 0
  let closed = false

  const statisticsBytes = () =>
    closed ? 0 : metrics.leafCount * (BYTES_PER_LEAF + parts.length * BYTES_PER_CHUNK)

  const flush = (): void => {
    if (!pending.hasRows()) return
    // The choice is made once per file, so that all row groups of a column are written alike.
    dictionaries ??= sampler.choose()
    encodedFrom += pending.usedBytes()
    const encoded = takeApart(encode(pending.takeStream(), writerProperties(compression, dictionaries)))
    pending.reset()
    const part = compression === 'zstd' ? compressPages(encoded) : encoded
    encodedBytes += part.data.length
    parts.push(part)
  }

  return {
    get recordCount() {
      return recordCount
    },
    get bufferedBytes() {
      return pending.usedBytes() + encodedBytes + statisticsBytes()
    },
    get estimatedFileBytes() {
      const ratio = encodedFrom === 0 ? ASSUMED_RATIO : encodedBytes / encodedFrom
      return Math.round(encodedBytes + pending.usedBytes() * ratio)
    },
    append(batch) {
      invariant(!closed, 'append to a Parquet writer that is finished')
      if (batch.rowCount === 0) return
      requireColumns(schema, batch)
      const message = planRecordBatch(batch)
      if (message.sizeBytes > MAX_BATCH_BYTES) throw tooLarge(message.sizeBytes)
      if (dictionaries === undefined) sampler.add(batch)
      metrics.add(batch)
      if (!pending.fits(message.sizeBytes)) flush()
      pending.reserve(message.sizeBytes, (target, at) => writeRecordBatch(message, target, at))
      recordCount += BigInt(batch.rowCount)
      if (pending.usedBytes() >= rowGroupBytes) flush()
    },
    async finish() {
      invariant(!closed, 'finish of a Parquet writer that is finished')
      closed = true
      if (recordCount === 0n) throw noRows()
      flush()
      const bytes = assembleFile(parts, uuidFieldIds(schema))
      parts.length = 0
      const footer = verifyParquetFile(bytes, schema, recordCount)
      const file: ParquetFile = {
        bytes,
        recordCount,
        metrics: metrics.finish(footer.columnSizes),
        splitOffsets: footer.splitOffsets,
      }
      return file
    },
    abort() {
      closed = true
      parts.length = 0
      encodedBytes = 0
      pending.reset()
    },
  }
}

/** The one buffer that this thread keeps for the next row group: fresh pages cost more than the copy into them. */
let spareBuffer: ArrayBuffer | undefined

/** The stream of one row group. The buffer is reserved whole but backed by memory only as far as it is used. */
function createIpcBuffer(schemaMessage: Uint8Array, rowGroupBytes: number) {
  let capacity = schemaMessage.length + rowGroupBytes + END_OF_STREAM.length
  let buffer: ArrayBuffer | undefined
  let used = 0

  const grow = (length: number): Uint8Array => {
    if (length > capacity) {
      // One batch above the row group's size: it becomes a row group of its own in a buffer of its own.
      invariant(used <= schemaMessage.length, 'a batch that does not fit is only taken by an empty buffer')
      capacity = length
      giveBack()
    }
    buffer ??= takeBuffer(capacity)
    if (length > buffer.byteLength) buffer.resize(length)
    return new Uint8Array(buffer, 0, length)
  }

  const giveBack = (): void => {
    if (buffer !== undefined && buffer.maxByteLength <= MAX_SPARE_BYTES) spareBuffer = buffer
    buffer = undefined
  }

  return {
    hasRows: () => used > 0,
    usedBytes: () => used,
    fits: (sizeBytes: number) => used === 0 || used + sizeBytes + END_OF_STREAM.length <= capacity,
    /** Makes room for a message behind the others and lets `write` fill it in. */
    reserve(sizeBytes: number, write: (target: Uint8Array, at: number) => void): void {
      const at = used === 0 ? schemaMessage.length : used
      const target = grow(at + sizeBytes + END_OF_STREAM.length)
      if (used === 0) target.set(schemaMessage)
      write(target, at)
      used = at + sizeBytes
    },
    /** The complete stream; valid until the buffer is next used. */
    takeStream(): Uint8Array {
      const stream = grow(used + END_OF_STREAM.length)
      stream.set(END_OF_STREAM, used)
      return stream
    },
    reset(): void {
      used = 0
      giveBack()
    },
  }
}

function takeBuffer(capacity: number): ArrayBuffer {
  const spare = spareBuffer
  if (spare === undefined || spare.maxByteLength < capacity)
    return new ArrayBuffer(0, { maxByteLength: Math.ceil(capacity / SPARE_STEP_BYTES) * SPARE_STEP_BYTES })
  spareBuffer = undefined
  return spare
}

function writerProperties(compression: ParquetCompression, dictionaries: DictionaryChoice): WriterProperties {
  let builder = new WriterPropertiesBuilder()
    .setCompression(COMPRESSION[compression])
    .setStatisticsEnabled(EnabledStatistics.Page)
    .setDictionaryEnabled(dictionaries.nested)
  for (const [name, enabled] of dictionaries.topLevel)
    builder = builder.setColumnDictionaryEnabled(name, enabled)
  return builder.build()
}

/** Both the table and the properties are consumed by `writeParquet`, so that nothing is left to free. */
function encode(stream: Uint8Array, properties: WriterProperties): Uint8Array {
  try {
    return writeParquet(Table.fromIPCStream(stream), properties)
  } catch (cause) {
    // A trap (memory exhausted, a panic) leaves the module of this thread in an unknown state.
    const trapped = cause instanceof Error && cause.name === 'RuntimeError'
    throw new AppError({
      code: 'parquet-encode-failed',
      next: trapped ? 'fatal' : 'park',
      message:
        `Encoding a Parquet row group from ${stream.length} bytes of Arrow: ${cause instanceof Error ? cause.message : String(cause)}. ` +
        (trapped
          ? 'The worker must be restarted; a smaller row group needs less memory.'
          : 'The rows do not fit the schema: most often a null in a required field.'),
      details: { streamBytes: stream.length },
      cause,
    })
  }
}

function requireColumns(schema: Schema, batch: ColumnBatch): void {
  const found = batch.columns.map(column => column.fieldId)
  const expected = schema.fields.map(field => field.id)
  const matches = found.length === expected.length && found.every((id, i) => id === expected[i])
  if (matches) return
  throw new AppError({
    code: 'parquet-batch-mismatch',
    next: 'fatal',
    message: `Appending ${batch.rowCount} rows to a Parquet file of schema ${schema.schemaId}: expected the columns with field ids ${expected.join(', ')}, found ${found.join(', ')}. This is a defect in Tidewater; please report it.`,
  })
}

function tooLarge(sizeBytes: number): AppError {
  return new AppError({
    code: 'parquet-batch-too-large',
    next: 'park',
    message: `Appending one batch of ${sizeBytes} bytes to a Parquet file: at most ${MAX_BATCH_BYTES} are taken at a time. Split the batch.`,
    details: { sizeBytes, maximum: MAX_BATCH_BYTES },
  })
}

function noRows(): AppError {
  return new AppError({
    code: 'parquet-no-rows',
    next: 'fatal',
    message: 'Finishing a Parquet file to which no rows were appended: files without rows are never written.',
  })
}
