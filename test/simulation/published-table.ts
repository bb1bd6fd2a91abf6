/** Reads what a catalog shows as an engine would: metadata → manifest list → manifests → Parquet, from the objects alone. */
import { readManifest } from '../../shared/iceberg/manifest.ts'
import { readManifestList } from '../../shared/iceberg/manifest-list.ts'
import type { Snapshot, TableMetadata } from '../../shared/iceberg/table-metadata.ts'
import { parseTableMetadata } from '../../shared/iceberg/table-metadata-json.ts'
import { locationToKey } from '../../shared/object-store/locations.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { parquetSource } from '../../shared/parquet/object-source.ts'
import { readParquetColumns } from '../../shared/parquet/read-parquet.ts'

export interface PublishedRow {
  readonly partition: number
  readonly offset: bigint
  /** The `id` column; absent in a dead-letter table. */
  readonly id?: bigint
}

export interface PublishedFile {
  readonly path: string
  readonly rows: readonly PublishedRow[]
}

export interface RowPaths {
  readonly partition: string
  readonly offset: string
  readonly id?: string
}

/** Objects are immutable, so each is read once. */
export interface PublishedReader {
  metadata(location: string): Promise<TableMetadata>
  files(snapshot: Snapshot, paths: RowPaths): Promise<readonly PublishedFile[]>
}

export function createPublishedReader(warehouse: ObjectStore): PublishedReader {
  const known = new Map<string, PublishedFile>()
  const read = (location: string) => warehouse.get(locationToKey(warehouse, location))

  async function files(snapshot: Snapshot, paths: RowPaths): Promise<readonly PublishedFile[]> {
    const found: PublishedFile[] = []
    for (const manifest of readManifestList(await read(snapshot.manifestList), snapshot.manifestList)) {
      const bytes = await read(manifest.path)
      expectEqual(`length of ${manifest.path}`, BigInt(bytes.byteLength), manifest.lengthBytes)
      for (const { status, file } of readManifest(bytes, manifest.path).entries) {
        if (status === 'deleted') continue
        const rows = known.get(file.path) ?? (await readFile(file, paths))
        expectEqual(`rows of ${file.path}`, BigInt(rows.rows.length), file.recordCount)
        known.set(file.path, rows)
        found.push(rows)
      }
    }
    return found
  }

  async function readFile(
    file: { readonly path: string; readonly fileSizeBytes: bigint },
    paths: RowPaths,
  ): Promise<PublishedFile> {
    const size = (await warehouse.head(locationToKey(warehouse, file.path)))?.sizeBytes
    expectEqual(`size of ${file.path}`, size === undefined ? undefined : BigInt(size), file.fileSizeBytes)
    const rows: PublishedRow[] = []
    const columns = [paths.partition, paths.offset, ...(paths.id === undefined ? [] : [paths.id])]
    for await (const window of readParquetColumns(parquetSource(warehouse, file), columns)) {
      for (let row = 0; row < window.rowCount; row++) {
        const at = (path: string | undefined) =>
          path === undefined ? undefined : window.columns.get(path)?.[row]
        const [partition, offset, id] = [at(paths.partition), at(paths.offset), at(paths.id)]
        if (typeof partition !== 'number' || typeof offset !== 'bigint')
          throw new Error(`row ${row} of ${file.path} has no position`)
        rows.push({ partition, offset, ...(typeof id === 'bigint' && { id }) })
      }
    }
    return { path: file.path, rows }
  }

  return {
    metadata: async location => parseTableMetadata(await read(location), location),
    files,
  }
}

export function expectEqual<T>(what: string, found: T, expected: T): void {
  if (found !== expected) throw new Error(`${what}: expected ${String(expected)}, found ${String(found)}`)
}
