/**
 * Dead letters a page at a time, for who asks over HTTP: a page costs by its bounds, however many dead letters the table holds. All pages
 * show one version of the table, in the order in which files were added and records lie in them.
 */
import type { LiveFile, MetadataStore, TableDetail } from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { parquetSource } from '../../shared/parquet/object-source.ts'
import { readParquetColumns } from '../../shared/parquet/read-parquet.ts'
import type { DeadLetterRow } from './read-dead-letters.ts'

/** A page ends early after this many rows and files were looked at for one error code … */
const MAX_ROWS_SEARCHED = 50_000
const MAX_FILES_SEARCHED = 20
/** … and once its keys and values are this large. One more record may be beyond it. */
const MAX_PAGE_BYTES = 4 * 2 ** 20

/** Rows decoded at once: fewer where records are large. */
const MIN_WINDOW_ROWS = 10
const MAX_WINDOW_ROWS = 20_000

export interface DeadLetterPosition {
  readonly version: bigint
  /** The file before, as `listFiles` names it; empty before the first. */
  readonly after: string
  /** The next row of the file that follows. */
  readonly row: number
}

export interface DeadLetterPage {
  readonly rows: readonly DeadLetterRow[]
  /** Absent on the last page. A page may be empty and yet not the last. */
  readonly next?: DeadLetterPosition
}

export interface DeadLetterQuery {
  readonly from: DeadLetterPosition
  readonly limit: number
  /** Only those with this error code. */
  readonly code?: string
}

export async function readDeadLetterPage(
  { metadata, warehouse }: { readonly metadata: MetadataStore; readonly warehouse: ObjectStore },
  deadLetters: TableDetail,
  { from, limit, code }: DeadLetterQuery,
): Promise<DeadLetterPage> {
  const names = (deadLetters.schemas.at(-1)?.fields ?? []).map(field => field.name)
  const rows: DeadLetterRow[] = []
  let { after, row } = from
  let searched = 0
  let sizeBytes = 0
  const isFull = () => rows.length >= limit || sizeBytes >= MAX_PAGE_BYTES || searched >= MAX_ROWS_SEARCHED
  for (let files = 0; files < MAX_FILES_SEARCHED; files++) {
    const { files: found, next } = await metadata.listFiles(deadLetters.tableId, {
      version: from.version,
      limit: 1,
      ...(after !== '' && { after }),
    })
    const file = found[0]
    if (file === undefined) return { rows }
    for await (const letter of rowsOf(warehouse, file, { names, fromRow: row })) {
      if (isFull()) return { rows, next: { version: from.version, after, row } }
      row++
      searched++
      if (code !== undefined && letter.error_code !== code) continue
      rows.push(letter)
      sizeBytes += sizeOf(letter)
    }
    if (next === undefined) return { rows }
    after = next
    row = 0
  }
  return { rows, next: { version: from.version, after, row } }
}

async function* rowsOf(
  warehouse: ObjectStore,
  file: LiveFile,
  { names, fromRow }: { readonly names: readonly string[]; readonly fromRow: number },
): AsyncGenerator<DeadLetterRow> {
  const range = { fromRow, windowRows: windowRowsOf(file) }
  for await (const window of readParquetColumns(parquetSource(warehouse, file), names, range)) {
    for (let row = 0; row < window.rowCount; row++) {
      yield Object.fromEntries(names.map(name => [name, window.columns.get(name)?.[row] ?? null]))
    }
  }
}

/** As many as are about a page's bytes as the file holds them; decompressed they are some times that. */
function windowRowsOf({ fileSizeBytes, recordCount }: LiveFile): number {
  const rows = Math.floor(MAX_PAGE_BYTES / (Number(fileSizeBytes) / Number(recordCount)))
  return Math.min(Math.max(rows, MIN_WINDOW_ROWS), MAX_WINDOW_ROWS)
}

function sizeOf(row: DeadLetterRow): number {
  return Object.values(row).reduce<number>(
    (sum, value) => sum + (value instanceof Uint8Array ? value.byteLength : 0),
    0,
  )
}
