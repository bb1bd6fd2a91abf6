import { expect, it } from 'vitest'
import { tlsFailureOf } from '../../../shared/runtime/tls-failure.ts'

const failure = (message: string, more: object = {}) => Object.assign(new Error(message), more)

it.each([
  [
    'authority',
    failure('self-signed certificate in certificate chain', { code: 'SELF_SIGNED_CERT_IN_CHAIN' }),
  ],
  [
    'authority',
    failure('unable to verify the first certificate', { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }),
  ],
  ['authority', failure('failed to connect to sentinel a:1 because self-signed certificate')],
  ['authority', failure('unable to get local issuer certificate')],
  [
    'name',
    failure("Hostname/IP does not match certificate's altnames: …", { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }),
  ],
  ['time', failure('certificate has expired', { code: 'CERT_HAS_EXPIRED' })],
  [
    'client-certificate',
    failure('40:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:x.c:9:'),
  ],
  ['client-certificate', failure('x', { code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' })],
  [
    'no-tls',
    failure(
      'write EPROTO 40:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:x.c:3:',
      { code: 'EPROTO' },
    ),
  ],
  [
    'other',
    failure('40:error:0A000410:SSL routines:ssl_choose_client_version:unsupported protocol:x.c:1:', {
      code: 'EPROTO',
    }),
  ],
  ['other', failure('x', { code: 'ERR_TLS_HANDSHAKE_TIMEOUT' })],
] as const)('%s: %s', (kind, cause) => {
  expect(tlsFailureOf(cause)).toMatchObject({ kind })
})

it.each([
  failure('connect ECONNREFUSED 127.0.0.1:1', { code: 'ECONNREFUSED' }),
  failure('WRONGPASS invalid username-password pair'),
  'self-signed certificate',
  undefined,
])('%s is no failure of TLS', cause => {
  expect(tlsFailureOf(cause)).toBeUndefined()
})

it('tells the words of OpenSSL without its addresses and file names', () => {
  const line =
    '40FD09AFEF7F0000:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../a.c:918:'
  expect(tlsFailureOf(failure(line))?.reason).toBe('tlsv13 alert certificate required')
  expect(tlsFailureOf(failure(line, { code: 'ERR_SSL_X', reason: 'the words' }))?.reason).toBe('the words')
})
