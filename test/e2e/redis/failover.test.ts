/** `tidewater run` in two processes on Redis that loses the server with the queue: watched by Sentinels, and in a Cluster. All over TLS. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type CertificateAuthority, createAuthority, type KeyPair } from '../../servers/certificates.ts'
import { MASTER_NAME, type RedisGroup, startCluster, startSentinels } from '../../servers/redis-groups.ts'
import { orders, ordersConfig } from '../orders-config.ts'
import { createWorkspace, type Workspace } from '../tidewater-cli.ts'

const PATIENCE = { timeout: 180_000, interval: 500 }
const PASSWORD = 'canary-of-servers'
const SENTINEL_PASSWORD = 'canary-of-sentinels'
const CLEAN = { exitCode: 0, gaps: 0, duplicates: 0, source_gaps: 0, unverifiable: 0 }

let authority: CertificateAuthority
let pair: KeyPair
let group: RedisGroup | undefined
let workspace: Workspace | undefined
const running = new Set<ChildProcess>()
beforeAll(() => {
  authority = createAuthority()
  pair = authority.client('tidewater')
})
afterAll(() => authority.remove())
afterEach(async () => {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
  await workspace?.remove()
  await group?.stop()
})

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
  const place = await createWorkspace({ REDIS_URL: url })
  workspace = place
  await place.write(
    'tidewater.yaml',
    ordersConfig({
      top: `queue: "\${REDIS_URL}"\nlimits: { poll_interval: 100ms, claim_lease: 5s, workers: 2 }`,
      table: '    commit_interval: 1s\n    task_target_bytes: 64KiB',
    }),
  )
  const land = async (from: number, count: number) => {
    const args = ['land', 'orders', '--key', 'id', '--partitions', '4', '--segment-bytes', '2KiB']
    expect(await place.tidewater(args, orders(from, count))).toMatchObject({ exitCode: 0 })
  }
  const audit = async () => {
    const { stdout, exitCode } = await place.tidewater(['audit', '--json'])
    return { exitCode, ...JSON.parse(stdout).tables[0] }
  }
  await land(0, 2_000)
  const workers = [start(place), start(place)]
  await expect.poll(() => workers.some(({ output }) => output().includes('committed')), PATIENCE).toBe(true)
  await group?.killHolder('tidewater')
  await land(2_000, 2_000)
  await expect.poll(async () => (await audit()).rows, PATIENCE).toBe(4_000)
  // The queue of the new server is used, not only one that was left over.
  await land(4_000, 2_000)
  await expect.poll(async () => (await audit()).rows, PATIENCE).toBe(6_000)
  const ended = workers.map(({ child }) => once(child, 'close'))
  for (const { child } of workers) child.kill('SIGTERM')
  expect((await Promise.all(ended)).map(([code]) => code)).toEqual([0, 0])
  expect(await audit()).toMatchObject({ ...CLEAN, rows: 6_000 })
  for (const { output } of workers) {
    expect(output()).not.toMatch(/canary/)
    expect(output()).not.toMatch(/broken-invariant|unexpected-failure/)
  }
}

function start(place: Workspace) {
  const child = place.start(['run'])
  running.add(child)
  let output = ''
  const keep = (chunk: unknown) => {
    output += String(chunk)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  return { child, output: () => output }
}
