/** Listings of a bucket, page by page. */
import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import { assertPrefix, compareKeys } from './object-key.ts'
import type { ListOptions, ObjectInfo } from './object-store.ts'
import type { S3Connection } from './s3-connection.ts'
import { request } from './s3-requests.ts'

/** S3's own limit. */
const LIST_PAGE_SIZE = 1000

export async function* listObjects(store: S3Connection, options: ListOptions): AsyncIterable<ObjectInfo> {
  assertPrefix(store.url, options.prefix)
  let remaining = options.limit ?? Number.POSITIVE_INFINITY
  let continuation: string | undefined
  const prefix = store.keyPrefix + options.prefix
  while (remaining > 0) {
    const page = await request(store, { action: 'list', key: prefix }, () =>
      store.client.send(
        new ListObjectsV2Command({
          Bucket: store.bucket,
          Prefix: prefix,
          MaxKeys: Math.min(LIST_PAGE_SIZE, remaining),
          // An empty StartAfter is refused by some servers.
          ...(options.startAfter && { StartAfter: store.keyPrefix + options.startAfter }),
          ...(continuation !== undefined && { ContinuationToken: continuation }),
        }),
      ),
    )
    for (const object of page.Contents ?? []) {
      const key = object.Key?.slice(store.keyPrefix.length) ?? ''
      // Consoles make "folders" as empty objects whose keys end in a slash; they are no data.
      if (key === '' || key.endsWith('/')) continue
      yield {
        key,
        sizeBytes: object.Size ?? 0,
        etag: object.ETag ?? '',
        lastModifiedMs: object.LastModified?.getTime() ?? 0,
      }
      remaining--
      if (remaining <= 0) return
    }
    continuation = page.IsTruncated ? page.NextContinuationToken : undefined
    if (continuation === undefined) return
  }
}

export async function listFolders(store: S3Connection, prefix: string): Promise<readonly string[]> {
  assertPrefix(store.url, prefix)
  const base = store.keyPrefix + (prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`)
  const names = new Set<string>()
  let continuation: string | undefined
  do {
    const page = await request(store, { action: 'list the folders below', key: base }, () =>
      store.client.send(
        new ListObjectsV2Command({
          Bucket: store.bucket,
          Prefix: base,
          Delimiter: '/',
          MaxKeys: LIST_PAGE_SIZE,
          ...(continuation !== undefined && { ContinuationToken: continuation }),
        }),
      ),
    )
    for (const folder of page.CommonPrefixes ?? []) {
      const name = folder.Prefix?.slice(base.length, -1) ?? ''
      if (name !== '') names.add(name)
    }
    continuation = page.IsTruncated ? page.NextContinuationToken : undefined
  } while (continuation !== undefined)
  return [...names].sort(compareKeys)
}
