import { afterEach, beforeEach, expect, it } from 'vitest'
import { type CatalogApp, catalogApp } from '../../../fakes/catalog-app.ts'
import { ids, land } from '../../../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../../../fakes/pipeline-fixture.ts'
import { OPERATIONS, problemsOfAnswer } from '../../../fakes/rest-catalog-spec.ts'

let pipeline: Pipeline
let catalog: CatalogApp
beforeEach(async () => {
  pipeline = await openPipeline()
  await land(pipeline.source, ids(0, 10))
  await pipeline.settle()
  await pipeline.publish()
  catalog = await catalogApp(pipeline)
})
afterEach(async () => {
  await catalog.app.close()
  await pipeline.close()
})

/** Not offered at all: planning on the server, signing of requests. And what only reads, gives tokens, or takes reports. */
const OTHERS = /\/plan|\/tasks$|\/sign$|\/tokens$|\/metrics$/
const WRITES = OPERATIONS.filter(({ method, path }) => !/GET|HEAD/.test(method) && !OTHERS.test(path))
const urlOf = (path: string) =>
  `/catalog${path}`
    .replace('{prefix}', 'local')
    .replace('{namespace}', 'shop')
    .replace('{table}', 'orders')
    .replace('{view}', 'orders')

async function everything() {
  const keys: string[] = []
  for await (const { key, etag } of pipeline.warehouse.list({ prefix: '' })) keys.push(`${key} ${etag}`)
  const tables = await pipeline.metadata.listTables()
  const publications = await Promise.all(
    tables.map(table => pipeline.metadata.listPublications(table.tableId)),
  )
  return { keys, tables, publications }
}

it('every operation of the specification that writes is refused, in a way that no client tries again, and changes nothing', async () => {
  expect(WRITES.map(({ id }) => id)).toEqual(
    expect.arrayContaining(['createTable', 'updateTable', 'dropTable', 'commitTransaction', 'registerView']),
  )
  const before = await everything()
  for (const { id, method, path } of WRITES) {
    // A body that is too large, and one that is no JSON: it is not even read.
    for (const payload of [undefined, '{}', '{"a":', 'x'.repeat(2 << 20)]) {
      const answer = await catalog.app.inject({
        method: method === 'DELETE' ? 'DELETE' : 'POST',
        url: urlOf(path),
        ...(payload !== undefined && { payload, headers: { 'content-type': 'application/json' } }),
      })
      expect([id, answer.statusCode], answer.body).toEqual([id, 403])
      expect(problemsOfAnswer(id, answer.statusCode, answer.body)).toEqual([])
      expect(answer.json().error.message).toContain('tidewater.yaml')
    }
  }
  expect(await everything()).toEqual(before)
  expect(catalog.problems).toEqual([])
})

it('no tokens are given out, in the words of OAuth', async () => {
  const answer = await catalog.app.inject({
    method: 'POST',
    url: '/catalog/v1/oauth/tokens',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: 'grant_type=client_credentials&client_id=a&client_secret=canary-secret',
  })
  expect(answer.statusCode).toBe(400)
  expect(problemsOfAnswer('getToken', answer.statusCode, answer.body)).toEqual([])
  expect(answer.json().error_description).toContain('server.token')
  expect(answer.body).not.toContain('canary')
})

it('planning on the server and signing are no paths of this catalog', async () => {
  for (const { method, path } of OPERATIONS.filter(({ path }) => /\/plan|\/tasks$|\/sign$/.test(path))) {
    const answer = await catalog.app.inject({
      method: method === 'DELETE' ? 'DELETE' : method === 'GET' ? 'GET' : 'POST',
      url: urlOf(path).replace('{plan-id}', '7'),
    })
    expect([answer.statusCode, answer.json().error.type]).toEqual([404, 'NotFoundException'])
  }
})
