/**
 * The port to object storage; `file:` and `s3:` implement it under one contract suite.
 * Keys are relative to the store's root URL, without a leading slash; listings are in byte order of the keys.
 */

export interface ObjectInfo {
  readonly key: string
  readonly sizeBytes: number
  /** Opaque; equal exactly while the object's content is unchanged. */
  readonly etag: string
  readonly lastModifiedMs: number
}

export interface ListOptions {
  /** Only keys that begin with this. */
  readonly prefix: string
  /** Only keys after this one, in byte order. */
  readonly startAfter?: string
  /** At most this many objects in all; without it the listing is walked to its end, page by page. */
  readonly limit?: number
}

export type PutOutcome = { readonly kind: 'written'; readonly etag: string } | { readonly kind: 'exists' }

export interface ObjectStore {
  /** For example `s3://bucket/prefix` or `file:///data/lake`, without a trailing slash. */
  readonly url: string
  list(options: ListOptions): AsyncIterable<ObjectInfo>
  /** Names directly below `prefix` that have objects under them ("folders"), without slashes, in byte order. */
  listFolders(prefix: string): Promise<readonly string[]>
  /** `undefined` when there is no such object. */
  head(key: string): Promise<ObjectInfo | undefined>
  /**
   * The whole object, or `range` of it (end exclusive, clamped to the object's end).
   * Errors: `object-not-found` (park), `object-changed` (retry) when `ifMatch` is given and the ETag differs.
   * The bytes are padded: at least 64 readable bytes follow them in the same ArrayBuffer.
   */
  get(
    key: string,
    options?: {
      readonly range?: { readonly start: number; readonly end: number }
      readonly ifMatch?: string
    },
  ): Promise<Uint8Array>
  /** Writes the object whole or not at all. With `ifNoneMatch` an existing object is left alone and the outcome says so. */
  put(key: string, body: Uint8Array, options?: { readonly ifNoneMatch?: boolean }): Promise<PutOutcome>
  /** Deleting what is not there succeeds. */
  delete(key: string): Promise<void>
  close(): Promise<void>
}
