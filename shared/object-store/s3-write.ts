/**
 * What all requests of one write have in common, and how it knows its own object again.
 *
 * A write whose answer was lost is sent again, and may then be refused because the first one arrived. Each write therefore carries
 * a token in the object's metadata (`x-amz-meta-tidewater-put`): where it stands, the object is ours. To compare content instead
 * would cost a whole read, and take another writer's equal object for our own.
 */
import type { PutObjectCommandInput } from '@aws-sdk/client-s3'
import type { PutOutcome } from './object-store.ts'
import type { S3Connection } from './s3-connection.ts'
import { requestHead } from './s3-get.ts'

export const WRITE = 'write the object'
const TOKEN = 'tidewater-put'

/** One write, however often it is sent. */
export interface Write {
  readonly fullKey: string
  readonly body: Uint8Array
  readonly ifNoneMatch: boolean
  readonly token: string
}

export function settingsOf(
  { encryption }: S3Connection,
  { token }: Write,
): Pick<PutObjectCommandInput, 'Metadata' | 'ServerSideEncryption' | 'SSEKMSKeyId' | 'BucketKeyEnabled'> {
  const metadata = { Metadata: { [TOKEN]: token } }
  if (encryption === undefined) return metadata
  if (encryption.kind === 'aes256') return { ...metadata, ServerSideEncryption: 'AES256' }
  const { keyId, bucketKey } = encryption
  return {
    ...metadata,
    ServerSideEncryption: 'aws:kms',
    ...(keyId !== undefined && { SSEKMSKeyId: keyId }),
    ...(bucketKey !== undefined && { BucketKeyEnabled: bucketKey }),
  }
}

/** The outcome of a write that arrived although its answer did not; `undefined` when the object is missing or another's. */
export async function findOwn(store: S3Connection, write: Write): Promise<PutOutcome | undefined> {
  const head = await requestHead(store, write.fullKey)
  return head?.Metadata?.[TOKEN] === write.token ? { kind: 'written', etag: head.ETag ?? '' } : undefined
}
