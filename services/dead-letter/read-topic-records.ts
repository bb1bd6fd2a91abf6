/** The records of a dead-letter topic as the committed files of its table say them, in offset order. */
import type { DeadLetterFile, MetadataStore } from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { parquetSource } from '../../shared/parquet/object-source.ts'
import { readParquetColumns } from '../../shared/parquet/read-parquet.ts'
import { AppError, invariant } from '../../shared/runtime/errors.ts'
import type { RecordToWrite } from '../../shared/segment/record-encoder.ts'
import { TOPIC_COLUMNS, topicRecordOf } from './topic-record.ts'

const FILES_PER_PAGE = 100
/** Rows decoded at once: as many as are about this many bytes of the file, so that large records do not come by the thousand. */
const WINDOW_BYTES = 1024 * 1024
const MIN_WINDOW_ROWS = 10
const MAX_WINDOW_ROWS = 20_000

export interface TopicFiles {
  readonly metadata: Pick<MetadataStore, 'listDeadLetterFiles'>
  readonly warehouse: ObjectStore
}

export interface TopicRecord {
  readonly offset: bigint
  readonly record: RecordToWrite
}

interface Range {
  readonly fromOffset: bigint
  readonly endOffset: bigint
}

/** Errors: those of the store and of the Parquet reader, and `dead-letter-unreadable`. */
export async function* readTopicRecords(
  { metadata, warehouse }: TopicFiles,
  tableId: string,
  { fromOffset, endOffset }: Range,
): AsyncGenerator<TopicRecord> {
  let next = fromOffset
  while (next < endOffset) {
    const files = await metadata.listDeadLetterFiles(tableId, { fromOffset: next, limit: FILES_PER_PAGE })
    const [first] = files
    invariant(
      first !== undefined && first.baseOffset <= next,
      `dead letters from ${next} on are in a file of table ${tableId}`,
    )
    for (const file of files) {
      if (next >= endOffset) return
      yield* recordsOfFile(warehouse, file, { fromOffset: next, endOffset })
      next = file.baseOffset + file.recordCount
    }
  }
}

async function* recordsOfFile(
  warehouse: ObjectStore,
  file: DeadLetterFile,
  { fromOffset, endOffset }: Range,
): AsyncGenerator<TopicRecord> {
  const fileEnd = file.baseOffset + file.recordCount
  const end = fileEnd < endOffset ? fileEnd : endOffset
  let offset = fromOffset
  const rows = readParquetColumns(parquetSource(warehouse, file), TOPIC_COLUMNS, {
    fromRow: Number(fromOffset - file.baseOffset),
    windowRows: windowRowsOf(file),
  })
  for await (const { rowCount, columns } of rows) {
    for (let row = 0; row < rowCount && offset < end; row++) {
      yield { offset, record: topicRecordOf(column => columns.get(column)?.[row] ?? null) }
      offset++
    }
    if (offset === end) return
  }
  throw new AppError({
    code: 'dead-letter-unreadable',
    next: 'park',
    message: `Reading ${file.path}: expected ${file.recordCount} dead letters, found ${offset - file.baseOffset}. The file is not the one that was committed; restore it.`,
    details: { path: file.path, expected: file.recordCount, found: offset - file.baseOffset },
  })
}

function windowRowsOf({ fileSizeBytes, recordCount }: DeadLetterFile): number {
  const rows = Math.floor(WINDOW_BYTES / (Number(fileSizeBytes) / Number(recordCount)))
  return Math.min(Math.max(rows, MIN_WINDOW_ROWS), MAX_WINDOW_ROWS)
}
