/**
 * The contract of catalogs on the REST adapter and the Iceberg project's own server, through a proxy that misbehaves. Every request is
 * held against the project's OpenAPI file on its way.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRestCatalog } from '../../../catalog-adapters/rest/open-rest-catalog.ts'
import { Secret } from '../../../shared/config/secret.ts'
import { differenceOf } from '../../../shared/iceberg/table-changes.ts'
import type { TableMetadata } from '../../../shared/iceberg/table-metadata.ts'
import { locationToKey } from '../../../shared/object-store/locations.ts'
import { openObjectStore } from '../../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { describeCatalog, type OpenedCatalog } from '../../contract/catalog.ts'
import { problemsOfSchema } from '../../fakes/rest-catalog-spec.ts'
import { type Fault, type FaultProxy, startFaultProxy } from '../../servers/fault-proxy.ts'
import { startIcebergRest } from '../../servers/iceberg-rest.ts'
import type { RestCatalogServer } from '../../servers/rest-catalog.ts'
import { dataFolder, removeFolder } from '../../servers/server-process.ts'
import { BY_DAY, ORDERS } from '../../unit/iceberg/fixtures.ts'

const CHANGE = /^(POST|DELETE) (?!.*\/oauth\/)/
const ANY = /\/v1\/(?!oauth)/
const SEPARATOR = '%2E'

let folder: string
let reference: RestCatalogServer
let proxy: FaultProxy
const problems: string[] = []
beforeAll(async () => {
  folder = dataFolder('rest-contract')
  mkdirSync(join(folder, 'warehouse'))
  reference = await startIcebergRest({ warehouse: `file:${folder}/servers-own` })
  proxy = await startFaultProxy(reference.uri)
  proxy.onRequest(({ line, body }) => problems.push(...problemsOfRequest(line, body)))
})
afterAll(async () => {
  await proxy?.stop()
  await reference?.stop()
  removeFolder(folder)
})

const BODIES: readonly (readonly [RegExp, string])[] = [
  [/^POST [^?]*\/namespaces$/, 'CreateNamespaceRequest'],
  [/^POST [^?]*\/register$/, 'RegisterTableRequest'],
  [/^POST [^?]*\/tables$/, 'CreateTableRequest'],
  [/^POST [^?]*\/tables\/[^/]+$/, 'CommitTableRequest'],
]

function problemsOfRequest(line: string, body: string): readonly string[] {
  const schema = BODIES.find(([path]) => path.test(line))?.[1]
  if (schema !== undefined)
    return problemsOfSchema(schema, JSON.parse(body)).map(problem => `${line}: ${problem}`)
  return body === '' || line.includes('/oauth/') ? [] : [`${line}: a body where none is known`]
}

async function askReference(method: string, path: string, body?: object): Promise<void> {
  const answer = await fetch(`${reference.uri}/v1/${path}`, {
    method,
    ...(body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  })
  if (!answer.ok && answer.status !== 409)
    throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
}

let made = 0
async function open(): Promise<OpenedCatalog> {
  proxy.calm()
  const namespace = ['shop', `north_${++made}`]
  const warehouse = openObjectStore(`file:${folder}/warehouse`, { runtime: systemRuntime })
  const pathOf = (name: string) => `namespaces/${namespace.join(SEPARATOR)}/tables/${name}`
  const catalog = openRestCatalog(
    {
      name: 'reference',
      type: 'rest',
      uri: proxy.endpoint,
      auth: { kind: 'credential', credential: new Secret('an-id:a-secret'), scope: 'catalog' },
      headers: {},
    },
    { warehouse, runtime: systemRuntime },
  )
  const drop: NonNullable<OpenedCatalog['server']>['others']['drop'] = async ({ name }) =>
    await askReference('DELETE', pathOf(name))
  const fault = (fault: Fault, match: RegExp) => proxy.inject(fault, match)
  return {
    catalog,
    identifier: { namespace, name: 'orders' },
    tableUuid: systemRuntime.uuid(),
    location: `file://${folder}/warehouse/${namespace.join('/')}/orders`,
    server: {
      faults: {
        breakNextChange: when => fault({ kind: when === 'before' ? 'cut-before' : 'cut-after' }, CHANGE),
        refuseNext: status => fault({ kind: 'answer', status, code: 'Injected' }, ANY),
      },
      others: {
        drop,
        async replace(identifier) {
          const schema = {
            type: 'struct',
            'schema-id': 0,
            fields: [{ id: 1, name: 'x', required: false, type: 'int' }],
          }
          for (const levels of [namespace.slice(0, 1), namespace])
            await askReference('POST', 'namespaces', { namespace: levels })
          await drop(identifier).catch(() => undefined)
          await askReference('POST', `namespaces/${namespace.join(SEPARATOR)}/tables`, {
            name: identifier.name,
            schema,
          })
        },
        async setProperty({ name }, property, value) {
          const updates = [{ action: 'set-properties', updates: { [property]: value } }]
          await askReference('POST', pathOf(name), { requirements: [], updates })
        },
      },
    },
    confirm: async () => undefined,
    occupy: async location => {
      await warehouse.put(locationToKey(warehouse, location), new Uint8Array([1]))
    },
    async close() {
      await catalog.close()
      await warehouse.close()
    },
  }
}

/** Refused for good, so that the adapter goes another way. */
const refuse = (match: RegExp, times: number) =>
  proxy.inject({ kind: 'answer', status: 406, code: 'Injected' }, match, times)
