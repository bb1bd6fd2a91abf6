/** How the S3 store speaks and what it makes of answers, against a scripted server; a real one runs the contract in test/e2e. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import type { ObjectStore } from '../../../shared/object-store/object-store.ts'
import { createS3ObjectStore } from '../../../shared/object-store/s3-object-store.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { collect } from '../../contract/object-store.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const opened: { store: ObjectStore; server: Server }[] = []
afterEach(async () => {
  for (const { store, server } of opened.splice(0)) {
    await store.close()
    server.closeAllConnections()
    server.close()
  }
})

const SECRET = 'top-secret-key'

/** A store whose requests are answered by the handlers in turn, the last one for all that follow; `seen` is what was asked. */
async function scripted(...handlers: Handler[]) {
  const seen: { method: string; url: URL; headers: IncomingMessage['headers'] }[] = []
  const server = createServer((request, response) => {
    const handler = handlers[Math.min(seen.length, handlers.length - 1)]
    seen.push({
      method: request.method ?? '',
      url: new URL(request.url ?? '', 'http://server'),
      headers: request.headers,
    })
    request.resume().on('end', () => handler?.(request, response))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const store = createS3ObjectStore(
    {
      bucket: 'bucket',
      prefix: 'pre/fix',
      endpoint: `http://127.0.0.1:${address.port}`,
      credentials: { accessKeyId: 'id', secretAccessKey: SECRET },
      maxAttempts: 1,
    },
    { random: () => 0.5, sleep: async () => {} },
  )
  opened.push({ store, server })
  return { store, seen }
}

const answer =
  (status: number, body = '', headers: Record<string, string> = {}): Handler =>
  (_, response) =>
    response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers }).end(body)

const s3Error = (status: number, code: string) =>
  answer(
    status,
    `<?xml version="1.0"?><Error><Code>${code}</Code><Message>server says ${code}</Message></Error>`,
    {
      'content-type': 'application/xml',
    },
  )

