/** What is Glue's own: the entry of a table, its lock, names, rights, keys, and what the way there does to requests. */
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateTableCommand,
  DeleteTableCommand,
  GetTableCommand,
  GetTableVersionsCommand,
  UpdateTableCommand,
} from '@aws-sdk/client-glue'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Catalog } from '../../catalog-adapters/catalog.ts'
import { createGlueCatalog } from '../../catalog-adapters/glue/glue-catalog.ts'
import { type GlueSettings, openGlue } from '../../catalog-adapters/glue/glue-client.ts'
import { tableMetadataOf } from '../../shared/iceberg/table-metadata-of.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { openPipeline, TABLE } from '../fakes/pipeline-fixture.ts'
import { createAuthority } from '../servers/certificates.ts'
import type { Fault } from '../servers/fault-proxy.ts'
import { GLUE_ACCOUNT_ID, glueError } from '../servers/glue.ts'
import { type GlueRig, refusal, startGlueRig } from './glue-rig.ts'

const [DATABASE = '', NAME = ''] = TABLE.split('.')
const identifier = { namespace: [DATABASE], name: NAME }
const place = { DatabaseName: DATABASE, Name: NAME }

let rig: GlueRig
let server: GlueRig['server']
let proxy: GlueRig['proxy']
let other: GlueRig['other']
let openCatalog: GlueRig['openCatalog']
beforeAll(async () => {
  rig = await startGlueRig()
  ;({ server, proxy, other, openCatalog } = rig)
})
afterAll(() => rig?.stop())

async function openTable() {
  const pipeline = await openPipeline()
  const { rows: table } = await pipeline.declare()
  const { metadata, warehouse } = pipeline
  const publication = await metadata.loadPublication(table.tableId, 'glue')
  const locationOf = (version: number) => `${table.location}/metadata/0000${version}-x.metadata.json`
  return {
    warehouse,
    versionOf(version: number) {
      const timestampMs = 1_700_000_000_000 + version
      return {
        identifier,
        metadataLocation: locationOf(version),
        metadata: tableMetadataOf({ table, snapshots: [], publication, timestampMs }),
      }
    },
    async close() {
      await other.send(new DeleteTableCommand(place)).catch(() => undefined)
      await pipeline.close()
    },
  }
}

