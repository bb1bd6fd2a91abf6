import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { orders, ordersConfig } from './orders-config.ts'
import { type RunningTidewater, startServing } from './running-server.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

let workspace: Workspace
let running: RunningTidewater | undefined

beforeEach(async () => {
  workspace = await createWorkspace({ TIDEWATER_TOKEN: 'the-token-of-this-test' })
})
afterEach(async () => {
  await running?.stop('SIGKILL')
  running = undefined
  await workspace.remove()
})

const configure = (server: string) =>
  workspace.write(
    'tidewater.yaml',
    ordersConfig({ server, top: 'limits: { poll_interval: 200ms, workers: 1 }' }),
  )

test('run prints where it listens, answers, and ends with 0 on SIGTERM', async () => {
  await configure('{ listen: "127.0.0.1:0" }')
  await workspace.tidewater(['land', 'orders'], orders(0, 10))
  running = await startServing(workspace)
  expect(running.said()).toMatch(
    /^server: (http:\/\/127\.0\.0\.1:\d+) · Iceberg REST catalog: \1\/catalog · API: \1\/api\/v1$/m,
  )
  expect(await (await fetch(`${running.url}/healthz`)).json()).toEqual({ status: 'ok' })
  await expect.poll(async () => (await fetch(`${running?.url}/readyz`)).status, { timeout: 20_000 }).toBe(200)
  expect(await running.stop()).toBe(0)
  await expect(fetch(`${running.url}/healthz`)).rejects.toThrow()
})

test('a port in use ends the run with 1, and says what to write', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  try {
    await configure(`{ listen: "127.0.0.1:${port}" }`)
    const { exitCode, stderr } = await workspace.tidewater(['run'])
    expect(exitCode).toBe(1)
    expect(stderr).toContain(`Listening at 127.0.0.1:${port} (server.listen): another process listens there.`)
    expect(stderr).toContain('none for no server')
  } finally {
    other.close()
  }
})

test('run --once starts no server', async () => {
  await configure('{ listen: "127.0.0.1:0" }')
  await workspace.tidewater(['land', 'orders'], orders(0, 10))
  const { exitCode, stderr } = await workspace.tidewater(['run', '--once'])
  expect({ exitCode, served: stderr.includes('server:') }).toEqual({ exitCode: 0, served: false })
})

test('a client that asks too often, or with wrong tokens, is told when to come again; probes are answered', async () => {
  await configure(
    `{ listen: "127.0.0.1:0", token: "\${TIDEWATER_TOKEN}", max_requests_per_minute: 30, max_wrong_tokens_per_minute: 5 }`,
  )
  running = await startServing(workspace)
  const { url } = running
  const ask = async (token: string, path = '/api/v1/tables') => {
    const { status, headers } = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } })
    return { status, waitSeconds: Number(headers.get('retry-after')) }
  }
  const asked = await Promise.all(Array.from({ length: 30 }, () => ask('the-token-of-this-test')))
  expect(asked.filter(({ status }) => status === 200)).toHaveLength(30)
  const refused = await Promise.all(Array.from({ length: 30 }, () => ask('the-token-of-this-test')))
  expect(refused.filter(({ status }) => status === 429).length).toBeGreaterThan(20)
  expect(Math.max(...refused.map(({ waitSeconds }) => waitSeconds))).toBe(2)
  const guesses: number[] = []
  for (let i = 0; i < 10; i++) guesses.push((await ask(`a-wrong-token-${i}`, '/metrics')).status)
  expect(guesses.slice(0, 5)).toEqual([401, 401, 401, 401, 401])
  expect(guesses).toContain(429)
  for (const path of ['/healthz', '/metrics']) {
    const statuses = await Promise.all(Array.from({ length: 40 }, () => ask('', path)))
    expect([...new Set(statuses.map(({ status }) => status))]).toEqual([path === '/healthz' ? 200 : 429])
  }
})

test('limits that are no number of requests are errors of the configuration', async () => {
  await configure('{ listen: "127.0.0.1:0", max_requests_per_minute: 0, max_wrong_tokens_per_minute: never }')
  const { exitCode, stderr } = await workspace.tidewater(['validate'])
  expect(exitCode).not.toBe(0)
  expect(stderr).toContain('a whole number from 1 to 10000000, or none')
  expect(stderr).toContain('a whole number from 1 to 100000, or none')
})
