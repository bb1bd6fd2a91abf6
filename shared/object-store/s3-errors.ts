/**
 * Answers of S3 servers and failures on the way to them, as AppErrors in the codes that every object store uses.
 * The cause keeps only the name and message of the SDK's error: its other fields can hold signed requests.
 */
import { AppError, type AppErrorOptions } from '../runtime/errors.ts'
import { type TlsFailureKind, tlsFailureOf } from '../runtime/tls-failure.ts'
import { CredentialsFailure, credentialsKindOf } from './s3-credentials.ts'

export interface S3Context {
  readonly storeUrl: string
  readonly bucket: string
  /** The full key or prefix in the bucket. */
  readonly key: string
  /** Completes "Could not …", for example `read the object`. */
  readonly action: string
  readonly endpoint: string | undefined
  readonly region: string
  /** Tries that were made. */
  readonly attempts: number
  /** Whether a request has succeeded before: then missing credentials are a source of them that is away for a while. */
  readonly hadCredentials: boolean
}

/** What the store decides from; taken from the SDK's error without trusting its class. */
export interface S3Failure {
  readonly name: string
  readonly message: string
  readonly status: number | undefined
}

export function failureOf(error: unknown): S3Failure {
  if (!(error instanceof Error)) return { name: 'unknown', message: String(error), status: undefined }
  const metadata: unknown = '$metadata' in error ? error.$metadata : undefined
  const status =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
      ? metadata.httpStatusCode
      : undefined
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const name = error.name === 'Error' || error.name === 'AggregateError' ? (code ?? error.name) : error.name
  return { name, message: error.message, status: typeof status === 'number' ? status : undefined }
}

export function isNotFound(failure: S3Failure): boolean {
  if (failure.name === 'NoSuchBucket') return false
  return failure.name === 'NoSuchKey' || failure.name === 'NotFound' || failure.status === 404
}

export function isPreconditionFailed(failure: S3Failure): boolean {
  return failure.name === 'PreconditionFailed' || failure.status === 412
}

/** Another conditional write of the same key was under way; the answer is known only after it. */
export function isConditionalConflict(failure: S3Failure): boolean {
  return failure.name === 'ConditionalRequestConflict' || failure.status === 409
}

/** Temporary credentials at their end; new ones help. */
export function isExpired(error: unknown): boolean {
  return EXPIRED.has(failureOf(error).name)
}

const EXPIRED = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'RequestExpired'])

export function classifyS3Error(error: unknown, context: S3Context): AppError {
  if (error instanceof AppError) return error
  const source = error instanceof CredentialsFailure ? error.source : undefined
  const failure = failureOf(error instanceof CredentialsFailure ? error.cause : error)
  const tls = failure.status === undefined && source === undefined ? tlsFailureOf(error) : undefined
  const kind: Kind =
    source !== undefined
      ? credentialsKindOf(source, failure, context.hadCredentials)
      : tls === undefined
        ? kindOf(failure, context)
        : { code: 'store-tls', next: tls.kind === 'time' ? 'retry' : 'wait', advice: TLS_ADVICE[tls.kind] }
  const where = context.endpoint === undefined ? `region ${context.region}` : context.endpoint
  const answer =
    failure.message === '' || failure.message === failure.name
      ? failure.name
      : `${failure.name}: ${failure.message.replace(/\.$/, '')}`
  const what = source === undefined ? answer : `no credentials: ${answer}`
  const tries = context.attempts > 1 ? ` after ${context.attempts} tries` : ''
  return new AppError({
    code: kind.code,
    next: kind.next,
    message: `Could not ${context.action} s3://${context.bucket}/${context.key} (${where})${tries}: ${what}. ${kind.advice}`,
    details: {
      store: context.storeUrl,
      bucket: context.bucket,
      key: context.key,
      s3Error: failure.name,
      ...(failure.status !== undefined && { httpStatus: failure.status }),
    },
    cause: new Error(answer),
  })
}

interface Kind {
  readonly code: string
  readonly next: AppErrorOptions['next']
  readonly advice: string
}

const TLS_ADVICE: Readonly<Record<TlsFailureKind, string>> = {
  authority:
    'Nobody whom Tidewater trusts has signed the certificate of the server: give the certificate of its authority as ca_file beside endpoint in tidewater.yaml, or in NODE_EXTRA_CA_CERTS.',
  name: 'Write the host of endpoint in tidewater.yaml as the certificate of the server has it.',
  time: 'Renew the certificate of the server, or set the clock of this machine right.',
  'client-certificate':
    'The server wants a certificate of its clients, which Tidewater has none of for stores.',
  'no-tls':
    'There is no TLS at this port: write http:// instead of https:// in endpoint, or the port that speaks TLS.',
  other: 'Check which versions and ciphers of TLS the server takes.',
}

