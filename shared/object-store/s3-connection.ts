/** A bucket with the client that speaks to it: timeouts, retries of requests, and where keys lie in it. */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { AppError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { classifyS3Error, type S3Context } from './s3-errors.ts'

/** Tries per request, with exponential backoff and jitter between them. */
export const MAX_REQUEST_ATTEMPTS = 5
const CONNECT_TIMEOUT_MS = 5_000
/** From the request's first byte to the answer's headers; uploads of a large file take long. */
const REQUEST_TIMEOUT_MS = 300_000
/** A connection on which nothing moves. */
const IDLE_TIMEOUT_MS = 30_000
const MAX_SOCKETS = 64
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

export interface S3Connection {
  readonly client: S3Client
  readonly bucket: string
  /** '' or ending in a slash. */
  readonly keyPrefix: string
  readonly url: string
  readonly endpoint: string | undefined
  readonly region: string
  readonly runtime: Pick<Runtime, 'sleep' | 'random'>
}

export function connectS3(options: S3StoreOptions, runtime: Pick<Runtime, 'sleep' | 'random'>): S3Connection {
  return {
    client: new S3Client(clientConfig(options)),
    bucket: options.bucket,
    keyPrefix: options.prefix === '' ? '' : `${options.prefix}/`,
    url: options.prefix === '' ? `s3://${options.bucket}` : `s3://${options.bucket}/${options.prefix}`,
    endpoint: options.endpoint,
    region: options.region ?? '(from the AWS chain)',
    runtime,
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

/** Runs requests about one key or prefix; whatever fails in them becomes a classified AppError. */
export async function call<T>(
  store: S3Connection,
  action: string,
  fullKey: string,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof AppError) throw error
    throw classifyS3Error(error, contextOf(store, action, fullKey))
  }
}

export function contextOf(store: S3Connection, action: string, fullKey: string): S3Context {
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
export async function backOff(store: S3Connection, attempt: number): Promise<void> {
  await store.runtime.sleep(store.runtime.random() * RETRY_BASE_MS * 2 ** attempt)
}
