/**
 * The AWS chain, for stores whose credentials stand in no configuration. Its failures are told apart from the answers of the store:
 * a refusal by the token service is no refusal by the bucket, and a metadata service that is away is no store that is away.
 * The SDK says of a chain that was tried to its end only that nothing was found; what it tried follows from the environment.
 */
import type { S3Client } from '@aws-sdk/client-s3'
import type { AppErrorOptions } from '../runtime/errors.ts'

const INSTANCE_METADATA = 'http://169.254.169.254'
const CONTAINER_METADATA = 'http://169.254.170.2'

export interface CredentialSource {
  readonly kind: 'profile' | 'web-identity' | 'container' | 'instance' | 'none'
  /** All that the SDK asks, in its order, for people. */
  readonly tried: string
  /** What the first of the sources above is about: a profile's name, a role, an address. */
  readonly subject: string
}

/** What went wrong before the store was asked. */
export class CredentialsFailure extends Error {
  readonly source: CredentialSource
  constructor(source: CredentialSource, cause: unknown) {
    super('no credentials', { cause })
    this.source = source
  }
}

/** A client of AWS that takes its credentials from the chain. */
export interface ChainedClient {
  readonly config: Pick<S3Client['config'], 'credentials'>
}

/** From now on the client's failures to get credentials are CredentialsFailures. */
export function nameCredentialsFailures(client: ChainedClient, env: NodeJS.ProcessEnv): void {
  const chain = client.config.credentials
  const named: typeof chain = async options => {
    try {
      return await chain(options)
    } catch (cause) {
      throw new CredentialsFailure(credentialSourceOf(env), cause)
    }
  }
  // The chain keeps what it found by itself; a second memory around it would not see that the server refuses it.
  client.config.credentials = Object.assign(named, { memoized: true })
}

/** The source that the environment asks for; the SDK goes on to the next one only where a source has nothing to say. */
export function credentialSourceOf(env: NodeJS.ProcessEnv): CredentialSource {
  const profile = env.AWS_PROFILE || undefined
  const tokenFile = env.AWS_WEB_IDENTITY_TOKEN_FILE || undefined
  const role = env.AWS_ROLE_ARN || undefined
  const container = env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
    ? CONTAINER_METADATA
    : originOf(env.AWS_CONTAINER_CREDENTIALS_FULL_URI || undefined)
  const isDisabled = !['', 'false', undefined].includes(env.AWS_EC2_METADATA_DISABLED)
  const instance = env.AWS_EC2_METADATA_SERVICE_ENDPOINT || INSTANCE_METADATA
  const webIdentity =
    tokenFile !== undefined && role !== undefined
      ? `web identity (the token in ${tokenFile} for the role ${role})`
      : tokenFile === role
        ? 'web identity (AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not set)'
        : `web identity (${role === undefined ? 'AWS_ROLE_ARN' : 'AWS_WEB_IDENTITY_TOKEN_FILE'} is not set)`
  const remote =
    container !== undefined
      ? `the container's endpoint ${container}`
      : isDisabled
        ? 'the metadata service of EC2 (AWS_EC2_METADATA_DISABLED is set)'
        : `the metadata service of EC2 at ${instance}`
  const tried = ['the environment', `the profile ${profile ?? 'default'}`, webIdentity, remote].join(', ')
  if (profile !== undefined) return { kind: 'profile', tried, subject: profile }
  if (tokenFile !== undefined && role !== undefined) return { kind: 'web-identity', tried, subject: role }
  if (container !== undefined) return { kind: 'container', tried, subject: container }
  return isDisabled ? { kind: 'none', tried, subject: '' } : { kind: 'instance', tried, subject: instance }
}

/** Without its path: on ECS whoever knows that gets the credentials. */
function originOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).origin : url
}

export interface CredentialsKind {
  readonly code: string
  readonly next: AppErrorOptions['next']
  readonly advice: string
}

const FILE_ERRORS: ReadonlySet<string> = new Set(['ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR', 'EPERM'])

