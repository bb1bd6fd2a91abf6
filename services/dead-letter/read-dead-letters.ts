/** Dead letters as their table holds them, read back for people. */
import type { ColumnValue } from '../../shared/columns/column-values.ts'
import type { MetadataStore, TableDetail } from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { parquetSource } from '../../shared/parquet/object-source.ts'
import { readParquetColumns } from '../../shared/parquet/read-parquet.ts'
import { liveFiles } from '../tables/live-files.ts'

/** By column name, every column of the dead-letter table. */
export type DeadLetterRow = Readonly<Record<string, ColumnValue>>

export async function* readDeadLetters(
  { metadata, warehouse }: { readonly metadata: MetadataStore; readonly warehouse: ObjectStore },
  deadLetters: TableDetail,
): AsyncGenerator<DeadLetterRow> {
  const names = (deadLetters.schemas.at(-1)?.fields ?? []).map(field => field.name)
  for await (const file of liveFiles(metadata, deadLetters)) {
    for await (const window of readParquetColumns(parquetSource(warehouse, file), names)) {
      for (let row = 0; row < window.rowCount; row++) {
        yield Object.fromEntries(names.map(name => [name, window.columns.get(name)?.[row] ?? null]))
      }
    }
  }
}
