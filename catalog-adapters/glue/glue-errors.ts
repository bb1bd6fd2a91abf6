/**
 * What Glue and its client say, in the user's terms. All are `retry`: a permission that is granted, a key that is replaced or a service
 * that comes back ends the failure by itself, and until then the publication says which, why and since when.
 */
import {
  type CredentialSource,
  CredentialsFailure,
  credentialsKindOf,
} from '../../shared/object-store/s3-credentials.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { type TlsFailureKind, tlsFailureOf } from '../../shared/runtime/tls-failure.ts'

/** What is asked of Glue. */
export interface Purpose {
  /** Completes "Could not …": `load table shop.orders`. */
  readonly doing: string
  /** What whoever asks must be allowed: `read the metadata of the table`. */
  readonly permission: string
  /** The action of IAM that it takes: `glue:GetTable`. */
  readonly action: string
  /** What the action is on, as Glue's policies name it: `database/shop`, `table/shop/orders`. */
  readonly resources: readonly string[]
  /** The permission of Lake Formation that it takes, where that governs the catalog. */
  readonly lakeFormation: string
}

export interface Asked extends Purpose {
  readonly catalog: string
  /** Its endpoint or its region. */
  readonly where: string
  /** Of another account. */
  readonly catalogId: string | undefined
  readonly hadCredentials: boolean
}

export interface GlueFailure {
  /** Glue's name of it: `ConcurrentModificationException`. */
  readonly name: string
  readonly message: string
  readonly status: number | undefined
  /** The chain of credentials that gave none. */
  readonly source?: CredentialSource
  readonly cause: unknown
}

export function failureOf(error: unknown): GlueFailure {
  if (error instanceof CredentialsFailure)
    return { ...failureOf(error.cause), source: error.source, cause: error.cause }
  if (!(error instanceof Error))
    return { name: 'unknown', message: String(error), status: undefined, cause: error }
  const metadata = '$metadata' in error ? error.$metadata : undefined
  const status =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
      ? metadata.httpStatusCode
      : undefined
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return {
    name: error.name === 'Error' || error.name === 'AggregateError' ? (code ?? error.name) : error.name,
    // The lines after the first of a wrong signature are the request that was signed, with its session token.
    message: error.message.split('\n')[0] ?? '',
    status: typeof status === 'number' ? status : undefined,
    cause: error,
  }
}

const MAX_WORDS = 500

export type FailureKind =
  /** It did nothing and will do so again. */
  | 'refused'
  /** It did nothing; asking again may help. */
  | 'not-done'
  /** It may have done what it was asked. */
  | 'unknown'

export function failureKindOf(failure: GlueFailure): FailureKind {
  const { name, message, status, source, cause } = failure
  if (source !== undefined) return 'refused'
  if (NOT_DONE.has(name)) return 'not-done'
  // The client names what it found wrong before it sent anything, and knows no status then.
  if (status === undefined && (UNSENT.test(name) || UNSENT.test(message))) return 'not-done'
  if (status === undefined && (isRegionMissing(failure) || tlsFailureOf(cause) !== undefined))
    return 'refused'
  if (name === 'OperationTimeoutException' || name === 'InternalServiceException') return 'unknown'
  return status === undefined || status >= 500 ? 'unknown' : 'refused'
}

const NOT_DONE: ReadonlySet<string> = new Set([
  'ThrottlingException',
  'Throttling',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'ResourceNotReadyException',
  'ExpiredTokenException',
])
const UNSENT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$|without establishing a connection/

const isRegionMissing = ({ message }: GlueFailure) => message === 'Region is missing'

export function explain(asked: Asked, failure: GlueFailure): AppError {
  const { code, advice } = kindOf(asked, failure)
  const { name, message, source } = failure
  const words = message.slice(0, MAX_WORDS).replace(/\.$/, '')
  const answer = message === '' || message === name ? name : `${name}: ${words}`
  const said = source === undefined ? answer : `no credentials: ${answer}`
  return new AppError({
    code,
    next: 'retry',
    message: `Could not ${asked.doing} in catalog ${asked.catalog} (Glue, ${asked.where}): ${said}. ${advice}`,
    details: { catalog: asked.catalog, catalogError: name },
    // Only its words: the other fields of the client's errors can hold signed requests.
    cause: new Error(answer),
  })
}

