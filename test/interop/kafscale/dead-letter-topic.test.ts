/**
 * Dead letters as others read them: a real run makes them, their segments are copied into the store of a real broker, and what its own
 * code restores from them, and what real consumers get from it, is what the dead-letter table says.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createWorkspace, type Workspace } from '../../e2e/tidewater-cli.ts'
import { type KafscaleBroker, startKafscale } from '../../servers/kafscale.ts'
import { type S3Server, startS3Server } from '../../servers/s3-server.ts'
import { s3ClientOf } from './bucket.ts'
import { type ConsumedRecord, consume, readAsBroker } from './clients.ts'
import { GOLDEN_FOLDER } from './manifest.ts'

const BUCKET = 'kafscale-data'
const NAMESPACE = 'replay'
/**
 * By table, what consumers fetch at a time: 1 MiB is the usual setting. The broker cuts its answers there, also within a batch, so that
 * the one value of 1.1 MB among the edge cases needs more, in this topic as in any other.
 */
const FETCH_BYTES = { 'shop.edges': 4 << 20, 'shop.large': 1 << 20 }

/** Records of every kind that clients send, none of them an object with an `id`; and records that fill segments. */
const TABLES = ['shop.edges', 'shop.large'] as const
const CONFIG = `
warehouse: file:./warehouse
server: { listen: none }
sources:
  - { name: golden, type: kfs, url: "file:${join(GOLDEN_FOLDER, 'production')}" }
  - { name: local, type: kfs, url: "file:./segments" }
tables:
  - { name: shop.edges, source: golden, source_topic: java-lz4, dlq_max_ratio: 1, schema: &id { fields: [ { name: id, type: long, required: true } ] } }
  - { name: shop.large, source: local, source_topic: large, dlq_max_ratio: 1, schema: *id }
`

/** One of just under a fetch between small ones, and enough of middling size for several segments. */
const largeValues = [
  'small',
  'x'.repeat(1_000_000),
  'small again',
  ...Array.from({ length: 30 }, (_, i) => `${i}${'y'.repeat(200_000 + 7_001 * i)}`),
  ...Array.from({ length: 500 }, (_, i) => `tiny ${i}`),
]

let workspace: Workspace
let s3: S3Server
let broker: KafscaleBroker
let topics: string

beforeAll(async () => {
  workspace = await createWorkspace()
  topics = workspace.path('warehouse/_topics')
  await workspace.write('tidewater.yaml', CONFIG)
  const landing = ['land', 'large', '--source', 'local']
  expect(await workspace.tidewater(landing, largeValues.join('\n'))).toMatchObject({ exitCode: 0 })
  const run = await workspace.tidewater(['run', '--once'])
  expect(run.exitCode, run.stderr).toBe(0)

  s3 = await startS3Server()
  await s3.createBucket(BUCKET)
  for (const table of TABLES) await copyToBroker(`${table}.dlq`)
  broker = await startKafscale({ s3, bucket: BUCKET, namespace: NAMESPACE })
})

afterAll(async () => {
  await broker?.stop()
  await s3?.stop()
  await workspace?.remove()
})

/** Before any broker opens the partition, as docs/dead-letters.md says. */
async function copyToBroker(topic: string): Promise<void> {
  const client = s3ClientOf(s3)
  for (const name of segmentNames(topic)) {
    const Key = `${NAMESPACE}/${topic}/0/${name}`
    const Body = readFileSync(join(topics, topic, '0', name))
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }))
  }
  client.destroy()
}

const segmentNames = (topic: string) => readdirSync(join(topics, topic, '0'))

const text = z.string().optional()
const bytesFields = { value: text.nullable(), value_base64: text }
const rowSchema = z.object({
  topic: z.string(),
  partition: z.int(),
  offset: z.int(),
  timestamp: z.string(),
  key: text.nullable(),
  key_base64: text,
  ...bytesFields,
  headers: z.array(z.object({ key: z.string(), ...bytesFields })),
  error_code: z.string(),
  error_message: z.string(),
  failed_schema_id: z.int(),
  failed_at: z.string(),
})

const base64 = (value: string) => Buffer.from(value).toString('base64')
const bytesOf = (asText: string | null | undefined, asBase64: string | undefined) =>
  asBase64 ?? (typeof asText === 'string' ? base64(asText) : null)

/** What the topic must hold, by the rows of the dead-letter table. */
async function expectedRecords(table: string): Promise<readonly ConsumedRecord[]> {
  const shown = await workspace.tidewater(['dlq', 'show', table, '--limit', '100000', '--json'])
  expect(shown.exitCode, shown.stderr).toBe(0)
  const rows = shown.stdout
    .trim()
    .split('\n')
    .map(line => rowSchema.parse(JSON.parse(line)))
  return rows.map((row, offset) => ({
    offset,
    timestamp: Date.parse(row.timestamp),
    key: bytesOf(row.key, row.key_base64),
    value: bytesOf(row.value, row.value_base64),
    headers: [
      ...row.headers.map(({ key, value, value_base64 }): [string, string | null] => [
        key,
        bytesOf(value, value_base64),
      ]),
      ['tidewater.source.topic', base64(row.topic)],
      ['tidewater.source.partition', base64(String(row.partition))],
      ['tidewater.source.offset', base64(String(row.offset))],
      ['tidewater.error.code', base64(row.error_code)],
      ['tidewater.error.message', base64(row.error_message)],
      ['tidewater.schema.id', base64(String(row.failed_schema_id))],
      ['tidewater.failed_at', base64(row.failed_at)],
    ],
  }))
}

describe.each(TABLES)('the dead letters of %s', table => {
  const topic = `${table}.dlq`
  let expected: readonly ConsumedRecord[]
  beforeAll(async () => {
    expected = await expectedRecords(table)
  })

  it('are what the test means them to be', () => {
    if (table === 'shop.large') {
      expect(expected).toHaveLength(largeValues.length)
      expect(segmentNames(topic).length).toBeGreaterThanOrEqual(2 * 2)
      return
    }
    expect(expected.length).toBeGreaterThan(200)
    for (const part of ['key', 'value'] as const) {
      expect(expected.some(record => record[part] === null)).toBe(true)
      expect(expected.some(record => record[part] === '')).toBe(true)
    }
    expect(expected.some(({ headers }) => headers.length > 7 && headers[0]?.[1] === null)).toBe(true)
  })

  it("are read by the broker's own code", async () => {
    expect(await readAsBroker(topics, { topic, fetchBytes: FETCH_BYTES[table] })).toEqual(expected)
  })

  it.each(['java', 'franz'] as const)('are consumed through the broker by the %s client', async client => {
    const options = { bootstrap: broker.bootstrap, topic, count: expected.length }
    expect(await consume(client, { ...options, fetchBytes: FETCH_BYTES[table] })).toEqual(expected)
  })
})
