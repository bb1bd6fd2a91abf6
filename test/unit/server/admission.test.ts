import { request } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { Secret } from '../../../shared/config/secret.ts'
import type { TablesPage } from '../../../shared/metadata/overviews.ts'
import { type Serving, serve } from './serving.ts'

const TOKEN = 'a-token-that-nobody-guesses'
let serving: Serving
afterEach(() => serving.end())

/** With headers that fetch does not let through. */
function statusWith(
  headers: Readonly<Record<string, string>>,
  path = '/api/v1/tables',
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(serving.url + path, { headers, agent: false }, answer => {
      answer.resume()
      resolve(answer.statusCode)
    })
    sent.on('error', reject).end()
  })
}

describe('with a token', () => {
  it('everything but the health of the process asks for it', async () => {
    serving = await serve({ token: new Secret(TOKEN) })
    await serving.pipeline.declare()
    for (const path of ['/healthz', '/readyz'])
      expect([path, (await serving.get(path)).status]).toEqual([path, 200])
    const guarded = [
      '/metrics',
      '/api/v1/status',
      '/api/v1/openapi.json',
      '/catalog/v1/config',
      '/',
      '/nothing',
      '/healthz/x',
    ]
    for (const path of guarded) {
      const { status, headers, text } = await serving.get(path)
      expect([path, status, headers.get('www-authenticate')]).toEqual([path, 401, 'Bearer realm="tidewater"'])
      expect(text).not.toContain(TOKEN)
    }
    for (const path of guarded.slice(0, 4)) {
      const { status } = await serving.get(path, { authorization: `Bearer ${TOKEN}` })
      expect([path, status]).toEqual([path, 200])
    }
  })

  it.each([
    'Bearer wrong',
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(0, -1)}`,
    `Basic ${TOKEN}`,
    TOKEN,
    'Bearer',
    `Bearer ${TOKEN} ${TOKEN}`,
    `Bearer ${'x'.repeat(8000)}`,
  ])('%s is refused', async authorization => {
    serving = await serve({ token: new Secret(TOKEN) })
    const { status, headers, body, text } = await serving.get('/api/v1/status', { authorization })
    expect([status, headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer realm="tidewater", error="invalid_token"',
    ])
    expect(body).toMatchObject({ code: 'unauthorized' })
    expect(text).not.toContain(TOKEN)
  })

  it('any name of the server will do: a proxy may stand before it', async () => {
    serving = await serve({ token: new Secret(TOKEN) })
    expect(await statusWith({ host: 'lake.example.com', authorization: `bearer ${TOKEN}` })).toBe(200)
  })
})

describe('without a token', () => {
  it.each([
    ['localhost:8181', 200],
    ['127.0.0.1', 200],
    ['[::1]:8181', 200],
    ['evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['localhost.evil.example:80', 403],
    ['[::2]', 403],
    ['localhost:80@evil.example', 403],
    ['x y', 403],
  ])(
    'a request for the host %j gets %i, so that no name that points here reaches it',
    async (host, status) => {
      serving = await serve()
      expect(await statusWith({ host })).toBe(status)
    },
  )

  it.each([
    ['http://localhost:3000', 200],
    ['https://evil.example', 403],
    ['null', 403],
    ['http://127.0.0.1.evil.example', 403],
  ])('a page of %s gets %i, and never leave to read the answer', async (origin, status) => {
    serving = await serve()
    const { status: found, headers } = await serving.get('/api/v1/tables', { origin })
    expect(found).toBe(status)
    expect([...headers.keys()].filter(name => name.startsWith('access-control-'))).toEqual([])
  })

  it('a page cannot ask for leave, nor send a form', async () => {
    serving = await serve()
    const preflight = await fetch(`${serving.url}/api/v1/tables`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example' },
    })
    expect(preflight.status).toBe(403)
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const { status } = await fetch(`${serving.url}/catalog/v1/local/namespaces`, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': type },
      })
      expect([type, status >= 400 && status < 500]).toEqual([type, true])
    }
  })
})

describe('too many at once', () => {
  it('get 503 and when to come again, health still answers, and room comes back', async () => {
    serving = await serve({ maxRequests: 2 })
    await serving.pipeline.declare()
    const { metadata } = serving.pipeline
    const list = metadata.listTableOverviews
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    Object.assign(metadata, {
      async listTableOverviews(page: TablesPage) {
        await held
        return list(page)
      },
    })
    const waiting = [serving.get('/api/v1/tables'), serving.get('/api/v1/tables')]
    await expect.poll(async () => (await serving.get('/api/v1/tables/x')).status).toBe(503)
    const refused = await serving.get('/api/v1/openapi.json')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect(refused.body).toMatchObject({ code: 'busy' })
    expect((await serving.get('/healthz')).status).toBe(200)
    release()
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200])
    await expect.poll(async () => (await serving.get('/api/v1/openapi.json')).status).toBe(200)
  })
})

describe('too often', () => {
  it('gets 429 and when to come again, in the words of the API and of the catalog; monitors are answered', async () => {
    serving = await serve({ maxRequestsPerMinute: 3 })
    await serving.pipeline.declare()
    for (const path of ['/api/v1/tables', '/catalog/v1/config', '/nothing'])
      expect((await serving.get(path)).status).not.toBe(429)
    const refused = await serving.get('/api/v1/tables')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '20'])
    expect(refused.body).toMatchObject({
      status: 429,
      code: 'too-many-requests',
      detail: expect.stringMatching(/^127\.0\.0\.1 has sent 3 requests .*server\.max_requests_per_minute/),
    })
    const catalog = await serving.get('/catalog/v1/config')
    expect([catalog.status, catalog.headers.get('retry-after')]).toEqual([429, '20'])
    expect(catalog.body).toMatchObject({ error: { type: 'TooManyRequestsException', code: 429 } })
    for (const path of ['/healthz', '/readyz', '/metrics'])
      expect([path, (await serving.get(path)).status]).toEqual([path, 200])
  })

  it('is told apart by the address of the connection, whatever headers say', async () => {
    serving = await serve({ maxRequestsPerMinute: 1 })
    expect((await serving.get('/api/v1/status', { 'x-forwarded-for': '192.0.2.1' })).status).toBe(200)
    for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip'])
      expect((await serving.get('/api/v1/status', { [name]: '192.0.2.2' })).status).toBe(429)
    expect(await statusFrom('127.0.0.2')).toBe(200)
  })

  it('with wrong tokens gets no other looked at, not the right one either, while others go on', async () => {
    serving = await serve({ token: new Secret(TOKEN), maxWrongTokensPerMinute: 2 })
    const right = { authorization: `Bearer ${TOKEN}` }
    // What carries no token is no guess.
    for (let i = 0; i < 5; i++) expect((await serving.get('/api/v1/status')).status).toBe(401)
    expect((await serving.get('/api/v1/status', right)).status).toBe(200)
    expect((await serving.get('/metrics', { authorization: 'Bearer one' })).status).toBe(401)
    expect((await serving.get('/catalog/v1/config', { authorization: 'Bearer two' })).status).toBe(401)
    for (const path of ['/api/v1/status', '/metrics', '/catalog/v1/config'])
      for (const authorization of ['Bearer three', right.authorization]) {
        const { status, headers } = await serving.get(path, { authorization })
        expect([path, status, headers.get('retry-after')]).toEqual([path, 429, '30'])
      }
    expect((await serving.get('/healthz')).status).toBe(200)
    expect(await statusFrom('127.0.0.2', right)).toBe(200)
  })
})

/** From another address of this machine. */
function statusFrom(
  localAddress: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(`${serving.url}/api/v1/status`, { localAddress, headers, agent: false }, answer => {
      answer.resume()
      resolve(answer.statusCode)
    })
    sent.on('error', reject).end()
  })
}
