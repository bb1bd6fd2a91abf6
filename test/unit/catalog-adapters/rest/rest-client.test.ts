/** Requests to a server that answers as a test says. What real servers do is tried in `test/interop/catalog`. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openRestCatalog } from '../../../../catalog-adapters/rest/open-rest-catalog.ts'
import type { RestAuthConfig, RestCatalogConfig } from '../../../../shared/config/config.ts'
import { Secret } from '../../../../shared/config/secret.ts'
import { renderTableMetadata } from '../../../../shared/iceberg/table-metadata-json.ts'
import { tableMetadataOf } from '../../../../shared/iceberg/table-metadata-of.ts'
import { MemoryObjectStore } from '../../../fakes/memory-object-store.ts'
import { createSteppedRuntime } from '../../../fakes/stepped-runtime.ts'
import {
  CUT,
  type EndpointAnswer,
  type EndpointRequest,
  type LocalEndpoint,
  startEndpoint,
} from '../../../servers/local-endpoint.ts'
import { table } from '../../iceberg/fixtures.ts'

const IDENTIFIER = { namespace: ['shop', 'north/east'], name: 'orders' }
const METADATA = tableMetadataOf({ table: table(), snapshots: [], timestampMs: 1 })
const FILE = 's3://lake/00001-x.metadata.json'
const json = (body: object, status = 200): EndpointAnswer => ({ status, body: JSON.stringify(body) })
const error = (status: number, type: string, message = 'so it is'): EndpointAnswer =>
  json({ error: { message, type, code: status } }, status)
const TABLE = `{"metadata-location":"${FILE}","metadata":${new TextDecoder().decode(renderTableMetadata(METADATA))}}`

let server: LocalEndpoint
let seen: EndpointRequest[]
/** By the beginning of the path; the first of the list, and the last one for ever. */
let script: Record<string, EndpointAnswer[]>
let runtime: ReturnType<typeof createSteppedRuntime>
beforeEach(async () => {
  seen = []
  script = {}
  runtime = createSteppedRuntime(11)
  server = await startEndpoint(async request => {
    seen.push(request)
    const key = Object.keys(script).find(path => `${request.method} ${request.path}`.startsWith(path))
    const answers = script[key ?? ''] ?? []
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    return answer ?? error(404, 'NoSuchTableException')
  })
  script['GET /v1/config'] = [json({ defaults: {}, overrides: {} })]
})
afterEach(() => server.stop())

function catalog(options: { auth?: RestAuthConfig } & Partial<RestCatalogConfig> = {}) {
  return openRestCatalog(
    { name: 'lakehouse', type: 'rest', uri: server.url, auth: { kind: 'none' }, headers: {}, ...options },
    {
      warehouse: new MemoryObjectStore({ url: 's3://lake', nowMs: runtime.nowMs }),
      runtime: { ...runtime, sleep: async ms => runtime.advance(ms) },
    },
  )
}
const paths = () => seen.map(({ method, path }) => `${method} ${path}`)
const changed = { ...METADATA, properties: { changed: 'yes' } }
const commit = (on = catalog()) =>
  on.commit({
    identifier: IDENTIFIER,
    base: { tableUuid: METADATA.tableUuid, metadataLocation: FILE, metadata: METADATA },
    metadata: changed,
    metadataLocation: FILE,
  })

