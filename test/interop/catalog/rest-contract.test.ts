/**
 * The contract of catalogs on the REST adapter and the Iceberg project's own server, through a proxy that misbehaves. Every request is
 * held against the project's OpenAPI file on its way.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Secret } from '../../../shared/config/secret.ts'
import { differenceOf } from '../../../shared/iceberg/table-changes.ts'
import type { TableMetadata } from '../../../shared/iceberg/table-metadata.ts'
import { openObjectStore } from '../../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { describeCatalog } from '../../contract/catalog.ts'
import { problemsOfSchema } from '../../fakes/rest-catalog-spec.ts'
import { type FaultProxy, startFaultProxy } from '../../servers/fault-proxy.ts'
import { startIcebergRest } from '../../servers/iceberg-rest.ts'
import type { RestCatalogServer } from '../../servers/rest-catalog.ts'
import { dataFolder, removeFolder } from '../../servers/server-process.ts'
import { BY_DAY, ORDERS } from '../../unit/iceberg/fixtures.ts'
import { openRest } from './rest-rig.ts'

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

const open = () =>
  openRest({
    server: reference,
    proxy,
    auth: { kind: 'credential', credential: new Secret('an-id:a-secret'), scope: 'catalog' },
    openWarehouse: () => openObjectStore(`file:${folder}/warehouse`, { runtime: systemRuntime }),
  })

/** Refused for good, so that the adapter goes another way. */
const refuse = (match: RegExp, times: number) =>
  proxy.inject({ kind: 'answer', status: 406, code: 'Injected' }, match, times)
const REGISTER = /^POST .*\/register$/
const NEW_TABLE = /^POST .*\/tables\/orders$/
const hasServer = { holds: true, because: 'it is one' }
const keepsIdempotencyKeys = { holds: false, because: 'its configuration says nothing of them' }
const showsHistory = { holds: true, because: 'it keeps metadata files as the library does' }

describeCatalog('rest, at the reference server', {
  hasServer,
  showsHistory,
  keepsIdempotencyKeys,
  open,
})
describeCatalog('rest, where nothing can be registered: one commit makes a table', {
  hasServer,
  showsHistory,
  keepsIdempotencyKeys,
  async open() {
    const opened = await open()
    refuse(REGISTER, 1000)
    return opened
  },
})
describeCatalog('rest, where no commit makes a table: it is made empty, with a uuid of the server', {
  hasServer,
  showsHistory,
  keepsIdempotencyKeys,
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
