/** The files that readers of a table may see now, page by page. */
import type { LiveFile, MetadataStore, TableDetail } from '../../shared/metadata/metadata-store.ts'

const FILES_PER_PAGE = 1000

export async function* liveFiles(metadata: MetadataStore, table: TableDetail): AsyncGenerator<LiveFile> {
  const version = (await metadata.loadTable(table.name))?.version ?? table.version
  let after: string | undefined
  do {
    const page = await metadata.listFiles(table.tableId, {
      version,
      limit: FILES_PER_PAGE,
      ...(after !== undefined && { after }),
    })
    yield* page.files
    after = page.next
  } while (after !== undefined)
}