const page = (keys: string[], next?: string) =>
  answer(
    200,
    `<?xml version="1.0"?><ListBucketResult><IsTruncated>${next !== undefined}</IsTruncated>${
      next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`
    }${keys
      .map(
        key =>
          `<Contents><Key>${key}</Key><Size>3</Size><ETag>"e"</ETag><LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>`,
      )
      .join('')}</ListBucketResult>`,
    { 'content-type': 'application/xml' },
  )

async function errorOf(call: Promise<unknown>): Promise<AppError> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (outcome instanceof AppError) return outcome
  throw new Error(`expected an AppError, got ${String(outcome)}`)
}

describe('S3 object store', () => {
  it('walks a listing page by page below its prefix, leaving out folder markers', async () => {
    const { store, seen } = await scripted(
      page(['pre/fix/t/', 'pre/fix/t/1', 'pre/fix/t/2'], 'token-2'),
      page(['pre/fix/t/3']),
    )
    const found = await collect(store, { prefix: 't/', startAfter: 't/0' })
    expect(found.map(info => info.key)).toEqual(['t/1', 't/2', 't/3'])
    expect(found[0]).toEqual({
      key: 't/1',
      sizeBytes: 3,
      etag: '"e"',
      lastModifiedMs: Date.UTC(2026, 0, 2, 3, 4, 5),
    })
    expect(seen.map(request => request.url.searchParams.get('start-after'))).toEqual([
      'pre/fix/t/0',
      'pre/fix/t/0',
    ])
    expect(seen.map(request => request.url.searchParams.get('continuation-token'))).toEqual([null, 'token-2'])
    expect(seen[0]?.url.pathname).toBe('/bucket/')
  })

  it('asks for no more keys than the limit', async () => {
    const { store, seen } = await scripted(page(['pre/fix/a', 'pre/fix/b'], 'more'))
    expect(await collect(store, { prefix: '', limit: 2 })).toHaveLength(2)
    expect(seen).toHaveLength(1)
    expect(seen[0]?.url.searchParams.get('max-keys')).toBe('2')
  })

  it('reads a body again that broke off, pinned to the ETag of the first answer', async () => {
    const { store, seen } = await scripted(
      (_, response) => {
        response.writeHead(200, { 'content-length': '10', etag: '"v1"' })
        response.write('01234', () => response.destroy())
      },
      answer(200, '0123456789', { etag: '"v1"' }),
    )
    expect(Buffer.from(await store.get('a')).toString()).toBe('0123456789')
    expect(seen.map(request => request.headers['if-match'])).toEqual([undefined, '"v1"'])
  })

  it('gives up on a body that breaks off every time, to be retried later', async () => {
    const { store, seen } = await scripted((_, response) => {
      response.writeHead(200, { 'content-length': '10', etag: '"v1"' })
      response.write('01234', () => response.destroy())
    })
    expect(await errorOf(store.get('a'))).toMatchObject({ code: 'store-unavailable', next: 'retry' })
    expect(seen).toHaveLength(3)
  })

  it('sends the range with its end inclusive, as HTTP has it', async () => {
    const { store, seen } = await scripted(answer(206, '345', { etag: '"v1"' }))
    await store.get('a', { range: { start: 3, end: 6 } })
    expect(seen[0]?.headers.range).toBe('bytes=3-5')
  })

  it('tries a conditional put again while another one is under way', async () => {
    const { store, seen } = await scripted(
      s3Error(409, 'ConditionalRequestConflict'),
      s3Error(412, 'PreconditionFailed'),
    )
    expect(await store.put('a', new Uint8Array(3), { ifNoneMatch: true })).toEqual({ kind: 'exists' })
    expect(seen.map(request => request.headers['if-none-match'])).toEqual(['*', '*'])
  })

  it.each([
    [s3Error(404, 'NoSuchKey'), 'object-not-found', 'park'],
    [s3Error(404, 'NoSuchBucket'), 'bucket-missing', 'park'],
    [s3Error(403, 'AccessDenied'), 'access-denied', 'park'],
    [s3Error(403, 'SignatureDoesNotMatch'), 'credentials-rejected', 'park'],
    [s3Error(412, 'PreconditionFailed'), 'object-changed', 'retry'],
    [s3Error(503, 'SlowDown'), 'store-unavailable', 'retry'],
    [s3Error(500, 'InternalError'), 'store-unavailable', 'retry'],
    [s3Error(429, 'TooManyRequests'), 'store-unavailable', 'retry'],
    [s3Error(403, 'RequestTimeTooSkewed'), 'clock-skewed', 'retry'],
    [s3Error(400, 'AuthorizationHeaderMalformed'), 'wrong-region', 'park'],
    [s3Error(501, 'NotImplemented'), 'store-unsupported', 'park'],
    [s3Error(400, 'SomethingNew'), 'store-rejected', 'park'],
    [answer(403, 'plain text'), 'access-denied', 'park'],
    [answer(502, '<html>bad gateway</html>'), 'store-unavailable', 'retry'],
  ] as const)('classifies answer %#: %s %s %s', async (handler, code, next) => {
    const { store } = await scripted(handler)
    const error = await errorOf(store.get('some/key'))
    expect({ code: error.code, next: error.next }).toEqual({ code, next })
    expect(error.message).toContain('Could not read the object s3://bucket/pre/fix/some/key')
  })

  it('is unavailable, to be retried, when nobody listens', async () => {
    const { store } = await scripted(answer(200))
    const { server } = opened[0] ?? {}
    await new Promise(resolve => server?.close(resolve))
    expect(await errorOf(store.get('a'))).toMatchObject({
      code: 'store-unavailable',
      next: 'retry',
      message: expect.stringMatching(/Is a server running at http:\/\/127/),
    })
  })

  it('keeps secrets and signed requests out of its errors', async () => {
    const { store } = await scripted(
      answer(
        403,
        '<Error><Code>SignatureDoesNotMatch</Code><Message>no match</Message><StringToSign>STRING</StringToSign></Error>',
      ),
    )
    const error = await errorOf(store.put('a', new Uint8Array(1)))
    const seen = JSON.stringify([
      error,
      error.cause,
      error.message,
      error.details,
      Object.entries(error.cause ?? {}),
    ])
    expect(seen).not.toContain(SECRET)
    expect(seen).not.toContain('STRING')
  })
})
