/** The S3 store over a line that misbehaves: a real server behind a proxy that refuses, breaks, stalls and loses answers. */
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { S3StoreOptions } from '../../shared/object-store/s3-connection.ts'
import { createS3ObjectStore } from '../../shared/object-store/s3-object-store.ts'
import { MULTIPART_THRESHOLD_BYTES } from '../../shared/object-store/s3-put.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { collect, describeObjectStore } from '../contract/object-store.ts'
import { type Fault, type FaultProxy, startFaultProxy } from '../servers/fault-proxy.ts'
import { type S3Server, startS3Server } from '../servers/s3-server.ts'

const BUCKET = 'faulty'
/** Long enough for the server's disk, short enough for tests that stall. */
const IDLE_MS = 1_500
const IDLE_WITH_LARGE_BODIES_MS = 6_000
/** Waits between tries are a twentieth of the real ones; watches keep their time. */
const hurried = {
  ...systemRuntime,
  sleep: (ms: number, signal?: AbortSignal) =>
    systemRuntime.sleep(signal === undefined ? ms / 20 : ms, signal),
}

let server: S3Server
let proxy: FaultProxy
let client: S3Client
const stores: ObjectStore[] = []

beforeAll(async () => {
  server = await startS3Server()
  proxy = await startFaultProxy(server.endpoint)
  await server.createBucket(BUCKET)
  await server.createBucket('rainy')
  client = new S3Client({
    endpoint: server.endpoint,
    region: server.region,
    forcePathStyle: true,
    credentials: { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey },
  })
})
afterEach(() => proxy.calm())
afterAll(async () => {
  for (const store of stores) await store.close()
  client?.destroy()
  await proxy?.stop()
  await server?.stop()
})

function open(bucket: string, options: Partial<S3StoreOptions> = {}): ObjectStore {
  const { region, accessKeyId, secretAccessKey } = server
  const store = createS3ObjectStore(
    {
      bucket,
      prefix: '',
      endpoint: proxy.endpoint,
      region,
      credentials: { accessKeyId, secretAccessKey },
      idleTimeoutMs: IDLE_MS,
      ...options,
    },
    hurried,
  )
  stores.push(store)
  return store
}

const openPatient = (options: Partial<S3StoreOptions> = {}) =>
  open(BUCKET, { idleTimeoutMs: IDLE_WITH_LARGE_BODIES_MS, ...options })

const slowDown: Fault = { kind: 'answer', status: 503, code: 'SlowDown' }
const internal: Fault = { kind: 'answer', status: 500, code: 'InternalError' }
const singleFaults: readonly Fault[] = [
  slowDown,
  internal,
  { kind: 'answer', status: 403, code: 'RequestTimeTooSkewed' },
  { kind: 'cut-before' },
  { kind: 'cut-after' },
  { kind: 'answer-after', status: 500, code: 'InternalError' },
  { kind: 'stall' },
  { kind: 'delay', ms: 50 },
  { kind: 'garble-request' },
]
const bodyFaults: readonly Fault[] = [
  { kind: 'cut-body', share: 0 },
  { kind: 'cut-body', share: 0.5 },
  { kind: 'stall-body', share: 0 },
  { kind: 'stall-body', share: 0.5 },
]

function bodyOf(sizeBytes: number, seed = 1): Uint8Array {
  const body = new Uint8Array(sizeBytes)
  for (let i = 0; i < sizeBytes; i += 499) body[i] = (i * seed) % 251
  return body
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0
}

const big = bodyOf(MULTIPART_THRESHOLD_BYTES + 12_345)

async function incompleteUploads(key: string): Promise<number> {
  const answer = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: key }))
  return answer.Uploads?.length ?? 0
}

