/**
 * A real broker, real clients and a real S3 server, today: what Tidewater reads from the bucket is exactly what was produced.
 * The golden segments hold the same on every machine; this test notices when a broker, a client or our installers change.
 */
import type { S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseIndex } from '../../../shared/segment/segment-index.ts'
import { type KafscaleBroker, startKafscale } from '../../servers/kafscale.ts'
import { type S3Server, startS3Server } from '../../servers/s3-server.ts'
import { type LandedObject, landedObjects, s3ClientOf } from './bucket.ts'
import { installClients, produce, type Step } from './clients.ts'
import { CODEC_TOPICS, edgeCaseSteps, manyBatchSteps } from './golden-topics.ts'
import { manifestPartitions } from './manifest.ts'
import { recordsOfSegment } from './segment-records.ts'

const BUCKET = 'kafscale-data'
const NAMESPACE = 'team/production'
const FLUSH_INTERVAL_MS = 1500

let s3: S3Server
let client: S3Client
let broker: KafscaleBroker

beforeAll(async () => {
  await installClients()
  s3 = await startS3Server()
  client = s3ClientOf(s3)
  await s3.createBucket(BUCKET)
  broker = await startKafscale({ s3, bucket: BUCKET, namespace: NAMESPACE, autoCreatePartitions: 3 })
})

afterAll(async () => {
  client?.destroy()
  await broker?.stop()
  await s3?.stop()
})

/** The segments of a partition, after checking that each came with an index of its own. */
async function pairedSegments(topic: string, partition: number): Promise<LandedObject[]> {
  const objects = await landedObjects(client, BUCKET, `${NAMESPACE}/${topic}/${partition}/`)
  const keysEnding = (ending: string) => objects.map(({ key }) => key).filter(key => key.endsWith(ending))
  expect(keysEnding('.index').map(key => key.replace(/index$/, 'kfs'))).toEqual(keysEnding('.kfs'))
  for (const { key, bytes } of objects) {
    if (key.endsWith('.index')) expect(parseIndex(bytes, { key }).entries.length).toBeGreaterThan(0)
  }
  return objects.filter(({ key }) => key.endsWith('.kfs'))
}

async function expectLanded(topic: string, produced: Awaited<ReturnType<typeof produce>>): Promise<void> {
  expect(produced.answers.filter(({ answer }) => 'error' in answer)).toEqual([])
  for (const { partition, records } of manifestPartitions([produced])) {
    const segments = await pairedSegments(topic, partition)
    expect(segments.flatMap(recordsOfSegment)).toEqual(records)
  }
}

describe.each(CODEC_TOPICS)('the $client client with codec $codec', codecTopic => {
  const { client: name, codec } = codecTopic

  it('lands what it produced, batch by batch', async () => {
    const topic = `fresh-${codecTopic.topic}`
    const steps = edgeCaseSteps({ ...codecTopic, topic })
    const produced = await produce(name, { bootstrap: broker.bootstrap, codec }, steps)
    expect(produced.answers.length).toBeGreaterThan(200)
    await expectLanded(topic, produced)
  })
})

describe('a broker that gathers batches', () => {
  beforeAll(() =>
    broker.restart({ syncFlush: false, segmentBytes: 4 << 10, flushIntervalMs: FLUSH_INTERVAL_MS }),
  )
  afterAll(() => broker.restart({ syncFlush: true, segmentBytes: 4 << 20 }))

  it.each(['java', 'franz'] as const)('lands several batches of the %s client in one segment', async name => {
    const topic = `gathered-${name}`
    const steps = manyBatchSteps({ topic, client: name, codec: 'lz4' }, FLUSH_INTERVAL_MS + 200)
    const produced = await produce(name, { bootstrap: broker.bootstrap, codec: 'lz4' }, steps)
    await expectLanded(topic, produced)
    const batchCount = steps.filter(step => 'batch' in step).length
    expect((await pairedSegments(topic, 2)).length).toBeLessThan(batchCount)
  })
})

it('a batch whose flush failed leaves a gap that no segment fills', async () => {
  const topic = 'interrupted'
  const step = (value: string): Step => {
    const record = { topic, partition: 0, timestamp: 1, key: null, value: Buffer.from(value), headers: [] }
    return { batch: [record, record] }
  }
  const send = (value: string) =>
    produce('franz', { bootstrap: broker.bootstrap, codec: 'none' }, [step(value)])
  const before = await send('before')
  await s3.interrupt()
  const lost = await send('lost')
  await s3.resume()
  await expect.poll(() => broker.isReady(), { timeout: 30_000 }).toBe(true)
  const after = await send('after')

  expect(lost.answers.map(({ answer }) => 'error' in answer)).toEqual([true, true])
  const [expected] = manifestPartitions([before, after])
  expect(expected?.absent).toEqual([[2, 3]])
  expect((await pairedSegments(topic, 0)).flatMap(recordsOfSegment)).toEqual(expected?.records)
})
