/**
 * An OpenID provider, as each EKS cluster has one: discovery, its public key, and tokens that it signs. It gives tokens to clients, too,
 * for their secrets (OAuth2's client credentials, RFC 6749 section 4.4).
 */
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import {
  type EndpointAnswer,
  type EndpointRequest,
  type LocalEndpoint,
  startEndpoint,
} from './local-endpoint.ts'

/** Whom its tokens are for. */
export const OPENID_CLIENT = 'sts.amazonaws.com'
const SUBJECT = 'system:serviceaccount:lake:tidewater'
const TOKEN_PATH = '/token'

export interface OpenidProvider {
  readonly issuer: string
  /** Of its discovery document. */
  readonly configUrl: string
  /** Where clients get tokens for their secrets. */
  readonly tokenUrl: string
  /** A JSON Web Token that ends so many seconds from now. */
  token(secondsToLive: number, subject?: string): string
  stop(): Promise<void>
}

export interface OpenidProviderOptions {
  /** The secrets of clients that get tokens for them; the client's name is the token's subject. */
  readonly secrets?: Readonly<Record<string, string>>
  readonly secondsToLive?: number
}

export async function startOpenidProvider({
  secrets = {},
  secondsToLive = 3600,
}: OpenidProviderOptions = {}): Promise<OpenidProvider> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const endpoint: LocalEndpoint = await startEndpoint(async request => {
    const { url } = endpoint
    if (request.path === TOKEN_PATH) return grant(request)
    const documents: Readonly<Record<string, unknown>> = {
      '/.well-known/openid-configuration': {
        issuer: url,
        jwks_uri: `${url}/keys`,
        token_endpoint: url + TOKEN_PATH,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
      },
      '/keys': { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }] },
    }
    const document = documents[request.path]
    return document === undefined ? { status: 404 } : { status: 200, body: JSON.stringify(document) }
  })

  function token(secondsToLive: number, subject = SUBJECT): string {
    const now = Math.floor(Date.now() / 1000)
    const claims = { iss: endpoint.url, aud: OPENID_CLIENT, sub: subject, iat: now, exp: now + secondsToLive }
    const signed = [{ alg: 'RS256', typ: 'JWT', kid: 'one' }, claims].map(base64url).join('.')
    return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')}`
  }

  function grant(request: EndpointRequest): EndpointAnswer {
    const form = new URLSearchParams(request.body)
    const { client, secret } = credentialsOf(request, form)
    if (form.get('grant_type') !== 'client_credentials') return refusal(400, 'unsupported_grant_type')
    if (client === undefined || secrets[client] === undefined || secrets[client] !== secret)
      return refusal(401, 'invalid_client')
    const granted = { token_type: 'Bearer', expires_in: secondsToLive, scope: form.get('scope') ?? undefined }
    return {
      status: 200,
      body: JSON.stringify({ access_token: token(secondsToLive, client), ...granted }),
    }
  }

  return {
    issuer: endpoint.url,
    configUrl: `${endpoint.url}/.well-known/openid-configuration`,
    tokenUrl: endpoint.url + TOKEN_PATH,
    token,
    stop: endpoint.stop,
  }
}

/** In the form, or as the user and password of HTTP's basic authentication. */
function credentialsOf({ headers }: EndpointRequest, form: URLSearchParams) {
  const [, basic] = /^Basic (.+)$/.exec(headers.authorization ?? '') ?? []
  if (basic === undefined)
    return { client: form.get('client_id') ?? undefined, secret: form.get('client_secret') ?? undefined }
  const [client = '', ...rest] = Buffer.from(basic, 'base64').toString().split(':')
  return { client: decodeURIComponent(client), secret: decodeURIComponent(rest.join(':')) }
}

const refusal = (status: number, error: string): EndpointAnswer => ({
  status,
  body: JSON.stringify({ error }),
})

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** MinIO names the role of a provider by the client that its tokens are for. */
export const openidRoleArn = (region: string) =>
  `arn:minio:iam:${region}::role/${createHash('sha1').update(OPENID_CLIENT).digest('base64url')}`