describe('the catalog of Glue', () => {
  let table: Awaited<ReturnType<typeof openTable>>
  let catalog: Catalog
  beforeEach(async () => {
    table = await openTable()
    catalog = openCatalog(table.warehouse)
    proxy.calm()
  })
  afterEach(async () => {
    await catalog.close()
    await table.close()
  })

  const load = () => catalog.loadTable(identifier)
  async function commit(version: number) {
    const base = await load()
    return await catalog.commit({ ...table.versionOf(version), ...(base && { base }) })
  }
  async function entry() {
    return (await other.send(new GetTableCommand(place))).Table
  }
  test('the entry of a table says what Athena and Spark look for', async () => {
    await commit(1)
    const [first, second] = [table.versionOf(1), table.versionOf(2)]
    expect((await entry())?.Parameters).toEqual({
      table_type: 'ICEBERG',
      metadata_location: first.metadataLocation,
    })
    await commit(2)
    expect(await entry()).toMatchObject({
      TableType: 'EXTERNAL_TABLE',
      Parameters: {
        table_type: 'ICEBERG',
        metadata_location: second.metadataLocation,
        previous_metadata_location: first.metadataLocation,
      },
      StorageDescriptor: { Location: second.metadata.location },
    })
    expect((await entry())?.StorageDescriptor?.Columns?.[0]).toEqual({
      Name: 'id',
      Type: 'bigint',
      Parameters: {
        'iceberg.field.id': '1',
        'iceberg.field.optional': 'false',
        'iceberg.field.current': 'true',
      },
    })
  })

  test('what others keep in the entry stays, and no older version of it', async () => {
    await commit(1)
    const standing = await entry()
    const [id, ...rest] = standing?.StorageDescriptor?.Columns ?? []
    const TableInput = {
      Name: NAME,
      TableType: 'EXTERNAL_TABLE',
      Description: 'all orders',
      Owner: 'sales',
      Parameters: { ...standing?.Parameters, classification: 'internal' },
      StorageDescriptor: {
        ...standing?.StorageDescriptor,
        Columns: [{ ...id, Name: 'id', Comment: 'given by the shop' }, ...rest],
      },
    }
    await other.send(new UpdateTableCommand({ DatabaseName: DATABASE, TableInput, SkipArchive: true }))
    expect(await commit(2)).toMatchObject({ kind: 'committed' })
    expect(await entry()).toMatchObject({
      Description: 'all orders',
      Owner: 'sales',
      Parameters: {
        classification: 'internal',
        metadata_location: table.versionOf(2).metadataLocation,
      },
    })
    expect((await entry())?.StorageDescriptor?.Columns?.[0]?.Comment).toBe('given by the shop')
    const versions = new GetTableVersionsCommand({ DatabaseName: DATABASE, TableName: NAME })
    expect((await other.send(versions)).TableVersions).toHaveLength(1)
  })

  test('of two commits on one base the second is a conflict, though both had looked before either was made', async () => {
    await commit(1)
    const base = await load()
    if (base === undefined) throw new Error('the table is there')
    proxy.inject({ kind: 'delay', ms: 500 }, /UpdateTable/, 2)
    const outcomes = await Promise.all(
      [2, 3].map(version => catalog.commit({ ...table.versionOf(version), base })),
    )
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['committed', 'conflict'])
    const won = outcomes.findIndex(({ kind }) => kind === 'committed') + 2
    expect((await load())?.metadataLocation).toBe(table.versionOf(won).metadataLocation)
    expect(await catalog.commit({ ...table.versionOf(4), base })).toEqual({
      kind: 'conflict',
      message: expect.stringContaining(table.versionOf(won).metadataLocation),
    })
  })

  test('a table that someone dropped is gone, and a commit on it is a conflict', async () => {
    await commit(1)
    const base = await load()
    if (base === undefined) throw new Error('the table is there')
    await other.send(new DeleteTableCommand(place))
    expect(await catalog.commit({ ...table.versionOf(2), base })).toEqual({
      kind: 'conflict',
      message: expect.stringContaining('is gone'),
    })
    expect(await load()).toBeUndefined()
    expect(await commit(3)).toMatchObject({ kind: 'committed' })
  })

  test('a table that someone else made first is a conflict, and is left alone', async () => {
    await commit(1)
    expect(await catalog.commit(table.versionOf(2))).toMatchObject({ kind: 'conflict' })
    expect((await load())?.metadataLocation).toBe(table.versionOf(1).metadataLocation)
  })

  test.each<{ name: string; fault: Fault; arrived: boolean }>([
    { name: 'a lost answer', fault: { kind: 'cut-after' }, arrived: true },
    {
      name: 'a failure told after the effect',
      fault: { kind: 'answer-after', status: 500, code: 'InternalServiceException', json: {} },
      arrived: true,
    },
    { name: 'a lost request', fault: { kind: 'cut-before' }, arrived: false },
    {
      name: 'a failure before the effect',
      fault: { kind: 'answer', status: 503, code: 'ServiceUnavailable', json: {} },
      arrived: false,
    },
    {
      name: 'an operation that Glue gave up',
      fault: refusal('OperationTimeoutException', 'too slow'),
      arrived: false,
    },
  ])('$name is an unknown outcome, which the next look settles', async ({ fault, arrived }) => {
    for (const [version, operation] of [
      [1, /CreateTable/],
      [2, /UpdateTable/],
    ] as const) {
      const before = await load()
      proxy.inject(fault, operation)
      expect(await commit(version)).toMatchObject({ kind: 'unknown', cause: { code: 'catalog-unavailable' } })
      const { metadataLocation } = table.versionOf(version)
      expect((await load())?.metadataLocation).toBe(arrived ? metadataLocation : before?.metadataLocation)
      // The same commit once more, whether it arrived or not.
      expect(await commit(version)).toMatchObject({ kind: 'committed', metadataLocation })
    }
  })

  test('a commit that arrives although it had been given up is no conflict', async () => {
    await commit(1)
    const base = await load()
    if (base === undefined) throw new Error('the table is there')
    proxy.inject({ kind: 'delay', ms: 700 }, /UpdateTable/)
    const { region, accessKeyId, secretAccessKey } = server
    const late = catalog.commit({ ...table.versionOf(2), base })
    const again = openCatalog(table.warehouse, { region, credentials: { accessKeyId, secretAccessKey } })
    expect(await again.commit({ ...table.versionOf(2), base })).toMatchObject({ kind: 'committed' })
    expect(await late).toMatchObject({ kind: 'committed' })
    await again.close()
  })

  test('an answer that never comes is an unknown outcome after its time', async () => {
    await commit(1)
    const base = await load()
    if (base === undefined) throw new Error('the table is there')
    const hasty = openCatalog(table.warehouse, { answerTimeoutMs: 300 })
    proxy.inject({ kind: 'stall' }, /UpdateTable/)
    expect(await hasty.commit({ ...table.versionOf(2), base })).toMatchObject({ kind: 'unknown' })
    proxy.inject({ kind: 'stall' }, /GetTable/)
    await expect(hasty.loadTable(identifier)).rejects.toMatchObject({
      code: 'catalog-unavailable',
      next: 'retry',
    })
    await hasty.close()
  })

  test('throttled requests are sent again', async () => {
    const throttled = refusal('ThrottlingException', 'Rate exceeded')
    for (const operation of [/GetTable/, /CreateTable/]) proxy.inject(throttled, operation, 2)
    expect(await commit(1)).toMatchObject({ kind: 'committed' })
    proxy.inject(throttled, /UpdateTable/, 5)
    await expect(commit(2)).rejects.toMatchObject({
      code: 'catalog-unavailable',
      next: 'retry',
      message: expect.stringContaining('Rate exceeded'),
    })
  })

  test('Glue that is out of reach leaves nothing unknown', async () => {
    const away = openCatalog(table.warehouse, { endpoint: 'http://127.0.0.1:1' })
    await expect(away.commit(table.versionOf(1))).rejects.toMatchObject({
      code: 'catalog-unavailable',
      message: expect.stringContaining('Can this process reach Glue at http://127.0.0.1:1?'),
    })
    await away.close()
  })

  test('a missing permission is named, with what it is wanted on', async () => {
    await commit(1)
    const reader = openCatalog(table.warehouse, { credentials: await server.createUser(['glue:GetTable']) })
    const base = await reader.loadTable(identifier)
    await expect(reader.commit({ ...table.versionOf(2), ...(base && { base }) })).rejects.toMatchObject({
      code: 'catalog-forbidden',
      next: 'retry',
      message: expect.stringContaining(
        `write the metadata of the table: glue:UpdateTable on catalog, database/${DATABASE}, table/${DATABASE}/${NAME}`,
      ),
    })
    await reader.close()
    const nobody = openCatalog(table.warehouse, { credentials: await server.createUser(['glue:GetTables']) })
    await expect(nobody.loadTable(identifier)).rejects.toMatchObject({ code: 'catalog-forbidden' })
    await nobody.close()
  })

  test('a database that may not be created is named', async () => {
    const actions = ['glue:GetTable', 'glue:CreateTable']
    const limited = openCatalog(table.warehouse, { credentials: await server.createUser(actions) })
    const absent = { ...table.versionOf(1), identifier: { namespace: ['absent'], name: NAME } }
    await expect(limited.commit(absent)).rejects.toMatchObject({
      code: 'catalog-forbidden',
      message: expect.stringContaining(
        'create databases, or create it yourself: glue:CreateDatabase on catalog, database/absent',
      ),
    })
    await limited.close()
  })

  test('Lake Formation’s refusals name its grants', async () => {
    proxy.inject(
      refusal(
        'AccessDeniedException',
        'Insufficient Lake Formation permission(s): Required Create Table on x',
      ),
      /CreateTable/,
    )
    await expect(commit(1)).rejects.toMatchObject({
      code: 'catalog-forbidden',
      message: expect.stringContaining('CREATE_TABLE on the database and DATA_LOCATION_ACCESS on file:'),
    })
  })

  test('keys that are unknown, wrong or past their end are told apart', async () => {
    const { accessKeyId, secretAccessKey } = server
    for (const credentials of [
      { accessKeyId: 'AKIAUNKNOWN', secretAccessKey },
      { accessKeyId, secretAccessKey: 'wrong' },
    ]) {
      const wrong = openCatalog(table.warehouse, { credentials })
      await expect(wrong.loadTable(identifier)).rejects.toMatchObject({ code: 'catalog-unauthorized' })
      await wrong.close()
    }
    const expired = refusal('ExpiredTokenException', 'The security token included in the request is expired')
    proxy.inject(expired, /GetTable/)
    expect(await load()).toBeUndefined()
    proxy.inject(expired, /GetTable/, 2)
    await expect(load()).rejects.toMatchObject({ code: 'credentials-expired' })
  })

  describe('without keys in the configuration', () => {
    let folder: string
    const chained = (settings: GlueSettings) =>
      createGlueCatalog('glue', {
        glue: openGlue('glue', { endpoint: proxy.endpoint, ...settings }, systemRuntime),
        warehouse: table.warehouse,
      })
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'tidewater-glue-'))
      for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
      vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'))
      vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'))
      vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
    })
    afterEach(async () => {
      vi.unstubAllEnvs()
      await rm(folder, { recursive: true })
    })

    test('keys and region are those of the profile', async () => {
      const { region, accessKeyId, secretAccessKey } = server
      const keys = `aws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`
      await writeFile(join(folder, 'credentials'), `[lake]\n${keys}`)
      await writeFile(join(folder, 'config'), `[profile lake]\nregion = ${region}\n`)
      const profiled = chained({ profile: 'lake' })
      expect(await profiled.commit(table.versionOf(1))).toMatchObject({ kind: 'committed' })
      await profiled.close()
    })

    test('a chain that has none says what it tried, and a region that nobody gave what to set', async () => {
      const keyless = chained({ region: server.region, profile: 'lake' })
      await expect(keyless.loadTable(identifier)).rejects.toMatchObject({
        code: 'credentials-missing',
        next: 'retry',
        message: expect.stringContaining('the profile lake'),
      })
      await keyless.close()
      const { accessKeyId, secretAccessKey } = server
      const nowhere = chained({ credentials: { accessKeyId, secretAccessKey } })
      await expect(nowhere.loadTable(identifier)).rejects.toMatchObject({ code: 'region-missing' })
      await nowhere.close()
    })
  })

  test('an endpoint whose certificate an authority of one’s own has signed takes its ca_file', async () => {
    const authority = createAuthority()
    const { certFile, keyFile } = authority.server(['127.0.0.1'])
    const secure = createServer(
      { cert: await readFile(certFile), key: await readFile(keyFile) },
      (_, response) =>
        response.writeHead(400).end(JSON.stringify(glueError('EntityNotFoundException', 'none'))),
    )
    secure.listen(0, '127.0.0.1')
    await once(secure, 'listening')
    const address = secure.address()
    const endpoint = `https://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    const trusting = openCatalog(table.warehouse, { endpoint, caFile: authority.caFile })
    expect(await trusting.loadTable(identifier)).toBeUndefined()
    const doubting = openCatalog(table.warehouse, { endpoint })
    await expect(doubting.loadTable(identifier)).rejects.toMatchObject({
      code: 'catalog-tls',
      message: expect.stringContaining('ca_file'),
    })
    await Promise.all([trusting.close(), doubting.close()])
    secure.closeAllConnections()
    secure.close()
    authority.remove()
  })

  test('a catalog id goes with every request, and that of another account is explained', async () => {
    const own = openCatalog(table.warehouse, { catalogId: GLUE_ACCOUNT_ID })
    await own.commit(table.versionOf(1))
    expect(server.requests.at(-1)?.input.CatalogId).toBe(GLUE_ACCOUNT_ID)
    await own.close()
    const foreign = openCatalog(table.warehouse, { catalogId: '210987654321' })
    await expect(foreign.loadTable(identifier)).rejects.toMatchObject({
      code: 'catalog-forbidden',
      message: expect.stringContaining('belongs to account 210987654321 (catalog_id)'),
    })
    await foreign.close()
  })

  test('a table that is none of Iceberg’s is left alone', async () => {
    await commit(1)
    await other.send(new DeleteTableCommand(place))
    const TableInput = { Name: NAME, TableType: 'EXTERNAL_TABLE', Parameters: { classification: 'csv' } }
    await other.send(new CreateTableCommand({ DatabaseName: DATABASE, TableInput }))
    await expect(load()).rejects.toMatchObject({
      code: 'catalog-table-not-iceberg',
      message: expect.stringContaining('Remove or rename it there'),
    })
    expect(await catalog.commit(table.versionOf(2))).toMatchObject({ kind: 'conflict' })
    expect((await entry())?.Parameters).toEqual({ classification: 'csv' })
  })

  test('another table under the name is told by its uuid, and one elsewhere by its place', async () => {
    await commit(1)
    const { metadata, ...rest } = table.versionOf(2)
    const another = { ...metadata, tableUuid: '00000000-0000-4000-8000-000000000000' }
    const base = await load()
    await catalog.commit({ ...rest, metadata: another, ...(base && { base }) })
    expect((await load())?.tableUuid).toBe(another.tableUuid)
    const TableInput = {
      Name: NAME,
      Parameters: { table_type: 'iceberg', metadata_location: 's3://elsewhere/x.metadata.json' },
    }
    await other.send(new UpdateTableCommand({ DatabaseName: DATABASE, TableInput }))
    await expect(load()).rejects.toMatchObject({
      code: 'location-outside-store',
      next: 'park',
      message: expect.stringContaining('s3://elsewhere/x.metadata.json'),
    })
  })

  test('names that Glue would fold are refused before anything is asked', async () => {
    const asked = server.requests.length
    for (const name of ['Orders', 'big-orders']) {
      await expect(catalog.loadTable({ namespace: ['shop'], name })).rejects.toMatchObject({
        code: 'catalog-name-refused',
        message: expect.stringContaining('Name it `shop.'),
      })
    }
    await expect(catalog.loadTable({ namespace: ['shop', 'eu'], name: 'orders' })).rejects.toMatchObject({
      code: 'catalog-name-refused',
      message: expect.stringContaining('databases of one level'),
    })
    expect(server.requests).toHaveLength(asked)
  })
})
