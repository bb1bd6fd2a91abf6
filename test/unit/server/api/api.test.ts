import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newTable } from '../../../contract/metadata-store-fixture.ts'
import { ids, land } from '../../../fakes/land-segments.ts'
import { TABLE } from '../../../fakes/pipeline-fixture.ts'
import { type Serving, serve } from '../serving.ts'
import { type StrictDocument, strictDocument } from './strict-document.ts'

const LETTERS = `${TABLE}__dlq`
const SCAN = {
  catalog: 'local',
  schemaId: 0,
  filter: '{"type":"gt","term":"id","value":3}',
  projectedFields: ['id'],
  engine: 'trino 400',
  resultFiles: 2n,
  resultBytes: 2n ** 40n,
}
const NOTE = { who: 'ada', why: 'the broker moves' }
let serving: Serving
let strict: StrictDocument
const get = (path: string) => serving.get(`/api/v1${path}`)

/** Three snapshots of rows in four buckets, dead letters of two kinds in two partitions, events of a person; two tables without anything. */
beforeAll(async () => {
  serving = await serve({}, { table: { partition_by: ['bucket(4, id)'] } })
  const { pipeline } = serving
  for (const round of [0, 1, 2]) {
    await land(pipeline.source, [...ids(round * 20, 18), 'not json', { id: 'x' }], { base: round * 20 })
    await land(pipeline.source, [...ids(round * 10, 9), 'not json'], { base: round * 10, partition: 1 })
    await pipeline.settle()
    await pipeline.publish()
  }
  const { rows } = await pipeline.declare()
  await pipeline.metadata.setTableState(rows.tableId, 'paused', NOTE)
  await pipeline.metadata.setTableState(rows.tableId, 'active', NOTE)
  const id = { tableId: rows.tableId, topic: 'orders', partition: 1 }
  await pipeline.metadata.stopPartition(id, {
    code: 'crc',
    reason: 'a segment is damaged',
    details: { at: 2n ** 60n },
  })
  for (const snapshotId of [2n ** 60n, 7n, 8n])
    await pipeline.metadata.appendScanReport({ ...SCAN, tableId: rows.tableId, snapshotId })
  for (const name of ['zoo.a', 'zoo.b']) await pipeline.metadata.createTable(newTable(name, name))
  strict = strictDocument((await get('/openapi.json')).body)
})
afterAll(() => serving.end())

