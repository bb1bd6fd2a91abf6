import { connect } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { type Serving, serve } from '../unit/server/serving.ts'

let serving: Serving
afterEach(() => serving.end())

/** Writes bytes to the server and reads until it closes or has been quiet. */
function send(bytes: string | Uint8Array, quietMs = 3000): Promise<string> {
  const { hostname, port } = new URL(serving.url)
  return new Promise(resolve => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes))
    let read = ''
    socket.setTimeout(quietMs, () => socket.destroy())
    socket.on('data', chunk => {
      read += String(chunk)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(read))
  })
}

const LETTERS = {
  topic: 'orders',
  partition: 0,
  incarnation: 0,
  code: 'not-json',
  count: 1n,
  firstOffset: 0n,
  lastOffset: 0n,
  committedAtMs: 0,
}
const head = (answer: string) => answer.split('\r\n')[0] ?? ''
const isAlive = async () => (await serving.get('/healthz')).status === 200

describe('hostile requests', () => {
  it('what is no HTTP is answered shortly and closed', async () => {
    serving = await serve()
    expect(head(await send('hello\r\n\r\n'))).toBe('HTTP/1.1 400 Bad Request')
    expect(head(await send(`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`))).toBe(
      'HTTP/1.1 431 Request Header Fields Too Large',
    )
    const headers = `GET / HTTP/1.1\r\nHost: localhost\r\n${'X-A: b\r\n'.repeat(5000)}\r\n`
    expect(head(await send(headers))).toBe('HTTP/1.1 431 Request Header Fields Too Large')
    // Two lengths, or a length and chunks, are how requests are smuggled past proxies.
    const twice = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'
    expect(head(await send(twice))).toBe('HTTP/1.1 400 Bad Request')
    const mixed =
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
    expect(head(await send(mixed))).toBe('HTTP/1.1 400 Bad Request')
    expect(await isAlive()).toBe(true)
  })

  it('random bytes and random paths are refused, and never end the server', async () => {
    serving = await serve()
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async bytes => {
        const answer = await send(Buffer.concat([bytes, Buffer.from('\r\n\r\n')]), 200)
        expect(answer === '' || /^HTTP\/1\.1 4\d\d /.test(answer)).toBe(true)
      }),
      { numRuns: 50 },
    )
    const part = fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.constantFrom(
        'api',
        'v1',
        'tables',
        'files',
        'shop.orders',
        '..',
        '%00',
        '%',
        '%2e%2e',
        '__proto__',
        ';',
        '//',
        '*',
        ':name',
      ),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { maxLength: 6 }),
        fc.string({ maxLength: 20 }),
        async (parts, query) => {
          const target = `/${parts.join('/')}?${query}`.replaceAll(/[^\x21-\x7e]/g, char =>
            encodeURIComponent(char.isWellFormed() ? char : '?'),
          )
          const answer = await send(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
          expect(head(answer)).toMatch(/^HTTP\/1\.1 (200|400|404|414) /)
        },
      ),
      { numRuns: 150 },
    )
    expect(await isAlive()).toBe(true)
  })

  it('a body beyond the limit is refused, whether its length is told or not', async () => {
    serving = await serve({ maxBodyBytes: 1024 })
    const post = (body: string | ReadableStream) =>
      fetch(`${serving.url}/api/v1/tables`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
        duplex: 'half',
      } as RequestInit)
    const told = await post('x'.repeat(2000))
    expect([told.status, await told.text()]).toEqual([413, expect.stringContaining('server.max_body_size')])
    const endless = new ReadableStream({ pull: controller => controller.enqueue(new Uint8Array(512)) })
    const streamed = await post(endless).then(
      ({ status }) => status,
      () => 413,
    )
    expect(streamed).toBe(413)
    expect(await isAlive()).toBe(true)
  })

  it('a client that sends its request too slowly, or never, is let go', async () => {
    serving = await serve({ requestTimeoutMs: 1000 })
    const started = performance.now()
    const [slow, silent] = await Promise.all([
      send('GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ', 10_000),
      send(
        'POST /catalog/v1/local/namespaces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
        10_000,
      ),
    ])
    expect(performance.now() - started).toBeLessThan(8000)
    expect(head(slow)).toBe('HTTP/1.1 408 Request Timeout')
    expect(silent === '' || /^HTTP\/1\.1 4\d\d /.test(silent)).toBe(true)
    expect(await isAlive()).toBe(true)
  })

  it('a client that does not read its answer gives its place back', async () => {
    // Longer than a busy machine needs between two looks.
    serving = await serve({ requestTimeoutMs: 5000, maxRequests: 1 })
    await serving.pipeline.declare()
    // More than the buffers of two sockets take in.
    const letters = { ...LETTERS, taskId: 't', sampleMessage: 'x'.repeat(64 * 2 ** 20) }
    Object.assign(serving.pipeline.metadata, { listDeadLetters: async () => [letters] })
    const { hostname, port } = new URL(serving.url)
    const socket = connect(Number(port), hostname, () =>
      socket.write('GET /api/v1/dead-letters HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    )
    socket.on('error', () => undefined).pause()
    const status = async () => (await serving.get('/api/v1/tables')).status
    await expect.poll(status, { timeout: 5_000 }).toBe(503)
    await expect.poll(status, { timeout: 20_000 }).toBe(200)
    socket.destroy()
  })

  it('connections beyond the limit are closed, and those within it go on', async () => {
    serving = await serve({ maxConnections: 2 })
    const { hostname, port } = new URL(serving.url)
    const open = () =>
      new Promise<{ isClosed(): boolean; end(): void }>(resolve => {
        let closed = false
        const socket = connect(Number(port), hostname, () =>
          resolve({ isClosed: () => closed, end: () => socket.destroy() }),
        )
        socket
          .on('error', () => undefined)
          .on('close', () => {
            closed = true
          })
      })
    const sockets = [await open(), await open(), await open()]
    await expect.poll(() => sockets.map(socket => socket.isClosed())).toEqual([false, false, true])
    for (const socket of sockets) socket.end()
    await expect.poll(isAlive).toBe(true)
  })
})
