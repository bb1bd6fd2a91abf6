import { gunzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { parseExactJson } from '../../../../shared/iceberg/exact-json.ts'
import { locationToKey } from '../../../../shared/object-store/locations.ts'
import { type CatalogApp, catalogApp } from '../../../fakes/catalog-app.ts'
import { ids, land } from '../../../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../../../fakes/pipeline-fixture.ts'
import { OPERATIONS, problemsOfAnswer } from '../../../fakes/rest-catalog-spec.ts'

let pipeline: Pipeline
let catalog: CatalogApp
let app: FastifyInstance
beforeAll(async () => {
  pipeline = await openPipeline({ table: { name: 'shop.eu.orders' } })
  for (let base = 0; base < 30; base += 10) {
    await land(pipeline.source, ids(base, 10), { base })
    await pipeline.settle()
    await pipeline.publish()
  }
  catalog = await catalogApp(pipeline)
  app = catalog.app
})
afterAll(async () => {
  expect(catalog.problems).toEqual([])
  await app.close()
  await pipeline.close()
})

const NAMESPACE = '/catalog/v1/local/namespaces/shop%1Feu'
const TABLE = `${NAMESPACE}/tables/orders`

/** The answer, held against the specification. */
async function ask(id: string, url: string, headers: Record<string, string> = {}) {
  const operation = OPERATIONS.find(known => known.id === id)
  const answer = await app.inject({ method: operation?.method === 'HEAD' ? 'HEAD' : 'GET', url, headers })
  expect(problemsOfAnswer(id, answer.statusCode, answer.body)).toEqual([])
  return answer
}

async function metadataAtLocation(): Promise<string> {
  const found = await pipeline.metadata.findPublishedTable('local', 'shop.eu.orders')
  if (found === undefined) throw new Error('nothing is published')
  const bytes = await pipeline.warehouse.get(locationToKey(pipeline.warehouse, found.metadataLocation))
  return Buffer.from(bytes).toString()
}

describe('GET /v1/config', () => {
  it('names the only warehouse as the prefix, and the endpoints that are there', async () => {
    const { endpoints, ...config } = (await ask('getConfig', '/catalog/v1/config')).json()
    expect(config).toEqual({ defaults: {}, overrides: { prefix: 'local' } })
    expect(endpoints.length).toBeGreaterThan(5)
    for (const endpoint of z.array(z.string()).parse(endpoints)) {
      const [method = '', path = ''] = endpoint.split(' ')
      expect(OPERATIONS.find(known => known.method === method && known.path === path)).toBeDefined()
      const url = `/catalog${path.replace('{prefix}', ':warehouse').replaceAll(/\{(\w+)\}/g, ':$1')}`
      expect(app.hasRoute({ method: z.enum(['GET', 'HEAD', 'POST']).parse(method), url })).toBe(true)
    }
  })

  it('takes the warehouse by name, and refuses one that is not there', async () => {
    expect((await ask('getConfig', '/catalog/v1/config?warehouse=local')).json().overrides).toEqual({
      prefix: 'local',
    })
    const other = await ask('getConfig', '/catalog/v1/config?warehouse=other')
    expect(other.statusCode).toBe(404)
    expect(other.json().error.type).toBe('NoSuchWarehouseException')
    expect((await ask('getConfig', '/catalog/v1/config?warehouse=a&warehouse=b')).statusCode).toBe(400)
  })

  it('asks which warehouse, where there are several', async () => {
    const { app: two } = await catalogApp(pipeline, { catalogs: ['local', 'lab'] })
    const answer = await two.inject('/catalog/v1/config')
    expect(answer.statusCode).toBe(400)
    expect(answer.json().error.message).toContain('local, lab')
    expect((await two.inject('/catalog/v1/config?warehouse=lab')).json().overrides).toEqual({ prefix: 'lab' })
    expect((await two.inject('/catalog/v1/lab/namespaces')).json().namespaces).toEqual([])
  })
})

describe('namespaces', () => {
  it('are listed level by level', async () => {
    const listed = async (query: string) => {
      const answer = await ask('listNamespaces', `/catalog/v1/local/namespaces${query}`)
      return answer.json()
    }
    expect(await listed('')).toEqual({ 'next-page-token': null, namespaces: [['shop']] })
    expect((await listed('?parent=')).namespaces).toEqual([['shop']])
    expect((await listed('?parent=shop')).namespaces).toEqual([['shop', 'eu']])
    expect((await listed('?parent=shop%1Feu')).namespaces).toEqual([])
    expect((await listed('?parent=nowhere')).error).toMatchObject({
      code: 404,
      type: 'NoSuchNamespaceException',
    })
  })

  it('are there when tables are in them or below', async () => {
    expect((await ask('namespaceExists', NAMESPACE)).statusCode).toBe(204)
    expect((await ask('namespaceExists', '/catalog/v1/local/namespaces/shop')).statusCode).toBe(204)
    expect((await ask('namespaceExists', '/catalog/v1/local/namespaces/sho')).statusCode).toBe(404)
    expect((await ask('loadNamespaceMetadata', NAMESPACE)).json()).toEqual({
      namespace: ['shop', 'eu'],
      properties: { location: 'file:///lake/warehouse/shop/eu' },
    })
    const missing = await ask('loadNamespaceMetadata', '/catalog/v1/local/namespaces/shop.eu')
    expect(missing.json().error).toMatchObject({ code: 404, type: 'NoSuchNamespaceException' })
  })
})

describe('listing tables', () => {
  it('shows tables and dead-letter tables, whole or page by page', async () => {
    const identifiers = ['orders', 'orders__dlq'].map(name => ({ namespace: ['shop', 'eu'], name }))
    const whole = await ask('listTables', `${NAMESPACE}/tables`)
    expect(whole.json()).toEqual({ 'next-page-token': null, identifiers })
    const first = (await ask('listTables', `${NAMESPACE}/tables?pageToken=&pageSize=1`)).json()
    expect(first.identifiers).toEqual(identifiers.slice(0, 1))
    const token = first['next-page-token']
    const second = await ask('listTables', `${NAMESPACE}/tables?pageSize=1&pageToken=${token}`)
    expect(second.json()).toEqual({ 'next-page-token': null, identifiers: identifiers.slice(1) })
  })

  it('answers for a namespace that is not there, in another or in a warehouse that is none', async () => {
    const missing = await ask('listTables', '/catalog/v1/local/namespaces/nowhere/tables')
    expect(missing.json().error).toMatchObject({ code: 404, type: 'NoSuchNamespaceException' })
    const other = await ask('listTables', '/catalog/v1/other/namespaces/shop/tables')
    expect(other.json().error).toMatchObject({ code: 404, type: 'NoSuchWarehouseException' })
  })
})

describe('loading a table', () => {
  it('answers with the metadata at its location, byte for byte', async () => {
    const answer = await ask('loadTable', TABLE)
    expect(answer.headers['content-type']).toMatch(/^application\/json/)
    const metadata = await metadataAtLocation()
    expect(answer.body).toContain(`"metadata":${metadata}`)
    expect(answer.json().metadata).toEqual(JSON.parse(metadata))
    expect(answer.json().config).toEqual({})
    expect(answer.json()).not.toHaveProperty('storage-credentials')
  })

  it('leaves out snapshots that no ref names, with every digit of the ids of others', async () => {
    const parsed = z.object({ metadata: z.looseObject({ snapshots: z.array(z.unknown()) }) })
    const answer = await ask('loadTable', `${TABLE}?snapshots=refs`)
    const { metadata } = parsed.parse(parseExactJson(answer.body, 'the answer'))
    const whole = parsed.shape.metadata.parse(parseExactJson(await metadataAtLocation(), 'the file'))
    expect(whole.snapshots.length).toBe(3)
    expect(metadata).toEqual({ ...whole, snapshots: whole.snapshots.slice(2) })
  })

  it('answers 304 for the ETag of the same metadata and way of asking, and the table anew for any other', async () => {
    const { etag } = (await ask('loadTable', TABLE)).headers
    const again = await ask('loadTable', TABLE, { 'if-none-match': `"x", ${etag}` })
    expect([again.statusCode, again.body, again.headers.etag]).toEqual([304, '', etag])
    const strong = String(etag).replace('W/', '')
    expect((await ask('loadTable', TABLE, { 'if-none-match': strong })).statusCode).toBe(304)
    expect((await ask('loadTable', TABLE, { 'if-none-match': strong.slice(1) })).statusCode).toBe(200)
    expect((await ask('loadTable', TABLE, { 'if-none-match': '*' })).statusCode).toBe(304)
    const refs = await ask('loadTable', `${TABLE}?snapshots=refs`, { 'if-none-match': String(etag) })
    expect(refs.statusCode).toBe(200)
    expect(refs.headers.etag).not.toBe(etag)
  })

  it('goes out compressed to clients that take gzip', async () => {
    const plain = await ask('loadTable', TABLE)
    expect(plain.headers).not.toHaveProperty('content-encoding')
    for (const accepted of ['gzip', 'gzip, deflate, br', 'br;q=1, GZIP;q=0.5', 'x-gzip,gzip']) {
      const answer = await app.inject({ url: TABLE, headers: { 'accept-encoding': accepted } })
      expect([answer.headers['content-encoding'], answer.headers.vary]).toEqual(['gzip', 'accept-encoding'])
      expect(answer.headers.etag).toBe(plain.headers.etag)
      expect(answer.rawPayload.byteLength).toBeLessThan(plain.body.length / 2)
      expect(gunzipSync(answer.rawPayload).toString()).toBe(plain.body)
    }
    for (const refused of ['', 'br', 'gzip;q=0', 'gzip; q=0.0, br', 'notgzip', 'identity']) {
      const answer = await ask('loadTable', TABLE, { 'accept-encoding': refused })
      expect(answer.body).toBe(plain.body)
    }
    const refs = await app.inject({ url: `${TABLE}?snapshots=refs`, headers: { 'accept-encoding': 'gzip' } })
    expect(JSON.parse(gunzipSync(refs.rawPayload).toString()).metadata.snapshots).toHaveLength(1)
  })

  it('is there or not', async () => {
    expect((await ask('tableExists', TABLE)).statusCode).toBe(204)
    expect((await ask('tableExists', `${NAMESPACE}/tables/other`)).statusCode).toBe(404)
    const missing = await ask('loadTable', `${NAMESPACE}/tables/other`)
    expect(missing.json().error).toMatchObject({ code: 404, type: 'NoSuchTableException' })
    expect((await ask('loadTable', `${TABLE}?snapshots=some`)).statusCode).toBe(400)
  })

  it('shows a commit the moment that it is published', async () => {
    const before = (await ask('loadTable', TABLE)).json()
    await land(pipeline.source, ids(30, 10), { base: 30 })
    await pipeline.settle()
    expect((await ask('loadTable', TABLE)).json()).toEqual(before)
    await pipeline.publish()
    const after = (await ask('loadTable', TABLE)).json()
    expect(after.metadata.snapshots).toHaveLength(before.metadata.snapshots.length + 1)
    expect(after.metadata['metadata-log'].at(-1)['metadata-file']).toBe(before['metadata-location'])
  })
})

describe('views', () => {
  it('are none', async () => {
    expect((await ask('listViews', `${NAMESPACE}/views`)).json().identifiers).toEqual([])
    expect((await ask('listViews', '/catalog/v1/local/namespaces/nowhere/views')).statusCode).toBe(404)
    expect((await ask('loadView', `${NAMESPACE}/views/orders`)).json().error.type).toBe('NoSuchViewException')
    expect((await ask('viewExists', `${NAMESPACE}/views/orders`)).statusCode).toBe(404)
  })
})
