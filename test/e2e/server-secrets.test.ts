/** The real process beyond loopback: who has no token gets nothing, and who has it is told no secret. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { orders, ordersConfig } from './orders-config.ts'
import { type RunningTidewater, startServing } from './running-server.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

const SECRETS = {
  TIDEWATER_TOKEN: 'canary-token-4b1f0c9e7d',
  CANARY_KEY: 'CANARYKEY0000000001',
  CANARY_SECRET: 'canary-secret-9f8e7d6c5b4a',
  CANARY_SESSION: 'canary-session-1a2b3c4d5e',
}
let workspace: Workspace
let running: RunningTidewater

beforeAll(async () => {
  workspace = await createWorkspace(SECRETS)
  const config = ordersConfig({
    server: `{ listen: "0.0.0.0:0", token: "\${TIDEWATER_TOKEN}" }`,
    table: '    commit_interval: 1s',
    top: 'limits: { poll_interval: 200ms, workers: 1 }',
  })
  const warehouse = `warehouse: { url: "file:./warehouse", access_key_id: "\${CANARY_KEY}", secret_access_key: "\${CANARY_SECRET}", session_token: "\${CANARY_SESSION}" }`
  await workspace.write('tidewater.yaml', config.replace('warehouse: file:./warehouse', warehouse))
  await workspace.tidewater(['land', 'orders'], `${orders(0, 30)}not json\n`)
  running = await startServing(workspace)
  await running.seen(/published snapshot(.|\n)*published snapshot/)
})
afterAll(async () => {
  await running?.stop('SIGKILL')
  await workspace?.remove()
})

const ask = (path: string, token?: string) =>
  fetch(running.url.replace('0.0.0.0', '127.0.0.1') + path, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  })

test('every answer keeps the secrets, those to mistakes too; so do the output and the errors', async () => {
  const document = await (await ask('/api/v1/openapi.json', SECRETS.TIDEWATER_TOKEN)).json()
  const paths = [
    '/metrics',
    '/healthz',
    '/readyz',
    '/catalog/v1/config',
    '/catalog/v1/local/namespaces/shop/tables/orders',
    '/catalog/v1/local/namespaces/shop/tables/orders/credentials',
    '/api/v1/nothing',
    '/api/v1/tables?page=x',
    ...Object.keys(Object(document).paths).map(path => `/api/v1${path.replace('{name}', 'shop.orders')}`),
  ]
  expect(paths.length).toBeGreaterThan(15)
  for (const token of [SECRETS.TIDEWATER_TOKEN, 'a-wrong-token-of-some-length', undefined]) {
    for (const path of paths) {
      const answer = await ask(path, token)
      const text = `${[...answer.headers].flat().join('\n')}\n${await answer.text()}`
      if (token !== SECRETS.TIDEWATER_TOKEN && !/z$/.test(path))
        expect([path, answer.status]).toEqual([path, 401])
      for (const secret of Object.values(SECRETS))
        expect(text.includes(secret), `${path} tells ${secret}`).toBe(false)
    }
  }
  for (const secret of Object.values(SECRETS)) expect(running.said()).not.toContain(secret)
})

test('it serves rows, dead letters and the catalog with the token, and stops at once', async () => {
  const get = async (path: string) => (await ask(path, SECRETS.TIDEWATER_TOKEN)).json()
  expect(await get('/api/v1/status')).toMatchObject({
    tables: [{ name: 'shop.orders', rows: 30, dead_letters: 1 }],
  })
  expect(await get('/api/v1/tables/shop.orders/dead-letters')).toMatchObject({
    dead_letters: [{ value: 'not json', offset: 30 }],
  })
  expect(await get('/catalog/v1/local/namespaces')).toEqual({
    namespaces: [['shop']],
    'next-page-token': null,
  })
  const started = performance.now()
  expect(await running.stop()).toBe(0)
  expect(performance.now() - started).toBeLessThan(8000)
})
