/**
 * Object storage in a bucket of S3 or of any server that speaks its protocol, below an optional prefix.
 *
 * Every call has a timeout, is retried by the SDK with jitter, and fails as a classified AppError. Reading a body is retried here,
 * pinned to the ETag of the first answer, since the SDK's retries end with the headers.
 * A `put` with `ifNoneMatch` whose first answer was lost can answer `exists` although this call wrote the object; callers that
 * need to know compare the content.
 */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import type { Runtime } from '../runtime/runtime.ts'
import { assertKey } from './object-key.ts'
import type { ObjectInfo, ObjectStore, PutOutcome } from './object-store.ts'
import { allocatePadded } from './padded-bytes.ts'
import {
  backOff,
  call,
  connectS3,
  contextOf,
  type S3Connection,
  type S3StoreOptions,
} from './s3-connection.ts'
import {
  classifyS3Error,
  failureOf,
  isConditionalConflict,
  isNotFound,
  isPreconditionFailed,
} from './s3-errors.ts'
import { listFolders, listObjects } from './s3-listing.ts'

/** Tries for a body that breaks off, and for a conditional write that meets another. */
export const MAX_BODY_ATTEMPTS = 3

export function createS3ObjectStore(
  options: S3StoreOptions,
  runtime: Pick<Runtime, 'sleep' | 'random'>,
): ObjectStore {
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

async function headObject(
  store: S3Connection,
  key: string,
  ifMatch?: string,
): Promise<ObjectInfo | undefined> {
  assertKey(store.url, key)
  const fullKey = store.keyPrefix + key
  return call(store, 'look at the object', fullKey, async () => {
    try {
      const head = await store.client.send(
        new HeadObjectCommand({
          Bucket: store.bucket,
          Key: fullKey,
          ...(ifMatch !== undefined && { IfMatch: ifMatch }),
        }),
      )
      return {
        key,
        sizeBytes: head.ContentLength ?? 0,
        etag: head.ETag ?? '',
        lastModifiedMs: head.LastModified?.getTime() ?? 0,
      }
    } catch (error) {
      if (isNotFound(failureOf(error))) return undefined
      throw error
    }
  })
}

interface GetOptions {
  readonly range?: { readonly start: number; readonly end: number }
  readonly ifMatch?: string
}

async function getObject(store: S3Connection, key: string, options: GetOptions): Promise<Uint8Array> {
  assertKey(store.url, key)
  const { range } = options
  // HTTP has no empty ranges.
  if (range !== undefined && range.start >= range.end) return getNothing(store, key, options.ifMatch)
  const fullKey = store.keyPrefix + key
  let pinned = options.ifMatch
  return call(store, 'read the object', fullKey, async () => {
    for (let attempt = 1; ; attempt++) {
      const answer = await requestObject(store, fullKey, range, pinned)
      if (answer === undefined) return getNothing(store, key, options.ifMatch)
      pinned ??= answer.etag
      try {
        return await readBody(answer)
      } catch (error) {
        if (attempt >= MAX_BODY_ATTEMPTS) throw error
      }
      await backOff(store, attempt)
    }
  })
}

interface Answer {
  readonly body: AsyncIterable<Uint8Array>
  readonly lengthBytes: number
  readonly etag: string | undefined
}

/** `undefined` when the range begins at or behind the object's end. */
async function requestObject(
  store: S3Connection,
  fullKey: string,
  range: GetOptions['range'],
  ifMatch: string | undefined,
): Promise<Answer | undefined> {
  try {
    const answer = await store.client.send(
      new GetObjectCommand({
        Bucket: store.bucket,
        Key: fullKey,
        ...(range !== undefined && { Range: `bytes=${range.start}-${range.end - 1}` }),
        ...(ifMatch !== undefined && { IfMatch: ifMatch }),
      }),
    )
    if (answer.Body === undefined || answer.ContentLength === undefined) {
      throw new Error('the server sent neither a body nor its length')
    }
    // In Node the SDK's body is a Readable; its type also covers browsers.
    const body = answer.Body as unknown as AsyncIterable<Uint8Array>
    return { body, lengthBytes: answer.ContentLength, etag: answer.ETag }
  } catch (error) {
    const failure = failureOf(error)
    if (failure.status === 416 || failure.name === 'InvalidRange') return undefined
    throw error
  }
}

/** Straight into one padded buffer: a body is never held twice. */
async function readBody(answer: Answer): Promise<Uint8Array> {
  const bytes = allocatePadded(answer.lengthBytes)
  let filled = 0
  for await (const chunk of answer.body) {
    if (filled + chunk.byteLength > bytes.byteLength) {
      throw new Error(`the body is longer than its declared ${bytes.byteLength} bytes`)
    }
    bytes.set(chunk, filled)
    filled += chunk.byteLength
  }
  if (filled !== bytes.byteLength) {
    throw new Error(`the body broke off after ${filled} of ${bytes.byteLength} bytes`)
  }
  return bytes
}

/** The answer to an empty range: no bytes, but the errors of a read. */
async function getNothing(
  store: S3Connection,
  key: string,
  ifMatch: string | undefined,
): Promise<Uint8Array> {
  if ((await headObject(store, key, ifMatch)) === undefined) {
    throw classifyS3Error(
      Object.assign(new Error('The specified key does not exist.'), { name: 'NoSuchKey' }),
      contextOf(store, 'read the object', store.keyPrefix + key),
    )
  }
  return allocatePadded(0)
}

async function putObject(
  store: S3Connection,
  key: string,
  body: Uint8Array,
  ifNoneMatch: boolean,
): Promise<PutOutcome> {
  assertKey(store.url, key)
  const fullKey = store.keyPrefix + key
  return call(store, 'write the object', fullKey, async () => {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await store.client.send(
          new PutObjectCommand({
            Bucket: store.bucket,
            Key: fullKey,
            Body: body,
            ContentLength: body.byteLength,
            ...(ifNoneMatch && { IfNoneMatch: '*' }),
          }),
        )
        return { kind: 'written', etag: answer.ETag ?? '' }
      } catch (error) {
        const failure = failureOf(error)
        if (ifNoneMatch && isPreconditionFailed(failure)) return { kind: 'exists' }
        if (!isConditionalConflict(failure) || attempt >= MAX_BODY_ATTEMPTS) throw error
      }
      await backOff(store, attempt)
    }
  })
}

async function deleteObject(store: S3Connection, key: string): Promise<void> {
  assertKey(store.url, key)
  const fullKey = store.keyPrefix + key
  await call(store, 'delete the object', fullKey, async () => {
    try {
      await store.client.send(new DeleteObjectCommand({ Bucket: store.bucket, Key: fullKey }))
    } catch (error) {
      if (!isNotFound(failureOf(error))) throw error
    }
  })
}