describe('what the server says of itself', () => {
  it('prefix, address, headers and separator of its own stand in the place of what was configured', async () => {
    script['GET /v1/config'] = [
      json({
        defaults: { 'header.X-Default': 'theirs', 'header.X-Both': 'theirs', 'namespace-separator': '%2E' },
        overrides: { prefix: 'catalogs/7', uri: `${server.url}/inner/`, 'header.X-Over': 'theirs' },
      }),
    ]
    const headers = { 'x-over': new Secret('mine'), 'x-both': new Secret('mine') }
    await catalog({ warehouse: 'a b&c', headers }).loadTable(IDENTIFIER)
    expect(paths()).toEqual([
      'GET /v1/config?warehouse=a%20b%26c',
      'GET /inner/v1/catalogs/7/namespaces/shop%2Enorth%2Feast/tables/orders',
    ])
    expect(seen[1]?.headers).toMatchObject({ 'x-default': 'theirs', 'x-both': 'mine', 'x-over': 'theirs' })
  })

  it('is asked once, and again after an hour; when it is away then, what it said goes on holding', async () => {
    const opened = catalog()
    for (let i = 0; i < 3; i++) await opened.loadTable(IDENTIFIER)
    runtime.advance(3_600_001)
    script['GET /v1/config'] = [CUT]
    expect(await opened.loadTable(IDENTIFIER)).toBeUndefined()
    expect(paths().filter(path => path.includes('config')).length).toBeGreaterThan(1)
    expect(paths().filter(path => path.includes('tables'))).toHaveLength(4)
  })

  it('a table that may be made in no way: the error tells of each, the one that a person would mend first', async () => {
    script['GET /v1/namespaces'] = [json({ namespace: IDENTIFIER.namespace })]
    script['POST /v1/namespaces/shop%1Fnorth%2Feast/register'] = [error(403, 'ForbiddenException', 'not you')]
    script['POST /v1/namespaces/shop%1Fnorth%2Feast/tables/orders'] = [error(405, 'Unsupported')]
    script['POST /v1/namespaces/shop%1Fnorth%2Feast/tables'] = [error(400, 'BadRequestException', 'no place')]
    const creation = catalog().commit({ identifier: IDENTIFIER, metadata: METADATA, metadataLocation: FILE })
    await expect(creation).rejects.toMatchObject({
      code: 'catalog-forbidden',
      message: expect.stringMatching(
        /register table .*not you.*create table .* with its history.*405.*create table .*no place/,
      ),
    })
  })

  it('a server without a list of endpoints registers; one whose list lacks it is asked for another way', async () => {
    const create = (on: ReturnType<typeof catalog>) =>
      on.commit({ identifier: IDENTIFIER, metadata: METADATA, metadataLocation: FILE })
    script['GET /v1/namespaces/'] = [json({ namespace: ['shop'] })]
    script['POST /v1/'] = [{ status: 200, body: TABLE }]
    await create(catalog())
    expect(paths().at(-1)).toMatch(/^POST .*\/register$/)
    script['GET /v1/config'] = [json({ endpoints: ['GET /v1/{prefix}/namespaces'] })]
    await create(catalog())
    expect(paths().at(-1)).toMatch(/^POST .*\/tables\/orders$/)
    expect(seen.at(-1)?.body).toContain('assert-create')
  })
})

