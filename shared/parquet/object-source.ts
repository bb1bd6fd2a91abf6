/** Random access to a data file through its object store, for reading columns back. */
import { locationToKey } from '../object-store/locations.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import type { ParquetSource } from './read-parquet.ts'

export function parquetSource(
  store: ObjectStore,
  file: { readonly path: string; readonly fileSizeBytes: bigint },
): ParquetSource {
  const key = locationToKey(store, file.path)
  const byteLength = Number(file.fileSizeBytes)
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const bytes = await store.get(key, { range: { start, end } })
      // A copy, because the store pads what it returns and the reader wants a buffer of exactly the range.
      return bytes.slice().buffer
    },
  }
}
