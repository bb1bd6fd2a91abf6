// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to variables as users write them
/**
 * A canary in every secret that the configuration knows, on real servers, with everything going right and much going wrong; then all that
 * Tidewater put out anywhere is searched for them: output of commands, log, HTTP, metrics, both databases, Redis, every object.
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { type LocalEndpoint, startEndpoint } from '../servers/local-endpoint.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { type RedisServer, startRedis } from '../servers/redis.ts'
import { type S3Server, startS3Server } from '../servers/s3-server.ts'
import { orders, ordersConfig } from './orders-config.ts'
import { type RunningTidewater, startServing } from './running-server.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

/** Characters that a URL escapes, so that both forms are looked for. */
const REDIS_PASSWORD = 'canary+redis/7f3a=c9@e1'
const POSTGRES_PASSWORD = 'canary+pg/51b8=d2@44'
/** By their paths in the JSON Schema; those of the warehouse are given by the server when it runs. */
const PLANTED: Readonly<Record<string, string>> = {
  'sources.access_key_id': 'CANARYSOURCEKEY01',
  'sources.secret_access_key': 'canary-source-secret-0c9d8e7f',
  'sources.session_token': '(a source of long-lived keys has none; the warehouse has)',
  'warehouse.access_key_id': '',
  'warehouse.secret_access_key': '',
  'warehouse.session_token': '',
  'server.token': 'canary-token-6b5a49382716',
  'catalogs.token': 'canary-catalog-token-77aa1',
  'catalogs.credential': 'canary-client:canary catalog+secret/90c3',
  'catalogs.access_key_id': 'CANARYGLUEKEY0042',
  'catalogs.secret_access_key': 'canary-glue-secret-3b7e',
  'catalogs.session_token': 'canary+glue/session=1d60',
  'catalogs.sigv4.access_key_id': 'CANARYCATALOGKEY9',
  'catalogs.sigv4.secret_access_key': 'canary-catalog-signing-5d2f',
  'catalogs.sigv4.session_token': 'canary+catalog/session=8e41',
  metadata: POSTGRES_PASSWORD,
  queue: REDIS_PASSWORD,
}
/** Settings that sound like secrets and are none. */
const HARMLESS = new Set([
  'warehouse.sse_kms_key_id',
  'warehouse.sse_bucket_key',
  'server.pass_credentials',
  'server.max_wrong_tokens_per_minute',
])
const CATALOG_HEADER = 'canary-gateway-key-3b6d'
const WRONG = 'canary-wrong-2e1f0d9c8b7a'

let s3: S3Server
let postgres: PostgresServer
let redis: RedisServer
let workspace: Workspace
/** A catalog that refuses everything with what it was sent. */
let echo: LocalEndpoint
let running: RunningTidewater | undefined
const canaries: string[] = [WRONG, CATALOG_HEADER, 'canary catalog+secret/90c3']
const said: [where: string, text: Uint8Array][] = []

/** The pieces of the schema by path, alternatives of one place together. */
function* settings(schema: unknown, path: string[] = []): Generator<readonly [string, unknown]> {
  if (typeof schema !== 'object' || schema === null) return
  if (path.length > 0) yield [path.join('.'), schema]
  const found = schemaShape.parse(schema)
  for (const part of [...(found.anyOf ?? []), found.items]) yield* settings(part, path)
  for (const [name, part] of Object.entries(found.properties ?? {})) yield* settings(part, [...path, name])
}
const schemaShape = z.looseObject({
  properties: z.record(z.string(), z.unknown()).optional(),
  anyOf: z.array(z.unknown()).optional(),
  items: z.unknown().optional(),
})
const allSettings = () => {
  const file = new URL('../../shared/config/tidewater.schema.json', import.meta.url)
  return [...settings(JSON.parse(readFileSync(file, 'utf8')))]
}

