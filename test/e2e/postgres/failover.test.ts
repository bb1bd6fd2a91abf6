/**
 * The primary is gone and its standby takes over, behind one address, while real processes run on: with synchronous replication all that
 * the primary acknowledged is there; without, the database is that of a moment before, and what docs/postgres.md says of it holds.
 */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { openPostgresMetadataStore } from '../../../shared/metadata/postgres/store.ts'
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts'
import { startTcpSwitch, type TcpSwitch } from '../../servers/tcp-switch.ts'
import {
  accountedFor,
  auditOf,
  createGrowingOrders,
  type GrowingOrders,
  killAll,
  type RunningProcess,
  startRunning,
} from './growing-orders.ts'

const PATIENCE = { timeout: 200_000, interval: 300 }
const TOPIC_FOLDER = 'warehouse/_topics/shop.orders.dlq/0'

let toEnd: (() => unknown)[] = []
afterEach(async () => {
  for (const end of toEnd.reverse()) await end()
  toEnd = []
})

async function startPair(synchronous: boolean) {
  const primary = await startPostgres()
  toEnd.push(() => primary.remove())
  const standby = await startPostgres({ standbyOf: primary })
  toEnd.push(() => standby.remove())
  // After the copy was made: the standby is not to wait for one of its own.
  if (synchronous) await configure(primary, "synchronous_standby_names = '*'")
  return { primary, standby }
}

async function configure(server: PostgresServer, setting: string): Promise<void> {
  await server.query(`alter system set ${setting}`)
  await server.query('select pg_reload_conf()')
}

/** The standby hears no more of its primary, and its primary is not told to wait for it. */
const stopFollowing = (standby: PostgresServer) => configure(standby, "primary_conninfo = ''")

const saidBy = (processes: readonly RunningProcess[]) => processes.map(({ said }) => said()).join('')
const publishedBy = (processes: readonly RunningProcess[]) =>
  [...saidBy(processes).matchAll(/published snapshot (\d+) to/g)].map(([, id]) => String(id))

/** Of those that processes said they had published, the ones that the server does not know. */
async function unknownTo(server: PostgresServer, published: readonly string[]): Promise<readonly string[]> {
  const known = new Set(
    (await server.query('select snapshot_id from snapshot')).map(row => String(row.snapshot_id)),
  )
  return published.filter(id => !known.has(id))
}

async function startRun(pair: { readonly primary: PostgresServer; readonly standby: PostgresServer }) {
  const address: TcpSwitch = await startTcpSwitch(pair.primary.port)
  toEnd.push(() => address.stop())
  const growing = await createGrowingOrders(
    pair.primary.url.replace(`:${pair.primary.port}/`, `:${address.port}/`),
  )
  toEnd.push(() => growing.workspace.remove())
  const processes = [startRunning(growing.workspace), startRunning(growing.workspace)]
  toEnd.push(() => killAll(processes))
  const published = (count: number) =>
    expect.poll(() => publishedBy(processes).length, PATIENCE).toBeGreaterThan(count)
  await growing.landDuring(published(4))
  return { address, growing, processes, published }
}

/** Everything that was landed is committed, published and in the dead-letter topic; the processes end well, and the audit is clean. */
async function expectAllOnce(growing: GrowingOrders, processes: readonly RunningProcess[]): Promise<void> {
  const { rows, deadLetters } = growing.landed
  const table = async () =>
    JSON.parse((await growing.workspace.tidewater(['status', '--json'])).stdout).tables[0]
  const held = async () => {
    const { rows: found, dead_letter_topic: topic } = await table()
    return [found, Number(topic.rendered_offset)]
  }
  await expect.poll(held, { ...PATIENCE, interval: 2000 }).toEqual([rows, deadLetters])
  for (const { child } of processes) child.kill('SIGTERM')
  expect(await Promise.all(processes.map(({ closed }) => closed)), saidBy(processes)).toEqual([0, 0])
  expect(await auditOf(growing.workspace)).toMatchObject(accountedFor(growing.landed))
  expect(saidBy(processes)).not.toMatch(/metadata-statement-failed|broken-invariant/)
}