const REGISTER = /^POST .*\/register$/
const NEW_TABLE = /^POST .*\/tables\/orders$/
const hasServer = { holds: true, because: 'it is one' }

describeCatalog('rest, at the reference server', { hasServer, open })
describeCatalog('rest, where nothing can be registered: one commit makes a table', {
  hasServer,
  async open() {
    const opened = await open()
    refuse(REGISTER, 1000)
    return opened
  },
})
describeCatalog('rest, where no commit makes a table: it is made empty, with a uuid of the server', {
  hasServer,
  async open() {
    const opened = await open()
    refuse(REGISTER, 1000)
    refuse(NEW_TABLE, 1)
    return opened
  },
})

describe('the ids of a table', () => {
  const noWay = () => undefined
  const oneCommit = () => refuse(REGISTER, 1000)
  const emptyFirst = () => {
    oneCommit()
    refuse(NEW_TABLE, 1)
  }

  test.each([
    { way: 'registered', prepare: noWay, areOurs: true },
    { way: 'made by one commit', prepare: oneCommit, areOurs: true },
    { way: 'made empty, by the server', prepare: emptyFirst, areOurs: false },
  ])('$way: Tidewater’s own: $areOurs; the server says which', async ({ prepare, areOurs }) => {
    const opened = await open()
    prepare()
    // Its columns have ids in another order than the Java library's.
    const metadata = newTable(opened)
    const metadataLocation = `${opened.location}/metadata/00001-x.metadata.json`
    const { catalog, identifier, tableUuid } = opened
    await catalog.commit({ identifier, metadata, metadataLocation })
    const shown = await catalog.loadTable(identifier)
    if (shown === undefined) throw new Error('there is no table')
    expect(shown.tableUuid === tableUuid).toBe(areOurs)
    expect(shown.metadata.properties['tidewater.table-id']).toBe(areOurs ? undefined : tableUuid)
    const difference = differenceOf(shown.metadata, metadata)
    if (areOurs) expect(difference).toBeUndefined()
    else expect(difference).toMatch(/^schema 0 as .* not as /)
    await opened.close()
  })
})

test('every request was one that the specification describes', () => {
  expect(problems).toEqual([])
  expect(proxy.seen.length).toBeGreaterThan(100)
})

function newTable({ tableUuid, location }: Pick<TableMetadata, 'tableUuid' | 'location'>): TableMetadata {
  return {
    tableUuid,
    location,
    lastSequenceNumber: 0n,
    lastUpdatedMs: 1_700_000_000_000,
    lastColumnId: 6,
    schemas: [ORDERS],
    currentSchemaId: 0,
    partitionSpecs: [BY_DAY],
    defaultSpecId: 0,
    lastPartitionId: 1000,
    properties: {},
    snapshots: [],
    snapshotLog: [],
    metadataLog: [],
  }
}
