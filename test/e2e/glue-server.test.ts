/** What the tests of the Glue catalog rest on: moto and its front answer as AWS Glue does where the catalog depends on it. */
import {
  CreateDatabaseCommand,
  CreateTableCommand,
  GetTableCommand,
  GetTableVersionsCommand,
  GlueClient,
  UpdateTableCommand,
} from '@aws-sdk/client-glue'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { GLUE_ACCOUNT_ID, type GlueKeys, type GlueServer, startGlueServer } from '../servers/glue.ts'

let server: GlueServer
let glue: GlueClient
beforeAll(async () => {
  server = await startGlueServer()
  glue = clientOf(server)
  await glue.send(new CreateDatabaseCommand({ DatabaseInput: { Name: 'shop' } }))
})
afterAll(() => server?.stop())

function clientOf({ accessKeyId, secretAccessKey }: GlueKeys): GlueClient {
  const { endpoint, region } = server
  return new GlueClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 })
}

function tableInput(name: string, metadataLocation: string) {
  return { Name: name, Parameters: { table_type: 'ICEBERG', metadata_location: metadataLocation } }
}

async function create(name: string) {
  await glue.send(new CreateTableCommand({ DatabaseName: 'shop', TableInput: tableInput(name, 'first') }))
}

async function load(name: string) {
  return (await glue.send(new GetTableCommand({ DatabaseName: 'shop', Name: name }))).Table
}

test('of two updates of one version the second is refused', async () => {
  await create('orders')
  const VersionId = (await load('orders'))?.VersionId ?? ''
  const update = (location: string) =>
    glue.send(
      new UpdateTableCommand({ DatabaseName: 'shop', VersionId, TableInput: tableInput('orders', location) }),
    )
  const outcomes = await Promise.allSettled([update('second'), update('third')])
  expect(outcomes).toMatchObject([
    { status: 'fulfilled' },
    { status: 'rejected', reason: { name: 'ConcurrentModificationException' } },
  ])
  expect((await load('orders'))?.Parameters).toMatchObject({ metadata_location: 'second' })
})

test('an update that skips the archive leaves no older version', async () => {
  await create('clicks')
  for (const SkipArchive of [false, true]) {
    const TableInput = tableInput('clicks', `skipping ${SkipArchive}`)
    await glue.send(new UpdateTableCommand({ DatabaseName: 'shop', SkipArchive, TableInput }))
  }
  const { TableVersions = [] } = await glue.send(
    new GetTableVersionsCommand({ DatabaseName: 'shop', TableName: 'clicks' }),
  )
  expect(TableVersions.map(({ VersionId }) => VersionId)).toEqual(['1', '3'])
})

test('missing databases and tables, and tables that are there already, are said so', async () => {
  const TableInput = tableInput('there', 'first')
  await create('there')
  await expect(load('absent')).rejects.toMatchObject({ name: 'EntityNotFoundException' })
  await expect(create('there')).rejects.toMatchObject({ name: 'AlreadyExistsException' })
  await expect(
    glue.send(new CreateTableCommand({ DatabaseName: 'absent', TableInput })),
  ).rejects.toMatchObject({ name: 'EntityNotFoundException', message: expect.stringContaining('Database') })
})

test('a user may do what the policy allows, and unknown or wrong keys nothing', async () => {
  await create('guarded')
  const get = new GetTableCommand({ DatabaseName: 'shop', Name: 'guarded' })
  const reader = await server.createUser(['glue:GetTable'])
  expect((await clientOf(reader).send(get)).Table?.Name).toBe('guarded')
  const TableInput = tableInput('guarded', 'second')
  await expect(
    clientOf(reader).send(new UpdateTableCommand({ DatabaseName: 'shop', TableInput })),
  ).rejects.toMatchObject({
    name: 'AccessDeniedException',
    message: expect.stringContaining('not authorized to perform: glue:UpdateTable'),
  })
  await expect(clientOf({ ...reader, accessKeyId: 'AKIAUNKNOWN' }).send(get)).rejects.toMatchObject({
    name: 'UnrecognizedClientException',
  })
  await expect(clientOf({ ...reader, secretAccessKey: 'wrong' }).send(get)).rejects.toMatchObject({
    name: 'InvalidSignatureException',
  })
})

test('the catalog of another account is refused', async () => {
  await create('mine')
  const get = (CatalogId: string) =>
    glue.send(new GetTableCommand({ CatalogId, DatabaseName: 'shop', Name: 'mine' }))
  expect((await get(GLUE_ACCOUNT_ID)).Table?.Name).toBe('mine')
  await expect(get('210987654321')).rejects.toMatchObject({ name: 'AccessDeniedException' })
})