describe('a failover while processes run', () => {
  it('to a synchronous standby loses nothing that was acknowledged', async () => {
    const pair = await startPair(true)
    const { primary, standby } = pair
    const { address, growing, processes, published } = await startRun(pair)
    primary.stop('immediate')
    // For a while the address leads to a server that takes no writes.
    address.pointTo(standby.port)
    await growing.landDuring(sleep(3000))
    standby.promote()
    expect(await unknownTo(standby, publishedBy(processes))).toEqual([])
    await growing.landDuring(published(publishedBy(processes).length + 2))
    await expectAllOnce(growing, processes)
    expect(saidBy(processes)).not.toContain('dead-letter-topic-differs')
  })

  it('to an asynchronous standby that is behind goes back to what that has, and each record is there once again', async () => {
    const pair = await startPair(false)
    const { primary, standby } = pair
    const { address, growing, processes, published } = await startRun(pair)
    await stopFollowing(standby)
    const wrote = () => saidBy(processes).match(/wrote dead letters/g)?.length ?? 0
    const before = wrote()
    await growing.landDuring(published(publishedBy(processes).length + 2))
    await growing.landDuring(expect.poll(wrote, PATIENCE).toBeGreaterThan(before))
    primary.stop('immediate')
    standby.promote()
    address.pointTo(standby.port)
    expect((await unknownTo(standby, publishedBy(processes))).length).toBeGreaterThan(0)

    await growing.landDuring(
      expect.poll(() => saidBy(processes), PATIENCE).toContain('dead-letter-topic-differs'),
    )
    moveAway(growing, /from offset (\d+) on away/.exec(saidBy(processes))?.[1])
    await growing.landDuring(published(publishedBy(processes).length + 2))
    await expectAllOnce(growing, processes)
  })
})

/** As docs/operating.md says: the segments of the dead-letter topic from this offset on. */
function moveAway({ workspace }: GrowingOrders, offset: string | undefined): void {
  const folder = workspace.path(TOPIC_FOLDER)
  const from = `segment-${(offset ?? '').padStart(20, '0')}`
  for (const name of readdirSync(folder)) if (name >= from) rmSync(join(folder, name))
}

it('a commit that waits for the standby when its connection ends is not answered before the standby has it', async () => {
  const { primary, standby } = await startPair(true)
  const store = openPostgresMetadataStore({ address: primary.address('public') })
  await store.migrate()
  standby.stop('fast')
  let answer: unknown
  const acquired = store.acquireLease('a', 'me', 60_000).then(lease => {
    answer = lease
  })
  const waiting = () => primary.query("select pid from pg_stat_activity where wait_event = 'SyncRep'")
  await expect.poll(async () => (await waiting()).length, PATIENCE).toBe(1)
  await primary.query("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'")
  // The one who asks what became of it waits now, and has no answer for as long as the standby is gone.
  await expect.poll(async () => (await waiting()).length, PATIENCE).toBe(1)
  await sleep(2000)
  expect(answer).toBe(undefined)
  await standby.start()
  await acquired
  expect(await standby.query('select holder from lease')).toEqual([{ holder: 'me' }])
  await store.close()
})

it('a store that finds a standby says so and stays, and goes on by itself once that is the primary', async () => {
  const { primary, standby } = await startPair(false)
  const known = openPostgresMetadataStore({ address: primary.address('public') })
  await known.migrate()
  await known.close()
  const store = openPostgresMetadataStore({ address: standby.address('public') })
  await expect
    .poll(() => standby.query("select 1 from pg_tables where tablename = 'lease'"), PATIENCE)
    .toHaveLength(1)
  await expect(store.acquireLease('a', 'me', 60_000)).rejects.toMatchObject({
    code: 'metadata-unavailable',
    next: 'retry',
  })
  const insisting = store.acquireLease('a', 'me', 60_000)
  standby.promote()
  expect(await insisting).toMatchObject({ fencingToken: 1n })
  await store.close()
})
