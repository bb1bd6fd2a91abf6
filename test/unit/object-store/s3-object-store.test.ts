/** How the S3 store speaks and what it makes of answers, against a scripted server; a real one runs the contract in test/e2e. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import type { ObjectStore } from '../../../shared/object-store/object-store.ts'
import type { S3StoreOptions } from '../../../shared/object-store/s3-connection.ts'
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
const scripted = (...handlers: Handler[]) => scriptedWith({ maxAttempts: 1 }, ...handlers)

async function scriptedWith(options: Partial<S3StoreOptions>, ...handlers: Handler[]) {
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
      ...options,
    },
    // Waits between tries take no time; a watch over a body lasts until the body has ended.
    {
      random: () => 0.5,
      uuid: () => 'token',
      sleep: async (_, signal) => {
        if (signal !== undefined && !signal.aborted) await once(signal, 'abort')
      },
    },
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

  const brokenOff: Handler = (_, response) => {
    response.writeHead(200, { 'content-length': '10', etag: '"v1"' })
    response.write('01234', () => response.destroy())
  }

  it('goes on with a body that broke off where it stopped, pinned to the ETag of the first answer', async () => {
    const { store, seen } = await scriptedWith(
      { maxAttempts: 2 },
      brokenOff,
      answer(206, '56789', { etag: '"v1"', 'content-range': 'bytes 5-9/10' }),
    )
    expect(Buffer.from(await store.get('a')).toString()).toBe('0123456789')
    expect(seen.map(request => request.headers['if-match'])).toEqual([undefined, '"v1"'])
    expect(seen.map(request => request.headers.range)).toEqual([undefined, 'bytes=5-9'])
  })

  it('goes on within a range, too', async () => {
    const { store, seen } = await scriptedWith(
      { maxAttempts: 2 },
      (_, response) => {
        response.writeHead(206, { 'content-length': '6', etag: '"v1"' })
        response.write('2345', () => response.destroy())
      },
      answer(206, '67', { etag: '"v1"' }),
    )
    const bytes = await store.get('a', { range: { start: 2, end: 8 } })
    expect(Buffer.from(bytes).toString()).toBe('234567')
    expect(seen.map(request => request.headers.range)).toEqual(['bytes=2-7', 'bytes=6-7'])
  })

  it('says that the object changed when another stands there at the second try, and mixes no bytes', async () => {
    const { store } = await scriptedWith({ maxAttempts: 3 }, brokenOff, s3Error(412, 'PreconditionFailed'))
    expect(await errorOf(store.get('a'))).toMatchObject({ code: 'object-changed', next: 'retry' })
  })

  it('reads from the start again where the server names no version to go on with', async () => {
    const { store, seen } = await scriptedWith(
      { maxAttempts: 2 },
      (_, response) => {
        response.writeHead(200, { 'content-length': '10' })
        response.write('01234', () => response.destroy())
      },
      answer(200, 'abcdefghij'),
    )
    expect(Buffer.from(await store.get('a')).toString()).toBe('abcdefghij')
    expect(seen[1]?.headers.range).toBeUndefined()
  })

  it('refuses the whole object where a range was asked for', async () => {
    const { store } = await scripted(answer(200, '0123456789', { etag: '"v1"' }))
    const error = await errorOf(store.get('a', { range: { start: 3, end: 6 } }))
    expect(error).toMatchObject({ code: 'store-unavailable', next: 'retry' })
    expect(error.message).toContain('bytes=3-5')
  })

  it('gives up on a body that breaks off every time, to be retried later', async () => {
    const { store, seen } = await scriptedWith({ maxAttempts: 3 }, brokenOff, (_, response) => {
      response.writeHead(206, { 'content-length': '5', etag: '"v1"' })
      response.flushHeaders()
      response.destroy()
    })
    const error = await errorOf(store.get('a'))
    expect(error).toMatchObject({ code: 'store-unavailable', next: 'retry' })
    expect(error.message).toContain('after 3 tries')
    expect(seen).toHaveLength(3)
  })

  it('sends the range with its end inclusive, as HTTP has it', async () => {
    const { store, seen } = await scripted(answer(206, '345', { etag: '"v1"' }))
    await store.get('a', { range: { start: 3, end: 6 } })
    expect(seen[0]?.headers.range).toBe('bytes=3-5')
  })

  it('tries a conditional put again while another one is under way', async () => {
    const { store, seen } = await scriptedWith(
      { maxAttempts: 2 },
      s3Error(409, 'ConditionalRequestConflict'),
      s3Error(412, 'PreconditionFailed'),
      answer(200, '', { etag: '"other"', 'x-amz-meta-tidewater-put': 'other-token' }),
    )
    expect(await store.put('a', new Uint8Array(3), { ifNoneMatch: true })).toEqual({ kind: 'exists' })
    expect(seen.map(request => request.headers['if-none-match'])).toEqual(['*', '*', undefined])
  })

  it('knows its own object when the answer to a conditional put was lost', async () => {
    const { store, seen } = await scriptedWith(
      { maxAttempts: 2 },
      (_, response) => response.destroy(),
      s3Error(412, 'PreconditionFailed'),
      answer(200, '', { etag: '"own"', 'x-amz-meta-tidewater-put': 'token' }),
    )
    expect(await store.put('a', new Uint8Array(3), { ifNoneMatch: true })).toEqual({
      kind: 'written',
      etag: '"own"',
    })
    expect(seen.map(request => request.method)).toEqual(['PUT', 'PUT', 'HEAD'])
    expect(seen[0]?.headers['x-amz-meta-tidewater-put']).toBe('token')
  })

  it('asks nothing more when the first answer says that the object exists', async () => {
    const { store, seen } = await scripted(s3Error(412, 'PreconditionFailed'))
    expect(await store.put('a', new Uint8Array(3), { ifNoneMatch: true })).toEqual({ kind: 'exists' })
    expect(seen).toHaveLength(1)
  })

  it.each([
    ['nothing unless told', undefined, [undefined, undefined, undefined]],
    ['the server’s own keys', { kind: 'aes256' }, ['AES256', undefined, undefined]],
    [
      'a key of KMS, with bucket keys',
      { kind: 'kms', keyId: 'arn:key', bucketKey: true },
      ['aws:kms', 'arn:key', 'true'],
    ],
  ] as const)('asks for encryption with %s', async (_, encryption, expected) => {
    const { store, seen } = await scriptedWith({ ...(encryption && { encryption }) }, answer(200))
    await store.put('a', new Uint8Array(1))
    const { headers } = seen[0] ?? {}
    const names = [
      'x-amz-server-side-encryption',
      'x-amz-server-side-encryption-aws-kms-key-id',
      'x-amz-server-side-encryption-bucket-key-enabled',
    ]
    expect(names.map(name => headers?.[name])).toEqual(expected)
  })

  it('sends a CRC32 where checksums are on, and none at an endpoint unless told', async () => {
    const { store, seen } = await scriptedWith({ checksums: 'crc32' }, answer(200))
    await store.put('a', new Uint8Array([1, 2, 3]))
    expect(seen[0]?.headers['x-amz-checksum-crc32']).toBe('VbyAHQ==')
    const plain = await scripted(answer(200))
    await plain.store.put('a', new Uint8Array([1, 2, 3]))
    expect(plain.seen[0]?.headers['x-amz-checksum-crc32']).toBeUndefined()
  })

  it('reads again what does not fit the checksum that the server sends with it', async () => {
    const checksummed = (body: string) =>
      answer(200, body, { etag: '"v1"', 'x-amz-checksum-crc32': 'VbyAHQ==' })
    const { store, seen } = await scriptedWith(
      { maxAttempts: 2, checksums: 'crc32' },
      checksummed('\u0001\u0002\u0004'),
      checksummed('\u0001\u0002\u0003'),
    )
    expect([...(await store.get('a'))]).toEqual([1, 2, 3])
    expect(seen.map(request => request.headers.range)).toEqual([undefined, undefined])
  })

  it.each([
    [s3Error(404, 'NoSuchKey'), 'object-not-found', 'park'],
    [s3Error(404, 'NoSuchBucket'), 'bucket-missing', 'wait'],
    [s3Error(403, 'AccessDenied'), 'access-denied', 'wait'],
    [s3Error(403, 'SignatureDoesNotMatch'), 'credentials-rejected', 'wait'],
    [s3Error(412, 'PreconditionFailed'), 'object-changed', 'retry'],
    [s3Error(503, 'SlowDown'), 'store-unavailable', 'retry'],
    [s3Error(500, 'InternalError'), 'store-unavailable', 'retry'],
    [s3Error(429, 'TooManyRequests'), 'store-unavailable', 'retry'],
    [s3Error(403, 'RequestTimeTooSkewed'), 'clock-skewed', 'retry'],
    [s3Error(400, 'AuthorizationHeaderMalformed'), 'wrong-region', 'wait'],
    [s3Error(400, 'RequestTimeout'), 'store-unavailable', 'retry'],
    [s3Error(400, 'XAmzContentSHA256Mismatch'), 'store-unavailable', 'retry'],
    [s3Error(400, 'ExpiredToken'), 'credentials-expired', 'retry'],
    [s3Error(501, 'NotImplemented'), 'store-unsupported', 'wait'],
    [s3Error(400, 'SomethingNew'), 'store-rejected', 'park'],
    [answer(403, 'plain text'), 'access-denied', 'wait'],
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
