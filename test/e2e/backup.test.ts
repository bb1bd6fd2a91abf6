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
    table: '    commit_interval: 1s',
    top: 'limits: { poll_interval: 200ms, workers: 1 }',
  })
  await workspace.write('tidewater.yaml', config)
  await workspace.tidewater(['land', 'orders'], orders(0, 30))
  const running = await startServing(workspace)
  await running.seen(/shop\.orders: published snapshot/)

  const database = new DatabaseSync(workspace.path('tidewater.db'), { readOnly: true })
  await backup(database, workspace.path('backup.db'))
  database.close()
  await workspace.tidewater(['land', 'orders'], orders(30, 30))
  await running.seen(/shop\.orders: published snapshot(.|\n)*shop\.orders: published snapshot/)
  expect(await running.stop()).toBe(0)

  await copyFile(workspace.path('backup.db'), workspace.path('tidewater.db'))
  for (const name of ['tidewater.db-wal', 'tidewater.db-shm']) await rm(workspace.path(name), { force: true })
  const rows = async () => JSON.parse((await workspace.tidewater(['status', '--json'])).stdout).tables[0].rows
  expect(await rows()).toBe(30)
  const again = await workspace.tidewater(['run', '--once'])
  expect(again.exitCode, again.stderr).toBe(0)
  expect(await rows()).toBe(60)
  expect(await workspace.tidewater(['audit'])).toMatchObject({ exitCode: 0 })
})
