/** A connection that is cut at COMMIT, before the server has seen it or after: the store finds out what happened, and answers that. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
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

let server: PostgresServer
let proxy: Server
let port = 0
/** What happens to the next COMMIT, once. */
let cut: Cut | undefined
let cuts = 0
let store: MetadataStore
let schemas = 0
const sockets = new Set<Socket>()

beforeAll(async () => {
  server = await startPostgres()
  proxy = createServer(client => forward(client, connect(server.port, '127.0.0.1')))
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
  const end = () => {
    client.destroy()
    upstream.destroy()
  }
  for (const socket of [client, upstream]) {
    sockets.add(socket)
    socket.on('error', end).on('close', end)
  }
  client.on('data', data => {
    // BEGIN names READ COMMITTED.
    const isCut = cut !== undefined && data.includes('COMMIT\0')
    if (!isCut) {
      upstream.write(data)
      return
    }
    cuts++
    isSilent = true
    if (cut === 'before') end()
    else {
      upstream.write(data)
      // By then the server has committed; its answer goes nowhere. Cut at the first byte of it, the server would stop halfway.
      setTimeout(end, COMMITTED_AFTER_MS)
    }
    cut = undefined
  })
  upstream.on('data', data => {
    if (!isSilent) client.write(data)
  })
}

it.each<Cut>(['before', 'after'])(
  'a plan, a claim and a commit that are cut %s COMMIT take place once',
  async when => {
    cut = when
    expect(await planned(store, 'a', sliceOf(0, 0, 10))).toEqual({ kind: 'planned' })
    cut = when
    expect(await claimed(store, 'a')).toMatchObject({ kind: 'claimed', task: { attempts: 0 } })
    cut = when
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
  cut = when
  await store.setTableState(TABLE, 'paused', NOTE)
  cut = when
  expect(await store.acquireLease('plan', 'me', 1000)).toEqual({ fencingToken: 1n })
  cut = when
  await store.releaseLease('plan', 'me')
  expect(await store.acquireLease('plan', 'you', 1000)).toEqual({ fencingToken: 2n })
  expect(await store.listEvents({ limit: 9 })).toHaveLength(1)
  expect(cuts).toBe(3)
})
