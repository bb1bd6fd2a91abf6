/**
 * Records in, column batches out: the decoder of a format fills the user's columns, the metadata writer the `_kafka` columns behind
 * them, row for row. The converter appends, takes and resets in a loop; buffers are reused from batch to batch.
 *
 * A taken batch is valid until `reset`, which must come before the next `append`.
 */
import { type Arena, createArena } from '../columns/arena.ts'
import { createBatchBuilder } from '../columns/batch-builder.ts'
import type { ColumnBatch } from '../columns/column.ts'
import type { Schema } from '../iceberg/schema.ts'
import { AppError, invariant } from '../runtime/errors.ts'
import { moreMemoryAdvice } from '../runtime/worker-memory.ts'
import type { RecordSlices } from '../segment/record-slices.ts'
import type { FieldOptionsById, UnknownFields } from './field-options.ts'
import { createJsonDecoder } from './json-decoder.ts'
import {
  createMetadataWriter,
  type MetadataMode,
  metadataFields,
  type RecordSource,
} from './kafka-metadata.ts'
import { createRawDecoder } from './raw-decoder.ts'
import type { RecordDecoder } from './record-decoder.ts'
import type { OnRecordFailure } from './record-failure.ts'

export interface BatchDecoderOptions {
  /** The table's schema: the user's columns, then those of `metadataFields(metadataMode)`. */
  readonly schema: Schema
  readonly format: 'json' | 'raw'
  readonly fieldOptions: FieldOptionsById
  readonly unknownFields: UnknownFields
  readonly metadataMode: MetadataMode
  /** The batch is full at this many rows. */
  readonly maxRows: number
  /** The batch is full once its buffers hold this many bytes; it may go over by what one chunk of records adds. */
  readonly maxBytes: number
  /** The most that the column data of one record may weigh; `MAX_BATCH_BYTES` unless given. */
  readonly maxRecordBytes?: number
  /** One of its own unless given; decoders that do not work at the same time may share one and `release` in between. */
  readonly arena?: Arena
}

export interface BatchDecoder {
  /**
   * Decodes records `[from, to)` and returns the first that was not consumed: `to`, or less when the batch is full.
   * An empty batch always takes at least one record.
   */
  append(
    slices: RecordSlices,
    source: RecordSource,
    from: number,
    to: number,
    onFailure: OnRecordFailure,
  ): number
  readonly rowCount: number
  /** Bytes in use in the column buffers. */
  readonly sizeBytes: number
  take(): ColumnBatch
  reset(): void
  /** Resets and gives the buffers back to the arena: for decoders that stay warm while others of the same arena work. */
  release(): void
}

/** Offsets of variable columns are 32-bit, and a chunk may add a record as large as a segment. */
export const MAX_BATCH_BYTES = 1024 ** 3
/** Records between two looks at the size of the batch: so many, or so many bytes of values. */
const CHUNK_RECORDS = 4096
const CHUNK_BYTES = 512 * 1024
/** Or so many that their column data comes to this if all are null: rows of a wide table weigh more than their text. */
const CHUNK_COLUMN_BYTES = 4 * 1024 * 1024
const ROWS_WEIGHED = 64

export function createBatchDecoder(options: BatchDecoderOptions): BatchDecoder {
  const { schema, metadataMode, maxRows } = options
  const maxBytes = Math.min(options.maxBytes, MAX_BATCH_BYTES)
  const arena = options.arena ?? createArena()
  const userFieldCount = schema.fields.length - metadataFields(metadataMode).length
  const user = createBatchBuilder(schema.fields.slice(0, userFieldCount), arena)
  const metadata = createBatchBuilder(schema.fields.slice(userFieldCount), arena)
  const metadataWriter = createMetadataWriter(metadata.columns)
  const decoder: RecordDecoder =
    options.format === 'raw' ? createRawDecoder(user) : createJsonDecoder({ ...options, builder: user })
  const maxRecordBytes = options.maxRecordBytes ?? MAX_BATCH_BYTES
  const emptyRowBytes = (user.sizeBytes(ROWS_WEIGHED) + metadata.sizeBytes(ROWS_WEIGHED)) / ROWS_WEIGHED
  const chunkRecords = Math.max(1, Math.min(CHUNK_RECORDS, Math.floor(CHUNK_COLUMN_BYTES / emptyRowBytes)))
  const rowRecords = new Int32Array(chunkRecords)
  let rowCount = 0
  let sizeBytes = 0
  let isTaken = false

  function appendChunk(
    slices: RecordSlices,
    source: RecordSource,
    range: { from: number; to: number },
    onFailure: OnRecordFailure,
  ) {
    const row = rowCount
    const room = row + range.to - range.from
    user.ensureRows(room)
    metadata.ensureRows(room)
    const count = decoder.decode(slices, { ...range, row }, rowRecords, onFailure)
    metadataWriter.append(slices, source, { rowRecords, count, row })
    rowCount += count
    sizeBytes = user.sizeBytes(rowCount) + metadata.sizeBytes(rowCount)
  }

  function recordTooLarge(slices: RecordSlices, { topic, partition }: RecordSource, index: number): AppError {
    const offset = slices.baseOffset + BigInt(slices.offsetDeltas[index] ?? 0)
    return new AppError({
      code: 'record-too-large',
      next: 'park',
      message: `Decoding ${topic}-${partition} offset ${offset}: expected at most ${maxRecordBytes} bytes of column data, found ${sizeBytes}. ${moreMemoryAdvice(sizeBytes, maxRecordBytes)}`,
      details: { topic, partition, offset, sizeBytes, maxBytes: maxRecordBytes },
    })
  }

  function forget() {
    rowCount = 0
    sizeBytes = 0
    isTaken = false
  }

  return {
    append(slices, source, from, to, onFailure) {
      invariant(!isTaken, 'a batch decoder is reset before more is appended')
      let next = from
      while (next < to && rowCount < maxRows && (sizeBytes < maxBytes || rowCount === 0)) {
        const end = chunkEnd(slices, next, Math.min(to, next + Math.min(chunkRecords, maxRows - rowCount)))
        // A large record does not come on top of a batch that is large already.
        const valueBytes = (slices.valueEnds[end - 1] ?? 0) - (slices.valueStarts[next] ?? 0)
        if (rowCount > 0 && valueBytes > CHUNK_BYTES && sizeBytes + valueBytes > maxBytes) return next
        appendChunk(slices, source, { from: next, to: end }, onFailure)
        if (sizeBytes > maxRecordBytes) throw recordTooLarge(slices, source, next)
        next = end
      }
      return next
    },
    get rowCount() {
      return rowCount
    },
    get sizeBytes() {
      return sizeBytes
    },
    take() {
      isTaken = true
      const [own, added] = [user.take(rowCount), metadata.take(rowCount)]
      return {
        fields: schema.fields,
        columns: [...own.columns, ...added.columns],
        rowCount,
        sizeBytes: own.sizeBytes + added.sizeBytes,
      }
    },
    reset() {
      user.reset()
      metadata.reset()
      forget()
    },
    release() {
      user.release()
      metadata.release()
      forget()
    },
  }
}

/** The end of a chunk that begins at `from`: at least one record, no further than `limit`. */
function chunkEnd(slices: RecordSlices, from: number, limit: number): number {
  const first = slices.valueStarts[from] ?? 0
  let end = from + 1
  while (end < limit && (slices.valueEnds[end] ?? 0) - first <= CHUNK_BYTES) end++
  return end
}
