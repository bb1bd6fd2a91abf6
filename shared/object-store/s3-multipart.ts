/**
 * Writes a large object in parts. Nothing is visible until the last request, which makes all of it visible at once and carries
 * `If-None-Match`. A failure aborts the upload, so that no parts stay behind. A crash in the middle does leave them: invisible, but
 * paid for, until a lifecycle rule of the bucket removes incomplete uploads (docs/object-stores.md).
 */
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { PutOutcome } from './object-store.ts'
import type { S3Connection } from './s3-connection.ts'
import { classifyS3Error, failureOf, isConditionalConflict, isPreconditionFailed } from './s3-errors.ts'
import { requestHead } from './s3-get.ts'
import { contextOf, request } from './s3-requests.ts'
import { findOwn, settingsOf, WRITE, type Write } from './s3-write.ts'

/** All parts but the last have this size, as some servers demand. 10,000 of them, S3's limit, are 156 GiB. */
export const PART_BYTES = 16 << 20
/** Of one object at once. */
const MAX_PARTS_IN_FLIGHT = 4
/** Uploads begun anew because the server forgot one, or another writer's was in the way. */
const MAX_UPLOADS = 3

interface Upload extends Write {
  readonly uploadId: string
}

export async function putInParts(store: S3Connection, write: Write): Promise<PutOutcome> {
  // Only to save the sending; the last request decides.
  if (write.ifNoneMatch && (await requestHead(store, write.fullKey)) !== undefined) return { kind: 'exists' }
  for (let uploads = 1; ; uploads++) {
    const outcome = await uploadOnce(store, write)
    if (outcome.kind !== 'again') return outcome
    if (uploads >= MAX_UPLOADS) {
      throw classifyS3Error(
        outcome.cause,
        contextOf(store, { action: WRITE, key: write.fullKey }, MAX_UPLOADS),
      )
    }
  }
}

type UploadOutcome = PutOutcome | { readonly kind: 'again'; readonly cause: unknown }

async function uploadOnce(store: S3Connection, write: Write): Promise<UploadOutcome> {
  const uploadId = await begin(store, write)
  const upload = { ...write, uploadId }
  try {
    const outcome = await complete(store, upload, await sendParts(store, upload))
    if (outcome.kind !== 'written') await abort(store, upload)
    return outcome
  } catch (error) {
    await abort(store, upload)
    throw error
  }
}

/** A first request whose answer was lost leaves an empty upload, for the lifecycle rule. */
function begin(store: S3Connection, write: Write): Promise<string> {
  return request(store, { action: WRITE, key: write.fullKey }, async () => {
    const { UploadId: uploadId } = await store.client.send(
      new CreateMultipartUploadCommand({
        Bucket: store.bucket,
        Key: write.fullKey,
        ...settingsOf(store, write),
        ...(store.checksums === 'crc32' && { ChecksumAlgorithm: 'CRC32' }),
      }),
    )
    if (uploadId === undefined) throw new Error('the server began an upload and gave it no id')
    return uploadId
  })
}

/** After it has ended, whether well or not, no part is on its way any more: an abort would miss it. */
async function sendParts(store: S3Connection, upload: Upload): Promise<CompletedPart[]> {
  const parts: CompletedPart[] = []
  const partCount = Math.ceil(upload.body.byteLength / PART_BYTES)
  let next = 0
  const sendInTurn = async () => {
    while (next < partCount) {
      const index = next++
      try {
        parts[index] = await sendPart(store, upload, index)
      } catch (error) {
        next = partCount
        throw error
      }
    }
  }
  const outcomes = await Promise.allSettled(Array.from({ length: MAX_PARTS_IN_FLIGHT }, sendInTurn))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  return parts
}

function sendPart(store: S3Connection, upload: Upload, index: number): Promise<CompletedPart> {
  const partNumber = index + 1
  const action = `write part ${partNumber} of the object`
  return request(store, { action, key: upload.fullKey }, async () => {
    const body = upload.body.subarray(index * PART_BYTES, partNumber * PART_BYTES)
    const answer = await store.client.send(
      new UploadPartCommand({
        Bucket: store.bucket,
        Key: upload.fullKey,
        UploadId: upload.uploadId,
        PartNumber: partNumber,
        Body: body,
        ContentLength: body.byteLength,
        ...(store.checksums === 'crc32' && { ChecksumAlgorithm: 'CRC32' }),
      }),
    )
    const { ETag, ChecksumCRC32 } = answer
    return {
      PartNumber: partNumber,
      ...(ETag !== undefined && { ETag }),
      ...(ChecksumCRC32 !== undefined && { ChecksumCRC32 }),
    }
  })
}

type Completion =
  | { readonly kind: 'written'; readonly etag: string }
  | { readonly kind: 'refused' | 'again'; readonly cause: unknown; readonly attempt: number }

async function complete(store: S3Connection, upload: Upload, parts: CompletedPart[]): Promise<UploadOutcome> {
  const completion = await request<Completion>(
    store,
    { action: WRITE, key: upload.fullKey },
    async attempt => {
      try {
        const answer = await store.client.send(
          new CompleteMultipartUploadCommand({
            Bucket: store.bucket,
            Key: upload.fullKey,
            UploadId: upload.uploadId,
            MultipartUpload: { Parts: parts },
            ...(upload.ifNoneMatch && { IfNoneMatch: '*' }),
          }),
        )
        return { kind: 'written', etag: answer.ETag ?? '' }
      } catch (cause) {
        const failure = failureOf(cause)
        if (upload.ifNoneMatch && isPreconditionFailed(failure)) return { kind: 'refused', cause, attempt }
        // After a conflict S3 wants the parts anew; an upload may also be gone because an earlier try completed it.
        if (failure.name === 'NoSuchUpload' || isConditionalConflict(failure)) {
          return { kind: 'again', cause, attempt }
        }
        throw cause
      }
    },
  )
  if (completion.kind === 'written') return completion
  const own = completion.attempt === 1 ? undefined : await findOwn(store, upload)
  if (own !== undefined) return own
  return completion.kind === 'refused' ? { kind: 'exists' } : { kind: 'again', cause: completion.cause }
}

/** What cannot be aborted now is left to the lifecycle rule; the failure that led here matters more. */
async function abort(store: S3Connection, upload: Upload): Promise<void> {
  await request(store, { action: 'abort the upload of', key: upload.fullKey }, () =>
    store.client.send(
      new AbortMultipartUploadCommand({
        Bucket: store.bucket,
        Key: upload.fullKey,
        UploadId: upload.uploadId,
      }),
    ),
  ).catch(() => {})
}
