/**
 * One of several processes that plan, claim and commit on one metadata database until every partition is committed up to the target.
 * Now and then it lets a claim run out and commits all the same, as a zombie would. Prints one JSON line of what it met.
 */
import { openSqliteMetadataStore } from '../../shared/metadata/sqlite/store.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { commitOf, planned, sliceOf, TABLE } from '../contract/metadata-store-fixture.ts'

const [path = '', name = '', target = '0'] = process.argv.slice(2)
const LEASE_MS = 150
const STEP = 10
const MAX_ROUNDS = 100_000

const store = openSqliteMetadataStore({ path })
const met = { planned: 0, stale: 0, claimed: 0, held: 0, committed: 0, staged: 0, fenced: 0 }
await store.migrate()

for (let round = 0; round < MAX_ROUNDS; round++) {
  const partitions = await store.listPartitions(TABLE)
  if (partitions.every(({ committedOffset }) => committedOffset >= BigInt(target))) break
  for (const { partition, plannedOffset, tasksInFlight } of partitions) {
    if (plannedOffset >= BigInt(target) || tasksInFlight > 5) continue
    const start = Number(plannedOffset)
    const outcome = await planned(store, systemRuntime.uuid(), sliceOf(partition, start, start + STEP))
    met[outcome.kind]++
  }
  for (const taskId of await store.listRunnableTasks(4)) await work(taskId)
}
await store.close()
console.log(JSON.stringify(met))

async function work(taskId: string): Promise<void> {
  const token = `${name}-${systemRuntime.uuid()}`
  const outcome = await store.claimTask(taskId, { token, leaseMs: LEASE_MS, worker: name })
  if (outcome.kind !== 'claimed') {
    if (outcome.kind === 'held') met.held++
    return
  }
  met.claimed++
  if (systemRuntime.random() < 0.05) await systemRuntime.sleep(LEASE_MS * 1.5)
  const { slices } = outcome.task
  const commit = commitOf(taskId, slices, { token, deadLetters: slices.map(() => 1n) })
  const files = commit.files.map(file => ({
    ...file,
    path: file.path.replace('.parquet', `-${token}.parquet`),
  }))
  const done = await store.commitTask({ ...commit, files })
  met[done.kind === 'fenced' ? 'fenced' : done.state]++
}