/** `failure`: of the cause. `hadCredentials`: then what gives them out is away for a while, and asking again helps. */
export function credentialsKindOf(
  { kind, tried, subject }: CredentialSource,
  failure: { readonly name: string; readonly status: number | undefined },
  hadCredentials: boolean,
): CredentialsKind {
  const next = hadCredentials ? 'retry' : 'wait'
  const again = hadCredentials ? ' There were some before: Tidewater tries again.' : ''
  if (FILE_ERRORS.has(failure.name))
    return { code: 'credentials-missing', next, advice: FILE_ADVICE[kind] + again }
  if (failure.name === 'ExpiredTokenException' || failure.name === 'ExpiredToken') {
    return {
      code: 'credentials-expired',
      next: 'retry',
      advice: `What is shown to get credentials (${kind}: ${subject}) is past its end. Whoever renews it (on EKS the kubelet) has to; Tidewater reads it anew and tries again.`,
    }
  }
  const isRefusal = failure.status !== undefined && failure.status >= 400 && failure.status < 500
  if (isRefusal && failure.status !== 429 && !TRANSIENT.has(failure.name)) {
    return { code: 'credentials-rejected', next, advice: refusalAdvice(kind, subject) + again }
  }
  const isExhausted = failure.name === 'CredentialsProviderError' || failure.name === 'TokenProviderError'
  if (isExhausted && kind !== 'container') {
    return { code: 'credentials-missing', next, advice: `Tried: ${tried}. ${MISSING_ADVICE[kind]}${again}` }
  }
  return {
    code: 'credentials-unavailable',
    next: 'retry',
    advice: `${isExhausted ? `Tried: ${tried}. ` : ''}${AWAY_ADVICE[kind]} Tidewater tries again.`,
  }
}

/** Refusals by their status only. */
const TRANSIENT: ReadonlySet<string> = new Set(['IDPCommunicationError', 'Throttling', 'ThrottlingException'])

const SET_SOME =
  'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, run under a role, or give access_key_id and secret_access_key in tidewater.yaml from environment variables.'

type ByKind = Readonly<Record<CredentialSource['kind'], string>>

const MISSING_ADVICE: ByKind = {
  profile: 'Is the profile in the shared files (AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE)?',
  'web-identity': SET_SOME,
  container: SET_SOME,
  instance: `${SET_SOME} On EC2 the instance needs an instance profile, and for containers a hop limit of 2 in its metadata options.`,
  none: SET_SOME,
}

const FILE_ADVICE: ByKind = {
  profile: 'A file or program that the profile names cannot be read.',
  'web-identity':
    'AWS_WEB_IDENTITY_TOKEN_FILE names a file that this process cannot read. On EKS the pod gets it at its start: annotate its service account with eks.amazonaws.com/role-arn, and replace the pod.',
  container:
    'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names a file that this process cannot read. On EKS the pod gets it at its start: make the Pod Identity association, and replace the pod.',
  instance: SET_SOME,
  none: SET_SOME,
}

const AWAY_ADVICE: ByKind = {
  profile: 'What the profile names does not answer.',
  'web-identity':
    'Can this process reach STS? Its address follows from the region, or from AWS_ENDPOINT_URL_STS.',
  container:
    'The endpoint does not answer, or gives this process nothing. On EKS: does the Pod Identity agent run on this node, and is there an association for this service account? On ECS: has the task a task role?',
  instance: 'Can this process reach the metadata service?',
  none: SET_SOME,
}

function refusalAdvice(kind: CredentialSource['kind'], subject: string): string {
  if (kind === 'web-identity')
    return `STS does not give the role ${subject} to this token. Check AWS_ROLE_ARN, and that the trust policy of the role names the OpenID provider of the cluster, the audience sts.amazonaws.com, and this service account.`
  return `What gives out credentials (${kind}: ${subject}) refuses this process. Check the role that it asks for, and the trust policy of the role.`
}
