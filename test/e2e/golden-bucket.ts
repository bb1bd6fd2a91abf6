/** Golden topics in a bucket of a test server, and the configuration of a user who keeps everything on S3. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { GOLDEN_FOLDER } from '../interop/kafscale/manifest.ts'
import type { S3Server } from '../servers/s3-server.ts'

export const SOURCE_BUCKET = 'landed'
export const WAREHOUSE_BUCKET = 'lake'
const NAMESPACE = 'production'

/** Uploads those segments of a topic that `takes` wants, each followed by its index, as a broker does. Returns how many. */
export async function landInBucket(
  server: S3Server,
  topic: string,
  takes: (segment: { readonly partition: number; readonly position: number }) => boolean = () => true,
): Promise<number> {
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  const credentials = { accessKeyId, secretAccessKey }
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials })
  let landed = 0
  try {
    for (const partition of (await readdir(join(GOLDEN_FOLDER, NAMESPACE, topic))).map(Number)) {
      const folder = join(NAMESPACE, topic, String(partition))
      const names = (await readdir(join(GOLDEN_FOLDER, folder))).filter(name => name.endsWith('.kfs')).sort()
      for (const [position, kfs] of names.entries()) {
        if (!takes({ partition, position })) continue
        for (const name of [kfs, kfs.replace(/kfs$/, 'index')]) {
          const Body = await readFile(join(GOLDEN_FOLDER, folder, name))
          await client.send(new PutObjectCommand({ Bucket: SOURCE_BUCKET, Key: `${folder}/${name}`, Body }))
        }
        landed++
      }
    }
  } finally {
    client.destroy()
  }
  return landed
}

/** What `s3Places` refers to, for the environment of the process. */
export function s3Environment({ accessKeyId, secretAccessKey }: S3Server): Record<string, string> {
  return { TEST_S3_KEY: accessKeyId, TEST_S3_SECRET: secretAccessKey }
}

/** `warehouse` of the configuration and the store keys of its source. */
export function s3Places({ endpoint }: S3Server): {
  readonly warehouse: string
  readonly sourceStore: string
} {
  const keys = `endpoint: "${endpoint}", access_key_id: "\${TEST_S3_KEY}", secret_access_key: "\${TEST_S3_SECRET}"`
  return {
    warehouse: `{ url: "s3://${WAREHOUSE_BUCKET}/warehouse", ${keys} }`,
    sourceStore: `url: "s3://${SOURCE_BUCKET}/${NAMESPACE}", ${keys}`,
  }
}