beforeAll(async () => {
  s3 = await startS3Server({
    accessKeyId: PLANTED['sources.access_key_id'] ?? '',
    secretAccessKey: PLANTED['sources.secret_access_key'] ?? '',
  })
  for (const bucket of ['landed', 'lake']) await s3.createBucket(bucket)
  postgres = await startPostgres()
  await postgres.query(`create role canary superuser login password '${POSTGRES_PASSWORD}'`)
  redis = await startRedis({ password: REDIS_PASSWORD })
  echo = await startEndpoint(async ({ path, headers, body }) => {
    const message = `${path} ${JSON.stringify(headers)} ${body}`
    return path.endsWith('/oauth/tokens')
      ? { status: 400, body: JSON.stringify({ error: 'invalid_client', error_description: message }) }
      : {
          status: 401,
          body: JSON.stringify({
            error: { message, type: message, code: 401 },
            // As Glue says it.
            __type: 'InvalidSignatureException',
            message,
          }),
        }
  })
  const warehouse = await temporaryCredentials()
  const env = {
    ...environment(warehouse),
    AWS_EC2_METADATA_DISABLED: 'true',
  }
  workspace = await createWorkspace(env)
  canaries.push(
    ...Object.entries(PLANTED).flatMap(([path, text]) =>
      text === '' || path === 'sources.session_token' ? [] : [text],
    ),
    warehouse.accessKeyId,
    warehouse.secretAccessKey,
    warehouse.sessionToken,
  )
  await workspace.write('tidewater.yaml', config())
})
afterAll(async () => {
  await running?.stop('SIGKILL')
  await workspace?.remove()
  for (const server of [s3, redis, echo]) await server?.stop()
  await postgres?.remove()
})

const at = {
  metadata: (password: string, port = postgres.port) =>
    `postgres://canary:${encodeURIComponent(password)}@127.0.0.1:${port}/tidewater`,
  queue: (password: string, port = redis.port) =>
    `redis://:${encodeURIComponent(password)}@127.0.0.1:${port}`,
}

type Credentials = Awaited<ReturnType<typeof temporaryCredentials>>

const environment = (warehouse: Credentials) => ({
  SOURCE_KEY: PLANTED['sources.access_key_id'] ?? '',
  SOURCE_SECRET: PLANTED['sources.secret_access_key'] ?? '',
  LAKE_KEY: warehouse.accessKeyId,
  LAKE_SECRET: warehouse.secretAccessKey,
  LAKE_SESSION: warehouse.sessionToken,
  TOKEN: PLANTED['server.token'] ?? '',
  CATALOG_TOKEN: PLANTED['catalogs.token'] ?? '',
  CATALOG_CREDENTIAL: PLANTED['catalogs.credential'] ?? '',
  GLUE_KEY: PLANTED['catalogs.access_key_id'] ?? '',
  GLUE_SECRET: PLANTED['catalogs.secret_access_key'] ?? '',
  GLUE_SESSION: PLANTED['catalogs.session_token'] ?? '',
  CATALOG_KEY: PLANTED['catalogs.sigv4.access_key_id'] ?? '',
  CATALOG_SECRET: PLANTED['catalogs.sigv4.secret_access_key'] ?? '',
  CATALOG_SESSION: PLANTED['catalogs.sigv4.session_token'] ?? '',
  CATALOG_HEADER,
  METADATA: at.metadata(POSTGRES_PASSWORD),
  QUEUE: at.queue(REDIS_PASSWORD),
  WRONG,
})

