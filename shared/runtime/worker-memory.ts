/**
 * What one conversion worker may hold, divided among its parts: `limits.worker_memory` is the whole, and every bound on a task's
 * buffers is a share of it. The shares are such that their sum stays within the whole at the worst moment, which is the encoding of a
 * row group; docs/operating.md lists them. The process itself, without conversions, comes beside it.
 */

const MIB = 1024 * 1024

export const DEFAULT_WORKER_MEMORY_BYTES = 1024 * MIB
export const MIN_WORKER_MEMORY_BYTES = 256 * MIB
export const MAX_WORKER_MEMORY_BYTES = 16 * 1024 * MIB

const SHARES = 32
/** More makes neither files nor conversions better. */
const MAX_ROW_GROUP_BYTES = 64 * MIB
/**
 * A column batch is held several times: in the decoder's buffers, as it waits for its row group, and as garbage that has not been
 * collected. At 48 MiB, 64 open files and many dead letters took a worker past 1 GB; at 16 MiB they do not, in the same time.
 */
const MAX_BATCH_BYTES = 16 * MIB
const MAX_DEAD_LETTER_BATCH_BYTES = 8 * MIB
/** WebAssembly reaches 4 GiB, and an encode takes five times what it is given. */
const MAX_RECORD_BYTES = 512 * MIB
/**
 * What each column takes however few rows there are: generated code and what compiles it, an encoder, statistics, a row group's metadata.
 * Measured with 1,000 to 10,000 columns: docs/benchmarks.md, "Wide tables".
 */
const BYTES_PER_COLUMN = 72 * 1024
/** Of the whole, for columns. Beside so many the shares below are not used up: a row group of a wide table holds few rows. */
const COLUMN_SHARES = 24

export interface WorkerMemory {
  /** Columns of the widest table, counted as leaves. */
  readonly maxColumns: number
  /** Segments as fetched: the one that is converted, and the next one where both fit. A larger one is refused. */
  readonly segmentBytes: number
  /** What one record batch may become when it is decompressed; held twice while some codecs work. */
  readonly decompressedBatchBytes: number
  /** The decoder's column buffers, those that wait to be used again included. */
  readonly columnBytes: number
  /** A column batch is handed on at this size. */
  readonly batchBytes: number
  readonly deadLetterBatchBytes: number
  /** The column data of one record, at most: it is encoded at once, and an encode takes five times what it is given. */
  readonly recordBytes: number
  /** Rows in Arrow's layout that become one row group. */
  readonly rowGroupBytes: number
  /** What the open files hold in all: rows that wait, encoded row groups, statistics. */
  readonly bufferedBytes: number
  readonly bufferedDeadLetterBytes: number
}

export function divideWorkerMemory(totalBytes: number = DEFAULT_WORKER_MEMORY_BYTES): WorkerMemory {
  const share = Math.floor(totalBytes / SHARES)
  return {
    maxColumns: maxColumns(totalBytes),
    segmentBytes: 4 * share,
    decompressedBatchBytes: 3 * share,
    columnBytes: 6 * share,
    batchBytes: Math.min(MAX_BATCH_BYTES, share / 2),
    deadLetterBatchBytes: Math.min(MAX_DEAD_LETTER_BATCH_BYTES, share / 4),
    recordBytes: Math.min(MAX_RECORD_BYTES, 2 * share),
    rowGroupBytes: Math.min(MAX_ROW_GROUP_BYTES, 2 * share),
    bufferedBytes: 4 * share,
    bufferedDeadLetterBytes: share,
  }
}

/** What to do about something that is larger than its share. */
export function moreMemoryAdvice(neededBytes: number, shareBytes: number): string {
  return `Where it is right, give workers ${(neededBytes / shareBytes).toFixed(1)} times the memory (limits.worker_memory) and resume the partition, or pass over it with skip-to.`
}

/** Columns, counted as leaves, of the widest table that a worker takes. */
export function maxColumns(totalBytes: number): number {
  return Math.floor(((totalBytes / SHARES) * COLUMN_SHARES) / BYTES_PER_COLUMN)
}

/** The least that takes a table of so many columns, in whole mebibytes. */
export function memoryForColumns(columns: number): number {
  return Math.ceil((columns * BYTES_PER_COLUMN * SHARES) / COLUMN_SHARES / MIB) * MIB
}