interface Kind {
  readonly code: string
  readonly advice: string
}

const SETTINGS = 'of this catalog in tidewater.yaml'

const TLS_ADVICE: Readonly<Record<TlsFailureKind, string>> = {
  authority: `Nobody whom Tidewater trusts has signed the certificate of the server: give the certificate of its authority as ca_file ${SETTINGS}, or in NODE_EXTRA_CA_CERTS.`,
  name: `Write the host of endpoint ${SETTINGS} as the certificate of the server has it.`,
  time: 'Renew the certificate of the server, or set the clock of this machine right.',
  'client-certificate':
    'The server wants a certificate of its clients, which Tidewater has none of for catalogs.',
  'no-tls': `There is no TLS at this port: write http:// instead of https:// in endpoint ${SETTINGS}, or the port that speaks TLS.`,
  other: 'Check which versions and ciphers of TLS the server takes.',
}

function kindOf(asked: Asked, failure: GlueFailure): Kind {
  const { name, status, source, cause } = failure
  if (source !== undefined) return credentialsKindOf(source, failure, asked.hadCredentials)
  if (isRegionMissing(failure))
    return { code: 'region-missing', advice: `Set region ${SETTINGS}, or AWS_REGION.` }
  if (name === 'AccessDeniedException' || name === 'AccessDenied') return forbidden(asked, failure)
  const advice = ADVICE[name]
  if (advice !== undefined) return advice
  const tls = status === undefined ? tlsFailureOf(cause) : undefined
  if (tls !== undefined) return { code: 'catalog-tls', advice: TLS_ADVICE[tls.kind] }
  if (failureKindOf(failure) === 'refused') {
    return {
      code: 'catalog-rejected',
      advice: 'Glue refuses this request; its words say why. Tidewater tries again at every commit interval.',
    }
  }
  const isSilent = status === undefined
  return {
    code: 'catalog-unavailable',
    advice: isSilent
      ? `Can this process reach Glue at ${asked.where}? Tidewater tries again.`
      : 'Tidewater tries again.',
  }
}

function forbidden(
  { permission, action, resources, lakeFormation, catalogId }: Asked,
  { message }: GlueFailure,
): Kind {
  const code = 'catalog-forbidden'
  if (/lake ?formation/i.test(message)) {
    return {
      code,
      advice: `To ${permission} takes a grant of Lake Formation, which governs this catalog: give whoever asks ${lakeFormation} there. A policy of IAM does not suffice. Tidewater goes on as soon as that is done.`,
    }
  }
  const on = ['catalog', ...resources].join(', ')
  const cross =
    catalogId === undefined
      ? ''
      : ` The catalog belongs to account ${catalogId} (catalog_id): its resource policy, or a share of Lake Formation, has to allow this account too.`
  return {
    code,
    advice: `Allow whoever asks to ${permission}: ${action} on ${on}.${cross} Tidewater goes on as soon as that is done.`,
  }
}

const WRONG_KEYS: Kind = {
  code: 'catalog-unauthorized',
  advice: `AWS does not accept these credentials: check access_key_id and secret_access_key ${SETTINGS}, or what the AWS chain finds. Keys of another partition (China, GovCloud) are unknown here.`,
}

const ADVICE: Readonly<Record<string, Kind>> = {
  UnrecognizedClientException: WRONG_KEYS,
  InvalidClientTokenId: WRONG_KEYS,
  InvalidSignatureException: {
    code: 'catalog-unauthorized',
    advice: `The secret key does not fit the access key, or the clock of this machine is wrong: check secret_access_key ${SETTINGS}, and the time.`,
  },
  ExpiredTokenException: {
    code: 'credentials-expired',
    advice:
      'The session token is past its end. Tidewater asks a role, web identity or profile for a new one and tries again; a session_token of tidewater.yaml or of the environment has to be replaced by hand.',
  },
  ResourceNumberLimitExceededException: {
    code: 'catalog-rejected',
    advice: 'A quota of Glue is used up: ask AWS for a higher one, or remove what is not needed.',
  },
  GlueEncryptionException: {
    code: 'catalog-forbidden',
    advice: 'The catalog is encrypted: allow whoever asks kms:Decrypt and kms:GenerateDataKey on its key.',
  },
}