function kindOf(failure: S3Failure, context: S3Context): Kind {
  if (failure.message === 'Region is missing') return regionMissing
  const byName = kindOfName(failure, context)
  if (byName !== undefined) return byName
  const status = failure.status
  if (status === 404) return notFound
  if (status === 412) return changed
  if (status === 401 || status === 403) return accessDenied
  if (status === 501) return unsupported
  if (
    status !== undefined &&
    status >= 300 &&
    status < 500 &&
    status !== 408 &&
    status !== 409 &&
    status !== 429
  ) {
    return {
      code: 'store-rejected',
      next: 'park',
      advice: 'The server refuses this request for good; its words above say why.',
    }
  }
  return unavailable(failure, context)
}

function unavailable({ status }: S3Failure, { endpoint }: S3Context): Kind {
  const isSilent = endpoint !== undefined && status === undefined
  return {
    code: 'store-unavailable',
    next: 'retry',
    advice: isSilent
      ? `Is a server running at ${endpoint}? Tidewater tries again.`
      : 'Tidewater tries again.',
  }
}

const notFound: Kind = {
  code: 'object-not-found',
  next: 'park',
  advice: 'The object does not exist. Was it deleted by hand or by a lifecycle rule?',
}
const changed: Kind = {
  code: 'object-changed',
  next: 'retry',
  advice: 'The object was replaced since it was listed. Tidewater looks at it again.',
}
const accessDenied: Kind = {
  code: 'access-denied',
  next: 'wait',
  advice:
    'Give these credentials s3:ListBucket on the bucket, s3:GetObject on sources, and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on the warehouse.',
}
const regionMissing: Kind = {
  code: 'region-missing',
  next: 'wait',
  advice: 'Set region beside the url in tidewater.yaml, or AWS_REGION. ECS and EKS set it, EC2 does not.',
}
const unsupported: Kind = {
  code: 'store-unsupported',
  next: 'wait',
  advice:
    'This S3 server lacks something that Tidewater needs (conditional writes with If-None-Match, or ranges). Use a newer release of it.',
}

function kindOfName(failure: S3Failure, context: S3Context): Kind | undefined {
  switch (failure.name) {
    case 'NoSuchKey':
    case 'NotFound':
      return notFound
    case 'NoSuchBucket':
      return {
        code: 'bucket-missing',
        next: 'wait',
        advice: `Create the bucket "${context.bucket}", or correct the url in tidewater.yaml.`,
      }
    case 'PreconditionFailed':
      return changed
    case 'AccessDenied':
    case 'AllAccessDisabled':
    case 'AccountProblem':
      return accessDenied
    case 'InvalidAccessKeyId':
    case 'SignatureDoesNotMatch':
    case 'InvalidToken':
      return {
        code: 'credentials-rejected',
        next: 'wait',
        advice:
          'The server does not accept these credentials. Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the variables named in tidewater.yaml.',
      }
    case 'ExpiredToken':
    case 'ExpiredTokenException':
    case 'TokenRefreshRequired':
    case 'RequestExpired':
      return {
        code: 'credentials-expired',
        next: 'retry',
        advice:
          'The session token is past its end. Tidewater asks a role, web identity or profile for a new one and tries again; a session_token of tidewater.yaml or of the environment has to be replaced by hand.',
      }
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return {
        code: 'wrong-region',
        next: 'wait',
        advice: `The bucket is in another region than ${context.region}. Set region in tidewater.yaml, or AWS_REGION.`,
      }
    case 'RequestTimeTooSkewed':
      return {
        code: 'clock-skewed',
        next: 'retry',
        advice: 'The clock of this machine differs from the server by too much. Set it right.',
      }
    case 'NotImplemented':
      return unsupported
    // Refusals by their status, though nothing is wrong with the request: it arrived late, cut or garbled.
    case 'RequestTimeout':
    case 'IncompleteBody':
    case 'BadDigest':
    case 'XAmzContentSHA256Mismatch':
    case 'XAmzContentChecksumMismatch':
    case 'SlowDown':
    case 'SlowDownRead':
    case 'SlowDownWrite':
      return unavailable(failure, context)
    default:
      return undefined
  }
}
