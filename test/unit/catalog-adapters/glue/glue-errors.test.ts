import { expect, test } from 'vitest'
import { explain, failureKindOf, failureOf } from '../../../../catalog-adapters/glue/glue-errors.ts'

const asked = {
  doing: 'load table shop.orders',
  permission: 'read the metadata of the table',
  action: 'glue:GetTable',
  resources: ['database/shop', 'table/shop/orders'],
  lakeFormation: 'DESCRIBE on the table',
  catalog: 'glue',
  where: 'region eu-central-1',
  catalogId: undefined,
  hadCredentials: true,
}
const answer = (name: string, message: string, httpStatusCode?: number) =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode } })
const network = (code: string, message = code) => Object.assign(new Error(message), { code })

test.each([
  ['what Glue refuses', answer('InvalidInputException', 'no', 400), 'refused'],
  ['a throttled request', answer('ThrottlingException', 'slow down', 400), 'not-done'],
  ['a server that nobody runs', network('ECONNREFUSED'), 'not-done'],
  ['a name that nobody knows', network('ENOTFOUND'), 'not-done'],
  [
    'a connection that was never made',
    answer('TimeoutError', 'Socket timed out without establishing a connection within 5000 ms'),
    'not-done',
  ],
  [
    'a certificate that nobody signed',
    network('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'),
    'refused',
  ],
  ['a broken connection', network('ECONNRESET'), 'unknown'],
  ['silence', answer('TimeoutError', 'no answer'), 'unknown'],
  ['a failure of the service', answer('InternalServiceException', 'oops', 500), 'unknown'],
  [
    'a failure of the service that it counts to the client',
    answer('OperationTimeoutException', 'slow', 400),
    'unknown',
  ],
  ['a balancer in between', answer('502', 'Bad Gateway', 502), 'unknown'],
])('%s is told from others', (_, error, kind) => {
  expect(failureKindOf(failureOf(error))).toBe(kind)
})

test('an error shows the words of Glue and of nothing else that the client had', () => {
  const error = Object.assign(answer('InvalidInputException', 'bad', 400), {
    $response: { secret: 'hidden' },
  })
  const explained = explain(asked, failureOf(error))
  expect(explained).toMatchObject({ code: 'catalog-rejected', next: 'retry' })
  expect(explained.message).toBe(
    'Could not load table shop.orders in catalog glue (Glue, region eu-central-1): InvalidInputException: bad. Glue refuses this request; its words say why. Tidewater tries again at every commit interval.',
  )
  expect(
    JSON.stringify([explained.details, explained.cause, Object.entries(explained.cause as object)]),
  ).not.toContain('hidden')
})

test('of a wrong signature the request that was signed does not show', () => {
  const words = 'The request signature we calculated does not match the signature you provided.'
  const error = answer(
    'InvalidSignatureException',
    `${words}\n\nThe Canonical String\nx-amz-security-token:hidden`,
    400,
  )
  const explained = explain(asked, failureOf(error))
  expect(explained.message).toContain(words)
  expect(JSON.stringify([explained.message, String(explained.cause)])).not.toContain('hidden')
})

test('a region that nobody gave names the setting', () => {
  expect(explain(asked, failureOf(new Error('Region is missing')))).toMatchObject({
    code: 'region-missing',
    message: expect.stringContaining('AWS_REGION'),
  })
})

test('a quota, an encrypted catalog and a certificate have advice of their own', () => {
  const said = (error: Error) => explain(asked, failureOf(error)).message
  expect(said(answer('ResourceNumberLimitExceededException', 'tables', 400))).toContain('quota')
  expect(said(answer('GlueEncryptionException', 'key', 400))).toContain('kms:Decrypt')
  expect(said(network('CERT_HAS_EXPIRED', 'certificate has expired'))).toContain('Renew the certificate')
})
