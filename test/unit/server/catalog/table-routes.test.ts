import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Secret } from '../../../../shared/config/secret.ts'
import { stringifyExactJson } from '../../../../shared/iceberg/exact-json.ts'
import { locationToKey } from '../../../../shared/object-store/locations.ts'
import { AppError } from '../../../../shared/runtime/errors.ts'
import { catalogApp } from '../../../fakes/catalog-app.ts'
import { ids, land } from '../../../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../../../fakes/pipeline-fixture.ts'
import { problemsOfAnswer } from '../../../fakes/rest-catalog-spec.ts'

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline()
  await publishTen(0)
})
afterEach(() => pipeline.close())

async function publishTen(base: number): Promise<void> {
  await land(pipeline.source, ids(base, 10), { base })
  await pipeline.settle()
  await pipeline.publish()
}

const TABLE = '/catalog/v1/local/namespaces/shop/tables/orders'
const STORAGE = {
  url: 's3://lake/warehouse',
  endpoint: 'http://minio:9000',
  credentials: {
    accessKeyId: new Secret('canary-access-key'),
    secretAccessKey: new Secret('canary-secret-key'),
    sessionToken: new Secret('canary-session-token'),
  },
}
const URLS = [
  '/catalog/v1/config',
  '/catalog/v1/local/namespaces',
  '/catalog/v1/local/namespaces/shop',
  '/catalog/v1/local/namespaces/shop/tables',
  TABLE,
  `${TABLE}?snapshots=refs`,
  `${TABLE}/credentials`,
  `${TABLE}/nothing`,
]

async function metadataKey(): Promise<string> {
  const found = await pipeline.metadata.findPublishedTable('local', 'shop.orders')
  if (found === undefined) throw new Error('nothing is published')
  return locationToKey(pipeline.warehouse, found.metadataLocation)
}

describe('credentials', () => {
  it('stay here unless tidewater.yaml says otherwise; storage settings go out always', async () => {
    const { app } = await catalogApp(pipeline, { storage: STORAGE })
    const headers = { 'x-iceberg-access-delegation': 'vended-credentials,remote-signing' }
    for (const url of URLS) {
      const answer = await app.inject({ url, headers })
      expect(answer.body + JSON.stringify(answer.headers)).not.toContain('canary')
    }
    const { config } = (await app.inject(TABLE)).json()
    expect(config).toMatchObject({ 's3.endpoint': 'http://minio:9000', 's3.path-style-access': 'true' })
    expect((await app.inject('/catalog/v1/config')).json().defaults).toEqual(config)
    const credentials = await app.inject(`${TABLE}/credentials`)
    expect(credentials.json()).toEqual({ 'storage-credentials': [] })
    expect(problemsOfAnswer('loadCredentials', 200, credentials.body)).toEqual([])
  })

  it('are handed out with pass_credentials where a table is loaded, and nowhere else', async () => {
    const { app } = await catalogApp(pipeline, { storage: STORAGE, passCredentials: true })
    const keys = {
      's3.access-key-id': 'canary-access-key',
      's3.secret-access-key': 'canary-secret-key',
      's3.session-token': 'canary-session-token',
    }
    for (const url of [TABLE, `${TABLE}?snapshots=refs`, `${TABLE}/credentials`]) {
      const answer = await app.inject(url)
      const { config = keys, ...body } = answer.json()
      expect(config).toMatchObject(keys)
      expect(body['storage-credentials']).toMatchObject([{ prefix: 's3://lake/warehouse', config: keys }])
      const operation = url.endsWith('credentials') ? 'loadCredentials' : 'loadTable'
      expect(problemsOfAnswer(operation, 200, answer.body)).toEqual([])
    }
    for (const url of URLS.filter(url => !url.startsWith(TABLE))) {
      expect((await app.inject(url)).body).not.toContain('canary')
    }
    const { etag } = (await app.inject(TABLE)).headers
    const { app: restarted } = await catalogApp(pipeline, { storage: STORAGE, passCredentials: true })
    const after = await restarted.inject({ url: TABLE, headers: { 'if-none-match': String(etag) } })
    expect(after.statusCode).toBe(200)
  })
})

