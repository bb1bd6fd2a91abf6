/**
 * Everything on S3 without a key in any setting: web identity (EKS), the endpoint of containers (ECS, EKS Pod Identity) and the
 * metadata service of EC2. The keys are MinIO's own: its STS gives them for the tokens of an OpenID provider, and they end as the tokens
 * do, within seconds, so that a run that outlives them has to get new ones.
 */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createS3ObjectStore } from '../../shared/object-store/s3-object-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { goldenConfig, ORDERS, statusOf } from '../interop/golden-tables.ts'
import {
  type MetadataService,
  startContainerMetadata,
  startInstanceMetadata,
  type TemporaryKeys,
} from '../servers/aws-metadata.ts'
import { type FaultProxy, startFaultProxy } from '../servers/fault-proxy.ts'
import {
  OPENID_CLIENT,
  type OpenidProvider,
  openidRoleArn,
  startOpenidProvider,
} from '../servers/openid-provider.ts'
import { type S3Server, startS3Server } from '../servers/s3-server.ts'
import { landInBucket, SOURCE_BUCKET, WAREHOUSE_BUCKET } from './golden-bucket.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

const PATIENCE_MS = 120_000
const KEYS_LAST_S = 6
const LONG_S = 3_600
/** A token in a file is replaced long before it ends, as the kubelet does it. */
const RENEW_MS = 1_000
const POD_TOKEN = 'token-of-the-pod'
const NO_FILES = { AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_CONFIG_FILE: '/dev/null' }
const NOBODY = 'http://127.0.0.1:1'

let provider: OpenidProvider
let server: S3Server
/** Before the server's STS. */
let sts: FaultProxy
let workspace: Workspace
let roleArn: string
const stops: (() => Promise<void> | void)[] = []

beforeAll(async () => {
  provider = await startOpenidProvider()
  // Nothing of the person or machine that runs the tests.
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
})
afterAll(async () => {
  await provider?.stop()
  vi.unstubAllEnvs()
})
beforeEach(async () => {
  server = await startS3Server({ openid: { configUrl: provider.configUrl, client: OPENID_CLIENT } })
  sts = await startFaultProxy(server.endpoint)
  roleArn = openidRoleArn(server.region)
  await server.createBucket(SOURCE_BUCKET)
  await server.createBucket(WAREHOUSE_BUCKET)
})
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
  await workspace?.remove()
  await sts?.stop()
  await server?.stop()
})

/** As a user writes it who has a role: no keys. */
async function prepare(env: Readonly<Record<string, string>>): Promise<void> {
  workspace = await createWorkspace({ ...NO_FILES, ...env })
  const store = (url: string) => `url: "${url}", endpoint: "${server.endpoint}"`
  const places = {
    warehouse: `{ ${store(`s3://${WAREHOUSE_BUCKET}/warehouse`)} }`,
    sourceStore: store(`s3://${SOURCE_BUCKET}/production`),
  }
  const limits =
    'limits: { poll_interval: 200ms, poll_interval_max: 1s, workers: 1 }\nserver: { listen: "127.0.0.1:0" }\n'
  await workspace.write(
    'tidewater.yaml',
    `${goldenConfig(`${ORDERS}\n    commit_interval: 1s`, places)}${limits}`,
  )
}

/** Keys of the server that it refuses after so many seconds. */
async function keysFor(seconds: number): Promise<TemporaryKeys> {
  const query = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: roleArn,
    WebIdentityToken: provider.token(seconds),
  })
  const answer = await fetch(server.endpoint, { method: 'POST', body: query })
  const xml = await answer.text()
  const field = (name: string) => {
    const value = new RegExp(`<${name}>([^<]+)`).exec(xml)?.[1]
    if (value === undefined) throw new Error(`no ${name} in the answer of STS: ${xml}`)
    return value
  }
  return {
    accessKeyId: field('AccessKeyId'),
    secretAccessKey: field('SecretAccessKey'),
    sessionToken: field('SessionToken'),
    expiration: new Date(field('Expiration')),
  }
}

/** What a way of getting keys has to do with: its environment, and how often keys were asked for. */
interface Way {
  readonly env: Readonly<Record<string, string>>
  given(): number
}

const withMetadata = (service: MetadataService, env: Readonly<Record<string, string>>): Way => {
  stops.push(service.stop)
  return { env, given: service.given }
}

