/**
 * A real S3 server for tests: MinIO on a free loopback port, with its data in a temporary folder that goes with it.
 * Its listings, ranges and conditional requests (`If-None-Match`, `If-Match`) are S3's; unlike S3 it does not list a key below
 * another key (`a/b` where `a` is an object too).
 */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import type { CertificateAuthority } from './certificates.ts'
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

export interface S3ServerOptions {
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  /** Speaks https, with a certificate of this authority. */
  readonly tls?: CertificateAuthority
  /** Its own STS takes tokens of this OpenID provider, for a role that may read and write everything. */
  readonly openid?: { readonly configUrl: string; readonly client: string }
}

export async function startS3Server({
  accessKeyId = ACCESS_KEY_ID,
  secretAccessKey = SECRET_ACCESS_KEY,
  tls,
  openid,
}: S3ServerOptions = {}): Promise<S3Server> {
  const program = await installMinio()
  const folder = dataFolder('s3')
  const port = await freePort()
  const endpoint = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
  const ca = tls === undefined ? undefined : readFileSync(tls.caFile, 'utf8')
  if (tls !== undefined) placeCertificate(tls, join(folder, 'certs'))
  const options = { program, folder, port, endpoint, ca, openid, accessKeyId, secretAccessKey }
  let server: ServerProcess = await startMinio(options)
  const client = new S3Client({
    endpoint,
    region: REGION,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    ...(ca !== undefined && { requestHandler: { httpsAgent: { ca } } }),
  })
  return {
    endpoint,
    accessKeyId,
    secretAccessKey,
    region: REGION,
    async createBucket(name) {
      await client.send(new CreateBucketCommand({ Bucket: name }))
    },
    interrupt: () => server.stop({ kill: true }),
    async resume() {
      server = await startMinio(options)
    },
    async stop() {
      client.destroy()
      await server.stop()
      removeFolder(folder)
    },
  }
}

interface MinioOptions extends Required<Pick<S3ServerOptions, 'accessKeyId' | 'secretAccessKey'>> {
  readonly endpoint: string
  readonly ca: string | undefined
  readonly openid: S3ServerOptions['openid']
  readonly program: string
  readonly folder: string
  readonly port: number
}

async function startMinio({
  program,
  folder,
  port,
  endpoint,
  ca,
  openid,
  accessKeyId,
  secretAccessKey,
}: MinioOptions): Promise<ServerProcess> {
  const address = `127.0.0.1:${port}`
  return startProcess({
    name: 'MinIO',
    program,
    args: [
      'server',
      '--quiet',
      '--certs-dir',
      join(folder, 'certs'),
      '--address',
      address,
      join(folder, 'data'),
    ],
    env: {
      MINIO_ROOT_USER: accessKeyId,
      MINIO_ROOT_PASSWORD: secretAccessKey,
      MINIO_REGION: REGION,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
      MINIO_PROMETHEUS_AUTH_TYPE: 'public',
      MINIO_KMS_SECRET_KEY: `${KMS_KEY_ID}:${KMS_KEY}`,
      ...(openid !== undefined && {
        MINIO_IDENTITY_OPENID_CONFIG_URL: openid.configUrl,
        MINIO_IDENTITY_OPENID_CLIENT_ID: openid.client,
        MINIO_IDENTITY_OPENID_ROLE_POLICY: 'readwrite',
      }),
      // Certificates and settings of the person who runs the tests stay out of it.
      HOME: folder,
    },
    cwd: folder,
    isReady: () => answersOk(`${endpoint}/minio/health/cluster`, ca),
  })
}

/** Under the names that MinIO looks for. */
function placeCertificate(authority: CertificateAuthority, folder: string): void {
  const { certFile, keyFile } = authority.server(['127.0.0.1'])
  mkdirSync(folder)
  copyFileSync(certFile, join(folder, 'public.crt'))
  copyFileSync(keyFile, join(folder, 'private.key'))
}
