/**
 * A real S3 server for tests: MinIO on a free loopback port, with its data in a temporary folder that goes with it.
 * Its listings, ranges and conditional requests (`If-None-Match`, `If-Match`) are S3's; unlike S3 it does not list a key below
 * another key (`a/b` where `a` is an object too).
 */
import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { installMinio } from './install.ts'
import {
  answersOk,
  dataFolder,
  freePort,
  removeFolder,
  type ServerProcess,
  startProcess,
} from './server-process.ts'

export interface S3Server {
  /** `http://127.0.0.1:port`; clients must use path style. */
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
  createBucket(name: string): Promise<void>
  /** An outage: connections are refused until `resume()`, which brings the same data back on the same port. */
  interrupt(): Promise<void>
  resume(): Promise<void>
  /** Ends it for good and removes its data. */
  stop(): Promise<void>
}

const ACCESS_KEY_ID = 'tidewater-test'
const SECRET_ACCESS_KEY = 'tidewater-test-secret'
const REGION = 'us-east-1'

/** One key in the server's own memory; `kms` calls it by this name. */
export const KMS_KEY_ID = 'tidewater-key'
const KMS_KEY = Buffer.alloc(32, 7).toString('base64')

export async function startS3Server(): Promise<S3Server> {
  const program = await installMinio()
  const folder = dataFolder('s3')
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  let server: ServerProcess = await startMinio({ program, folder, port })
  const client = new S3Client({
    endpoint,
    region: REGION,
    forcePathStyle: true,
    credentials: { accessKeyId: ACCESS_KEY_ID, secretAccessKey: SECRET_ACCESS_KEY },
  })
  return {
    endpoint,
    accessKeyId: ACCESS_KEY_ID,
    secretAccessKey: SECRET_ACCESS_KEY,
    region: REGION,
    async createBucket(name) {
      await client.send(new CreateBucketCommand({ Bucket: name }))
    },
    interrupt: () => server.stop({ kill: true }),
    async resume() {
      server = await startMinio({ program, folder, port })
    },
    async stop() {
      client.destroy()
      await server.stop()
      removeFolder(folder)
    },
  }
}

interface MinioOptions {
  readonly program: string
  readonly folder: string
  readonly port: number
}

async function startMinio({ program, folder, port }: MinioOptions): Promise<ServerProcess> {
  const address = `127.0.0.1:${port}`
  return startProcess({
    name: 'MinIO',
    program,
    args: ['server', '--quiet', '--address', address, join(folder, 'data')],
    env: {
      MINIO_ROOT_USER: ACCESS_KEY_ID,
      MINIO_ROOT_PASSWORD: SECRET_ACCESS_KEY,
      MINIO_REGION: REGION,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
      MINIO_PROMETHEUS_AUTH_TYPE: 'public',
      MINIO_KMS_SECRET_KEY: `${KMS_KEY_ID}:${KMS_KEY}`,
      // Certificates and settings of the person who runs the tests stay out of it.
      HOME: folder,
    },
    cwd: folder,
    isReady: () => answersOk(`http://${address}/minio/health/cluster`),
  })
}