async function tokenFile(text: string): Promise<{ readonly path: string; write(text: string): void }> {
  const folder = await createWorkspace()
  stops.push(folder.remove)
  const path = folder.path('token')
  const write = (content: string) => writeFileSync(path, content)
  write(text)
  return { path, write }
}

async function webIdentity(secondsToLive: number): Promise<Way> {
  const file = await tokenFile(provider.token(secondsToLive))
  const renewing = setInterval(() => file.write(provider.token(secondsToLive)), RENEW_MS)
  stops.push(() => clearInterval(renewing))
  return {
    env: {
      AWS_WEB_IDENTITY_TOKEN_FILE: file.path,
      AWS_ROLE_ARN: roleArn,
      AWS_ENDPOINT_URL_STS: sts.endpoint,
    },
    given: () => sts.seen.length,
  }
}

async function container(secondsToLive: number): Promise<Way> {
  const service = await startContainerMetadata(() => keysFor(secondsToLive), POD_TOKEN)
  const { path } = await tokenFile(POD_TOKEN)
  return withMetadata(service, {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${service.url}/v1/credentials`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: path,
  })
}

async function instance(secondsToLive: number): Promise<Way> {
  const service = await startInstanceMetadata(() => keysFor(secondsToLive))
  return withMetadata(service, { AWS_EC2_METADATA_SERVICE_ENDPOINT: service.url })
}

/** How many rows there are, and whether they can be read. */
async function published(): Promise<{ readonly rows: number; readonly isCurrent: boolean }> {
  const table = (await statusOf(workspace)).get('shop.orders')
  return { rows: Number(table?.rows ?? 0), isCurrent: table?.publications[0].current ?? false }
}

describe.each([
  ['web identity', webIdentity],
  ['the endpoint of a container', container],
  ['the role of an EC2 instance', instance],
])('with keys by %s', (_, open) => {
  test('run --once makes the table', async () => {
    const way = await open(LONG_S)
    await prepare(way.env)
    await landInBucket(server, 'orders')
    const run = await workspace.tidewater(['run', '--once'])
    expect(run.exitCode, run.stderr).toBe(0)
    expect(await published()).toMatchObject({ isCurrent: true })
    expect(way.given()).toBeGreaterThan(0)
    expect((await workspace.tidewater(['audit'])).exitCode).toBe(0)
  })

  test('a run outlives its keys, and what lands after their end is published', async () => {
    const way = await open(KEYS_LAST_S)
    await prepare(way.env)
    await landInBucket(server, 'orders', ({ position }) => position < 3)
    const run = workspace.start(['run'])
    let said = ''
    for (const stream of [run.stdout, run.stderr]) stream?.on('data', chunk => (said += String(chunk)))
    const until = async (what: string, holds: () => Promise<boolean>) => {
      for (const end = Date.now() + PATIENCE_MS; !(await holds()); await sleep(200)) {
        if (Date.now() > end) throw new Error(`still waiting until ${what}:\n${said.slice(-4_000)}`)
      }
    }
    try {
      await until('something is committed', async () => said.includes('committed'))
      await until('the first half is published', async () => (await published()).isCurrent)
      const { rows } = await published()
      const before = way.given()
      await sleep(KEYS_LAST_S * 1_000)
      await landInBucket(server, 'orders', ({ position }) => position >= 3)
      await until('the second half is published', async () => {
        const now = await published()
        return now.rows > rows && now.isCurrent
      })
      expect(way.given()).toBeGreaterThan(before)
    } finally {
      run.kill('SIGTERM')
      if (run.exitCode === null) await once(run, 'close')
    }
    expect(run.exitCode, said).toBe(0)
    expect(said).not.toMatch(/credentials/i)
    expect((await workspace.tidewater(['audit'])).exitCode).toBe(0)
  })
})

/** What the store says under these settings, after one try. */
async function refused(env: Readonly<Record<string, string>>): Promise<AppError> {
  for (const [name, value] of Object.entries({ ...NO_FILES, ...env })) vi.stubEnv(name, value)
  const options = { bucket: SOURCE_BUCKET, prefix: '', endpoint: server.endpoint, maxAttempts: 1 }
  const store = createS3ObjectStore(options, systemRuntime)
  try {
    const failure: unknown = await store.get('orders').catch((error: unknown) => error)
    if (!(failure instanceof AppError)) throw new Error('it was not refused', { cause: failure })
    return failure
  } finally {
    await store.close()
    for (const name of Object.keys(env)) vi.stubEnv(name, undefined)
  }
}

describe('says what is wrong', () => {
  test('when the token file is not there', async () => {
    const { env } = await webIdentity(LONG_S)
    const failure = await refused({ ...env, AWS_WEB_IDENTITY_TOKEN_FILE: '/nowhere/token' })
    expect(failure).toMatchObject({ code: 'credentials-missing', next: 'wait' })
    expect(failure.message).toContain('/nowhere/token')
    expect(failure.message).toContain('eks.amazonaws.com/role-arn')
  })

  test('when only one of the two settings of a web identity is there', async () => {
    const failure = await refused({ AWS_ROLE_ARN: roleArn, AWS_EC2_METADATA_DISABLED: 'true' })
    expect(failure).toMatchObject({ code: 'credentials-missing', next: 'wait' })
    expect(failure.message).toContain('web identity (AWS_WEB_IDENTITY_TOKEN_FILE is not set)')
    expect(failure.message).toContain('AWS_EC2_METADATA_DISABLED is set')
  })

  test('when STS refuses the role, in the end of run --once', async () => {
    const { env } = await webIdentity(LONG_S)
    const role = roleArn.slice(0, -3)
    await prepare({ ...env, AWS_ROLE_ARN: role })
    const { exitCode, stderr } = await workspace.tidewater(['run', '--once'])
    expect(exitCode).toBe(1)
    expect(stderr).toContain(`STS does not give the role ${role} to this token`)
    expect(stderr).toContain('trust policy')
    expect(stderr).toContain('[credentials-rejected')
    expect(stderr).not.toMatch(/\n\s+at /)
  })

  test('when the token has ended', async () => {
    const { env } = await webIdentity(LONG_S)
    const { path } = await tokenFile(provider.token(-LONG_S))
    const failure = await refused({ ...env, AWS_WEB_IDENTITY_TOKEN_FILE: path })
    expect(failure.message).toContain('Token is expired')
  })

  test('when STS is away, which is not the store', async () => {
    const { env } = await webIdentity(LONG_S)
    const failure = await refused({ ...env, AWS_ENDPOINT_URL_STS: NOBODY })
    expect(failure).toMatchObject({ code: 'credentials-unavailable', next: 'retry' })
    expect(failure.message).toContain('Can this process reach STS?')
    expect(failure.message).not.toContain('Is a server running at')
  })

  test('when the endpoint of a container is away, refuses the token, or the token is not there', async () => {
    const { env } = await container(LONG_S)
    const away = await refused({ ...env, AWS_CONTAINER_CREDENTIALS_FULL_URI: `${NOBODY}/v1/secret` })
    expect(away).toMatchObject({ code: 'credentials-unavailable', next: 'retry' })
    expect(away.message).toContain(`the container's endpoint ${NOBODY}.`)
    expect(away.message).not.toContain('/v1/secret')
    const { path } = await tokenFile('of another pod')
    const other = await refused({ ...env, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: path })
    expect(other).toMatchObject({ code: 'credentials-unavailable', next: 'retry' })
    expect(other.message).toContain('Pod Identity agent')
    const none = await refused({ ...env, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '/nowhere/token' })
    expect(none).toMatchObject({ code: 'credentials-missing', next: 'wait' })
    expect(none.message).toContain('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names a file')
  })

  test('when the instance has no role, or the metadata service never answers', async () => {
    const service = await startInstanceMetadata(() => keysFor(LONG_S), { role: null })
    stops.push(service.stop)
    sts.inject({ kind: 'stall' }, /latest/, 2)
    for (const endpoint of [service.url, sts.endpoint]) {
      const failure = await refused({ AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint })
      expect(failure).toMatchObject({ code: 'credentials-missing', next: 'wait' })
      expect(failure.message).toContain(`the metadata service of EC2 at ${endpoint}`)
      expect(failure.message).toContain('instance profile')
    }
  })

  test('when AWS is asked without a region', async () => {
    const keys = { accessKeyId: 'id', secretAccessKey: 'secret' }
    for (const [name, value] of Object.entries(NO_FILES)) vi.stubEnv(name, value)
    const store = createS3ObjectStore({ bucket: 'lake', prefix: '', credentials: keys }, systemRuntime)
    await expect(store.get('orders')).rejects.toMatchObject({
      code: 'region-missing',
      next: 'wait',
      message: expect.stringContaining('AWS_REGION'),
    })
    await store.close()
  })
})
