/** Connections: as many as one may open, none left over, and more processes than the server has connections for. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { MetadataStore } from '../../../shared/metadata/metadata-store.ts'
import { openPostgresMetadataStore } from '../../../shared/metadata/postgres/store.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { followTopic, partitionAt, planned, sliceOf } from '../../contract/metadata-store-fixture.ts'
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts'

const MAX_CONNECTIONS = 20

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres({ settings: { max_connections: String(MAX_CONNECTIONS) } })
})
afterAll(() => server.remove())

const connections = async () =>
  (await server.query("select pid from pg_stat_activity where application_name = 'tidewater'")).length

it('a pool of one connection serves everything, in turns', async () => {
  const address = { ...server.address('single'), poolSize: 1 }
  const store = openPostgresMetadataStore({ address })
  await store.migrate()
  await followTopic(store)
  const counts: number[] = []
  await Promise.all([
    ...Array.from({ length: 40 }, (_, i) => store.acquireLease(`l${i}`, 'me', 1000)),
    connections().then(count => counts.push(count)),
  ])
  expect(counts).toEqual([1])
  // A connection that the server ends takes no place in the pool.
  for (let i = 0; i < 5; i++) {
    await server.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tidewater'",
    )
    await store.acquireLease('plan', 'me', 1000)
  }
  expect(await connections()).toBe(1)
  await store.close()
  expect(await connections()).toBe(0)
})

it('more processes than the server has connections for get through, and lose nothing', async () => {
  const address = { ...server.address('crowd'), poolSize: 5 }
  const stores = Array.from({ length: 10 }, () => openPostgresMetadataStore({ address }))
  const [first] = stores
  if (first === undefined) throw new Error('no store')
  await first.migrate()
  await followTopic(first, stores.length)
  const refused: AppError[] = []
  // Each ends when it is done, and makes room.
  await Promise.all(
    stores.map(async (store, partition) => {
      await planAll(store, partition, refused)
      await store.close()
    }),
  )
  for (const error of refused) expect(error).toMatchObject({ code: 'metadata-unavailable', next: 'retry' })
  const after = openPostgresMetadataStore({ address })
  for (let partition = 0; partition < stores.length; partition++)
    expect(await partitionAt(after, partition)).toMatchObject({ plannedOffset: 100n })
  await after.close()
  expect(await connections()).toBe(0)
})

/** Ten plans one after the other, and as many reads beside each as the pool has connections. */
async function planAll(store: MetadataStore, partition: number, refused: AppError[]): Promise<void> {
  for (let start = 0; start < 100; start += 10) {
    const insist = async (work: () => Promise<unknown>): Promise<unknown> => {
      for (;;) {
        try {
          return await work()
        } catch (error) {
          if (!(error instanceof AppError) || error.next !== 'retry') throw error
          refused.push(error)
          await sleep(100)
        }
      }
    }
    const [outcome] = await Promise.all([
      insist(() => planned(store, `${partition}-${start}`, sliceOf(partition, start, start + 10))),
      ...Array.from({ length: 4 }, () => insist(() => store.listTables())),
    ])
    expect(outcome).toEqual({ kind: 'planned' })
  }
}
