/** Data files that readers may see, listed by version, by manifest, and as the news since a version. */
import { sql } from 'kysely'
import { invariant } from '../../runtime/errors.ts'
import type { Row } from '../database.ts'
import type { LiveFile, RemovedFile } from '../metadata-store.ts'
import { liveFileOf } from '../rows.ts'
import { all, first, type Steps, sqlStatement } from '../steps.ts'
import { badCursor } from './accounts.ts'

type FileRow = Row<'data_file'>

const selectNews = sqlStatement<{ tableId: string; after: bigint; upTo: bigint }, FileRow>(
  p => sql`select * from data_file
    where table_id = ${p.tableId} and added_version is not null
      and added_version > ${p.after} and added_version <= ${p.upTo}
      and (removed_version is null or removed_version > ${p.upTo})
    order by added_version, path`,
)
const selectAtVersion = sqlStatement<
  { tableId: string; version: bigint; afterVersion: bigint; afterPath: string; limit: number },
  FileRow
>(
  p => sql`select * from data_file
    where table_id = ${p.tableId} and added_version is not null and added_version <= ${p.version}
      and (removed_version is null or removed_version > ${p.version})
      and (added_version, path) > (${p.afterVersion}, ${p.afterPath})
    order by added_version, path limit ${p.limit}`,
)
const selectOfManifest = sqlStatement<{ tableId: string; path: string; version: bigint }, FileRow>(
  p => sql`select data_file.* from manifest join data_file using (manifest_key)
    where manifest.table_id = ${p.tableId} and manifest.path = ${p.path}
      and (removed_version is null or removed_version > ${p.version})`,
)
const selectRemoved = sqlStatement<
  { tableId: string; after: bigint; upTo: bigint },
  FileRow & { readonly manifest_path: string | null }
>(
  p => sql`select data_file.*, manifest.path as manifest_path
    from data_file left join manifest using (manifest_key)
    where data_file.table_id = ${p.tableId} and removed_version is not null
      and removed_version > ${p.after} and removed_version <= ${p.upTo}
    order by removed_version, data_file.path`,
)
type VersionAfter = { tableId: string; after: bigint }
const selectNextAdded = sqlStatement<VersionAfter, { version: bigint | null }>(
  p => sql`select min(added_version) as version from data_file
    where table_id = ${p.tableId} and added_version is not null and added_version > ${p.after}`,
)
const selectNextRemoved = sqlStatement<VersionAfter, { version: bigint | null }>(
  p => sql`select min(removed_version) as version from data_file
    where table_id = ${p.tableId} and removed_version is not null and removed_version > ${p.after}`,
)

/** Files with after < addedVersion ≤ upTo that are live at `upTo`, in the order (addedVersion, path). */
export function* listNews(
  tableId: string,
  news: { after: bigint; upTo: bigint },
): Steps<readonly LiveFile[]> {
  return (yield* all(selectNews, { tableId, ...news })).map(liveFileOf)
}

/** Files with after < removedVersion ≤ upTo, in path order; they were in a snapshot, because what was added is cut first. */
export function* listRemoved(
  tableId: string,
  removed: { after: bigint; upTo: bigint },
): Steps<readonly RemovedFile[]> {
  const rows = yield* all(selectRemoved, { tableId, ...removed })
  const files = rows.map(row => {
    invariant(row.manifest_path !== null, `${row.path} was removed, and no manifest ever listed it`)
    return { ...liveFileOf(row), manifestPath: row.manifest_path }
  })
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** The newest version up to `newest` that differs from version `after` only by files that were added, or only by files that were removed. */
export function* endOfOneKind(
  tableId: string,
  { after, newest }: { after: bigint; newest: bigint },
): Steps<bigint> {
  const added = (yield* first(selectNextAdded, { tableId, after }))?.version ?? undefined
  const removed = (yield* first(selectNextRemoved, { tableId, after }))?.version ?? undefined
  if (added === undefined || removed === undefined) return newest
  invariant(added !== removed, `version ${added} of table ${tableId} either adds files or removes some`)
  return (added < removed ? removed : added) - 1n
}

export function* listFiles(
  tableId: string,
  page: { readonly version: bigint; readonly after?: string; readonly limit: number },
): Steps<{ readonly files: readonly LiveFile[]; readonly next?: string }> {
  const { version, limit } = page
  const files = (yield* all(selectAtVersion, { tableId, version, limit, ...parseCursor(page.after) })).map(
    liveFileOf,
  )
  const last = files.at(-1)
  const isFull = files.length === limit && last !== undefined
  return { files, ...(isFull && { next: `${last.addedVersion}:${last.path}` }) }
}

function parseCursor(text: string | undefined): {
  readonly afterVersion: bigint
  readonly afterPath: string
} {
  if (text === undefined) return { afterVersion: -1n, afterPath: '' }
  const match = /^(\d+):(.+)$/s.exec(text)
  if (match?.[1] === undefined || match[2] === undefined) throw badCursor(text)
  return { afterVersion: BigInt(match[1]), afterPath: match[2] }
}

/** Those that are live at `version`. */
export function* listFilesOfManifestsAt(
  tableId: string,
  manifestPaths: readonly string[],
  version: bigint,
): Steps<readonly LiveFile[]> {
  const files: LiveFile[] = []
  for (const path of manifestPaths) {
    files.push(...(yield* all(selectOfManifest, { tableId, path, version })).map(liveFileOf))
  }
  return files.sort(bySequenceAndPath)
}

function bySequenceAndPath(a: LiveFile, b: LiveFile): number {
  const [left, right] = [a.sequenceNumber ?? -1n, b.sequenceNumber ?? -1n]
  if (left !== right) return left < right ? -1 : 1
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0
}
