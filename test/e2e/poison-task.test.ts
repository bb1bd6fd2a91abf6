/** A task that kills every process that tries it, with processes that really die and a supervisor that starts them again. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { orders, ordersConfig } from './orders-config.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

const DYING_WORKER = join(import.meta.dirname, 'dying-worker.ts')
const PATIENCE_MS = 240_000

let workspace: Workspace
beforeEach(async () => {
  workspace = await createWorkspace()
})
afterEach(() => workspace.remove())

test('a task that keeps killing its workers is parked, stops its own partition, and takes no other along', async () => {
  await workspace.write(
    'tidewater.yaml',
    ordersConfig({
      top: 'limits: { poll_interval: 100ms, claim_lease: 5s, workers: 2, max_task_attempts: 2 }',
      table: '    commit_interval: 1s\n    task_target_bytes: 64KiB',
    }),
  )
  const land = ['land', 'orders', '--partitions', '3', '--key', 'id']
  expect(await workspace.tidewater(land, orders(0, 600))).toMatchObject({ exitCode: 0 })

  let deaths = 0
  const end = Date.now() + PATIENCE_MS
  let worker = startWorker(workspace.folder)
  for (;;) {
    if (Date.now() > end) throw new Error(`after ${deaths} deaths: ${JSON.stringify(await status())}`)
    const isDead = await Promise.race([worker.dead, new Promise(resolve => setTimeout(resolve, 500))])
    if (isDead === 'SIGKILL') {
      deaths++
      worker = startWorker(workspace.folder)
    } else if ((await status())?.publications[0]?.current && (await states()).includes('stopped')) break
  }
  worker.child.kill('SIGTERM')
  await worker.dead

  expect(deaths).toBeGreaterThanOrEqual(2)
  expect(await states()).toEqual(['active', 'stopped', 'active'])
  const { partitions = [], rows } = (await status()) ?? {}
  expect(partitions[1]).toMatchObject({ committed_offset: 0, state_code: 'workers-lost' })
  expect(partitions[1]?.state_reason).toMatch(/workers in a row died or were cut off/)
  expect(rows).toBe(partitions.reduce((sum, partition) => sum + partition.committed_offset, 0))
  expect(rows).toBeGreaterThan(0)
  for (const { committed_offset, planned_offset } of [partitions[0], partitions[2]].filter(
    p => p !== undefined,
  ))
    expect(committed_offset).toBe(planned_offset)
  const { stdout } = await workspace.tidewater(['events', '--json'])
  expect(stdout).toContain('partition.stopped')

  // A person looks, and goes on: with a worker that bears it, everything is there once.
  const resume = ['resume', 'shop.orders', '--partition', '1', '--why', 'more memory']
  expect(await workspace.tidewater(resume)).toMatchObject({ exitCode: 0 })
  expect(await workspace.tidewater(['run', '--once'])).toMatchObject({ exitCode: 0 })
  const audit = await workspace.tidewater(['audit', '--json'])
  expect(JSON.parse(audit.stdout).tables[0]).toMatchObject({ rows: 600, gaps: 0, duplicates: 0 })
})

function startWorker(folder: string) {
  const child = spawn(process.execPath, [DYING_WORKER], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return { child, dead: once(child, 'exit').then(([, signal]) => signal) }
}

interface Status {
  readonly rows: number
  readonly publications: readonly { readonly current: boolean }[]
  readonly partitions: readonly {
    readonly state: string
    readonly state_code: string | null
    readonly state_reason: string | null
    readonly committed_offset: number
    readonly planned_offset: number
  }[]
}

async function status(): Promise<Status | undefined> {
  const { exitCode, stdout } = await workspace.tidewater(['status', '--json'])
  return exitCode === 0 ? JSON.parse(stdout).tables[0] : undefined
}

async function states(): Promise<readonly string[]> {
  return (await status())?.partitions.map(partition => partition.state) ?? []
}
