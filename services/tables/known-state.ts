/** Loads what a plan is decided from. */
import type { MetadataStore, Publication } from '../../shared/metadata/metadata-store.ts'
import { loadKnownTables } from './declare-table.ts'
import type { KnownState } from './plan-changes.ts'

/** Without a database nothing is known. */
export async function loadKnownState(metadata: MetadataStore | undefined): Promise<KnownState> {
  if (metadata === undefined) return { tables: [], topics: [], publications: [] }
  const known = await loadKnownTables(metadata)
  const publications: Publication[] = []
  for (const { tableId } of known.tables) publications.push(...(await metadata.listPublications(tableId)))
  return { ...known, publications }
}
