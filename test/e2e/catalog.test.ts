/** The catalog of a running Tidewater, over HTTP. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { problemsOfAnswer } from '../fakes/rest-catalog-spec.ts'
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

async function start(server: string): Promise<string> {
  const config = ordersConfig({
    server,
    table: '    commit_interval: 500ms',
    top: 'limits: { poll_interval: 200ms, workers: 1 }',
  })
  await workspace.write('tidewater.yaml', config)
  await workspace.tidewater(['land', 'orders'], orders(0, 10))
  running = await startServing(workspace)
  return `${running.url}/catalog/v1`
}

async function ask(operation: string, url: string, init: RequestInit = {}) {
  const answer = await fetch(url, init)
  const body = await answer.text()
  expect(problemsOfAnswer(operation, answer.status, body)).toEqual([])
  return { status: answer.status, headers: answer.headers, json: body === '' ? undefined : JSON.parse(body) }
}

test('a table is loaded as soon as its rows are published, and a growing one shows more', async () => {
  const url = await start('{ listen: "127.0.0.1:0" }')
  const { json: config } = await ask('getConfig', `${url}/config`)
  const tables = `${url}/${config.overrides.prefix}/namespaces/shop/tables`
  const rows = async () => {
    const { status, json } = await ask('loadTable', `${tables}/orders`)
    return status === 404 ? 0 : Number(json.metadata.snapshots?.at(-1)?.summary['total-records'] ?? 0)
  }
  await expect.poll(rows, { timeout: 30_000 }).toBe(10)
  await workspace.tidewater(['land', 'orders'], orders(10, 5))
  await expect.poll(rows, { timeout: 30_000 }).toBe(15)
})

// biome-ignore lint/suspicious/noTemplateCurlyInString: tidewater.yaml names environment variables this way.
const TOKEN = '${TIDEWATER_TOKEN}'

test('a server with a token lets nobody in without it, and says so in the specification’s words', async () => {
  const url = await start(`{ listen: "127.0.0.1:0", token: "${TOKEN}" }`)
  const stranger = await ask('getConfig', `${url}/config`)
  expect([stranger.status, stranger.json.error.type]).toEqual([401, 'NotAuthorizedException'])
  expect(stranger.headers.get('www-authenticate')).toContain('Bearer')
  const headers = { authorization: 'Bearer the-token-of-this-test' }
  expect((await ask('getConfig', `${url}/config`, { headers })).status).toBe(200)
})

test('what is refused changes nothing, and a URL that cannot be read is a bad request', async () => {
  const url = await start('{ listen: "127.0.0.1:0" }')
  const drop = await ask('dropTable', `${url}/local/namespaces/shop/tables/orders`, { method: 'DELETE' })
  expect([drop.status, drop.json.error.type]).toEqual([403, 'ForbiddenException'])
  const bad = await ask('loadTable', `${url}/local/namespaces/%zz/tables/orders`)
  expect([bad.status, bad.json.error.type]).toEqual([400, 'BadRequestException'])
  const nowhere = await ask('loadTable', `${url}/local/nothing/here`)
  expect([nowhere.status, nowhere.json.error.type]).toEqual([404, 'NotFoundException'])
})
