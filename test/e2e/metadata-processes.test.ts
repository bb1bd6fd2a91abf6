/** Several operating-system processes on one SQLite file, one of them killed on the way: every offset is committed once. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openSqliteMetadataStore } from '../../shared/metadata/sqlite/store.ts'
import { followTopic, LETTERS, TABLE } from '../contract/metadata-store-fixture.ts'

const WORKER = new URL('./metadata-worker.ts', import.meta.url).pathname
const PARTITIONS = 3
const TARGET = 1000
const KILLED_AFTER_MS = 700

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewater-processes-'))
})
afterEach(() => rm(folder, { recursive: true }))

it('processes that race for plans, claims and commits account for every offset once', async () => {
  const path = join(folder, 'tidewater.db')
  const starting = Array.from({ length: 4 }, () => openSqliteMetadataStore({ path }))
  await Promise.all(starting.map(store => store.migrate()))
  for (const store of starting.slice(1)) await store.close()
  const [store] = starting
  if (store === undefined) throw new Error('no store')
  await followTopic(store, PARTITIONS)

  const run = (name: string) => start(path, name)
  const workers = [run('a'), run('b')]
  const victim = run('victim')
  await sleep(KILLED_AFTER_MS)
  victim.child.kill('SIGKILL')
  workers.push(run('c'))
  const reports = await Promise.all(workers.map(worker => worker.report))

  const sum = (key: string) => reports.reduce((total, report) => total + (report[key] ?? 0), 0)
  expect(sum('committed')).toBeGreaterThan(0)
  expect(sum('fenced')).toBeGreaterThan(0)
  await checkLedger(store)
  await store.close()
})

function start(path: string, name: string): { child: ChildProcess; report: Promise<Record<string, number>> } {
  const child = spawn(process.execPath, [WORKER, path, name, String(TARGET)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const report = Promise.all([text(child.stdout), once(child, 'exit')]).then(([out, [code]]) => {
    if (name === 'victim') return {}
    if (code !== 0) throw new Error(`worker ${name} ended with ${code}: ${out}`)
    return JSON.parse(out)
  })
  return { child, report }
}

async function checkLedger(store: ReturnType<typeof openSqliteMetadataStore>): Promise<void> {
  const { accounts, next } = await store.listAccounts(TABLE, { limit: 100_000 })
  expect(next).toBeUndefined()
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const slices = accounts.filter(account => account.partition === partition)
    expect(slices.map(slice => Number(slice.startOffset))).toEqual(
      Array.from({ length: TARGET / 10 }, (_, i) => i * 10),
    )
    expect(slices.every(slice => slice.endOffset === slice.startOffset + 10n)).toBe(true)
  }
  const table = await store.loadTable('shop.orders')
  const tasks = (PARTITIONS * TARGET) / 10
  expect(table?.version).toBe(BigInt(tasks))
  for (const tableId of [TABLE, LETTERS]) {
    const { files } = await store.listFiles(tableId, { version: BigInt(tasks), limit: 100_000 })
    expect(files.map(file => file.addedVersion)).toEqual(
      Array.from({ length: tasks }, (_, i) => BigInt(i + 1)),
    )
  }
  expect(await store.sumAccounts(TABLE)).toMatchObject({
    rowCount: BigInt(PARTITIONS * TARGET - tasks),
    deadLetterCount: BigInt(tasks),
  })
  expect(await store.countTasks(TABLE)).toMatchObject({ queued: 0, claimed: 0, staged: 0, committed: tasks })
}