describe('the metadata file', () => {
  it('is fetched once for any number of loads, of either kind', async () => {
    const { app } = await catalogApp(pipeline)
    let gets = 0
    pipeline.warehouse.before = async () => {
      gets++
    }
    const urls = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? TABLE : `${TABLE}?snapshots=refs`))
    const answers = await Promise.all(urls.map(url => app.inject(url)))
    expect(new Set(answers.map(answer => answer.statusCode))).toEqual(new Set([200]))
    await app.inject(TABLE)
    expect(gets).toBe(1)
  })

  it('that cannot be fetched now makes an answer that clients try again, and then is fetched', async () => {
    const { app, problems } = await catalogApp(pipeline)
    pipeline.warehouse.before = async () => {
      throw new AppError({ code: 's3-unavailable', next: 'retry', message: 'the store is away' })
    }
    const answer = await app.inject(TABLE)
    expect([answer.statusCode, answer.json().error.type]).toEqual([503, 'ServiceUnavailableException'])
    expect(answer.headers['retry-after']).toBe('1')
    expect(problemsOfAnswer('loadTable', 503, answer.body)).toEqual([])
    expect(problems).toHaveLength(1)
    pipeline.warehouse.before = undefined
    expect((await app.inject(TABLE)).statusCode).toBe(200)
  })

  it('that is gone, no metadata, or of another table is never answered with', async () => {
    const key = await metadataKey()
    const whole = await pipeline.warehouse.get(key)
    for (const bytes of [
      undefined,
      whole.subarray(0, whole.length - 2),
      Buffer.from('{"table-uuid":"other"}'),
    ]) {
      const { app, problems } = await catalogApp(pipeline)
      if (bytes === undefined) await pipeline.warehouse.delete(key)
      else await pipeline.warehouse.put(key, bytes)
      const answer = await app.inject(TABLE)
      expect([answer.statusCode, answer.json().error.type]).toEqual([500, 'InternalServerError'])
      expect(problemsOfAnswer('loadTable', 500, answer.body)).toEqual([])
      expect(problems).toHaveLength(1)
    }
  })

  it('belongs to the location that is answered, while the table is being published', async () => {
    const { app } = await catalogApp(pipeline)
    let isPublishing = true
    const seen = new Set<string>()
    const load = async () => {
      while (isPublishing) {
        for (const url of [TABLE, `${TABLE}?snapshots=refs`]) {
          const answer = (await app.inject(url)).json()
          const key = locationToKey(pipeline.warehouse, answer['metadata-location'])
          const file = JSON.parse(Buffer.from(await pipeline.warehouse.get(key)).toString())
          expect(answer.metadata['current-snapshot-id']).toBe(file['current-snapshot-id'])
          expect(answer.metadata['last-updated-ms']).toBe(file['last-updated-ms'])
          seen.add(key)
        }
      }
    }
    // Each operation of the publisher lets loads run before it and after it.
    pipeline.warehouse.before = () => new Promise(resolve => setImmediate(resolve))
    pipeline.warehouse.after = pipeline.warehouse.before
    const loads = [load(), load(), load()]
    for (let base = 10; base <= 80; base += 10) await publishTen(base)
    isPublishing = false
    await Promise.all(loads)
    expect(seen.size).toBeGreaterThan(3)
  })
})

describe('reports of metrics', () => {
  const report = {
    'report-type': 'scan-report',
    'table-name': 'local.shop.orders',
    'snapshot-id': 9_100_000_000_000_000_001n,
    filter: true,
    'schema-id': 0,
    'projected-field-ids': [1],
    'projected-field-names': ['id'],
    metrics: { 'result-data-files': { unit: 'count', value: 1 } },
  }
  const post = async (payload: string, url = `${TABLE}/metrics`, type = 'application/json') => {
    const { app } = await catalogApp(pipeline)
    const headers = { 'content-type': type, 'user-agent': 'an engine' }
    const answer = await app.inject({ method: 'POST', url, payload, headers })
    expect(problemsOfAnswer('reportMetrics', answer.statusCode, answer.body)).toEqual([])
    return answer
  }

  it('are kept with the table, every digit of the snapshot, and who sent them', async () => {
    expect((await post(stringifyExactJson(report))).statusCode).toBe(204)
    expect(await pipeline.metadata.listScanReports({ limit: 9 })).toMatchObject([
      { table: 'shop.orders', catalog: 'local', snapshotId: report['snapshot-id'], engine: 'an engine' },
    ])
  })

  it('are refused where they are no JSON, no report, too large, or of a table that is not there', async () => {
    const text = stringifyExactJson(report)
    expect((await post('{"a":')).statusCode).toBe(400)
    expect((await post('')).statusCode).toBe(400)
    expect((await post('{}')).statusCode).toBe(400)
    expect((await post(`{"filter":${'['.repeat(200_000)}`)).statusCode).toBe(400)
    expect((await post(`${'[['.repeat(50_000)}1${']]'.repeat(50_000)}`)).statusCode).toBe(400)
    expect((await post(JSON.stringify({ a: 'x'.repeat(1 << 20) }))).statusCode).toBe(400)
    expect((await post(text, `${TABLE}/metrics`, 'text/csv')).statusCode).toBe(400)
    expect((await post(text, `${TABLE}x/metrics`)).statusCode).toBe(404)
    expect(await pipeline.metadata.listScanReports({ limit: 9 })).toEqual([])
  })
})

it('a report that is too large for its route is refused without blaming server.max_body_size alone', async () => {
  const { app } = await catalogApp(pipeline)
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify('x'.repeat(600 << 10))
  const answer = await app.inject({ method: 'POST', url: `${TABLE}/metrics`, headers, body })
  expect([answer.statusCode, answer.json().error.message]).toEqual([
    400,
    expect.stringContaining('than this route takes'),
  ])
})