function config(format: 'text' | 'json' = 'text'): string {
  const store = `endpoint: "${s3.endpoint}", access_key_id: "\${LAKE_KEY}", secret_access_key: "\${LAKE_SECRET}", session_token: "\${LAKE_SESSION}"`
  const source = `endpoint: "${s3.endpoint}", access_key_id: "\${SOURCE_KEY}", secret_access_key: "\${SOURCE_SECRET}"`
  return ordersConfig({
    server: '{ listen: "0.0.0.0:0", token: "${TOKEN}" }',
    table: '    commit_interval: 1s',
    top: `queue: "\${QUEUE}"\nlog: { format: ${format}, level: debug }\nlimits: { poll_interval: 200ms, workers: 1 }`,
  })
    .replace('warehouse: file:./warehouse', `warehouse: { url: "s3://lake/warehouse", ${store} }`)
    .replace('url: "file:./segments"', `url: "s3://landed/production", ${source}`)
    .replace('metadata: sqlite:./tidewater.db', 'metadata: "${METADATA}"')
    .replace(
      '  - { name: local, type: embedded }',
      `  - { name: local, type: embedded }
  - { name: by-token, type: rest, uri: "${echo.url}", token: "\${CATALOG_TOKEN}", headers: { X-Api-Key: "\${CATALOG_HEADER}" } }
  - { name: by-credential, type: rest, uri: "${echo.url}", credential: "\${CATALOG_CREDENTIAL}" }
  - { name: glue, type: glue, region: eu-central-1, endpoint: "${echo.url}", access_key_id: "\${GLUE_KEY}", secret_access_key: "\${GLUE_SECRET}", session_token: "\${GLUE_SESSION}" }
  - name: by-signature
    type: rest
    uri: "${echo.url}"
    sigv4: { signing_name: glue, signing_region: eu-central-1, access_key_id: "\${CATALOG_KEY}", secret_access_key: "\${CATALOG_SECRET}", session_token: "\${CATALOG_SESSION}" }`,
    )
}

/** Of a role, from the server's own STS: the only session tokens that it takes. */
async function temporaryCredentials() {
  const folder = await mkdtemp(join(tmpdir(), 'tidewater-canaries-'))
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
  const keys = `aws_access_key_id = ${s3.accessKeyId}\naws_secret_access_key = ${s3.secretAccessKey}\n`
  await writeFile(join(folder, 'credentials'), `[base]\n${keys}`)
  const role = 'role_arn = arn:aws:iam::123456789012:role/lake\nsource_profile = base\nregion = us-east-1\n'
  await writeFile(join(folder, 'config'), `[profile role]\n${role}`)
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'))
  vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'))
  vi.stubEnv('AWS_ENDPOINT_URL_STS', s3.endpoint)
  const client = new S3Client({ profile: 'role', region: s3.region })
  const { accessKeyId, secretAccessKey, sessionToken } = await client.config.credentials()
  client.destroy()
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true })
  if (sessionToken === undefined) throw new Error('the server gave no session token')
  return { accessKeyId, secretAccessKey, sessionToken }
}

it('every secret of the configuration is planted here, and what sounds like one is known', () => {
  const found = allSettings()
  const secrets = found.filter(([, schema]) => Object(schema).writeOnly === true).map(([path]) => path)
  expect(secrets.sort()).toEqual(Object.keys(PLANTED).sort())
  const suspicious = found
    .map(([path]) => path)
    .filter(path => /secret|token|passw|credential|_key(_|$)/.test(path) && !secrets.includes(path))
  expect(new Set(suspicious)).toEqual(HARMLESS)
})