const at = (value: unknown, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((inner, key) => Object(inner)[key], value)

describe('the OpenAPI document', () => {
  it('is what every route answers, with nothing left out', async () => {
    const places = Object.keys(strict.document.paths)
    expect(places.length).toBeGreaterThan(7)
    for (const place of places) {
      for (const name of place.includes('{name}')
        ? [TABLE, ...(place.endsWith('dead-letters') ? [] : [LETTERS])]
        : ['']) {
        const { status, headers, text } = await get(place.replace('{name}', name))
        expect([place, status]).toEqual([place, 200])
        expect(strict.problemsOf(place, headers.get('content-type'), JSON.parse(text)), place).toEqual([])
      }
    }
  })

  it('describes problems as they come', async () => {
    for (const path of ['/tables/none', '/nothing', '/tables?limit=0', '/tables?page=zz'])
      expect(strict.problemsWith('Problem', JSON.parse((await get(path)).text)), path).toEqual([])
  })

  it('gives each parameter a type, a default and bounds', () => {
    const [, limit] = strict.document.paths['/tables/{name}/files']?.get.parameters ?? []
    expect(limit).toEqual({
      name: 'limit',
      in: 'query',
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
    })
  })
})

describe('pages', () => {
  const walk = async (path: string, list: string) => {
    const sizes: number[] = []
    const all: unknown[] = []
    let page: unknown
    do {
      const { status, body } = await get(`${path}${page === undefined ? '' : `&page=${page}`}`)
      expect(status).toBe(200)
      const part = at(body, list)
      if (!Array.isArray(part)) throw new Error(`no ${list}`)
      sizes.push(part.length)
      all.push(...part)
      page = at(body, 'next_page') ?? undefined
    } while (page !== undefined && sizes.length < 100)
    return { all, sizes }
  }

  it.each([
    ['/status', 'tables', 'name'],
    ['/tables', 'tables', 'name'],
    [`/tables/${TABLE}/snapshots`, 'snapshots', 'snapshot_id'],
    [`/tables/${TABLE}/files`, 'files', 'path'],
    ['/dead-letters', 'dead_letters', 'error_code'],
    [`/tables/${TABLE}/dead-letters`, 'dead_letters', 'offset'],
    ['/queries', 'queries', 'snapshot_id'],
  ])('of %s are together the whole, in its order', async (path, list, key) => {
    const whole = await walk(`${path}?limit=1000`, list)
    expect(whole.sizes).toHaveLength(1)
    expect(whole.all.length).toBeGreaterThan(1)
    const parts = await walk(`${path}?limit=2`, list)
    expect(parts.sizes.length).toBeGreaterThan(1)
    expect(parts.all.map(item => at(item, key))).toEqual(whole.all.map(item => at(item, key)))
    expect(Math.max(...parts.sizes)).toBeLessThanOrEqual(2)
  })

  it('of a size that divides the whole end with the last table', async () => {
    expect((await walk('/status?limit=1', 'tables')).sizes).toEqual([1, 1, 1])
  })

  it('a token of another list, of other filters, or made up, is refused', async () => {
    const { body } = await get(`/tables/${TABLE}/files?limit=1`)
    const token = String(at(body, 'next_page'))
    for (const path of [
      `/tables/${LETTERS}/files?page=${token}`,
      `/tables/${TABLE}/snapshots?page=${token}`,
      `/tables?page=${token}`,
      `/tables?page=${at((await get('/status?limit=1')).body, 'next_page')}`,
      `/tables?page=${Buffer.from('[[],[]]').toString('base64url')}`,
      `/tables?page=${'A'.repeat(9000)}`,
      '/tables?page=',
    ])
      expect([path, (await get(path)).body]).toMatchObject([
        path,
        { status: 400, code: 'page-token-invalid' },
      ])
  })
})

describe('answers', () => {
  it('keep every digit of ids', async () => {
    const { text, body } = await get(`/tables/${TABLE}/snapshots`)
    const id = at(body, 'snapshots', 0, 'snapshot_id')
    expect(typeof id).toBe('bigint')
    expect(text).toContain(`"snapshot_id":${id},`)
  })

  it('count dead letters by partition and code, and show them by code', async () => {
    const { body } = await get('/dead-letters?code=not-json')
    expect(at(body, 'dead_letters')).toMatchObject([
      { table: TABLE, topic: 'orders', partition: 0, error_code: 'not-json', count: 3 },
      { table: TABLE, topic: 'orders', partition: 1, error_code: 'not-json', count: 3 },
    ])
    const records = at((await get(`/tables/${TABLE}/dead-letters?code=not-json`)).body, 'dead_letters')
    expect(records).toHaveLength(6)
    expect(records).toMatchObject(Array(6).fill({ value: 'not json', key: null, error_code: 'not-json' }))
    const none = await get(`/tables/${TABLE}/dead-letters?code=no-such-code`)
    expect(none.body).toEqual({ dead_letters: [], next_page: null })
  })

  it('describe a table as it is', async () => {
    const { body } = await get(`/tables/${TABLE}`)
    expect(body).toMatchObject({ name: TABLE, rows: 81, dead_letter_table: LETTERS, snapshots: { count: 3 } })
  })
})

describe('events', () => {
  const types = (body: unknown) => (Array.isArray(body) ? body.map(event => at(event, 'type')) : [])

  it('are CloudEvents that say what happened, since when, and what to do, newest first', async () => {
    const { body, headers } = await get('/events')
    expect(headers.get('content-type')).toBe('application/cloudevents-batch+json; charset=utf-8')
    expect(types(body)).toEqual(['partition.stopped', 'operator.resume', 'operator.pause'])
    expect(at(body, 0)).toMatchObject({
      specversion: '1.0',
      id: '3',
      source: 'file:///lake/warehouse',
      subject: `${TABLE}/orders-1`,
      data: {
        message: 'a segment is damaged',
        severity: 'error',
        what_to_do: expect.stringContaining(`tidewater resume ${TABLE} --partition 1`),
        details: { at: 2n ** 60n },
      },
    })
    expect(at(body, 1, 'data')).toMatchObject({ who: 'ada', why: 'the broker moves', partition: null })
  })

  it.each([
    ['type=operator.pause', ['operator.pause']],
    ['type=operator.pause,operator.resume', ['operator.resume', 'operator.pause']],
    ['severity=error', ['partition.stopped']],
    ['severity=info&type=partition.stopped', []],
    ['before=3', ['operator.resume', 'operator.pause']],
    ['after=1', ['operator.resume', 'partition.stopped']],
    ['after=1&limit=1', ['operator.resume']],
    [`table=${TABLE}&limit=1`, ['partition.stopped']],
    [`table=${LETTERS}`, []],
  ])('%s', async (query, expected) => {
    expect(types((await get(`/events?${query}`)).body)).toEqual(expected)
  })
})

describe('mistakes', () => {
  it.each([
    ['/tables?limt=3', 400, 'query-invalid', 'Unknown query parameter "limt". This route takes limit, page.'],
    ['/scaling?x=1', 400, 'query-invalid', 'This route takes none.'],
    [
      '/tables?limit=1001',
      400,
      'query-invalid',
      'limit: expected a whole number from 1 to 1000, found "1001".',
    ],
    ['/tables?limit=1&limit=2', 400, 'query-invalid', 'found several values'],
    ['/events?type=nonsense', 400, 'query-invalid', 'type: expected one of partition.stopped'],
    ['/events?after=1&before=2', 400, 'query-invalid', 'give one of the two'],
    ['/events?after=-1', 400, 'query-invalid', 'after: expected a whole number from 0'],
    ['/events?table=none', 404, 'table-not-found', 'There is no table "none"'],
    ['/tables/none', 404, 'table-not-found', '/api/v1/tables lists them'],
    ['/tables/none/files', 404, 'table-not-found', 'none'],
    [`/tables/${LETTERS}/dead-letters`, 404, 'no-dead-letters', 'it is a table of them'],
    ['/nothing', 404, 'not-found', 'There is nothing at /api/v1/nothing'],
    ['/tables/%ff', 400, 'bad-url', 'url'],
  ])('%s: %i %s', async (path, status, code, detail) => {
    const { body, headers } = await get(path)
    expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
    expect(body).toMatchObject({ status, code, type: `urn:tidewater:problem:${code}` })
    expect(at(body, 'detail')).toContain(detail)
  })

  it('a method that a path does not have is 405 and says which it has; HEAD is a GET without body', async () => {
    const url = `${serving.url}/api/v1/tables`
    const refused = await fetch(url, { method: 'DELETE' })
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    const head = await fetch(url, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(100)
  })
})
