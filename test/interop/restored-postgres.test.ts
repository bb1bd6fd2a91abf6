/** The backup and the restore of docs/postgres.md, with tables and dead letters published beyond the backup; an outside reader counts. */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  accountedFor,
  auditOf,
  createGrowingOrders,
  type GrowingOrders,
} from '../e2e/postgres/growing-orders.ts'
import { type RunningTidewater, startServing } from '../e2e/running-server.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { type PyIcebergReader, startPyIceberg } from './readers/readers.ts'

const PATIENCE = { timeout: 240_000, interval: 1000 }
const TOPIC_FOLDER = 'warehouse/_topics/shop.orders.dlq/0'

let server: PostgresServer
let reader: PyIcebergReader
let growing: GrowingOrders
beforeAll(async () => {
  server = await startPostgres()
  reader = await startPyIceberg()
  growing = await createGrowingOrders(server.url, { server: '{ listen: "127.0.0.1:0" }' })
})
afterAll(async () => {
  await growing?.workspace.remove()
  await reader?.close()
  await server?.remove()
})

/** By the reader, through the REST catalog; `undefined` while the table has no snapshot. */
const idsIn = async (running: RunningTidewater) => {
  const table = { catalog: { uri: `${running.url}/catalog`, warehouse: 'local' }, table: 'shop.orders' }
  const { rows } = await reader.scan(table, { columns: ['id'], orderBy: ['id'] })
  return rows.map(({ id }) => Number(id))
}

const lettersIn = async (running: RunningTidewater) => {
  const table = { catalog: { uri: `${running.url}/catalog`, warehouse: 'local' }, table: 'shop.orders__dlq' }
  const { rows } = await reader.scan(table, { columns: ['partition', 'offset'] })
  return rows.map(({ partition, offset }) => `${partition}/${offset}`)
}

async function status() {
  const { stdout } = await growing.workspace.tidewater(['status', '--json'])
  return JSON.parse(stdout).tables[0]
}

/** Waits until all that was landed is in the table and in the dead-letter topic. */
async function caughtUp(running: RunningTidewater): Promise<void> {
  const { rows, deadLetters } = growing.landed
  await expect.poll(async () => (await idsIn(running)).length, PATIENCE).toBe(rows)
  const rendered = async () => Number((await status()).dead_letter_topic.rendered_offset)
  await expect.poll(rendered, PATIENCE).toBe(deadLetters)
  await expect.poll(async () => (await lettersIn(running)).length, PATIENCE).toBe(deadLetters)
}

const segmentsOfTopic = async () =>
  (await readdir(growing.workspace.path(TOPIC_FOLDER))).filter(name => name.endsWith('.kfs')).sort()

/** Records of the topic: where each is in it, and the record that it stands for. */
async function recordsOfTopic() {
  const records: { readonly offset: number; readonly of: string }[] = []
  for (const name of await segmentsOfTopic()) {
    const cat = await growing.workspace.tidewater([
      'segment',
      'cat',
      growing.workspace.path(join(TOPIC_FOLDER, name)),
    ])
    expect(cat.exitCode, cat.stderr).toBe(0)
    for (const line of cat.stdout.trim().split('\n')) {
      const { offset, headers } = JSON.parse(line)
      const header = (key: string) => headers.find((found: { key: string }) => found.key === key)?.value
      records.push({
        offset: Number(offset),
        of: `${header('tidewater.source.partition')}/${header('tidewater.source.offset')}`,
      })
    }
  }
  return records
}

test('a restored dump with tables and dead letters published beyond it: after the documented steps each record is there once', async () => {
  const { workspace, landed, land } = growing
  for (let i = 0; i < 5; i++) await land()
  const first = await startServing(workspace)
  await caughtUp(first)

  // Work is under way while the dump is taken.
  for (let i = 0; i < 5; i++) await land()
  server.run('pg_dump', ['--format=custom', `--file=${workspace.path('tidewater.dump')}`, server.url])
  for (let i = 0; i < 5; i++) await land()
  await caughtUp(first)
  const published = { ...landed }
  expect(await first.stop(), first.said()).toBe(0)

  await server.query('drop database tidewater', 'postgres')
  await server.query('create database tidewater', 'postgres')
  server.run('pg_restore', [`--dbname=${server.url}`, '--exit-on-error', workspace.path('tidewater.dump')])
  expect((await status()).rows).toBeLessThan(published.rows)
  const standing = await segmentsOfTopic()

  const second = await startServing(workspace)
  await second.seen(/dead-letter-topic-differs/)
  const from = /from offset (\d+) on away/.exec(second.said())?.[1]
  const away = standing.filter(name => name >= `segment-${(from ?? '').padStart(20, '0')}`)
  expect(away.length).toBeGreaterThan(0)
  for (const name of away)
    for (const end of ['kfs', 'index'])
      await rm(workspace.path(join(TOPIC_FOLDER, name.replace(/kfs$/, end))), { force: true })
  for (let i = 0; i < 3; i++) await land()
  await caughtUp(second)

  expect(await idsIn(second)).toEqual(Array.from({ length: landed.rows }, (_, id) => id))
  const records = await recordsOfTopic()
  expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: landed.deadLetters }, (_, i) => i))
  expect(records.map(record => record.of).sort()).toEqual((await lettersIn(second)).sort())
  expect(new Set(records.map(record => record.of)).size).toBe(landed.deadLetters)
  expect(await second.stop(), second.said()).toBe(0)
  expect(await auditOf(workspace)).toMatchObject(accountedFor(landed))
})
