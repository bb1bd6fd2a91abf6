/**
 * Where DuckDB finds the chosen data files: in place, where the warehouse is a folder; else in a temporary folder, into which Tidewater's
 * own object store brings them, within a limit on bytes. DuckDB itself reaches no network.
 */
import { open, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { LiveFile } from '../../shared/metadata/metadata-store.ts'
import { locationToKey } from '../../shared/object-store/locations.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { mapBounded } from '../../shared/runtime/map-bounded.ts'

export const DEFAULT_FETCH_BYTES = 4 * 2 ** 30
const FILES_AT_ONCE = 8
/** Memory held for fetching is `FILES_AT_ONCE` times this. */
const CHUNK_BYTES = 8 * 2 ** 20
/** DuckDB takes these for wildcards, and has no escape that it takes everywhere. */
const WILDCARD = /[*?[\]{}]/

/** The folder in which keys are paths, or `undefined` where files must be fetched. */
export function folderOf(store: Pick<ObjectStore, 'url'>): string | undefined {
  return store.url.startsWith('file://') ? store.url.slice('file://'.length) : undefined
}

export interface PlaceOptions {
  readonly store: ObjectStore
  /** Ours alone, removed by the caller. */
  readonly temporaryFolder: string
  readonly signal: AbortSignal
}

/** Paths in the order of the files. Throws `object-changed` (retry) when an object is shorter than its manifest entry says. */
export async function placeFiles(
  files: readonly LiveFile[],
  options: PlaceOptions,
): Promise<readonly string[]> {
  const { store, temporaryFolder, signal } = options
  const folder = folderOf(store)
  let placed = 0
  return await mapBounded(files, FILES_AT_ONCE, async file => {
    const key = locationToKey(store, file.path)
    const path = join(temporaryFolder, `${placed++}.parquet`)
    if (folder === undefined)
      await fetchFile(store, key, { path, sizeBytes: Number(file.fileSizeBytes), signal })
    else if (!WILDCARD.test(join(folder, key))) return join(folder, key)
    else await symlink(join(folder, key), path)
    return path
  })
}

/** Throws `query-fetch-limit` before anything is fetched. */
export function checkFetchSize(
  tables: readonly { readonly name: string; readonly files: readonly LiveFile[] }[],
  limitBytes: number,
): void {
  const sizes = tables.map(({ name, files }) => ({ name, sizeBytes: totalBytes(files) }))
  const total = sizes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0n)
  if (total <= BigInt(limitBytes)) return
  throw new AppError({
    code: 'query-fetch-limit',
    next: 'fatal',
    message: `The statement needs ${formatBytes(total)} of data files from object storage (${sizes
      .map(({ name, sizeBytes }) => `${name}: ${formatBytes(sizeBytes)}`)
      .join(
        ', ',
      )}), more than the limit of ${formatBytes(BigInt(limitBytes))}. Narrow it with conditions on columns that the table is partitioned or sorted by (--explain shows what they prune), or raise the limit with --max-fetch.`,
  })
}

async function fetchFile(
  store: ObjectStore,
  key: string,
  to: { readonly path: string; readonly sizeBytes: number; readonly signal: AbortSignal },
): Promise<void> {
  const file = await open(to.path, 'wx')
  try {
    for (let start = 0; start < to.sizeBytes; ) {
      to.signal.throwIfAborted()
      const end = Math.min(start + CHUNK_BYTES, to.sizeBytes)
      const bytes = await store.get(key, { range: { start, end } })
      if (bytes.length !== end - start)
        throw new AppError({
          code: 'object-changed',
          next: 'retry',
          message: `Fetching ${store.url}/${key}: expected ${end - start} bytes from ${start}, found ${bytes.length}. The object is shorter than its manifest says: it was replaced or cut.`,
        })
      await file.write(bytes)
      start = end
    }
  } finally {
    await file.close()
  }
}

export function totalBytes(files: readonly LiveFile[]): bigint {
  return files.reduce((sum, file) => sum + file.fileSizeBytes, 0n)
}

export function formatBytes(bytes: bigint): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = Number(bytes)
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}