describe('one fault', () => {
  it.each(singleFaults)('%o: every call answers as if nothing had been', async fault => {
    const store = open(BUCKET)
    const key = `${JSON.stringify(fault).replace(/\W+/g, '-')}/a`
    const body = bodyOf(100_000)
    proxy.inject(fault, /^PUT /)
    expect(await store.put(key, body, { ifNoneMatch: true })).toMatchObject({ kind: 'written' })
    proxy.inject(fault, /^PUT /)
    expect(await store.put(key, bodyOf(3), { ifNoneMatch: true })).toEqual({ kind: 'exists' })
    proxy.inject(fault, /^HEAD /)
    const head = await store.head(key)
    expect(head).toMatchObject({ sizeBytes: 100_000 })
    proxy.inject(fault, /^GET .*a\?/)
    expect(isSame(await store.get(key), body)).toBe(true)
    proxy.inject(fault, /^GET .*list-type/)
    expect(await collect(store, { prefix: key })).toMatchObject([{ key, etag: head?.etag }])
    proxy.inject(fault, /^PUT /)
    expect(await store.put(key, bodyOf(5))).toMatchObject({ kind: 'written' })
    proxy.inject(fault, /^DELETE /)
    await store.delete(key)
    expect(await store.head(key)).toBeUndefined()
  })

  it.each(bodyFaults)('%o: what arrived of a body is kept, the rest is asked for', async fault => {
    const store = open(BUCKET)
    const body = bodyOf(3 << 20)
    await store.put('body/a', body)
    proxy.inject(fault, /^GET /)
    expect(isSame(await store.get('body/a'), body)).toBe(true)
    proxy.inject(fault, /^GET /)
    const range = { start: 1000, end: 2 << 20 }
    expect(isSame(await store.get('body/a', { range }), body.subarray(range.start, range.end))).toBe(true)
    proxy.inject(fault, /^GET .*list-type/)
    expect(await collect(store, { prefix: 'body/' })).toMatchObject([{ key: 'body/a', sizeBytes: 3 << 20 }])
  })

  it.each([
    ['POST .*uploads', 'beginning'],
    ['PUT .*partNumber=2', 'a part'],
    ['POST .*uploadId', 'completion'],
  ])('at %s of an upload in parts (%s) leaves the object whole and no parts', async (match, what) => {
    const store = openPatient()
    for (const [i, fault] of singleFaults.entries()) {
      const key = `parts/${what}/${i}`
      proxy.inject(fault, new RegExp(match))
      expect(await store.put(key, big, { ifNoneMatch: true }), JSON.stringify(fault)).toMatchObject({
        kind: 'written',
        etag: (await store.head(key))?.etag,
      })
      expect((await store.head(key))?.sizeBytes).toBe(big.byteLength)
      // A beginning whose answer was lost is an upload that nobody knows of: the lifecycle rule's.
      if (what !== 'beginning') expect(await incompleteUploads(key), JSON.stringify(fault)).toBe(0)
      await store.delete(key)
    }
  })
})

describe('an upload in parts', () => {
  it('gives back what was put, and leaves an existing object alone', async () => {
    const store = openPatient()
    const outcome = await store.put('large/a', big, { ifNoneMatch: true })
    expect(outcome).toEqual({ kind: 'written', etag: (await store.head('large/a'))?.etag })
    expect(isSame(await store.get('large/a'), big)).toBe(true)
    const before = proxy.seen.length
    expect(await store.put('large/a', bodyOf(big.byteLength, 2), { ifNoneMatch: true })).toEqual({
      kind: 'exists',
    })
    expect(proxy.seen.slice(before).filter(line => line.startsWith('PUT'))).toEqual([])
    expect(isSame(await store.get('large/a'), big)).toBe(true)
  })

  it('lets one of several writers win, and none leaves parts', async () => {
    const writers = [1, 2, 3].map(seed => bodyOf(MULTIPART_THRESHOLD_BYTES + 1, seed))
    const outcomes = await Promise.all(
      writers.map(body => openPatient().put('large/race', body, { ifNoneMatch: true })),
    )
    expect(outcomes.filter(({ kind }) => kind === 'written')).toHaveLength(1)
    const winner = writers[outcomes.findIndex(({ kind }) => kind === 'written')] ?? new Uint8Array()
    expect(isSame(await openPatient().get('large/race'), winner)).toBe(true)
    expect(await incompleteUploads('large/race')).toBe(0)
  })

  it('that fails for good shows nothing and leaves no parts', async () => {
    const store = openPatient({ maxAttempts: 2 })
    proxy.inject(internal, /^PUT .*partNumber=3/, 2)
    await expect(store.put('large/failed', big)).rejects.toMatchObject({
      code: 'store-unavailable',
      next: 'retry',
      message: expect.stringMatching(
        /write part 3 of the object s3:\/\/faulty\/large\/failed .* after 2 tries/,
      ),
    })
    expect(await store.head('large/failed')).toBeUndefined()
    expect(await incompleteUploads('large/failed')).toBe(0)
  })

  it('keeps checksums of its parts where they are on', async () => {
    const store = openPatient({ checksums: 'crc32' })
    await store.put('large/checked', big, { ifNoneMatch: true })
    expect(isSame(await store.get('large/checked'), big)).toBe(true)
  })
})

