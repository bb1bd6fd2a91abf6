/**
 * The real REST catalogs that adapters are tried against, over plain HTTP: that they start, keep what PyIceberg and a client of a few
 * lines commit, and refuse what they must. Where they differ from each other, `ways` says how: an adapter has to be right with all.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { runStep } from '../../servers/cache.ts'
import { startIcebergRest } from '../../servers/iceberg-rest.ts'
import { startNessie } from '../../servers/nessie.ts'
import {
  type CatalogAnswer,
  type CatalogClient,
  connectTo,
  type RestCatalogServer,
  type S3Storage,
} from '../../servers/rest-catalog.ts'
import { type S3Server, startS3Server } from '../../servers/s3-server.ts'
import { installReaders } from '../readers/install.ts'
import { type OutsideReader, startPyIceberg } from '../readers/readers.ts'

const APPEND = `${import.meta.dirname}/append_rows.py`

interface Ways {
  /** Undefined: it does not say what it can. */
  readonly endpoints: 'listed' | undefined
  readonly prefix: string | undefined
  /** Whether a table that is created at once lies where its creator wants it. */
  readonly createTakesLocation: boolean
  /** Whether a load shows older snapshots than the current one. */
  readonly keepsSnapshots: boolean
  /** Whether `assert-ref-snapshot-id` of null guards a branch that has no snapshot yet. */
  readonly guardsFirstSnapshot: boolean
  /** Ids that the first schema of a new table comes to, when its creator says 1, 7 and 9 (inside 7). */
  readonly firstSchemaIds: readonly number[]
  readonly conflictType: string
}

const REFERENCE: Ways = {
  endpoints: 'listed',
  prefix: undefined,
  createTakesLocation: true,
  keepsSnapshots: true,
  guardsFirstSnapshot: true,
  firstSchemaIds: [1, 7, 9],
  conflictType: 'CommitFailedException',
}

const NESSIE: Ways = {
  endpoints: undefined,
  prefix: 'main%7Clake',
  createTakesLocation: false,
  keepsSnapshots: false,
  guardsFirstSnapshot: false,
  firstSchemaIds: [1, 2, 3],
  conflictType: '',
}

let s3: S3Server
let pyiceberg: OutsideReader
beforeAll(async () => {
  s3 = await startS3Server()
  for (const bucket of ['reference', 'nessie']) await s3.createBucket(bucket)
  pyiceberg = await startPyIceberg()
})
afterAll(async () => {
  await pyiceberg?.close()
  await s3?.stop()
})

const storage = (bucket: string): S3Storage => ({ ...s3, bucket })

const errorSchema = z.object({ error: z.object({ message: z.string(), type: z.string(), code: z.int() }) })
const loadedSchema = z.object({
  'metadata-location': z.string(),
  metadata: z.object({
    'table-uuid': z.string(),
    location: z.string(),
    properties: z.record(z.string(), z.string()),
    schemas: z.array(z.object({ 'schema-id': z.int(), fields: z.array(z.looseObject({ id: z.int() })) })),
    'default-spec-id': z.int(),
    'current-schema-id': z.int(),
    snapshots: z.array(z.looseObject({ 'manifest-list': z.string(), 'sequence-number': z.int() })),
  }),
})

function loaded({ status, body }: CatalogAnswer) {
  expect(status, JSON.stringify(body)).toBe(200)
  return loadedSchema.parse(body)
}

function refusal({ status, body }: CatalogAnswer) {
  return { status, type: errorSchema.parse(body).error.type }
}

