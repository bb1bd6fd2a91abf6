/**
 * Absolute locations (`s3://lake/warehouse/…`, `file:///data/…`), as Iceberg metadata names files, and keys within a store.
 * Locations are written as they are, without percent-encoding: readers disagree about decoding it, and all accept the plain text.
 */
import { AppError } from '../runtime/errors.ts'

/** The absolute location of `key` in the store with this URL. */
export function resolveUrl(storeUrl: string, key: string): string {
  return `${trimTrailingSlashes(storeUrl)}/${key}`
}

/** The key of an absolute location within the store, or `undefined` when it lies elsewhere. `s3a:`, `s3n:` and `file:/x` count as their usual spellings. */
export function keyOfLocation(storeUrl: string, location: string): string | undefined {
  const root = `${normalizeLocation(trimTrailingSlashes(storeUrl))}/`
  const normalized = normalizeLocation(location)
  return normalized.startsWith(root) && normalized.length > root.length
    ? normalized.slice(root.length)
    : undefined
}

/** As `keyOfLocation`, for callers whose locations must be in the store: otherwise `location-outside-store` (park). */
export function locationToKey(store: { readonly url: string }, location: string): string {
  const key = keyOfLocation(store.url, location)
  if (key === undefined) throw locationOutsideStore(store, location)
  return key
}

export function locationOutsideStore(store: { readonly url: string }, location: string): AppError {
  return new AppError({
    code: 'location-outside-store',
    next: 'park',
    message: `The location ${location} does not lie below ${store.url}. Was the warehouse moved or its URL changed in tidewater.yaml? Tables stay where they were created.`,
    details: { store: store.url, location },
  })
}

/** One spelling for the schemes that name the same place. */
export function normalizeLocation(location: string): string {
  const s3 = /^s3[an]?:\/\//i.exec(location)
  if (s3) return `s3://${location.slice(s3[0].length)}`
  const file = /^file:\/*/i.exec(location)
  if (file) return `file:///${location.slice(file[0].length)}`
  return location
}

function trimTrailingSlashes(url: string): string {
  return url.replace(/\/+$/, '')
}