it('nothing that Tidewater puts out anywhere holds a canary, in any form', async () => {
  const run = async (args: readonly string[], input = '') => {
    const result = await workspace.tidewater(args, input)
    said.push([args.join(' '), Buffer.from(`${result.stdout}${result.stderr}`)])
    return result
  }
  const spy = await watchRedis()
  expect(await run(['land', 'orders'], `${orders(0, 30)}not json\n`)).toMatchObject({ exitCode: 0 })
  running = await startServing(workspace)
  await running.seen(/published snapshot(.|\n)*published snapshot/)
  await askEverything(running)

  // An outage of each server in turn, while more lands.
  await redis.kill()
  await running.seen(/queue-unreachable/)
  await redis.start()
  await s3.interrupt()
  await run(['segment', 'inspect', 's3://landed/production/orders/0/segment-00000000000000000000.kfs'])
  await run(['status'])
  await s3.resume()
  postgres.stop('immediate')
  await askEverything(running)
  await run(['status'])
  await postgres.start()
  expect(await run(['land', 'orders'], orders(30, 30))).toMatchObject({ exitCode: 0 })
  const looks = [
    ['validate'],
    ['plan'],
    ['status', '--json'],
    ['tables', '--json'],
    ['table', 'show', 'shop.orders'],
    ['dlq', 'ls'],
    ['dlq', 'show', 'shop.orders'],
    ['audit', '--json'],
    ['query', 'select count(*) from shop.orders'],
  ]
  await Promise.all(looks.map(args => run(args)))
  expect(await running.stop()).toBe(0)
  said.push(['the running process', Buffer.from(running.said())])

  // Each secret wrong, each server away, and secrets where something else belongs.
  type Replacement = [from: string, to: string, exitCode: number]
  const replacements: Replacement[] = [
    ['"${METADATA}"', JSON.stringify(at.metadata(WRONG)), 1],
    ['"${METADATA}"', JSON.stringify(at.metadata(WRONG, 1)), 1],
    ['"${METADATA}"', '"postgres://canary:${WRONG}/${TOKEN}@h/d"', 2],
    ['"${QUEUE}"', JSON.stringify(at.queue(WRONG)), 1],
    ['"${QUEUE}"', JSON.stringify(at.queue(WRONG, 1)), 1],
    ['"${QUEUE}"', '"redis://canary:${WRONG}/x@h"', 2],
    ['"${LAKE_SECRET}"', '"${WRONG}"', 1],
    ['"${LAKE_SESSION}"', '"${WRONG}"', 1],
    ['"${SOURCE_SECRET}"', '"${WRONG}"', 1],
    ['"${SOURCE_KEY}"', '"${WRONG}"', 1],
    ['type: rest', 'type: "${CATALOG_TOKEN}"', 2],
    [`uri: "${echo.url}"`, 'uri: "${CATALOG_CREDENTIAL}"', 2],
    ['listen: "0.0.0.0:0"', 'listen: "${TOKEN}"', 2],
    ['commit_interval: 1s', 'commit_interval: "${WRONG}"', 2],
    ['source: local', 'source: "${SOURCE_SECRET}"', 2],
  ]
  // Work for each of them to fail at.
  expect(await run(['land', 'orders'], orders(60, 30))).toMatchObject({ exitCode: 0 })
  const text = config('json')
  const runWith = async ([from, to, exitCode]: Replacement, i: number) => {
    expect(text).toContain(from)
    await workspace.write(
      `wrong-${i}.yaml`,
      text.replace(from, () => to),
    )
    const result = await run(['--config', `wrong-${i}.yaml`, 'run', '--once'])
    expect([from, to, result.exitCode]).toEqual([from, to, exitCode])
  }
  await Promise.all(replacements.map(runWith))
  // Last, since only this one fails after it has done the work.
  const everyCatalog = 'catalogs: [local, by-token, by-credential, by-signature, glue]'
  await runWith(['catalogs: [local]', everyCatalog, 1], replacements.length)
  await run(['events', '--json'])
  await run(['status'])

  said.push(['redis, every command', Buffer.from(spy.stop().join('\n'))])
  said.push(['redis, every key', Buffer.from(await everyKey())])
  said.push(['postgres', Buffer.from(postgres.run('pg_dump', ['--inserts', postgres.url]))])
  for (const bucket of ['landed', 'lake']) said.push(...(await everyObject(bucket)))
  expect(said.filter(([where]) => where.startsWith('s3://lake/')).length).toBeGreaterThan(5)
  expect(said.filter(([, text]) => text.length === 0).map(([where]) => where)).toEqual([])
  const forms = canaries.flatMap(formsOf)
  const leaks = said.flatMap(([where, text]) =>
    forms.filter(([, form]) => Buffer.from(text).includes(form)).map(([name]) => `${where}: ${name}`),
  )
  expect(leaks).toEqual([])
}, 900_000)

