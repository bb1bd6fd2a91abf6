/**
 * What gives out credentials inside AWS, which nobody can start elsewhere: the metadata service of an EC2 instance (version 2 only, by
 * its session tokens) and the endpoint of ECS and EKS Pod Identity. Paths, headers and answers are those that AWS documents; the keys
 * come from whoever starts it.
 */
import {
  type EndpointAnswer,
  type EndpointRequest,
  type LocalEndpoint,
  startEndpoint,
} from './local-endpoint.ts'

export interface TemporaryKeys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
  readonly expiration: Date
}

export interface MetadataService extends LocalEndpoint {
  /** How many times it has given out keys. */
  given(): number
}

const ROLE_NAME = 'lake-role'
const SESSION = 'session-of-imdsv2'
const ROLES_PATH = '/latest/meta-data/iam/security-credentials/'

/** `role`: without one the instance has no profile, and the service answers 404. */
export async function startInstanceMetadata(
  keys: () => Promise<TemporaryKeys>,
  { role = ROLE_NAME }: { readonly role?: string | null } = {},
): Promise<MetadataService> {
  let given = 0
  const answer = async ({ method, path, headers }: EndpointRequest): Promise<EndpointAnswer> => {
    if (path === '/latest/api/token') {
      if (method !== 'PUT') return { status: 405 }
      return headers['x-aws-ec2-metadata-token-ttl-seconds'] === undefined
        ? { status: 400 }
        : { status: 200, body: SESSION }
    }
    if (headers['x-aws-ec2-metadata-token'] !== SESSION) return { status: 401 }
    if (role !== null && path === ROLES_PATH) return { status: 200, body: role }
    if (path !== `${ROLES_PATH}${role}`) return { status: 404 }
    given++
    return {
      status: 200,
      body: JSON.stringify({ Code: 'Success', Type: 'AWS-HMAC', ...documentOf(await keys()) }),
    }
  }
  return { ...(await startEndpoint(answer)), given: () => given }
}

/** Answers only who shows the `token`, as the agent of EKS Pod Identity does. */
export async function startContainerMetadata(
  keys: () => Promise<TemporaryKeys>,
  token: string,
): Promise<MetadataService> {
  let given = 0
  const answer = async ({ path, headers }: EndpointRequest): Promise<EndpointAnswer> => {
    if (path !== '/v1/credentials') return { status: 404 }
    if (headers.authorization !== token) return { status: 401 }
    given++
    return { status: 200, body: JSON.stringify(documentOf(await keys())) }
  }
  return { ...(await startEndpoint(answer)), given: () => given }
}

const documentOf = ({ accessKeyId, secretAccessKey, sessionToken, expiration }: TemporaryKeys) => ({
  AccessKeyId: accessKeyId,
  SecretAccessKey: secretAccessKey,
  Token: sessionToken,
  Expiration: expiration.toISOString(),
})
