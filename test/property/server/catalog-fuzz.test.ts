/** Hostile requests over real HTTP: whatever is sent, the answer is one of the specification, and the server goes on. */
import { request } from 'node:http'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openServer, type RunningServer } from '../../../services/server/server.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'
import { problemsOfSchema } from '../../fakes/rest-catalog-spec.ts'

let pipeline: Pipeline
let server: RunningServer
beforeAll(async () => {
  pipeline = await openPipeline()
  await land(pipeline.source, ids(0, 10))
  await pipeline.settle()
  await pipeline.publish()
  const { signal } = new AbortController()
  const metrics = { contentType: 'text/plain', text: async () => '' }
  server = await openServer({ ...pipeline.parts, metrics, stopping: signal }, { host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  await server.close()
  await pipeline.close()
})

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

function ask(method: string, path: string, headers: Record<string, string>, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${server.url}/`,
      { method, path, headers: { ...headers, 'content-length': Buffer.byteLength(body) }, agent: false },
      answer => {
        const chunks: Buffer[] = []
        answer.on('data', chunk => chunks.push(chunk))
        answer.on('error', reject)
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            type: String(answer.headers['content-type'] ?? ''),
            body: Buffer.concat(chunks).toString(),
          }),
        )
      },
    )
    // A body that is refused unread may meet a closed connection; then there is no answer to judge.
    sent.on('error', reject)
    sent.end(body)
  })
}

const words = fc.constantFrom(
  'v1',
  'local',
  'other',
  'namespaces',
  'shop',
  'tables',
  'orders',
  'orders__dlq',
  'views',
  'metrics',
  'credentials',
  'plan',
  'config',
  'properties',
  'oauth',
  'tokens',
)
const hostile = fc.oneof(
  fc.constantFrom(
    '',
    '.',
    '..',
    '%2e%2e',
    '%2F',
    'a%2Fb',
    '%5C',
    '%00',
    '%1F',
    'shop%1F',
    '%1F%1F',
    'shop.orders',
  ),
  fc.constantFrom(
    '%',
    '%z',
    '%zz',
    '%E0%A4%A',
    '%ff',
    '%C0%AF',
    '%u0041',
    '*',
    ':table',
    '{table}',
    "' or 1=1 --",
  ),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'x'.repeat(127), 'x'.repeat(3000)),
  fc.string({ unit: 'binary', maxLength: 12 }).map(text => encodeURIComponent(text.toWellFormed())),
)
const part = fc.oneof({ weight: 3, arbitrary: words }, { weight: 1, arbitrary: hostile })
const known = fc.constantFrom(
  '/catalog/v1/config',
  '/catalog/v1/local/namespaces',
  '/catalog/v1/local/namespaces/shop',
  '/catalog/v1/local/namespaces/shop/tables',
  '/catalog/v1/local/namespaces/shop/tables/orders',
  '/catalog/v1/local/namespaces/shop/tables/orders/metrics',
  '/catalog/v1/local/namespaces/shop/tables/orders/credentials',
)
const path = fc.oneof(
  known,
  fc.array(part, { maxLength: 7 }).map(parts => `/catalog/v1/${parts.join('/')}`),
  fc.tuple(known, hostile).map(([start, end]) => `${start}/${end}`),
)
const parameter = fc.tuple(
  fc.constantFrom(
    'pageToken',
    'pageSize',
    'parent',
    'snapshots',
    'warehouse',
    'referenced-by',
    '__proto__',
    'x',
  ),
  fc.oneof(hostile, fc.constantFrom('0', '-1', '1', '1000000000000000000000', 'refs', 'shop', 'WyIiLCIiXQ')),
)
const query = fc
  .array(parameter, { maxLength: 4 })
  .map(pairs => (pairs.length === 0 ? '' : `?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`))
const header = fc.stringMatching(/^[\x20-\x7e\x80-\xff]{0,60}$/)
const headers = fc.record(
  {
    'content-type': fc.oneof(
      fc.constant('application/json'),
      fc.constant('application/json; charset=x'),
      header,
    ),
    'if-none-match': fc.oneof(fc.constant('*'), header),
    'x-iceberg-access-delegation': header,
    'idempotency-key': header,
    accept: header,
  },
  { requiredKeys: [] },
)
const body = fc.oneof(
  fc.constant(''),
  fc.json({ maxDepth: 4 }),
  fc.string({ maxLength: 40 }),
  fc.constantFrom(
    '{"__proto__":{"a":1}}',
    '{"report-type":"scan-report"}',
    `${'['.repeat(20_000)}`,
    '{"a":1e999}',
  ),
)
const method = fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'DELETE', 'PUT', 'PATCH', 'OPTIONS')

/** Other characters in a path are no HTTP, and the connection is closed before any route is looked for. */
const sendable = (text: string) => text.replaceAll(/[^\x21-\x7e]/g, encodeURIComponent)

test('hostile requests get answers of the specification, and never a failure of the server', async () => {
  const statuses = new Set<number>()
  await fc.assert(
    fc.asyncProperty(method, path, query, headers, body, async (method, path, query, headers, body) => {
      const answer = await ask(method, sendable(path + query), headers, body)
      statuses.add(answer.status)
      expect(answer.status).toBeLessThan(500)
      if (answer.body === '') {
        expect(method === 'HEAD' || [204, 304].includes(answer.status), JSON.stringify(answer)).toBe(true)
        return
      }
      expect(answer.type).toMatch(/^application\/json/)
      const json = JSON.parse(answer.body)
      if (answer.status === 200) return
      const isToken = typeof json.error === 'string'
      const problems = problemsOfSchema(isToken ? 'OAuthError' : 'IcebergErrorResponse', json)
      expect(problems).toEqual([])
      if (!isToken) expect(json.error.code).toBe(answer.status)
    }),
    { numRuns: 400 },
  )
  expect([...statuses]).toEqual(expect.arrayContaining([200, 400, 404]))
  const after = await ask('GET', '/catalog/v1/local/namespaces/shop/tables/orders', {}, '')
  expect(after.status).toBe(200)
  expect(pipeline.progress.filter(said => said.kind === 'problem')).toEqual([])
})
