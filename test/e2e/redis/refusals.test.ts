/** Redis that is configured wrongly: every mistake ends the start within seconds, with what to do, and never with the password. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseRedisUrl } from '../../../shared/queue/redis-address.ts'
import { openRedisQueue } from '../../../shared/queue/redis-queue.ts'
import type { TaskQueue } from '../../../shared/queue/task-queue.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { type CertificateAuthority, createAuthority } from '../../servers/certificates.ts'
import { type RedisServer, redisCli, startRedis } from '../../servers/redis.ts'
import { MASTER_NAME, type RedisGroup, startCluster, startSentinels } from '../../servers/redis-groups.ts'

/** A start waits this long for a server that may be on its way, and a little for the last attempt. */
const MAX_START_MS = 25_000
const SECRET = 'canary-right'
const running = new AbortController().signal

let ours: CertificateAuthority
let foreign: CertificateAuthority
let plain: RedisServer
let secure: RedisServer
let mutual: RedisServer
let elsewhere: RedisServer
let sentinels: RedisGroup
let cluster: RedisGroup
let folder: string
const files = { ca: '', foreignCa: '', pair: '', foreignPair: '', password: '', nothing: '' }

beforeAll(async () => {
  ours = createAuthority()
  foreign = createAuthority()
  folder = await mkdtemp(join(tmpdir(), 'tidewater-refusals-'))
  const [pair, foreignPair] = [ours.client('tidewater'), foreign.client('tidewater')]
  await writeFile(join(folder, 'password'), `${SECRET}\n`)
  Object.assign(files, {
    ca: `ca_file=${ours.caFile}`,
    foreignCa: `ca_file=${foreign.caFile}`,
    pair: `cert_file=${pair.certFile}&key_file=${pair.keyFile}`,
    foreignPair: `cert_file=${foreignPair.certFile}&key_file=${foreignPair.keyFile}`,
    password: `password_file=${join(folder, 'password')}`,
    nothing: `password_file=${join(folder, 'nothing')}`,
  })
  const tls = { authority: ours, clients: 'must show one' } as const
  plain = await startRedis()
  secure = await startRedis({
    tls: { authority: ours },
    lines: [
      'user default off',
      `user ada on >${SECRET} ~{tidewater}:* +@all`,
      `user eve on >${SECRET} ~other:* +@all`,
    ],
  })
  mutual = await startRedis({ tls })
  elsewhere = await startRedis({ tls: { authority: ours, names: ['redis.example'] } })
  sentinels = await startSentinels({ tls, password: SECRET, sentinelPassword: SECRET })
  cluster = await startCluster({ tls, password: SECRET })
})
afterAll(async () => {
  for (const server of [plain, secure, mutual, elsewhere, sentinels, cluster]) await server?.stop()
  ours?.remove()
  foreign?.remove()
  await rm(folder, { recursive: true })
})

const at = (server: RedisServer) => `127.0.0.1:${server.port}`
const group = (login: string, parameters: string) =>
  `rediss+sentinel://${login}@${sentinels.hosts}/${parameters}`

async function open(url: string): Promise<TaskQueue> {
  const parsed = parseRedisUrl(url)
  if (!parsed.ok) throw new Error(parsed.suggestion ?? parsed.expected)
  return await openRedisQueue({ address: parsed.value, runtime: systemRuntime, onFailure: () => undefined })
}

/** What comes back is what was put in. */
async function works(url: string): Promise<void> {
  const queue = await open(url)
  expect(await queue.enqueue(['a'])).toEqual(['a'])
  expect(await queue.take(running)).toBe('a')
  await queue.close()
}

describe('works', () => {
  it.each([
    ['TLS and a user of the ACL', () => `rediss://ada:${SECRET}@${at(secure)}?${files.ca}`],
    ['a password from a file', () => `rediss://ada@${at(secure)}?${files.ca}&${files.password}`],
    ['a certificate of the client', () => `rediss://${at(mutual)}?${files.ca}&${files.pair}`],
  ])('%s', async (_, url) => {
    await works(url())
  })

  it('takes up a password that changes in its file when the next connection opens', async () => {
    const server = await startRedis({ password: SECRET })
    const path = join(folder, 'changing')
    await writeFile(path, SECRET)
    const queue = await open(`redis://${at(server)}?password_file=${path}`)
    await queue.enqueue(['a'])
    const cli = (...args: string[]) => redisCli(['-p', String(server.port), '--no-auth-warning', ...args])
    await cli('-a', SECRET, 'config', 'set', 'requirepass', 'canary-new')
    await writeFile(path, 'canary-new\n')
    await cli('-a', 'canary-new', 'client', 'kill', 'type', 'normal', 'skipme', 'yes')
    await expect.poll(() => queue.enqueue(['b']), { timeout: 20_000 }).toEqual(['b'])
    expect([await queue.take(running), await queue.take(running)]).toEqual(['a', 'b'])
    await queue.close()
    await server.stop()
  })
})

