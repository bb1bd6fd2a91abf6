import { describe, expect, it } from 'vitest'
import { credentialSourceOf, credentialsKindOf } from '../../../shared/object-store/s3-credentials.ts'

const ROLE = { AWS_WEB_IDENTITY_TOKEN_FILE: '/token', AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/lake' }
const RELATIVE = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/secret-id' }

describe('the source of credentials', () => {
  it.each([
    [{}, 'instance', 'http://169.254.169.254'],
    [{ AWS_EC2_METADATA_DISABLED: 'false' }, 'instance', 'http://169.254.169.254'],
    [{ AWS_EC2_METADATA_DISABLED: 'true' }, 'none', ''],
    [{ ...ROLE, AWS_PROFILE: 'lake' }, 'profile', 'lake'],
    [{ ...ROLE, ...RELATIVE }, 'web-identity', ROLE.AWS_ROLE_ARN],
    [{ AWS_ROLE_ARN: ROLE.AWS_ROLE_ARN, ...RELATIVE }, 'container', 'http://169.254.170.2'],
    [
      { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/v1/credentials' },
      'container',
      'http://169.254.170.23',
    ],
  ])('of the environment %o is %s', (env, kind, subject) => {
    expect(credentialSourceOf(env)).toMatchObject({ kind, subject })
  })

  it('shows no path of a container’s endpoint, which is a secret on ECS', () => {
    expect(JSON.stringify(credentialSourceOf(RELATIVE))).not.toContain('secret-id')
  })
})

describe('a failure to get credentials', () => {
  const kindOf = (env: NodeJS.ProcessEnv, name: string, status?: number, hadCredentials = false) =>
    credentialsKindOf(credentialSourceOf(env), { name, status }, hadCredentials)

  it.each([
    [ROLE, 'AccessDenied', 403, 'credentials-rejected', 'wait'],
    [ROLE, 'InvalidIdentityToken', 400, 'credentials-rejected', 'wait'],
    [ROLE, 'IDPCommunicationError', 400, 'credentials-unavailable', 'retry'],
    [ROLE, 'ThrottlingException', 400, 'credentials-unavailable', 'retry'],
    [ROLE, 'InternalFailure', 500, 'credentials-unavailable', 'retry'],
    [ROLE, 'ExpiredTokenException', 400, 'credentials-expired', 'retry'],
    [ROLE, 'EACCES', undefined, 'credentials-missing', 'wait'],
    [RELATIVE, 'CredentialsProviderError', undefined, 'credentials-unavailable', 'retry'],
    [{}, 'CredentialsProviderError', undefined, 'credentials-missing', 'wait'],
  ])('%o: %s (%s) is %s, to %s', (env, name, status, code, next) => {
    expect(kindOf(env, name, status)).toMatchObject({ code, next })
  })

  it.each([
    ['AccessDenied', 403],
    ['ENOENT', undefined],
    ['CredentialsProviderError', undefined],
  ])('is tried again where there were credentials before: %s', (name, status) => {
    expect(kindOf(ROLE, name, status, true)).toMatchObject({ next: 'retry' })
  })

  it('says what was tried, in the order of the SDK', () => {
    const { advice } = kindOf({ AWS_ROLE_ARN: 'arn:role' }, 'CredentialsProviderError')
    expect(advice).toContain(
      'Tried: the environment, the profile default, web identity (AWS_WEB_IDENTITY_TOKEN_FILE is not set), the metadata service of EC2 at http://169.254.169.254.',
    )
  })
})
