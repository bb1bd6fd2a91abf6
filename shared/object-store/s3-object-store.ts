/**
 * Object storage in a bucket of S3 or of any server that speaks its protocol, below an optional prefix.
 *
 * Every request has timeouts, is tried several times (s3-requests.ts), and fails as a classified AppError. What reads and writes
 * promise on a bad line is said in s3-get.ts, s3-put.ts and s3-multipart.ts.
 */
import { DeleteObjectCommand } from '@aws-sdk/client-s3'
import { assertKey } from './object-key.ts'
import type { ObjectStore } from './object-store.ts'
import { connectS3, type S3Connection, type S3Runtime, type S3StoreOptions } from './s3-connection.ts'
import { failureOf, isNotFound } from './s3-errors.ts'
import { getObject, headObject } from './s3-get.ts'
import { listFolders, listObjects } from './s3-listing.ts'
import { putObject } from './s3-put.ts'
import { request } from './s3-requests.ts'

export function createS3ObjectStore(options: S3StoreOptions, runtime: S3Runtime): ObjectStore {
  const store = connectS3(options, runtime)
  return {
    url: store.url,
    list: listOptions => listObjects(store, listOptions),
    listFolders: prefix => listFolders(store, prefix),
    head: key => headObject(store, key),
    get: (key, getOptions) => getObject(store, key, getOptions ?? {}),
    put: (key, body, putOptions) => putObject(store, key, body, putOptions?.ifNoneMatch ?? false),
    delete: key => deleteObject(store, key),
    close: async () => store.client.destroy(),
  }
}

async function deleteObject(store: S3Connection, key: string): Promise<void> {
  assertKey(store.url, key)
  const fullKey = store.keyPrefix + key
  await request(store, { action: 'delete the object', key: fullKey }, async () => {
    try {
      await store.client.send(new DeleteObjectCommand({ Bucket: store.bucket, Key: fullKey }))
    } catch (error) {
      if (!isNotFound(failureOf(error))) throw error
    }
  })
}
