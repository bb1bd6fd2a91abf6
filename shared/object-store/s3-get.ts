/**
 * Reads objects: whole or a range, into one padded buffer.
 *
 * A body that breaks off, or stops arriving, goes on from where it stopped in another request, pinned to the ETag of the first
 * answer: what is read is one version of the object. As long as each try brings something, a bad line only makes it slow.
 */
import { Readable } from 'node:stream'
import { GetObjectCommand, HeadObjectCommand, type HeadObjectCommandOutput } from '@aws-sdk/client-s3'
import { assertKey } from './object-key.ts'
import type { ObjectInfo } from './object-store.ts'
import { allocatePadded } from './padded-bytes.ts'
import type { S3Connection } from './s3-connection.ts'
import { classifyS3Error, failureOf, isNotFound } from './s3-errors.ts'
import { contextOf, request } from './s3-requests.ts'

/** A round of tries that brought at least this much is followed by another. */
export const RESUME_PROGRESS_BYTES = 1 << 20
/** A body that brings less than this in the idle timeout has stalled. */
const MIN_BYTES_PER_IDLE_TIMEOUT = 16_384
const READ = 'read the object'

export interface GetOptions {
  readonly range?: { readonly start: number; readonly end: number }
  readonly ifMatch?: string
}

export async function headObject(
  store: S3Connection,
  key: string,
  ifMatch?: string,
): Promise<ObjectInfo | undefined> {
  assertKey(store.url, key)
  const head = await requestHead(store, store.keyPrefix + key, ifMatch)
  if (head === undefined) return undefined
  return {
    key,
    sizeBytes: head.ContentLength ?? 0,
    etag: head.ETag ?? '',
    lastModifiedMs: head.LastModified?.getTime() ?? 0,
  }
}

export function requestHead(
  store: S3Connection,
  fullKey: string,
  ifMatch?: string,
): Promise<HeadObjectCommandOutput | undefined> {
  return request(store, { action: 'look at the object', key: fullKey }, async () => {
    try {
      return await store.client.send(
        new HeadObjectCommand({
          Bucket: store.bucket,
          Key: fullKey,
          ...(ifMatch !== undefined && { IfMatch: ifMatch }),
        }),
      )
    } catch (error) {
      const failure = failureOf(error)
      if (isNotFound(failure)) return undefined
      if (failure.status === 400 || failure.status === 403) return findReason(store, fullKey)
      throw error
    }
  })
}

/**
 * The refusal of a HEAD has no body, so an expired token looks like a missing right. A read is refused for the same reason, and says
 * it. Where it is not refused, the reason has gone (the SDK has corrected its clock, say), and the HEAD may be tried again.
 */
async function findReason(store: S3Connection, fullKey: string): Promise<never> {
  const probe = { bytes: undefined, filled: 0, pinned: undefined, fullKey, range: { start: 0, end: 1 } }
  const answer = await requestRest(store, probe)
  answer?.body.destroy()
  throw new Error('the server refused to tell about an object that it lets read')
}

/** What has arrived of a body so far. */
interface Reading {
  readonly fullKey: string
  readonly range: GetOptions['range']
  pinned: string | undefined
  bytes: Uint8Array<ArrayBuffer> | undefined
  filled: number
}

export async function getObject(store: S3Connection, key: string, options: GetOptions): Promise<Uint8Array> {
  assertKey(store.url, key)
  const { range, ifMatch } = options
  // HTTP has no empty ranges.
  if (range !== undefined && range.start >= range.end) return getNothing(store, key, ifMatch)
  const fullKey = store.keyPrefix + key
  const reading: Reading = { fullKey, range, pinned: ifMatch, bytes: undefined, filled: 0 }
  for (;;) {
    const before = reading.filled
    try {
      await request(store, { action: READ, key: fullKey }, () => readOn(store, reading))
      return reading.bytes ?? (await getNothing(store, key, ifMatch))
    } catch (error) {
      if (reading.filled - before < RESUME_PROGRESS_BYTES) throw error
    }
  }
}

