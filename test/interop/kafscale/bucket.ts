/** The objects that a broker landed in a bucket. */
import { DeleteObjectsCommand, GetObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3'
import type { S3Server } from '../../servers/s3-server.ts'

export interface LandedObject {
  readonly key: string
  readonly bytes: Buffer
}

export function s3ClientOf(server: S3Server): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  return new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  })
}

/** In key order. */
export async function landedObjects(
  client: S3Client,
  bucket: string,
  prefix: string,
): Promise<LandedObject[]> {
  const objects: LandedObject[] = []
  for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
    for (const { Key: key = '' } of page.Contents ?? []) {
      const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
      const bytes = await answer.Body?.transformToByteArray()
      if (bytes === undefined) throw new Error(`${key}: the server sent no body`)
      objects.push({ key, bytes: Buffer.from(bytes) })
    }
  }
  return objects
}

export async function deleteObjects(
  client: S3Client,
  bucket: string,
  keys: readonly string[],
): Promise<void> {
  const answer = await client.send(
    new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: keys.map(Key => ({ Key })) } }),
  )
  if (answer.Errors?.length)
    throw new Error(`could not delete ${answer.Errors.map(({ Key }) => Key).join(', ')}`)
}