describe('what is sent again', () => {
  it.each([
    ['cut connections', CUT],
    ['503', { status: 503, headers: { 'retry-after': '7' } }],
    ['429', error(429, 'TooManyRequestsException')],
  ])('a read, after %s', async (_what, failure) => {
    script['GET /v1/namespaces'] = [failure, failure, { status: 200, body: TABLE }]
    const startMs = runtime.nowMs()
    expect(await catalog().loadTable(IDENTIFIER)).toMatchObject({ metadataLocation: FILE })
    if (failure.headers !== undefined) expect(runtime.nowMs() - startMs).toBeGreaterThanOrEqual(14_000)
  })

  it('a read that goes on failing ends as an error for the next round', async () => {
    script['GET /v1/namespaces'] = [error(503, 'ServiceUnavailableException')]
    await expect(catalog().loadTable(IDENTIFIER)).rejects.toMatchObject({
      code: 'catalog-unavailable',
      next: 'retry',
    })
    expect(paths().filter(path => path.includes('tables'))).toHaveLength(4)
  })

  it.each([
    ['a cut connection', CUT],
    ['500', error(500, 'CommitStateUnknownException')],
    ['an answer that is no JSON', { status: 200, body: '<html>' }],
    ['an answer without metadata', json({ 'metadata-location': FILE })],
  ])('not a change, after %s: nobody knows what became of it', async (_what, answer) => {
    script['POST /v1/namespaces'] = [answer, { status: 200, body: TABLE }]
    expect(await commit()).toMatchObject({ kind: 'unknown' })
    expect(paths().filter(path => path.startsWith('POST'))).toHaveLength(1)
  })

  it('a change under the key that the server keeps, the same every time', async () => {
    script['GET /v1/config'] = [json({ 'idempotency-key-lifetime': 'PT30M' })]
    script['POST /v1/namespaces'] = [CUT, error(502, ''), { status: 200, body: TABLE }]
    expect(await commit()).toEqual({
      kind: 'committed',
      metadataLocation: FILE,
      tableUuid: METADATA.tableUuid,
    })
    const keys = seen.flatMap(({ headers }) => headers['idempotency-key'] ?? [])
    expect(keys).toHaveLength(3)
    expect(new Set(keys).size).toBe(1)
    expect(keys[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  it('nothing where nobody listens: an error, as nothing can have been done', async () => {
    await server.stop()
    await expect(commit()).rejects.toMatchObject({ code: 'catalog-unavailable', next: 'retry' })
    server = await startEndpoint(async () => ({ status: 500 }))
  })
})

describe('refusals', () => {
  it.each([
    [400, 'BadRequestException', 'catalog-rejected', 'its words say why'],
    [401, 'NotAuthorizedException', 'catalog-unauthorized', 'set token, credential or sigv4'],
    [403, 'ForbiddenException', 'catalog-forbidden', 'to read the metadata of the table'],
    [404, 'NoSuchWarehouseException', 'catalog-not-found', 'Set warehouse'],
    [404, '', 'catalog-not-found', 'up to and without /v1'],
  ])('%i %s is %s and says what to do', async (status, type, code, advice) => {
    script['GET /v1/namespaces'] = [error(status, type)]
    await expect(catalog().loadTable(IDENTIFIER)).rejects.toMatchObject({
      code,
      next: 'retry',
      message: expect.stringMatching(
        new RegExp(`Could not load table shop.north/east.orders in catalog lakehouse .*so it is.*${advice}`),
      ),
    })
  })

  it('a table is missing only where the server says so in the words of the specification', async () => {
    script['GET /v1/namespaces'] = [{ status: 404, body: 'page not found' }]
    await expect(catalog().loadTable(IDENTIFIER)).rejects.toMatchObject({ code: 'catalog-not-found' })
    script['GET /v1/namespaces'] = [error(404, 'NoSuchNamespaceException')]
    expect(await catalog().loadTable(IDENTIFIER)).toBeUndefined()
  })

  it('secrets that the server repeats are not repeated', async () => {
    const token = 'a-token-of-tests'
    const key = 'a-gateway-key'
    script['GET /v1/config'] = [error(401, `No${token}`, `bad ${token} with ${key}`)]
    const auth = { kind: 'token' as const, token: new Secret(token) }
    const failure = await catalog({ auth, headers: { 'x-api-key': new Secret(key) } })
      .loadTable(IDENTIFIER)
      .catch((thrown: unknown) => thrown)
    expect(failure).toMatchObject({ message: expect.stringContaining('bad [secret] with [secret]') })
    expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toMatch(/a-token|a-gateway/)
  })
})

describe('client credentials', () => {
  const auth = { kind: 'credential' as const, credential: new Secret('an-id:a:secret'), scope: 'a b' }
  const token = (text: string, seconds?: number) =>
    json({ access_token: text, token_type: 'bearer', ...(seconds && { expires_in: seconds }) })
  const asked = () => seen.filter(({ path }) => path === '/v1/oauth/tokens')
  const shown = () => seen.at(-1)?.headers.authorization

  it('one token serves until shortly before its end; several requests at once fetch one', async () => {
    script['POST /v1/oauth'] = [token('first', 1000), token('second', 1000)]
    const opened = catalog({ auth })
    await Promise.all([1, 2, 3].map(() => opened.loadTable(IDENTIFIER)))
    expect(asked().map(({ body }) => body)).toEqual([
      'grant_type=client_credentials&client_id=an-id&client_secret=a%3Asecret&scope=a+b',
    ])
    expect(shown()).toBe('Bearer first')
    runtime.advance(799_000)
    await opened.loadTable(IDENTIFIER)
    expect(shown()).toBe('Bearer first')
    runtime.advance(2_000)
    await opened.loadTable(IDENTIFIER)
    expect(shown()).toBe('Bearer second')
  })

  it('a refresh that fails leaves the old token in use to its end, then is an error, and then mends itself', async () => {
    script['POST /v1/oauth'] = [token('first', 1000), error(503, '')]
    const opened = catalog({ auth })
    await opened.loadTable(IDENTIFIER)
    runtime.advance(850_000)
    for (let i = 0; i < 3; i++) await opened.loadTable(IDENTIFIER)
    expect(shown()).toBe('Bearer first')
    // Not at every request.
    expect(asked()).toHaveLength(2)
    runtime.advance(200_000)
    await expect(opened.loadTable(IDENTIFIER)).rejects.toMatchObject({
      code: 'catalog-unavailable',
      next: 'retry',
    })
    script['POST /v1/oauth'] = [token('second')]
    await opened.loadTable(IDENTIFIER)
    expect(shown()).toBe('Bearer second')
  })

  it.each([401, 419])('%i fetches a new token once; a second refusal is an error', async status => {
    script['POST /v1/oauth'] = [token('first'), token('second'), token('third')]
    script['GET /v1/namespaces'] = [error(status, 'Expired'), { status: 200, body: TABLE }]
    const opened = catalog({ auth })
    expect(await opened.loadTable(IDENTIFIER)).toBeDefined()
    expect(shown()).toBe('Bearer second')
    script['GET /v1/namespaces'] = [error(status, 'Expired')]
    await expect(opened.loadTable(IDENTIFIER)).rejects.toMatchObject({
      code: 'catalog-unauthorized',
      message: expect.stringContaining('credential in tidewater.yaml'),
    })
    expect(asked()).toHaveLength(3)
  })

  it('what the token server refuses is said, but not the secret', async () => {
    script['POST /v1/oauth'] = [json({ error: 'invalid_client', error_description: 'not a:secret' }, 401)]
    await expect(catalog({ auth }).loadTable(IDENTIFIER)).rejects.toMatchObject({
      code: 'catalog-token-refused',
      next: 'retry',
      message: `Could not get a token for catalog lakehouse from ${server.url}/v1/oauth/tokens: it answers 401 invalid_client not [secret]. Check credential in tidewater.yaml (client id, colon, client secret) against what the server has.`,
    })
  })

  it('a token server of its own is asked there', async () => {
    script['POST /elsewhere'] = [token('first')]
    await catalog({ auth: { ...auth, serverUri: `${server.url}/elsewhere/token` } }).loadTable(IDENTIFIER)
    expect(paths()[0]).toBe('POST /elsewhere/token')
  })
})

it('requests are signed for the service and region, with their body', async () => {
  script['POST /v1/namespaces'] = [{ status: 200, body: TABLE }]
  const credentials = { accessKeyId: new Secret('AKID'), secretAccessKey: new Secret('a-secret') }
  const auth = { kind: 'sigv4' as const, signingName: 'glue', signingRegion: 'eu-central-1', credentials }
  await commit(catalog({ auth }))
  const signed = seen.at(-1)?.headers
  expect(signed?.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-central-1\/glue\/aws4_request, SignedHeaders=[a-z0-9;-]*content-type;host[a-z0-9;-]*, Signature=[0-9a-f]{64}$/,
  )
  expect(signed?.['x-amz-content-sha256']).toMatch(/^[0-9a-f]{64}$/)
})