async function readOn(store: S3Connection, reading: Reading): Promise<void> {
  const answer = await requestRest(store, reading)
  if (answer === undefined) return
  const wanted = reading.bytes === undefined ? undefined : reading.bytes.byteLength - reading.filled
  if (wanted !== undefined && wanted !== answer.lengthBytes) {
    answer.body.destroy()
    startOver(reading)
    throw new Error(`the server sent ${answer.lengthBytes} bytes where ${wanted} were missing`)
  }
  reading.bytes ??= allocatePadded(answer.lengthBytes)
  reading.pinned ??= answer.etag
  try {
    await readBody(store, reading, answer.body)
  } catch (error) {
    // Whole but refused by its checksum, or of an object that has no version to go on with.
    if (reading.filled >= reading.bytes.byteLength || reading.pinned === undefined) startOver(reading)
    throw error
  }
}

function startOver(reading: Reading): void {
  reading.bytes = undefined
  reading.filled = 0
}

interface Answer {
  readonly body: Readable
  readonly lengthBytes: number
  readonly etag: string | undefined
}

/** `undefined` when the range begins at or behind the object's end. */
async function requestRest(store: S3Connection, reading: Reading): Promise<Answer | undefined> {
  const range = rangeOfRest(reading)
  try {
    const answer = await store.client.send(
      new GetObjectCommand({
        Bucket: store.bucket,
        Key: reading.fullKey,
        ...(range !== undefined && { Range: range }),
        ...(reading.pinned !== undefined && { IfMatch: reading.pinned }),
      }),
    )
    if (!(answer.Body instanceof Readable) || answer.ContentLength === undefined) {
      throw new Error('the server sent neither a body nor its length')
    }
    if (range !== undefined && answer.$metadata.httpStatusCode !== 206) {
      answer.Body.destroy()
      throw new Error(`the server sent the whole object where ${range} was asked for`)
    }
    return { body: answer.Body, lengthBytes: answer.ContentLength, etag: answer.ETag }
  } catch (error) {
    const failure = failureOf(error)
    if (failure.status === 416 || failure.name === 'InvalidRange') return undefined
    throw error
  }
}

function rangeOfRest({ range, bytes, filled }: Reading): string | undefined {
  if (bytes === undefined) return range === undefined ? undefined : `bytes=${range.start}-${range.end - 1}`
  const start = range?.start ?? 0
  return filled === 0 && range === undefined
    ? undefined
    : `bytes=${start + filled}-${start + bytes.byteLength - 1}`
}

/** Straight into the one buffer: a body is never held twice. */
async function readBody(store: S3Connection, reading: Reading, body: Readable): Promise<void> {
  const { bytes } = reading
  if (bytes === undefined) return
  const isOver = new AbortController()
  void cutWhenStalled(store, reading, { body, isOver: isOver.signal })
  try {
    for await (const chunk of body) {
      if (!(chunk instanceof Uint8Array)) throw new Error('the body is text where bytes were expected')
      if (reading.filled + chunk.byteLength > bytes.byteLength) {
        reading.filled = bytes.byteLength
        throw new Error(`the body is longer than its declared ${bytes.byteLength} bytes`)
      }
      bytes.set(chunk, reading.filled)
      reading.filled += chunk.byteLength
    }
  } finally {
    isOver.abort()
  }
  if (reading.filled !== bytes.byteLength) {
    throw new Error(`the body broke off after ${reading.filled} of ${bytes.byteLength} bytes`)
  }
}

interface Watched {
  readonly body: Readable
  readonly isOver: AbortSignal
}

async function cutWhenStalled(
  store: S3Connection,
  reading: Reading,
  { body, isOver }: Watched,
): Promise<void> {
  for (let seen = reading.filled; ; seen = reading.filled) {
    await store.runtime.sleep(store.idleTimeoutMs, isOver)
    if (isOver.aborted) return
    if (reading.filled - seen >= MIN_BYTES_PER_IDLE_TIMEOUT) continue
    body.destroy(
      new Error(`the body stopped after ${reading.filled} of ${reading.bytes?.byteLength ?? 0} bytes`),
    )
    return
  }
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
      contextOf(store, { action: READ, key: store.keyPrefix + key }),
    )
  }
  return allocatePadded(0)
}
