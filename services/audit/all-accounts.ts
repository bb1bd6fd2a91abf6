import type { CommittedAccount, MetadataStore } from '../../shared/metadata/metadata-store.ts'

const ACCOUNTS_PER_PAGE = 500

/** Every account of a table's committed slices, page by page. */
export async function* allAccounts(
  metadata: MetadataStore,
  tableId: string,
): AsyncGenerator<CommittedAccount> {
  let after: string | undefined
  do {
    const page = await metadata.listAccounts(tableId, {
      limit: ACCOUNTS_PER_PAGE,
      ...(after !== undefined && { after }),
    })
    yield* page.accounts
    after = page.next
  } while (after !== undefined)
}
