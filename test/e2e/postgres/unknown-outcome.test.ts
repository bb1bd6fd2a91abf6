/**
 * A connection that is cut at COMMIT, before the server has seen it or after, or while it is on its way: the store finds out what
 * happened, and answers that. Also when the server forgets the transaction, because a process of it crashed.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { MetadataStore } from '../../../shared/metadata/metadata-store.ts'
import { openPostgresMetadataStore } from '../../../shared/metadata/postgres/store.ts'
import {
  claimed,
  commitOf,
  followTopic,
  NOTE,
  partitionAt,
  planned,
  sliceOf,
  TABLE,
} from '../../contract/metadata-store-fixture.ts'
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts'

const COMMITTED_AFTER_MS = 150

type Cut = 'before' | 'after'
interface Cutting {
  readonly pass: () => void
  readonly cutClient: () => void
}
/** Ends when the connection is to be cut. */
type AtCommit = (cutting: Cutting) => Promise<void>

const CUTS: Readonly<Record<Cut, AtCommit>> = {
  before: async () => undefined,
  async after({ pass }) {
    pass()
    // By then the server has committed; its answer goes nowhere. Cut at the first byte of it, the server would stop halfway.
    await sleep(COMMITTED_AFTER_MS)
  },
}

let server: PostgresServer
let proxy: Server
let port = 0
/** What happens at the next COMMIT, once. */
let atCommit: AtCommit | undefined
let cuts = 0
/** Connections that are made meanwhile wait for its end. */
let gate: Promise<void> = Promise.resolve()
let store: MetadataStore
let schemas = 0
const sockets = new Set<Socket>()

beforeAll(async () => {
  // What is not committed is not written out by itself either: a crash wipes it out.
  server = await startPostgres({ settings: { wal_writer_delay: '10s' } })
  proxy = createServer({ pauseOnConnect: true }, client => {
    gate.then(() => forward(client, connect(server.port, '127.0.0.1')))
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const address = proxy.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  port = address.port
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  proxy.close()
  await server.remove()
})
beforeEach(async () => {
  const address = { ...server.address(`cut_${++schemas}`), port }
  store = openPostgresMetadataStore({ address })
  await store.migrate()
  await followTopic(store)
  cuts = 0
})
afterEach(() => store.close())

function forward(client: Socket, upstream: Socket): void {
  let isSilent = false
  let isHeld = false
  const end = () => {
    client.destroy()
    upstream.destroy()
  }
  for (const socket of [client, upstream]) {
    sockets.add(socket)
    const ended = () => {
      if (!isHeld) end()
    }
    socket.on('error', ended).on('close', ended)
  }
  client.on('data', data => {
    // BEGIN names READ COMMITTED.
    const strike = data.includes('COMMIT\0') ? atCommit : undefined
    if (strike === undefined) {
      upstream.write(data)
      return
    }
    cuts++
    isSilent = true
    isHeld = true
    strike({ pass: () => upstream.write(data), cutClient: () => client.destroy() }).finally(end)
    atCommit = undefined
  })
  client.resume()
  upstream.on('data', data => {
    if (!isSilent) client.write(data)
  })
}

it.each<Cut>(['before', 'after'])(
  'a plan, a claim and a commit that are cut %s COMMIT take place once',
  async when => {
    atCommit = CUTS[when]
    expect(await planned(store, 'a', sliceOf(0, 0, 10))).toEqual({ kind: 'planned' })
    atCommit = CUTS[when]
    expect(await claimed(store, 'a')).toMatchObject({ kind: 'claimed', task: { attempts: 0 } })
    atCommit = CUTS[when]
    expect(await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)]))).toEqual({
      kind: 'committed',
      state: 'committed',
      tableVersion: 1n,
    })
    expect(await partitionAt(store, 0)).toMatchObject({ plannedOffset: 10n, committedOffset: 10n })
    expect(cuts).toBe(3)
  },
)

it.each<Cut>(['before', 'after'])('events and leases that are cut %s COMMIT are written once', async when => {
  atCommit = CUTS[when]
  await store.setTableState(TABLE, 'paused', NOTE)
  atCommit = CUTS[when]
  expect(await store.acquireLease('plan', 'me', 1000)).toEqual({ fencingToken: 1n })
  atCommit = CUTS[when]
  await store.releaseLease('plan', 'me')
  expect(await store.acquireLease('plan', 'you', 1000)).toEqual({ fencingToken: 2n })
  expect(await store.listEvents({ limit: 9 })).toHaveLength(1)
  expect(cuts).toBe(3)
})

/** Gives the ids of transactions that a crash wiped out to others, which commit. */
async function giveIdsAgain(): Promise<void> {
  await server.query('do $$ begin for i in 1..50 loop perform pg_current_xact_id(); commit; end loop; end $$')
}

it('what a crash of a server process wiped out is done again, though others commit under its transaction id', async () => {
  const [started] = await server.query('select pg_postmaster_start_time() as at')
  atCommit = () => {
    gate = server.crashBackend().then(giveIdsAgain)
    return gate
  }
  expect(await planned(store, 'a', sliceOf(0, 0, 10))).toEqual({ kind: 'planned' })
  expect(await store.listRunnableTasks(9)).toEqual(['a'])
  expect(cuts).toBe(1)
  // The server did not start anew, as far as one can ask it.
  expect(await server.query('select pg_postmaster_start_time() as at')).toEqual([started])
})

it('a COMMIT that comes to the server long after its connection was cut is waited for', async () => {
  atCommit = async ({ pass, cutClient }) => {
    cutClient()
    while (!(await isAskedFor())) await sleep(20)
    pass()
    await sleep(COMMITTED_AFTER_MS)
  }
  expect(await planned(store, 'a', sliceOf(0, 0, 10))).toEqual({ kind: 'planned' })
  expect(await store.listRunnableTasks(9)).toEqual(['a'])
  expect(cuts).toBe(1)
  expect(
    await server.query(`select 1 from cut_${schemas}.transaction_outcome where outcome = 'given_up'`),
  ).toEqual([])
})

/** Whether a session waits for the transaction's end, to learn of it. */
async function isAskedFor(): Promise<boolean> {
  const waiting = await server.query(
    "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%given_up%'",
  )
  return waiting.length > 0
}

it('rows by which outcomes are found are removed once nobody can ask for them', async () => {
  const table = `cut_${schemas}.transaction_outcome`
  await server.query(
    `insert into ${table} select n, gen_random_uuid(), 'committed' from generate_series(1, 3) n`,
  )
  // The first write of a process removes what is old.
  const another = openPostgresMetadataStore({ address: server.address(`cut_${schemas}`) })
  await another.acquireLease('plan', 'me', 1000)
  await another.close()
  expect(await server.query(`select 1 from ${table} where begun_at_ms < 10`)).toEqual([])
  expect((await server.query(`select 1 from ${table}`)).length).toBeGreaterThan(0)
})
