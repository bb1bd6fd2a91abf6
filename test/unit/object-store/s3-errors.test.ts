import { expect, it } from 'vitest'
import { classifyS3Error } from '../../../shared/object-store/s3-errors.ts'

const CONTEXT = {
  storeUrl: 's3://lake',
  bucket: 'lake',
  key: 'a',
  action: 'read the object',
  endpoint: 'https://s3.test',
  region: 'us-east-1',
  attempts: 1,
  hadCredentials: true,
}

it.each([
  ['ERR_SSL_CIPHER_OPERATION_FAILED', 'store-unavailable', 'retry'],
  ['ERR_SSL_SSL/TLS_ALERT_BAD_RECORD_MAC', 'store-unavailable', 'retry'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'store-tls', 'wait'],
])('%s is %s: only what lasts waits for a person', (code, expected, next) => {
  const error = Object.assign(new Error('the connection failed'), { code })
  expect(classifyS3Error(error, CONTEXT)).toMatchObject({ code: expected, next })
})