describe('is refused', () => {
  const retry = 'queue-unreachable'
  it.each([
    ['another authority', () => `rediss://${at(secure)}?${files.foreignCa}`, 'queue-tls', '`ca_file`'],
    ['no authority', () => `rediss://${at(secure)}`, 'queue-tls', '`ca_file`'],
    ['another name', () => `rediss://${at(elsewhere)}?${files.ca}`, 'queue-tls', 'Write the host'],
    ['plain text to a TLS port', () => `redis://${at(secure)}`, retry, 'write rediss:// instead'],
    ['TLS to a plain port', () => `rediss://${at(plain)}`, retry, 'write redis:// instead'],
    ['no certificate', () => `rediss://${at(mutual)}?${files.ca}`, undefined, '`cert_file` and `key_file`'],
    [
      'a foreign certificate',
      () => `rediss://${at(mutual)}?${files.ca}&${files.foreignPair}`,
      undefined,
      '`cert_file` and `key_file`',
    ],
    [
      'a wrong password',
      () => `rediss://ada:canary-x@${at(secure)}?${files.ca}`,
      'queue-refused',
      'WRONGPASS',
    ],
    ['no password', () => `rediss://${at(secure)}?${files.ca}`, 'queue-refused', 'Check user, password'],
    [
      'keys that are not the user’s',
      () => `rediss://eve:${SECRET}@${at(secure)}?${files.ca}`,
      'queue-refused',
      'what the user may do',
    ],
    [
      'a file that is not there',
      () => `rediss://${at(secure)}?${files.nothing}`,
      'queue-file-unreadable',
      'nothing',
    ],
    [
      'Sentinels without a password',
      () => group(`:${SECRET}`, `${MASTER_NAME}?${files.ca}&${files.pair}`),
      'queue-refused',
      '`sentinel_password`',
    ],
    [
      'a wrong password behind Sentinels',
      () => group(':canary-x', `${MASTER_NAME}?${files.ca}&${files.pair}&sentinel_password=${SECRET}`),
      'queue-refused',
      'Check user, password',
    ],
    [
      'a master that Sentinels do not know',
      () => group(`:${SECRET}`, `nobody?${files.ca}&${files.pair}&sentinel_password=${SECRET}`),
      'queue-refused',
      'no master of the name nobody',
    ],
    [
      'Sentinels of another authority',
      () => group(`:${SECRET}`, `${MASTER_NAME}?${files.foreignCa}&sentinel_password=${SECRET}`),
      'queue-tls',
      '`ca_file`',
    ],
    [
      'plain text to Sentinels',
      () => `redis+sentinel://${sentinels.hosts}/${MASTER_NAME}`,
      retry,
      'write rediss://',
    ],
    [
      'a Cluster of another authority',
      () => `rediss+cluster://:${SECRET}@${cluster.hosts}?${files.foreignCa}`,
      'queue-tls',
      '`ca_file`',
    ],
    [
      'a wrong password of a Cluster',
      () => `rediss+cluster://:canary-x@${cluster.hosts}?${files.ca}&${files.pair}`,
      'queue-refused',
      'Check user, password',
    ],
  ])('%s', async (_, url, code, says) => {
    const startedMs = performance.now()
    const error: unknown = await open(url()).catch((cause: unknown) => cause)
    expect(performance.now() - startedMs).toBeLessThan(MAX_START_MS)
    expect(error).toMatchObject({
      message: expect.stringContaining(says),
      next: code === retry ? 'retry' : expect.anything(),
      ...(code !== undefined && { code }),
    })
    expect(String(error)).not.toMatch(/\.\.|error:[0-9A-F]{8}/)
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('canary')
  })
})
