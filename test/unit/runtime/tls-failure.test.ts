import { expect, it } from 'vitest'
import { isBrokenTls, tlsFailureOf } from '../../../shared/runtime/tls-failure.ts'

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
  ['other', failure('x', { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' })],
  ['other', failure('x', { code: 'ERR_SSL_NO_SHARED_CIPHER' })],
  ['other', failure('40:error:0A00018A:SSL routines:tls_process_ske_dhe:dh key too small:x.c:1:')],
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

it.each([
  failure('x', { code: 'ERR_SSL_CIPHER_OPERATION_FAILED' }),
  failure('x', { code: 'ERR_SSL_SSL/TLS_ALERT_BAD_RECORD_MAC' }),
  failure('x', { code: 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC' }),
  failure('x', { code: 'ERR_TLS_HANDSHAKE_TIMEOUT' }),
  failure('write EPROTO 40:error:0A000438:SSL routines:ssl3_read_bytes:tlsv1 alert internal error:x.c:1:', {
    code: 'EPROTO',
  }),
  failure('40:error:1C800066:Provider routines:ossl_gcm_stream_update:cipher operation failed:x.c:343:'),
])('%s broke a connection, and may pass', cause => {
  expect(tlsFailureOf(cause)).toBeUndefined()
  expect(isBrokenTls(cause)).toBe(true)
})

it('what is lasting, or not of TLS, broke no connection of it', () => {
  expect(isBrokenTls(failure('self-signed certificate', { code: 'SELF_SIGNED_CERT_IN_CHAIN' }))).toBe(false)
  expect(isBrokenTls(failure('connect ECONNREFUSED 127.0.0.1:1', { code: 'ECONNREFUSED' }))).toBe(false)
})

it('tells the words of OpenSSL without its addresses and file names', () => {
  const line =
    '40FD09AFEF7F0000:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../a.c:918:'
  expect(tlsFailureOf(failure(line))?.reason).toBe('tlsv13 alert certificate required')
  expect(tlsFailureOf(failure(line, { code: 'ERR_SSL_X', reason: 'the words' }))?.reason).toBe('the words')
})
