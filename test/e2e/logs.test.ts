/** The log of a real process as JSON: every line an object, what it did, and the last line too, however it ends. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { orders, ordersConfig } from './orders-config.ts'
import { startServing } from './running-server.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

const SECRETS = { TIDEWATER_TOKEN: 'canary-token-4b1f0c9e7d', PARAMETER: 'canary-parameter-77aa' }
/** What is said of them is more than a pipe holds. */
const REQUESTS = 600

let workspace: Workspace
beforeEach(async () => {
  workspace = await createWorkspace(SECRETS)
})
afterEach(() => workspace.remove())

const config = (log: string, server = `{ listen: "127.0.0.1:0", token: "\${TIDEWATER_TOKEN}" }`) =>
  workspace.write(
    'tidewater.yaml',
    ordersConfig({
      server,
      top: `log: ${log}\nlimits: { poll_interval: 100ms, workers: 1 }`,
      table: '    commit_interval: 1s',
    }),
  )
const linesOf = (text: string) =>
  text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))

test('a run from start to stop: ids where they belong, requests without what they carried', async () => {
  await config('{ format: json, level: debug }')
  await workspace.tidewater(['land', 'orders'], `${orders(0, 50)}no json\n`)
  const running = await startServing(workspace)
  await running.seen(/"event":"snapshot.published".*"snapshot_id":"\d+"/)
  const headers = { authorization: `Bearer ${SECRETS.TIDEWATER_TOKEN}` }
  await fetch(`${running.url}/api/v1/events?after=${SECRETS.PARAMETER}`, { headers })
  await fetch(`${running.url}/${SECRETS.PARAMETER}`, { headers })
  expect(await running.stop()).toBe(0)

  const lines = linesOf(running.said())
  const found = (event: string) => lines.filter(line => line.event === event)
  expect(lines[0]).toMatchObject({ event: 'process.started', level: 'info', tables: 1 })
  expect(lines.at(-1)).toMatchObject({ event: 'process.stopped' })
  expect(new Set(lines.map(line => line.process)).size).toBe(1)
  const [committed] = found('task.committed')
  expect(committed).toMatchObject({
    table: 'shop.orders',
    task_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    topic: 'orders',
    partition: 0,
    start_offset: 0,
    end_offset: 51,
    rows: 50,
    dead_letters: 1,
  })
  expect(found('snapshot.published')).toContainEqual(
    expect.objectContaining({
      table: 'shop.orders',
      catalog: 'local',
      snapshot_id: expect.stringMatching(/^\d+$/),
    }),
  )
  expect(found('http.request').map(line => [line.method, line.route, line.status])).toEqual([
    ['GET', '/api/v1/events', 400],
    ['GET', 'none', 404],
  ])
  for (const secret of Object.values(SECRETS)) expect(running.said()).not.toContain(secret)
})

test('a failure that ends the process is its last line, and the exit code stays', async () => {
  await config('{ format: json }', `{ listen: "192.0.2.1:1", token: "\${TIDEWATER_TOKEN}" }`)
  const { exitCode, stderr } = await workspace.tidewater(['run'])
  expect(exitCode).toBe(1)
  expect(linesOf(stderr).at(-1)).toMatchObject({
    event: 'process.failed',
    level: 'error',
    code: 'server-listen-failed',
    next: 'fatal',
    msg: expect.stringContaining('192.0.2.1:1'),
  })
})

test('a slow reader of the log holds nothing up, and the end arrives all the same', async () => {
  await config('{ format: json, level: debug }', '{ listen: "127.0.0.1:0" }')
  const child = workspace.start(['run'])
  let said = ''
  let isPaused = false
  const reading = new Promise<string>(resolve => {
    child.stderr?.on('data', chunk => {
      said += String(chunk)
      const url = /"url":"([^"]+)"/.exec(said)?.[1]
      if (url === undefined || isPaused) return
      isPaused = true
      child.stderr?.pause()
      resolve(url)
    })
  })
  const closed = new Promise(resolve => child.once('close', resolve))
  const url = await reading
  for (let i = 0; i < REQUESTS; i++) expect((await fetch(`${url}/healthz`)).status).toBe(200)
  child.stderr?.resume()
  child.kill('SIGTERM')
  expect(await closed).toBe(0)
  const lines = linesOf(said)
  expect(lines.filter(line => line.event === 'http.request')).toHaveLength(REQUESTS)
  expect(lines.at(-1)).toMatchObject({ event: 'process.stopped' })
})
