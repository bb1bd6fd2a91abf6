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
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { AppError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { assertKey, assertPrefix, compareKeys } from './object-key.ts'
import type { ListOptions, ObjectInfo, ObjectStore, PutOutcome } from './object-store.ts'
import { allocatePadded } from './padded-bytes.ts'
import {
  classifyS3Error,
  failureOf,
  isConditionalConflict,
  isNotFound,
  isPreconditionFailed,
  type S3Context,
} from './s3-errors.ts'

/** Tries per request, with exponential backoff and jitter between them. */
export const MAX_REQUEST_ATTEMPTS = 5
/** Tries for a body that breaks off, and for a conditional write that meets another. */
export const MAX_BODY_ATTEMPTS = 3
const CONNECT_TIMEOUT_MS = 5_000
/** From the request's first byte to the answer's headers; uploads of a large file take long. */
const REQUEST_TIMEOUT_MS = 300_000
/** A connection on which nothing moves. */
const IDLE_TIMEOUT_MS = 30_000
const MAX_SOCKETS = 64
/** S3's own limit. */
const LIST_PAGE_SIZE = 1000
const RETRY_BASE_MS = 200

export interface S3StoreOptions {
  readonly bucket: string
  /** Without slashes at its ends; '' for the whole bucket. */
  readonly prefix: string
  /** Without it: AWS, in `region`. */
  readonly endpoint?: string
  readonly region?: string
  readonly pathStyle?: boolean
  /** Without it the usual AWS chain: environment, profile, web identity, instance role. */
  readonly credentials?: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
  /** For tests against servers that are away. */
  readonly maxAttempts?: number
}

interface S3Store {
  readonly client: S3Client
  readonly bucket: string
  /** '' or ending in a slash. */
  readonly keyPrefix: string
  readonly url: string
  readonly endpoint: string | undefined
  readonly region: string
  readonly runtime: Pick<Runtime, 'sleep' | 'random'>
}

export function createS3ObjectStore(
  options: S3StoreOptions,
  runtime: Pick<Runtime, 'sleep' | 'random'>,
): ObjectStore {
  const client = new S3Client(clientConfig(options))
  const store: S3Store = {
    client,
    bucket: options.bucket,
    keyPrefix: options.prefix === '' ? '' : `${options.prefix}/`,
    url: options.prefix === '' ? `s3://${options.bucket}` : `s3://${options.bucket}/${options.prefix}`,
    endpoint: options.endpoint,
    region: options.region ?? '(from the AWS chain)',
    runtime,
  }
  return {
    url: store.url,
    list: listOptions => listObjects(store, listOptions),
    listFolders: prefix => listFolders(store, prefix),
    head: key => headObject(store, key),
    get: (key, getOptions) => getObject(store, key, getOptions ?? {}),
    put: (key, body, putOptions) => putObject(store, key, body, putOptions?.ifNoneMatch ?? false),
    delete: key => deleteObject(store, key),
    close: async () => client.destroy(),
  }
}

function clientConfig(options: S3StoreOptions): S3ClientConfig {
  const isCustom = options.endpoint !== undefined
  // Servers other than AWS need a region only for the signature, and not all of them know the SDK's newer checksums.
  const region = options.region ?? (isCustom ? 'us-east-1' : undefined)
  return {
    ...(region !== undefined && { region }),
    ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
    ...(options.credentials !== undefined && { credentials: { ...options.credentials } }),
    ...(isCustom && {
      requestChecksumCalculation: 'WHEN_REQUIRED' as const,
      responseChecksumValidation: 'WHEN_REQUIRED' as const,
    }),
    forcePathStyle: options.pathStyle ?? isCustom,
    maxAttempts: options.maxAttempts ?? MAX_REQUEST_ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      socketTimeout: IDLE_TIMEOUT_MS,
      httpAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
    },
  }
}

async function* listObjects(store: S3Store, options: ListOptions): AsyncIterable<ObjectInfo> {
  assertPrefix(store.url, options.prefix)
  let remaining = options.limit ?? Number.POSITIVE_INFINITY
  let continuation: string | undefined
  const prefix = store.keyPrefix + options.prefix
  while (remaining > 0) {
    const page = await call(store, 'list', prefix, () =>
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

async function listFolders(store: S3Store, prefix: string): Promise<readonly string[]> {
  assertPrefix(store.url, prefix)
  const base = store.keyPrefix + (prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`)
  const names = new Set<string>()
  let continuation: string | undefined
  do {
    const page = await call(store, 'list the folders below', base, () =>
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

async function headObject(store: S3Store, key: string, ifMatch?: string): Promise<ObjectInfo | undefined> {
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

async function getObject(store: S3Store, key: string, options: GetOptions): Promise<Uint8Array> {
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
  store: S3Store,
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
async function getNothing(store: S3Store, key: string, ifMatch: string | undefined): Promise<Uint8Array> {
  if ((await headObject(store, key, ifMatch)) === undefined) {
    throw classifyS3Error(
      Object.assign(new Error('The specified key does not exist.'), { name: 'NoSuchKey' }),
      contextOf(store, 'read the object', store.keyPrefix + key),
    )
  }
  return allocatePadded(0)
}

async function putObject(
  store: S3Store,
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

async function deleteObject(store: S3Store, key: string): Promise<void> {
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

async function call<T>(store: S3Store, action: string, fullKey: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof AppError) throw error
    throw classifyS3Error(error, contextOf(store, action, fullKey))
  }
}

function contextOf(store: S3Store, action: string, fullKey: string): S3Context {
  return {
    storeUrl: store.url,
    bucket: store.bucket,
    key: fullKey,
    action,
    endpoint: store.endpoint,
    region: store.region,
  }
}

/** Full jitter: a random part of a wait that doubles with each attempt. */
async function backOff(store: S3Store, attempt: number): Promise<void> {
  await store.runtime.sleep(store.runtime.random() * RETRY_BASE_MS * 2 ** attempt)
}
