/** Writes objects, whole or not at all: a small one in one request, a large one in parts that become visible together. */
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { assertKey } from './object-key.ts'
import type { PutOutcome } from './object-store.ts'
import type { S3Connection } from './s3-connection.ts'
import { failureOf, isPreconditionFailed } from './s3-errors.ts'
import { putInParts } from './s3-multipart.ts'
import { request } from './s3-requests.ts'
import { findOwn, settingsOf, WRITE, type Write } from './s3-write.ts'

/**
 * Larger bodies go in parts. Below this, sending the whole again costs less than the two requests more that parts need; above it, a
 * connection that breaks costs one part, and parts go side by side.
 */
export const MULTIPART_THRESHOLD_BYTES = 32 << 20

export async function putObject(
  store: S3Connection,
  key: string,
  body: Uint8Array,
  ifNoneMatch: boolean,
): Promise<PutOutcome> {
  assertKey(store.url, key)
  const write = { fullKey: store.keyPrefix + key, body, ifNoneMatch, token: store.runtime.uuid() }
  return body.byteLength > MULTIPART_THRESHOLD_BYTES ? putInParts(store, write) : putWhole(store, write)
}

async function putWhole(store: S3Connection, write: Write): Promise<PutOutcome> {
  const { fullKey, body, ifNoneMatch } = write
  const answer = await request(store, { action: WRITE, key: fullKey }, async attempt => {
    try {
      const { ETag: etag } = await store.client.send(
        new PutObjectCommand({
          Bucket: store.bucket,
          Key: fullKey,
          Body: body,
          ContentLength: body.byteLength,
          ...settingsOf(store, write),
          ...(store.checksums === 'crc32' && { ChecksumAlgorithm: 'CRC32' }),
          ...(ifNoneMatch && { IfNoneMatch: '*' }),
        }),
      )
      return { kind: 'written' as const, etag: etag ?? '' }
    } catch (error) {
      if (ifNoneMatch && isPreconditionFailed(failureOf(error))) return { kind: 'refused' as const, attempt }
      throw error
    }
  })
  if (answer.kind === 'written') return answer
  return answer.attempt === 1 ? { kind: 'exists' } : ((await findOwn(store, write)) ?? { kind: 'exists' })
}
