/** An OpenID provider, as each EKS cluster has one: discovery, its public key, and tokens that it signs. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { type LocalEndpoint, startEndpoint } from './local-endpoint.ts'

/** Whom its tokens are for. */
export const OPENID_CLIENT = 'sts.amazonaws.com'

export interface OpenidProvider {
  /** Of its discovery document. */
  readonly configUrl: string
  /** A JSON Web Token that ends so many seconds from now. */
  token(secondsToLive: number): string
  stop(): Promise<void>
}

export async function startOpenidProvider(): Promise<OpenidProvider> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const endpoint: LocalEndpoint = await startEndpoint(async ({ path }) => {
    const { url } = endpoint
    const documents: Readonly<Record<string, unknown>> = {
      '/.well-known/openid-configuration': {
        issuer: url,
        jwks_uri: `${url}/keys`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
      },
      '/keys': { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }] },
    }
    const document = documents[path]
    return document === undefined ? { status: 404 } : { status: 200, body: JSON.stringify(document) }
  })
  return {
    configUrl: `${endpoint.url}/.well-known/openid-configuration`,
    token(secondsToLive) {
      const now = Math.floor(Date.now() / 1000)
      const claims = {
        iss: endpoint.url,
        aud: OPENID_CLIENT,
        sub: 'system:serviceaccount:lake:tidewater',
        iat: now,
        exp: now + secondsToLive,
      }
      const signed = [{ alg: 'RS256', typ: 'JWT', kid: 'one' }, claims].map(base64url).join('.')
      return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')}`
    },
    stop: endpoint.stop,
  }
}

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** MinIO names the role of a provider by the client that its tokens are for. */
export const openidRoleArn = (region: string) =>
  `arn:minio:iam:${region}::role/${createHash('sha1').update(OPENID_CLIENT).digest('base64url')}`