/** As it is, in a URL, in base64 at each of the three places where it may begin, in hexadecimal, and as JSON escapes it. */
function formsOf(canary: string): readonly (readonly [name: string, text: string])[] {
  const name = canary.slice(0, 12)
  const base64 = [0, 1, 2].map(shift => {
    // The first and last characters also carry bits of what stands beside it.
    const text = Buffer.concat([Buffer.alloc(shift), Buffer.from(canary)]).toString('base64')
    return text.replace(/=+$/, '').slice(shift === 0 ? 0 : shift + 1, -1)
  })
  return [
    [`${name}… as it is`, canary],
    [`${name}… in a URL`, encodeURIComponent(canary)],
    [`${name}… as JSON`, JSON.stringify(canary).slice(1, -1)],
    [`${name}… in hexadecimal`, Buffer.from(canary).toString('hex')],
    ...base64.flatMap(text => [
      [`${name}… in base64`, text] as const,
      [`${name}… in base64url`, text.replaceAll('+', '-').replaceAll('/', '_')] as const,
    ]),
  ]
}

async function askEverything({ url }: RunningTidewater): Promise<void> {
  const local = url.replace('0.0.0.0', '127.0.0.1')
  const authorization = `Bearer ${PLANTED['server.token']}`
  const document = await (await fetch(`${local}/api/v1/openapi.json`, { headers: { authorization } })).json()
  const paths = [
    '/metrics',
    '/healthz',
    '/readyz',
    '/catalog/v1/config',
    '/catalog/v1/local/namespaces/shop/tables/orders',
    '/catalog/v1/local/namespaces/shop/tables/orders/credentials',
    '/api/v1/nothing',
    ...Object.keys(Object(document).paths).map(path => `/api/v1${path.replace('{name}', 'shop.orders')}`),
  ]
  const ask = async (path: string, headers: Record<string, string>) => {
    const answer = await fetch(local + path, { headers })
    said.push([
      `GET ${path}`,
      Buffer.from(`${[...answer.headers].flat().join('\n')}\n${await answer.text()}`),
    ])
  }
  for (const headers of [{ authorization }, { authorization: `Bearer ${WRONG}` }, {}])
    await Promise.all(paths.map(path => ask(path, headers)))
}

/** Every command that any client sends. Redis itself leaves the arguments of AUTH out. */
async function watchRedis() {
  const client = new Redis(at.queue(REDIS_PASSWORD))
  client.on('error', () => undefined)
  const monitor = await client.monitor()
  monitor.on('error', () => undefined)
  const commands: string[] = []
  monitor.on('monitor', (_: unknown, args: readonly string[]) => commands.push(args.join(' ')))
  return {
    stop() {
      monitor.disconnect()
      client.disconnect()
      return commands
    },
  }
}

async function everyKey(): Promise<string> {
  const client = new Redis(at.queue(REDIS_PASSWORD))
  const readers: Readonly<Record<string, (key: string) => Promise<unknown>>> = {
    string: key => client.get(key),
    hash: key => client.hgetall(key),
    list: key => client.lrange(key, 0, -1),
    set: key => client.smembers(key),
    zset: key => client.zrange(key, '0', '-1'),
    stream: key => client.xrange(key, '-', '+'),
  }
  const keys = await client.keys('*')
  const values = await Promise.all(keys.map(async key => [key, await readers[await client.type(key)]?.(key)]))
  client.disconnect()
  return JSON.stringify(values)
}

async function everyObject(bucket: string): Promise<[string, Buffer][]> {
  const { accessKeyId, secretAccessKey } = s3
  const client = new S3Client({
    endpoint: s3.endpoint,
    region: s3.region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  })
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }))
  const objects = await Promise.all(
    Contents.map(async ({ Key = '' }): Promise<[string, Buffer]> => {
      const { Body, Metadata } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }))
      const bytes = Buffer.from((await Body?.transformToByteArray()) ?? [])
      return [`s3://${bucket}/${Key}`, Buffer.concat([bytes, Buffer.from(JSON.stringify(Metadata))])]
    }),
  )
  client.destroy()
  return objects
}
