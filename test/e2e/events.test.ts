import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { orders, ordersConfig } from './orders-config.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

const SEGMENT = 'segments/orders/0/segment-00000000000000000000.kfs'
let workspace: Workspace
const events = (...args: string[]) => workspace.tidewater(['events', ...args])

beforeAll(async () => {
  workspace = await createWorkspace()
  await workspace.write('tidewater.yaml', ordersConfig({ top: 'limits: { max_task_attempts: 2 }' }))
})
afterAll(() => workspace.remove())

test('a stop, and what a person did about it, in words, as CloudEvents, and as they come', async () => {
  await workspace.tidewater(['land', 'orders'], orders(0, 30))
  const bytes = await readFile(workspace.path(SEGMENT))
  bytes[200] = (bytes[200] ?? 0) ^ 0xff
  await writeFile(workspace.path(SEGMENT), bytes)
  await workspace.tidewater(['run', '--once'])

  const text = await events()
  expect(text).toMatchObject({ exitCode: 0, stderr: '' })
  expect(text.stdout).toMatch(
    /^\d{4}-\d\d-\d\dT[\d:]+Z {2}error {4}partition\.stopped {2}shop\.orders\/orders-0\n {4}\S/,
  )
  expect(text.stdout).toContain('→ Mend what the message names')
  expect(text.stdout).toContain('tidewater resume shop.orders --partition 0 --why …')

  const following = workspace.start([
    'events',
    '--follow',
    '--json',
    '--type',
    'operator.pause,operator.resume',
  ])
  let followed = ''
  following.stdout?.on('data', chunk => {
    followed += String(chunk)
  })
  const closed = new Promise(resolve => following.once('close', resolve))
  // Nothing of these types has happened: it has asked once when it has been there for a moment.
  await new Promise(resolve => setTimeout(resolve, 1500))
  await workspace.tidewater(['pause', 'shop.orders', '--why', 'looking into it'])
  await expect.poll(() => followed, { timeout: 20_000 }).toContain('\n')
  following.kill('SIGINT')
  expect(await closed).toBe(0)
  expect(JSON.parse(followed)).toMatchObject({
    specversion: '1.0',
    type: 'operator.pause',
    subject: 'shop.orders',
    data: { severity: 'info', why: 'looking into it', who: expect.stringMatching(/./) },
  })

  const lines = (await events('--json', '--limit', '2')).stdout.trim().split('\n')
  expect(lines.map(line => JSON.parse(line).type)).toEqual(['partition.stopped', 'operator.pause'])
  expect((await events('--severity', 'error', '--json')).stdout.trim().split('\n')).toHaveLength(1)
  expect((await events('--table', 'shop.orders__dlq')).stderr).toBe('No events.\n')
})

test('a type that does not exist is wrong usage, and the types are listed', async () => {
  const { exitCode, stderr } = await events('--type', 'partition.stop')
  expect(exitCode).toBe(2)
  expect(stderr).toContain('partition.stopped')
  expect(await events('--table', 'none')).toMatchObject({ exitCode: 2 })
})
