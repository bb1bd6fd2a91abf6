/** The positions that a table's live data files hold, read from the files themselves. */
import type { LiveFile, MetadataStore, TableDetail } from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { parquetSource } from '../../shared/parquet/object-source.ts'
import { readParquetColumns } from '../../shared/parquet/read-parquet.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { liveFiles } from '../tables/live-files.ts'

export interface Position {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

export interface PositionPaths {
  readonly topic: string
  readonly partition: string
  readonly offset: string
}

export async function* readOffsets(
  { metadata, warehouse }: { readonly metadata: MetadataStore; readonly warehouse: ObjectStore },
  table: TableDetail,
  paths: PositionPaths,
): AsyncGenerator<Position> {
  for await (const file of liveFiles(metadata, table)) yield* positionsOfFile(warehouse, file, paths)
}

async function* positionsOfFile(
  warehouse: ObjectStore,
  file: LiveFile,
  paths: PositionPaths,
): AsyncGenerator<Position> {
  const source = parquetSource(warehouse, file)
  for await (const window of readParquetColumns(source, [paths.topic, paths.partition, paths.offset])) {
    const topics = window.columns.get(paths.topic) ?? []
    const partitions = window.columns.get(paths.partition) ?? []
    const offsets = window.columns.get(paths.offset) ?? []
    for (let row = 0; row < window.rowCount; row++) {
      const [topic, partition, offset] = [topics[row], partitions[row], offsets[row]]
      if (typeof topic !== 'string' || typeof partition !== 'number' || typeof offset !== 'bigint')
        throw unreadable(file.path, window.rowStart + row)
      yield { topic, partition, offset }
    }
  }
}

function unreadable(path: string, row: number): AppError {
  return new AppError({
    code: 'position-unreadable',
    next: 'park',
    message: `Auditing ${path}: row ${row} has no topic, partition and offset. The file was not written by this table's converter, or is damaged.`,
    details: { path, row },
  })
}
