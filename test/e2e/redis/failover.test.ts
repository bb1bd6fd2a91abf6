/** `tidewater run` in two processes on Redis that loses the server with the queue: watched by Sentinels, and in a Cluster. All over TLS. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type CertificateAuthority, createAuthority, type KeyPair } from '../../servers/certificates.ts'
import { MASTER_NAME, type RedisGroup, startCluster, startSentinels } from '../../servers/redis-groups.ts'
import { CLEAN, createOrdersOnRedis } from './orders-on-redis.ts'

const PATIENCE = { timeout: 180_000, interval: 500 }
const PASSWORD = 'canary-of-servers'
const SENTINEL_PASSWORD = 'canary-of-sentinels'

let authority: CertificateAuthority
let pair: KeyPair
let group: RedisGroup | undefined
beforeAll(() => {
  authority = createAuthority()
  pair = authority.client('tidewater')
})
afterAll(() => authority.remove())
afterEach(() => group?.stop())

const files = () => `ca_file=${authority.caFile}&cert_file=${pair.certFile}&key_file=${pair.keyFile}`
const tls = () => ({ authority, clients: 'must show one' }) as const

it('Sentinels: a failover while two processes run loses and doubles nothing', async () => {
  group = await startSentinels({ tls: tls(), password: PASSWORD, sentinelPassword: SENTINEL_PASSWORD })
  const sentinelPassword = `sentinel_password=${SENTINEL_PASSWORD}`
  await runThroughFailover(
    `rediss+sentinel://:${PASSWORD}@${group.hosts}/${MASTER_NAME}?${files()}&${sentinelPassword}`,
  )
})

it('Cluster: the keys are on one node, and its loss while two processes run loses and doubles nothing', async () => {
  group = await startCluster({ tls: tls(), password: PASSWORD })
  await runThroughFailover(`rediss+cluster://:${PASSWORD}@${group.hosts}?${files()}`)
})

async function runThroughFailover(url: string): Promise<void> {
  await using place = await createOrdersOnRedis(url)
  await place.land(0, 2_000)
  const workers = place.startTwo()
  await expect.poll(() => workers.some(({ output }) => output().includes('committed')), PATIENCE).toBe(true)
  await group?.killHolder('tidewater')
  await place.land(2_000, 2_000)
  await expect.poll(async () => (await place.audit()).rows, PATIENCE).toBe(4_000)
  // The queue of the new server is used, not only one that was left over.
  await place.land(4_000, 2_000)
  await expect.poll(async () => (await place.audit()).rows, PATIENCE).toBe(6_000)
  expect(await place.stopAll()).toEqual([0, 0])
  expect(await place.audit()).toMatchObject({ ...CLEAN, rows: 6_000 })
  for (const { output } of workers) {
    expect(output()).not.toMatch(/canary/)
    expect(output()).not.toMatch(/broken-invariant|unexpected-failure/)
  }
}
