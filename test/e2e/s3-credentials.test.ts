/** The AWS chain against a real server: environment, shared files, and a container's endpoint whose credentials end. */
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { createS3ObjectStore } from '../../shared/object-store/s3-object-store.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { type FaultProxy, startFaultProxy } from '../servers/fault-proxy.ts'
import { type S3Server, startS3Server } from '../servers/s3-server.ts'

const HOUR_MS = 3_600_000
const body = new Uint8Array([1, 2, 3])

let server: S3Server
let proxy: FaultProxy
let folder: string
const stores: ObjectStore[] = []
const servers: Server[] = []

beforeAll(async () => {
  server = await startS3Server()
  proxy = await startFaultProxy(server.endpoint)
  await server.createBucket('chain')
})
afterAll(async () => {
  await proxy?.stop()
  await server?.stop()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewater-chain-'))
  // Nothing of the person or machine that runs the tests.
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'))
  vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  proxy.calm()
  for (const store of stores.splice(0)) await store.close()
  for (const opened of servers.splice(0)) {
    opened.closeAllConnections()
    opened.close()
  }
  await rm(folder, { recursive: true })
})

function openByChain(): ObjectStore {
  const store = createS3ObjectStore(
    { bucket: 'chain', prefix: '', endpoint: proxy.endpoint, maxAttempts: 3 },
    systemRuntime,
  )
  stores.push(store)
  return store
}

/** A profile that assumes a role, at the server's own STS. */
async function writeRoleProfile(): Promise<void> {
  const keys = `aws_access_key_id = ${server.accessKeyId}\naws_secret_access_key = ${server.secretAccessKey}\n`
  await writeFile(join(folder, 'credentials'), `[base]\n${keys}`)
  const role = 'role_arn = arn:aws:iam::123456789012:role/lake\nsource_profile = base\nregion = us-east-1\n'
  await writeFile(join(folder, 'config'), `[profile role]\n${role}`)
  vi.stubEnv('AWS_ENDPOINT_URL_STS', server.endpoint)
}

async function temporaryCredentials() {
  await writeRoleProfile()
  const client = new S3Client({ profile: 'role', region: server.region })
  const credentials = await client.config.credentials()
  client.destroy()
  expect(credentials.sessionToken).toBeDefined()
  return credentials
}

/** As in ECS or EKS: answers each request with the next credentials, and its last for all that follow. */
async function containerEndpoint(...endsInMs: readonly number[]): Promise<{ asked(): number }> {
  const { accessKeyId, secretAccessKey, sessionToken } = await temporaryCredentials()
  let asked = 0
  const endpoint = createServer((_, response) => {
    const endInMs = endsInMs[Math.min(asked++, endsInMs.length - 1)] ?? 0
    response.setHeader('content-type', 'application/json').end(
      JSON.stringify({
        AccessKeyId: accessKeyId,
        SecretAccessKey: secretAccessKey,
        Token: sessionToken,
        Expiration: new Date(Date.now() + endInMs).toISOString(),
      }),
    )
  })
  servers.push(endpoint)
  endpoint.listen(0, '127.0.0.1')
  await once(endpoint, 'listening')
  const address = endpoint.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `http://127.0.0.1:${address.port}/credentials`)
  return { asked: () => asked }
}

it('takes keys from the environment', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', server.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', server.secretAccessKey)
  await openByChain().put('environment', body)
  expect(await openByChain().get('environment')).toEqual(body)
})

it('takes keys from a profile of the shared credentials file', async () => {
  const keys = `aws_access_key_id = ${server.accessKeyId}\naws_secret_access_key = ${server.secretAccessKey}\n`
  await writeFile(join(folder, 'credentials'), `[lake]\n${keys}`)
  vi.stubEnv('AWS_PROFILE', 'lake')
  expect((await openByChain().put('profile', body)).kind).toBe('written')
})

it('takes credentials of a role that a profile assumes', async () => {
  await writeRoleProfile()
  vi.stubEnv('AWS_PROFILE', 'role')
  expect((await openByChain().put('role', body)).kind).toBe('written')
})

it('takes credentials from a container’s endpoint, and keeps them while they last', async () => {
  const endpoint = await containerEndpoint(HOUR_MS)
  const store = openByChain()
  for (let i = 0; i < 5; i++) await store.put(`container/${i}`, body)
  expect(endpoint.asked()).toBe(1)
})

it('asks for new ones before those that it has end', async () => {
  const endpoint = await containerEndpoint(1_000, HOUR_MS)
  const store = openByChain()
  await store.put('ending/a', body)
  await store.put('ending/b', body)
  await store.put('ending/c', body)
  expect(endpoint.asked()).toBeGreaterThanOrEqual(2)
  expect(endpoint.asked()).toBeLessThanOrEqual(3)
})

it('asks for new ones when the server says that those it has are expired, and goes on', async () => {
  const endpoint = await containerEndpoint(HOUR_MS)
  const store = openByChain()
  await store.put('expired/a', body)
  for (const match of [/^PUT/, /^GET/, /^HEAD/]) {
    const before = endpoint.asked()
    proxy.inject({ kind: 'answer', status: 400, code: 'ExpiredToken' }, match)
    // The refusal of a HEAD has no words: the read that asks for the reason is refused, too.
    if (match.test('HEAD')) proxy.inject({ kind: 'answer', status: 400, code: 'ExpiredToken' }, /^GET/)
    if (match.test('PUT')) expect((await store.put('expired/a', body)).kind).toBe('written')
    else if (match.test('GET')) expect(await store.get('expired/a')).toEqual(body)
    else expect(await store.head('expired/a')).toMatchObject({ sizeBytes: 3 })
    expect(endpoint.asked(), String(match)).toBe(before + 1)
  }
})

it('waits for an endpoint that is away for a while, once it has given credentials', async () => {
  await containerEndpoint(1_000)
  const store = openByChain()
  await store.put('away/a', body)
  await sleep(1_100)
  servers[0]?.closeAllConnections()
  servers[0]?.close()
  await expect(store.get('away/a')).rejects.toMatchObject({ next: 'retry' })
})

it('says that there are none, and where they could come from', async () => {
  await expect(openByChain().get('a')).rejects.toMatchObject({
    code: 'credentials-missing',
    next: 'wait',
    message: expect.stringContaining('Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE'),
  })
})
