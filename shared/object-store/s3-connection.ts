/** A bucket with the client that speaks to it: addresses, credentials, timeouts and the limits that all its requests share. */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import type { Runtime } from '../runtime/runtime.ts'
import { trustedAuthorities } from '../runtime/tls-authorities.ts'
import { nameCredentialsFailures } from './s3-credentials.ts'
import { createRetryBudget, MAX_REQUEST_ATTEMPTS, type RetryBudget } from './s3-requests.ts'
import { createSlots, type Slots } from './slots.ts'

/** Requests at once. More do not make one machine faster, and servers answer them with "slow down". */
export const DEFAULT_MAX_REQUESTS = 32
const CONNECT_TIMEOUT_MS = 5_000
/** From the request's first byte to the answer's headers: a part of an upload at 64 KiB/s takes 256 seconds. */
const REQUEST_TIMEOUT_MS = 300_000
/** A connection on which nothing moves. */
export const IDLE_TIMEOUT_MS = 30_000

export type S3Checksums = 'crc32' | 'none'

export type S3Encryption =
  | { readonly kind: 'aes256' }
  | { readonly kind: 'kms'; readonly keyId?: string; readonly bucketKey?: boolean }

export interface S3StoreOptions {
  readonly bucket: string
  /** Without slashes at its ends; '' for the whole bucket. */
  readonly prefix: string
  /** Without it: AWS, in `region`. */
  readonly endpoint?: string
  readonly region?: string
  readonly pathStyle?: boolean
  /** PEM file of the authority that signed the server's certificate, trusted besides those of Node. */
  readonly caFile?: string
  /** Without it the usual AWS chain: environment, profile, web identity, container or instance role. */
  readonly credentials?: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
  /** Kept with objects and compared by readers. `crc32` on AWS, `none` at an endpoint, which may not know them. */
  readonly checksums?: S3Checksums
  /** Without it the bucket's default. */
  readonly encryption?: S3Encryption
  /** At most this many at once. */
  readonly maxRequests?: number
  /** For tests against servers that are away. */
  readonly maxAttempts?: number
  /** For tests against servers that stall. */
  readonly idleTimeoutMs?: number
}

export type S3Runtime = Pick<Runtime, 'sleep' | 'random' | 'uuid'>

export interface S3Connection {
  readonly client: S3Client
  readonly bucket: string
  /** '' or ending in a slash. */
  readonly keyPrefix: string
  readonly url: string
  readonly endpoint: string | undefined
  readonly region: string
  readonly checksums: S3Checksums
  readonly encryption: S3Encryption | undefined
  readonly maxAttempts: number
  readonly idleTimeoutMs: number
  readonly slots: Slots
  readonly budget: RetryBudget
  readonly runtime: S3Runtime
}

export function connectS3(options: S3StoreOptions, runtime: S3Runtime): S3Connection {
  const checksums = options.checksums ?? (options.endpoint === undefined ? 'crc32' : 'none')
  const client = new S3Client(clientConfig(options, checksums))
  if (options.credentials === undefined) nameCredentialsFailures(client, process.env)
  return {
    client,
    bucket: options.bucket,
    keyPrefix: options.prefix === '' ? '' : `${options.prefix}/`,
    url: options.prefix === '' ? `s3://${options.bucket}` : `s3://${options.bucket}/${options.prefix}`,
    endpoint: options.endpoint,
    region: options.region ?? '(from the AWS chain)',
    checksums,
    encryption: options.encryption,
    maxAttempts: options.maxAttempts ?? MAX_REQUEST_ATTEMPTS,
    idleTimeoutMs: options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
    slots: createSlots(options.maxRequests ?? DEFAULT_MAX_REQUESTS),
    budget: createRetryBudget(),
    runtime,
  }
}

function clientConfig(options: S3StoreOptions, checksums: S3Checksums): S3ClientConfig {
  const isCustom = options.endpoint !== undefined
  // Servers other than AWS need a region only for the signature.
  const region = options.region ?? (isCustom ? 'us-east-1' : undefined)
  const checksumsWhen = checksums === 'crc32' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED'
  // The slots bound requests; the pool only keeps their connections.
  const agent = { keepAlive: true, maxSockets: options.maxRequests ?? DEFAULT_MAX_REQUESTS }
  return {
    ...(region !== undefined && { region }),
    ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
    ...(options.credentials !== undefined && { credentials: { ...options.credentials } }),
    requestChecksumCalculation: checksumsWhen,
    responseChecksumValidation: checksumsWhen,
    forcePathStyle: options.pathStyle ?? isCustom,
    // Retries are made in s3-requests.ts: what a retried conditional write means is known only where they are seen.
    maxAttempts: 1,
    // To ask before a large body costs a connection of its own for each, and a round trip.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      socketTimeout: options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
      httpAgent: agent,
      httpsAgent: {
        ...agent,
        ...(options.caFile !== undefined && { ca: trustedAuthorities(caFile(options.caFile)) }),
      },
    },
  }
}

const caFile = (path: string) => ({ path, code: 'store-file-unreadable', setting: 'ca_file of a store' })
