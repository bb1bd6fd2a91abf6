/**
 * Sixteen committers over several stores, on one table and on many, while connections are ended, server processes are killed and the
 * server is stopped as a crash would stop it. What every call answered is held against what the database holds afterwards: no offset is lost or doubled, versions
 * have no hole, and who was told "committed" or "planned" was told the truth, also when the answer of a COMMIT never came.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { MetadataStore } from '../../../shared/metadata/metadata-store.ts'
import { openPostgresMetadataStore } from '../../../shared/metadata/postgres/store.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { commitOf, NOTE, newTable, sliceOf, TOPIC } from '../../contract/metadata-store-fixture.ts'
import { createSeededRuntime } from '../../fakes/seeded-runtime.ts'
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts'

const COMMITTERS = 16
const STORES = 4
const PARTITIONS = 2
const STEP = 10
const LEASE_MS = 1500

let server: PostgresServer
let stores: MetadataStore[] = []
let schemas = 0
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.remove())
beforeEach(async () => {
  const address = server.address(`faults_${++schemas}`)
  stores = Array.from({ length: STORES }, () => openPostgresMetadataStore({ address, maxConnections: 5 }))
  await Promise.all(stores.map(store => store.migrate()))
})
afterEach(async () => {
  await Promise.all(stores.map(store => store.close()))
})

/** What the calls answered, summed over all committers. */
interface Answers {
  planned: number
  committed: number
  retries: number
  fenced: number
}

interface Run {
  readonly tables: readonly string[]
  /** Offsets of each partition. */
  readonly target: number
  readonly answers: Answers
}

async function createTables(count: number): Promise<readonly string[]> {
  const [store] = stores
  if (store === undefined) throw new Error('no store')
  const tables = Array.from({ length: count }, (_, i) => `t${i}`)
  for (const tableId of tables) {
    await store.createTable(
      newTable(tableId, `shop.${tableId}`),
      newTable(`${tableId}-dlq`, `shop.${tableId}__dlq`),
    )
    for (let partition = 0; partition < PARTITIONS; partition++)
      await store.registerPartition({ tableId, topic: TOPIC, partition, incarnation: 0, firstOffset: 0n })
  }
  return tables
}

/** The call again for as long as the store says that trying again may help. */
async function insist<T>(answers: Answers, call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof AppError) || error.next !== 'retry') throw error
      // The server always comes back, so every lost answer is found.
      expect(error.code).not.toBe('metadata-outcome-unknown')
      answers.retries++
      await sleep(20)
    }
  }
}

async function commitUntilDone(number: number, run: Run): Promise<void> {
  const store = stores[number % STORES]
  if (store === undefined) throw new Error('no store')
  const { tables, target, answers } = run
  const { random } = createSeededRuntime(number + 1)
  const call = <T>(work: () => Promise<T>) => insist(answers, work)
  for (let round = 0; ; round++) {
    const tableId = tables[(number + round) % tables.length] ?? ''
    const partitions = await call(() => store.listPartitions(tableId))
    const isDone = partitions.every(({ committedOffset }) => committedOffset >= BigInt(target))
    if (isDone && (round % tables.length === tables.length - 1 || tables.length === 1)) {
      if (await allDone(store, run)) return
    }
    for (const { partition, plannedOffset, tasksInFlight } of partitions) {
      if (plannedOffset >= BigInt(target) || tasksInFlight > 6) continue
      const start = Number(plannedOffset)
      const taskId = `${tableId}-${partition}-${start}-${number}-${round}`
      const task = {
        taskId,
        tableId,
        schemaId: 0,
        specId: 0,
        slices: [sliceOf(partition, start, start + STEP)],
      }
      if ((await call(() => store.planTask(task))).kind === 'planned') answers.planned++
    }
    const runnable = await call(() => store.listRunnableTasks(COMMITTERS))
    const taskId = runnable[Math.floor(random() * runnable.length)]
    if (taskId !== undefined) await convert(store, taskId, { run, random, name: `${number}-${round}` })
    if (random() < 0.02) await disturb(store, tableId, call)
  }
}

async function allDone(store: MetadataStore, { tables, target, answers }: Run): Promise<boolean> {
  for (const tableId of tables) {
    const partitions = await insist(answers, () => store.listPartitions(tableId))
    if (partitions.some(({ committedOffset }) => committedOffset < BigInt(target))) return false
  }
  return true
}