describe.each([
  {
    name: "the Iceberg project's server, on a folder",
    ways: REFERENCE,
    start: () => startIcebergRest(),
    withS3: false,
  },
  {
    name: "the Iceberg project's server, on S3",
    ways: REFERENCE,
    start: () => startIcebergRest({ s3: storage('reference') }),
    withS3: true,
  },
  { name: 'Nessie', ways: NESSIE, start: () => startNessie({ s3: storage('nessie') }), withS3: true },
])('$name', ({ ways, start, withS3 }) => {
  let server: RestCatalogServer
  let client: CatalogClient
  let python: string
  beforeAll(async () => {
    server = await start()
    client = await connectTo(server)
    python = (await installReaders()).python
    expect((await client.ask('namespaces', { body: { namespace: ['a'], properties: {} } })).status).toBe(200)
  })
  afterAll(() => server?.stop())

  const appendedSchema = z.object({ location: z.string(), uuid: z.string(), snapshots: z.array(z.string()) })
  function append(table: string, snapshots: number) {
    const properties = {
      ...{ uri: server.uri, warehouse: server.warehouse },
      ...(withS3 && {
        's3.endpoint': s3.endpoint,
        's3.access-key-id': s3.accessKeyId,
        's3.secret-access-key': s3.secretAccessKey,
        's3.region': s3.region,
      }),
    }
    const request = JSON.stringify({ properties, table: ['a', table], snapshots })
    return appendedSchema.parse(JSON.parse(runStep('Appending rows', [python, APPEND, request])))
  }
  function count(table: string) {
    const { uri, warehouse } = server
    return pyiceberg.count({ catalog: { uri, warehouse, ...(withS3 && { s3 }) }, table: `a.${table}` })
  }
  const load = async (table: string) => loaded(await client.ask(`namespaces/a/tables/${table}`))
  const commit = (table: string, requirements: readonly unknown[], updates: readonly unknown[]) =>
    client.ask(`namespaces/a/tables/${table}`, { body: { requirements, updates } })

  test('its configuration says where requests go and what it can', () => {
    const { defaults, overrides, endpoints } = client.config
    expect(overrides.prefix ?? defaults.prefix).toBe(ways.prefix)
    if (ways.endpoints === undefined) expect(endpoints).toBeUndefined()
    else expect(endpoints).toContain('POST /v1/{prefix}/namespaces/{namespace}/register')
  })

  test('what PyIceberg appends is there, and a commit on another parent is refused', async () => {
    const { location, uuid, snapshots } = append('appended', 2)
    expect(await count('appended')).toBe(2)
    const before = await load('appended')
    expect(before.metadata).toMatchObject({ 'table-uuid': uuid, location })
    expect(before.metadata.snapshots.length).toBe(ways.keepsSnapshots ? 2 : 1)
    const other = { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': 1 }
    const answer = await commit('appended', [other], [{ action: 'set-properties', updates: { lost: 'yes' } }])
    expect(refusal(answer)).toEqual({ status: 409, type: ways.conflictType })
    const stranger = { type: 'assert-table-uuid', uuid: '11111111-2222-4333-8444-555555555555' }
    expect((await commit('appended', [stranger], [])).status).toBe(409)
    expect((await load('appended')).metadata.properties).not.toHaveProperty('lost')
    expect(snapshots.length).toBeGreaterThan(0)
  })

  test('a table that was dropped comes back by its metadata file, with its uuid, its place and its rows', async () => {
    append('dropped', 2)
    const before = await load('dropped')
    const path = 'namespaces/a/tables/dropped?purgeRequested=false'
    expect((await client.ask(path, { method: 'DELETE' })).status).toBe(204)
    expect(refusal(await client.ask('namespaces/a/tables/dropped'))).toEqual({
      status: 404,
      type: 'NoSuchTableException',
    })
    const register = () =>
      client.ask('namespaces/a/register', {
        body: { name: 'back', 'metadata-location': before['metadata-location'] },
      })
    const { metadata } = loaded(await register())
    expect(metadata['table-uuid']).toBe(before.metadata['table-uuid'])
    expect(metadata.location).toBe(before.metadata.location)
    expect(await count('back')).toBe(2)
    expect(refusal(await register())).toEqual({ status: 409, type: 'AlreadyExistsException' })
  })

  test('whether a new table lies where its creator wants', async () => {
    const location = `${server.location}/wanted`
    const body = { name: 'placed', schema: schema(0), location, 'stage-create': false }
    const { metadata } = loaded(await client.ask('namespaces/a/tables', { body }))
    if (ways.createTakesLocation) expect(metadata.location).toBe(location)
    else expect(metadata.location).toMatch(new RegExp(`^${server.location}/a/placed_`))
  })

  test('a table made with its whole history keeps its uuid, its place and its later schemas', async () => {
    const uuid = '99999999-2222-4333-8444-555555555555'
    const location = `${server.location}/history`
    const updates = [
      { action: 'assign-uuid', uuid },
      { action: 'upgrade-format-version', 'format-version': 2 },
      { action: 'add-schema', schema: schema(0), 'last-column-id': 9 },
      { action: 'add-schema', schema: schema(1), 'last-column-id': 12 },
      { action: 'set-current-schema', 'schema-id': 1 },
      { action: 'add-spec', spec: { 'spec-id': 0, fields: [] } },
      { action: 'set-default-spec', 'spec-id': 0 },
      { action: 'add-sort-order', 'sort-order': { 'order-id': 0, fields: [] } },
      { action: 'set-default-sort-order', 'sort-order-id': 0 },
      { action: 'set-location', location },
    ]
    const create = () => commit('history', [{ type: 'assert-create' }], updates)
    expect((await create()).status).toBe(200)
    const { metadata } = await load('history')
    expect(metadata).toMatchObject({ 'table-uuid': uuid, location, 'current-schema-id': 1 })
    expect(metadata.schemas.map(idsOf)).toEqual([ways.firstSchemaIds, [1, 7, 9, 12]])
    expect((await create()).status).toBe(409)
  })

  test('whether a first snapshot is guarded against another that came first', async () => {
    append('source', 1)
    const [snapshot] = (await load('source')).metadata.snapshots
    const body = { name: 'guarded', schema: schema(0), 'stage-create': false }
    loaded(await client.ask('namespaces/a/tables', { body }))
    const first = (id: number, sequenceNumber: number) =>
      commit(
        'guarded',
        [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': null }],
        [
          {
            action: 'add-snapshot',
            snapshot: {
              'snapshot-id': id,
              'sequence-number': sequenceNumber,
              'timestamp-ms': Date.now(),
              'manifest-list': snapshot?.['manifest-list'],
              summary: { operation: 'append' },
              'schema-id': 0,
            },
          },
          { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': id },
        ],
      )
    expect((await first(100, 1)).status).toBe(200)
    expect((await first(101, 2)).status).toBe(ways.guardsFirstSnapshot ? 409 : 200)
  })

  test('another one beside it has none of its tables', async () => {
    const other = await start()
    try {
      const beside = await connectTo(other)
      expect(other.uri).not.toBe(server.uri)
      expect(refusal(await beside.ask('namespaces/a')).status).toBe(404)
    } finally {
      await other.stop()
    }
  })
})

/** A struct of one string, with ids that no library would give: they show who renumbers. */
function schema(id: number) {
  const field = (id: number, name: string, type: unknown) => ({ id, name, required: false, type })
  const struct = { type: 'struct', fields: [field(9, 'x', 'string')] }
  const fields = [field(1, 'id', 'long'), field(7, 's', struct)]
  return {
    type: 'struct',
    'schema-id': id,
    fields: id === 0 ? fields : [...fields, field(12, 'more', 'string')],
  }
}

const nestedSchema = z.object({ fields: z.array(z.looseObject({ id: z.int() })) })
function idsOf({ fields }: { readonly fields: readonly Record<string, unknown>[] }): readonly number[] {
  const ids = fields.flatMap(({ id, type }) => {
    const nested = nestedSchema.safeParse(type)
    return [z.int().parse(id), ...(nested.success ? nested.data.fields.map(inner => inner.id) : [])]
  })
  return ids.sort((a, b) => a - b)
}