describe('faults that stay', () => {
  it.each([
    [slowDown, 'store-unavailable'],
    [internal, 'store-unavailable'],
    [{ kind: 'cut-before' }, 'store-unavailable'],
    [{ kind: 'stall' }, 'store-unavailable'],
    [{ kind: 'answer', status: 400, code: 'ExpiredToken' }, 'credentials-expired'],
  ] as const)('%o ends as %s, to be retried, with the key', async (fault, code) => {
    const store = open(BUCKET, { maxAttempts: 2 })
    proxy.inject(fault, /./, 10)
    await expect(store.get('some/key')).rejects.toMatchObject({
      code,
      next: 'retry',
      message: expect.stringMatching(/Could not read the object s3:\/\/faulty\/some\/key .*after 2 tries/),
    })
    await expect(store.put('some/key', bodyOf(1))).rejects.toMatchObject({ code, next: 'retry' })
  })

  it('a refusal is final at once', async () => {
    const store = open(BUCKET)
    proxy.inject({ kind: 'answer', status: 403, code: 'AccessDenied' }, /./, 10)
    const before = proxy.seen.length
    await expect(store.get('some/key')).rejects.toMatchObject({ code: 'access-denied', next: 'wait' })
    expect(proxy.seen.length - before).toBe(1)
  })

  it('a line that breaks in every body gives the object all the same, piece by piece', async () => {
    const store = open(BUCKET)
    const body = bodyOf(24 << 20)
    await store.put('slow/a', body)
    proxy.inject({ kind: 'cut-body', share: 0.3 }, /^GET /, 9)
    expect(isSame(await store.get('slow/a'), body)).toBe(true)
  })

  it('retries end when the budget of the store is used up', async () => {
    const store = open(BUCKET)
    proxy.inject(slowDown, /budget/, 1_000)
    const before = proxy.seen.length
    await Promise.allSettled(Array.from({ length: 40 }, (_, i) => store.get(`budget/${i}`)))
    const perRequest = 6
    expect(proxy.seen.length - before).toBeLessThan(40 * perRequest)
    expect(proxy.seen.length - before).toBe(40 + 64)
    proxy.calm()
    expect(await store.head('budget/0')).toBeUndefined()
  })
})

it('never more requests at once than the limit', async () => {
  const store = open(BUCKET, { maxRequests: 3 })
  await store.put('limit/a', bodyOf(1))
  proxy.inject({ kind: 'delay', ms: 20 }, /limit/, 30)
  await Promise.all(Array.from({ length: 30 }, () => store.get('limit/a')))
  expect(proxy.mostAtOnce()).toBeLessThanOrEqual(3)
})

describe('under random faults', () => {
  const seed = Number(process.env.TIDEWATER_TEST_SEED ?? Date.now() % 1_000_000)
  console.log(`faults of seed ${seed}`)
  describeObjectStore(`s3, through a line with faults of seed ${seed}`, async () => {
    proxy.calm()
    return { store: openRainy(seed), remove: async () => {} }
  })
})

/** Each call begins in the rain, since `afterEach` ends it. */
function openRainy(seed: number): ObjectStore {
  const store = open('rainy', { maxAttempts: 10 })
  let calls = 0
  const rain = () =>
    proxy.rain({
      seed: seed + calls++,
      rate: 0.15,
      faults: [
        slowDown,
        internal,
        { kind: 'cut-before' },
        { kind: 'cut-after' },
        { kind: 'answer-after', status: 500, code: 'InternalError' },
        { kind: 'cut-body', share: 0.6 },
        { kind: 'garble-request' },
        { kind: 'delay', ms: 5 },
      ],
    })
  const inRain =
    <A extends readonly unknown[], R>(run: (...args: A) => R) =>
    (...args: A): R => {
      rain()
      return run(...args)
    }
  return {
    url: store.url,
    list: inRain(store.list),
    listFolders: inRain(store.listFolders),
    head: inRain(store.head),
    get: inRain(store.get),
    put: inRain(store.put),
    delete: inRain(store.delete),
    close: store.close,
  }
}
