/** The publisher on a line to Glue that fails in every way: in the end the catalog shows every row, each snapshot once. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Catalog } from '../../catalog-adapters/catalog.ts'
import { openGlueCatalog } from '../../catalog-adapters/glue/open-glue-catalog.ts'
import { publishRound } from '../../services/publisher/publish-loop.ts'
import { tableIdentifierOf } from '../../shared/config/config.ts'
import { Secret } from '../../shared/config/secret.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { ids, land } from '../fakes/land-segments.ts'
import { openPipeline, type Pipeline, TABLE } from '../fakes/pipeline-fixture.ts'
import { type Fault, type FaultProxy, startFaultProxy } from '../servers/fault-proxy.ts'
import { type GlueServer, glueError, startGlueServer } from '../servers/glue.ts'

const ROUNDS = 12
const SEED = 20_261_121
const RATE = 0.3

let server: GlueServer
let proxy: FaultProxy
beforeEach(async () => {
  server = await startGlueServer()
  proxy = await startFaultProxy(server.endpoint)
})
afterEach(async () => {
  await proxy?.stop()
  await server?.stop()
})

const answer = (kind: 'answer' | 'answer-after', status: number, code: string): Fault => ({
  kind,
  status,
  code,
  json: glueError(code, 'the proxy says so'),
})

/** What the configuration opens. */
function openCatalog(endpoint: string, { warehouse }: Pipeline): Catalog {
  const { region, accessKeyId, secretAccessKey } = server
  const credentials = {
    accessKeyId: new Secret(accessKeyId),
    secretAccessKey: new Secret(secretAccessKey),
  }
  const config = { name: 'local', type: 'glue', region, endpoint, credentials } as const
  return openGlueCatalog(config, { warehouse, runtime: systemRuntime })
}

test('a table in a round that publishes it costs three requests, and without anything new none', async () => {
  const pipeline = await openPipeline()
  const catalog = openCatalog(server.endpoint, pipeline)
  const parts = { ...pipeline.parts, catalogs: new Map([['local', catalog]]) }
  const costs: string[][] = []
  for (const hasLanded of [true, true, false]) {
    const base = costs.length * 10
    if (hasLanded) await land(pipeline.source, ids(base, 10), { base })
    await pipeline.settle()
    const before = server.requests.length
    await publishRound(parts, await pipeline.declare())
    costs.push(server.requests.slice(before).map(({ operation }) => operation))
  }
  const [, second, third] = costs
  // The dead-letter table has nothing new.
  expect(second).toEqual(['GetTable', 'GetTable', 'UpdateTable'])
  expect(third).toEqual([])
  await catalog.close()
  await pipeline.close()
})

test('a rain of faults loses no row, shows none twice and holds no table', async () => {
  const pipeline = await openPipeline()
  const { metadata } = pipeline
  const rained = openCatalog(proxy.endpoint, pipeline)
  const clean = openCatalog(server.endpoint, pipeline)
  const parts = { ...pipeline.parts, catalogs: new Map([['local', rained]]) }
  const { rows: table } = await pipeline.declare()
  const publication = () => metadata.loadPublication(table.tableId, 'local')
  const publish = async () => publishRound(parts, await pipeline.declare())

  proxy.rain({
    seed: SEED,
    rate: RATE,
    faults: [
      { kind: 'cut-before' },
      { kind: 'cut-after' },
      { kind: 'cut-body', share: 0.5 },
      { kind: 'garble-request' },
      answer('answer', 500, 'InternalServiceException'),
      answer('answer-after', 500, 'InternalServiceException'),
      answer('answer-after', 503, 'ServiceUnavailable'),
      answer('answer', 400, 'ThrottlingException'),
      answer('answer', 400, 'ConcurrentModificationException'),
      answer('answer', 400, 'ExpiredTokenException'),
      answer('answer', 400, 'AccessDeniedException'),
    ],
  })
  for (let round = 0; round < ROUNDS; round++) {
    await land(pipeline.source, ids(round * 10, 10), { base: round * 10 })
    await pipeline.settle()
    await publish()
    expect((await publication()).state).not.toBe('held')
  }
  expect(proxy.struck()).toBeGreaterThan(ROUNDS / 2)
  proxy.calm()
  await publish()
  await publish()

  const snapshots = await metadata.listSnapshots(table.tableId)
  const shown = await clean.loadTable(tableIdentifierOf(TABLE))
  expect(shown?.metadata.snapshots.map(({ snapshotId }) => snapshotId)).toEqual(
    snapshots.map(({ snapshotId }) => snapshotId),
  )
  expect(shown?.metadata.snapshots.at(-1)?.summary['total-records']).toBe(String(ROUNDS * 10))
  expect(shown?.metadataLocation).toBe((await publication()).metadataLocation)
  await Promise.all([rained.close(), clean.close(), pipeline.close()])
})