async function convert(
  store: MetadataStore,
  taskId: string,
  { run, random, name }: { readonly run: Run; readonly random: () => number; readonly name: string },
): Promise<void> {
  const { answers } = run
  const token = `${taskId}-${name}`
  const claim = { token, leaseMs: LEASE_MS, worker: name }
  const outcome = await insist(answers, () => store.claimTask(taskId, claim))
  if (outcome.kind !== 'claimed') return
  if (random() < 0.05) {
    const failure = {
      claim: { taskId, token },
      code: 'c',
      message: 'm\0',
      next: { kind: 'retry', delayMs: 0 } as const,
    }
    await insist(answers, () => store.failTask(failure))
    return
  }
  const { slices, tableId } = outcome.task
  const commit = commitOf(taskId, slices, { token, deadLetters: slices.map(() => 1n) })
  const files = commit.files.map(file => ({ ...file, path: `${tableId}/${token}/${file.target}.parquet` }))
  const done = await insist(answers, () => store.commitTask({ ...commit, files }))
  answers[done.kind]++
}

/** Other writes to the same tables, with the locks of names, leases and events in between. */
async function disturb(
  store: MetadataStore,
  tableId: string,
  call: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<void> {
  await call(() => store.setTableState(tableId, 'paused', NOTE))
  await call(() => store.setTableState(tableId, 'active', NOTE))
  await call(() => store.acquireLease(tableId, 'me', 10))
  await call(() => store.createTable(newTable(tableId, `shop.${tableId}`)))
  await call(() =>
    store.declareDeadLetterTopic(`${tableId}-dlq`, {
      topic: `${tableId}.dlq`,
      location: `s3://t/${tableId}`,
    }),
  )
}

async function runCommitters(
  tableCount: number,
  target: number,
  meanwhile: (isOver: () => boolean) => Promise<void>,
) {
  const run: Run = {
    tables: await createTables(tableCount),
    target,
    answers: { planned: 0, committed: 0, retries: 0, fenced: 0 },
  }
  let isOver = false
  const committers = Promise.all(
    Array.from({ length: COMMITTERS }, (_, i) => commitUntilDone(i, run)),
  ).finally(() => {
    isOver = true
  })
  await Promise.all([committers, meanwhile(() => isOver)])
  await checkLedger(run)
  return run.answers
}

async function checkLedger({ tables, target, answers }: Run): Promise<void> {
  const [store] = stores
  if (store === undefined) throw new Error('no store')
  const tasks = (PARTITIONS * target) / STEP
  const all = tasks * tables.length
  expect(answers).toMatchObject({ planned: all, committed: all })
  for (const tableId of tables) {
    const { accounts } = await store.listAccounts(tableId, { limit: 100_000 })
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const starts = accounts
        .filter(found => found.partition === partition)
        .map(found => Number(found.startOffset))
      expect(starts).toEqual(Array.from({ length: target / STEP }, (_, i) => i * STEP))
    }
    for (const id of [tableId, `${tableId}-dlq`]) {
      const { files } = await store.listFiles(id, { version: 1_000_000n, limit: 100_000 })
      expect(files.map(file => Number(file.addedVersion))).toEqual(
        Array.from({ length: tasks }, (_, i) => i + 1),
      )
      expect(new Set(files.map(file => file.path)).size).toBe(tasks)
    }
    expect(await store.countTasks(tableId)).toMatchObject({
      queued: 0,
      claimed: 0,
      staged: 0,
      committed: tasks,
    })
    const topic = await store.loadDeadLetterTopic(`${tableId}-dlq`)
    if (topic !== undefined) expect(topic.endOffset).toBe(BigInt(tasks))
  }
}

const undisturbed = async () => undefined

describe('sixteen committers', () => {
  it('on one table commit everything once', async () => {
    expect(await runCommitters(1, 600, undisturbed)).toMatchObject({ retries: 0 })
  })

  it('on eight tables commit everything once, and never wait for each other in a circle', async () => {
    const before = await deadlocks()
    expect(await runCommitters(8, 150, undisturbed)).toMatchObject({ retries: 0 })
    expect(await deadlocks()).toBe(before)
  })

  it('go on after killed backends, without losing or doubling anything', async () => {
    let kills = 0
    await runCommitters(3, 300, async isOver => {
      while (!isOver()) {
        const killed = await server.query(`select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'tidewater' and random() < 0.3`)
        kills += killed.length
        await sleep(60)
      }
    })
    expect(kills).toBeGreaterThan(20)
  })

  it('go on after crashes and restarts of the server, without losing or doubling anything', async () => {
    let restarts = 0
    await runCommitters(3, 400, async isOver => {
      while (!isOver() && restarts < 6) {
        await sleep(400)
        await crash(restarts++)
      }
    })
    expect(restarts).toBeGreaterThan(2)
  })
})

/** By turns: of the server, of one of its processes, or none: a stop that ends sessions and keeps everything. */
async function crash(number: number): Promise<void> {
  if (number % 3 === 1) return server.crashBackend()
  await server.stop(number % 3 === 0 ? 'immediate' : 'fast')
  await sleep(100)
  await server.start()
}

async function deadlocks(): Promise<number> {
  const [{ n } = {}] = await server.query('select sum(deadlocks) as n from pg_stat_database')
  return Number(n)
}
