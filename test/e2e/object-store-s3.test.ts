/** The S3 store against a real server: the contract of all stores, and what only a server shows. */
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { S3StoreOptions } from '../../shared/object-store/s3-connection.ts'
import { createS3ObjectStore } from '../../shared/object-store/s3-object-store.ts'
import { MULTIPART_THRESHOLD_BYTES } from '../../shared/object-store/s3-put.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { collect, describeObjectStore } from '../contract/object-store.ts'
import { KMS_KEY_ID, type S3Server, startS3Server } from '../servers/s3-server.ts'

let server: S3Server
const stores: ObjectStore[] = []

beforeAll(async () => {
  server = await startS3Server()
  await server.createBucket('contract')
  await server.createBucket('prefixed')
  await server.createBucket('more')
})
afterAll(async () => {
  for (const store of stores) await store.close()
  await server?.stop()
})

function open(bucket: string, prefix = '', options: Partial<S3StoreOptions> = {}): ObjectStore {
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  const store = createS3ObjectStore(
    { bucket, prefix, endpoint, region, credentials: { accessKeyId, secretAccessKey }, ...options },
    systemRuntime,
  )
  stores.push(store)
  return store
}

describeObjectStore('s3, a whole bucket', async () => ({ store: open('contract'), remove: async () => {} }))
describeObjectStore('s3, below a prefix', async () => ({
  store: open('prefixed', 'some/prefix'),
  remove: async () => {},
}))

const one = new Uint8Array([1])

describe('S3 object store', () => {
  it('keeps stores below different prefixes of one bucket apart', async () => {
    await open('more', 'left').put('a', one)
    await open('more', 'leftover').put('b', one)
    expect(await collect(open('more', 'left'), { prefix: '' })).toMatchObject([{ key: 'a' }])
    expect(await collect(open('more'), { prefix: 'left' })).toMatchObject([
      { key: 'left/a' },
      { key: 'leftover/b' },
    ])
  })

  it('lists more than one page, from the start and from the middle', async () => {
    const store = open('more', 'pages')
    const keys = Array.from({ length: 1203 }, (_, i) => `k/${String(i).padStart(5, '0')}`)
    for (let i = 0; i < keys.length; i += 50) {
      await Promise.all(keys.slice(i, i + 50).map(key => store.put(key, one)))
    }
    expect((await collect(store, { prefix: 'k/' })).map(info => info.key)).toEqual(keys)
    const rest = await collect(store, { prefix: 'k/', startAfter: 'k/00100' })
    expect(rest.map(info => info.key)).toEqual(keys.slice(101))
    expect(await collect(store, { prefix: '', limit: 1100 })).toHaveLength(1100)
  })

  it('says that a bucket is missing, that credentials are refused, and which ones', async () => {
    await expect(collect(open('no-such-bucket'), { prefix: '' })).rejects.toMatchObject({
      code: 'bucket-missing',
      next: 'wait',
      message: expect.stringContaining('Create the bucket "no-such-bucket"'),
    })
    await expect(open('no-such-bucket').put('a', one)).rejects.toMatchObject({ code: 'bucket-missing' })
    const credentials = { accessKeyId: server.accessKeyId, secretAccessKey: 'wrong-secret' }
    await expect(open('more', '', { credentials }).get('a')).rejects.toMatchObject({
      code: 'credentials-rejected',
      next: 'wait',
    })
  })

  it('is unavailable during an outage, to be retried, and works again after it', async () => {
    const store = open('more', 'outage', { maxAttempts: 2 })
    await store.put('a', one)
    await server.interrupt()
    await expect(store.get('a')).rejects.toMatchObject({ code: 'store-unavailable', next: 'retry' })
    await expect(store.put('b', one)).rejects.toMatchObject({ code: 'store-unavailable', next: 'retry' })
    await expect(collect(store, { prefix: '' })).rejects.toMatchObject({ code: 'store-unavailable' })
    await server.resume()
    expect(await store.get('a')).toEqual(one)
  })

  it.each([
    [{ kind: 'aes256' }, { ServerSideEncryption: 'AES256' }],
    [
      { kind: 'kms', keyId: KMS_KEY_ID },
      { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: KMS_KEY_ID },
    ],
  ] as const)('writes what %o asks for, whole and in parts, and reads it', async (encryption, expected) => {
    const store = open('more', encryption.kind, { encryption })
    const { endpoint, region, accessKeyId, secretAccessKey } = server
    const credentials = { accessKeyId, secretAccessKey }
    const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials })
    const large = new Uint8Array(MULTIPART_THRESHOLD_BYTES + 1).fill(5)
    for (const [key, body] of [
      ['small', one],
      ['large', large],
    ] as const) {
      expect(await store.put(key, body, { ifNoneMatch: true })).toEqual({
        kind: 'written',
        etag: (await store.head(key))?.etag,
      })
      const head = await client.send(
        new HeadObjectCommand({ Bucket: 'more', Key: `${encryption.kind}/${key}` }),
      )
      expect(head.ServerSideEncryption).toBe(expected.ServerSideEncryption)
      if ('SSEKMSKeyId' in expected) expect(head.SSEKMSKeyId).toContain(expected.SSEKMSKeyId)
      expect(Buffer.compare(await store.get(key), body)).toBe(0)
    }
    client.destroy()
  })

  it('says that a key of KMS is unknown', async () => {
    const store = open('more', 'kms', { encryption: { kind: 'kms', keyId: 'no-such-key' } })
    await expect(store.put('a', one)).rejects.toMatchObject({ next: 'park' })
  })
})
