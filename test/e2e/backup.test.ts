/** The backup of docs/operating.md: taken while Tidewater runs, and put in the place of a database that has gone on since. */
import { copyFile, rm } from 'node:fs/promises'
import { backup, DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { orders, ordersConfig } from './orders-config.ts'
import { startServing } from './running-server.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

let workspace: Workspace
beforeEach(async () => {
  workspace = await createWorkspace()
})
afterEach(() => workspace.remove())

test('a restored database takes what landed since again, and each record is there once', async () => {
  const config = ordersConfig({
    server: '{ listen: "127.0.0.1:0" }',
    table: '    commit_interval: 1s\n    dlq_max_ratio: 1',
    top: 'limits: { poll_interval: 200ms, workers: 1 }',
  })
  await workspace.write('tidewater.yaml', config)
  await workspace.tidewater(['land', 'orders'], `${orders(0, 30)}not json\n`)
  const running = await startServing(workspace)
  await running.seen(/shop\.orders: published snapshot/)
  await running.seen(/wrote dead letters 0 to 0/)

  const database = new DatabaseSync(workspace.path('tidewater.db'), { readOnly: true })
  await backup(database, workspace.path('backup.db'))
  database.close()
  for (const from of [30, 45]) {
    await workspace.tidewater(['land', 'orders'], `${orders(from, 15)}nor this\n`)
    await running.seen(from === 30 ? /wrote dead letters 1 to 1/ : /wrote dead letters 2 to 2/)
  }
  await running.seen(/(shop\.orders: published snapshot(.|\n)*){3}/)
  expect(await running.stop()).toBe(0)

  await copyFile(workspace.path('backup.db'), workspace.path('tidewater.db'))
  for (const name of ['tidewater.db-wal', 'tidewater.db-shm']) await rm(workspace.path(name), { force: true })
  const rows = async () => JSON.parse((await workspace.tidewater(['status', '--json'])).stdout).tables[0].rows
  expect(await rows()).toBe(30)
  const again = await workspace.tidewater(['run', '--once'])
  // Everything is there again but the topic: segments of the lost time stand in the way, until a person moves them away.
  expect(again.exitCode, again.stderr).toBe(1)
  expect(again.stderr).toMatch(/segment-0+2\.index: another content stands there .*from offset 1 on away/)
  expect(await rows()).toBe(60)
  for (const offset of [1, 2])
    for (const end of ['kfs', 'index'])
      await rm(
        workspace.path(
          `warehouse/_topics/shop.orders.dlq/0/segment-${String(offset).padStart(20, '0')}.${end}`,
        ),
      )
  expect(await workspace.tidewater(['run', '--once'])).toMatchObject({ exitCode: 0 })
  const audit = await workspace.tidewater(['audit', '--json'])
  expect(audit.exitCode, audit.stdout).toBe(0)
  expect(JSON.parse(audit.stdout).tables[0]).toMatchObject({
    rows: 60,
    dead_letters: 3,
    gaps: 0,
    duplicates: 0,
    topic_records: 3,
    topic_gaps: 0,
    topic_duplicates: 0,
  })
})
