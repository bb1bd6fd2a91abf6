/**
 * Makes test/golden/segments anew: `node test/interop/kafscale/make-golden.ts`.
 *
 * A real broker writes to a real S3 server what real clients produce; the objects are fetched as they landed, and the manifest
 * tells what was sent. The folder is replaced only when all of it is there. What differs between two runs is listed in its README.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import { isOnPath, KAFSCALE_VERSION } from '../../servers/install.ts'
import { type KafscaleBroker, startKafscale } from '../../servers/kafscale.ts'
import { type S3Server, startS3Server } from '../../servers/s3-server.ts'
import { deleteObjects, landedObjects, s3ClientOf } from './bucket.ts'
import { type Client, type Codec, type Produced, produce, type Step } from './clients.ts'
import { CODEC_TOPICS, edgeCaseSteps, manyBatchSteps, orderSteps, smallSteps } from './golden-topics.ts'
import {
  GOLDEN_FOLDER,
  type Manifest,
  type ManifestTopic,
  manifestPartitions,
  manifestSchema,
  manifestText,
} from './manifest.ts'
import { ORDER_PARTITIONS, type OrderEvent, orderEvents } from './order-events.ts'

const BUCKET = 'kafscale-data'
const NAMESPACE = 'production'
/** For segments that no reader can trust; the manifest does not speak of them. */
const REFUSED_NAMESPACE = 'refused'
/** Without flush on acknowledgement: the broker flushes at this size, or with the first batch after this time. */
const GATHERING = { syncFlush: false, segmentBytes: 8 << 10, flushIntervalMs: 1500 }
const PAUSE_MS = 1700
const MAX_RECOVERY_MS = 30_000

interface Setup {
  readonly s3: S3Server
  readonly client: S3Client
  readonly broker: KafscaleBroker
  readonly send: (client: Client, codec: Codec, steps: readonly Step[]) => Promise<Produced>
}

async function main(): Promise<void> {
  const s3 = await startS3Server()
  const client = s3ClientOf(s3)
  await s3.createBucket(BUCKET)
  const broker = await startKafscale({
    s3,
    bucket: BUCKET,
    namespace: NAMESPACE,
    autoCreatePartitions: 3,
  })
  const versions = new Set<string>()
  const send: Setup['send'] = async (name, codec, steps) => {
    const produced = await produce(name, { bootstrap: broker.bootstrap, codec }, steps)
    versions.add(produced.client)
    return produced
  }
  try {
    const topics = await makeTopics({ s3, client, broker, send })
    await broker.restart({ namespace: REFUSED_NAMESPACE })
    makeOldFormat(broker)
    const manifest = manifestSchema.parse({
      broker: `github.com/KafScale/platform/cmd/broker ${KAFSCALE_VERSION}`,
      clients: [...versions],
      namespace: NAMESPACE,
      topics,
    } satisfies Manifest)
    await writeFolder(client, manifest)
  } finally {
    await broker.stop()
    await s3.stop()
  }
}

async function makeTopics(setup: Setup): Promise<ManifestTopic[]> {
  const orders = await makeOrders(setup)
  const gap = await makeGap(setup)
  const expired = await makeExpired(setup)
  const orphan = await makeOrphan(setup)
  return [...(await makeCodecTopics(setup)), orders, gap, expired, orphan]
}

async function makeCodecTopics({ broker, send }: Setup): Promise<ManifestTopic[]> {
  const produced = new Map<string, Produced[]>()
  for (const topic of CODEC_TOPICS) {
    produced.set(topic.topic, [await send(topic.client, topic.codec, edgeCaseSteps(topic))])
  }
  await broker.restart(GATHERING)
  for (const topic of CODEC_TOPICS) {
    produced.get(topic.topic)?.push(await send(topic.client, topic.codec, manyBatchSteps(topic, PAUSE_MS)))
  }
  await broker.restart({ syncFlush: true })
  return CODEC_TOPICS.map(({ topic, client, codec }) => ({
    topic,
    note: `${client} client, ${codec}: partitions 0 and 1 one batch per segment, partition 2 several`,
    partitions: allAcknowledged(topic, produced.get(topic) ?? []),
  }))
}

async function makeOrders({ send }: Setup): Promise<ManifestTopic> {
  const topic = 'orders'
  const events = orderEvents()
  const { java, franz } = orderSteps(topic, events)
  // The broker comes with a topic of this name and one partition.
  await send('franz', 'none', [{ topic, growTo: ORDER_PARTITIONS }])
  const produced = [await send('java', 'zstd', java), await send('franz', 'snappy', franz)]
  return {
    topic,
    note: 'realistic nested JSON: the first half of each partition zstd of the Java client, the second raw snappy of franz-go',
    partitions: allAcknowledged(topic, produced),
    broken: specials(produced, events, 'broken'),
    unusual: specials(produced, events, 'unusual'),
  }
}

function specials(produced: readonly Produced[], events: readonly OrderEvent[], kind: 'broken' | 'unusual') {
  const whatOf = new Map(events.map(event => [event.value, event[kind]]))
  return produced.flatMap(({ answers }) =>
    answers.flatMap(({ record, answer }) => {
      const what = whatOf.get(record.value)
      return what === undefined || 'error' in answer
        ? []
        : [{ partition: answer.partition, offset: answer.offset, what }]
    }),
  )
}

async function makeGap({ s3, broker, send }: Setup): Promise<ManifestTopic> {
  const topic = 'gap'
  const before = await send('java', 'lz4', smallSteps(topic, 0, { first: 0, count: 2 }))
  await s3.interrupt()
  const lost = await send('java', 'lz4', smallSteps(topic, 0, { first: 2, count: 1 }))
  if (lost.answers.some(({ answer }) => !('error' in answer))) {
    throw new Error(`${topic}: the broker acknowledged a batch although S3 was away.`)
  }
  await s3.resume()
  const until = Date.now() + MAX_RECOVERY_MS
  while (!(await broker.isReady())) {
    if (Date.now() > until) throw new Error(`the broker did not recover after S3 was back:\n${broker.log()}`)
    await sleep(100)
  }
  const after = await send('java', 'lz4', smallSteps(topic, 0, { first: 3, count: 2 }))
  const partitions = allAcknowledged(topic, [before, after])
  if (partitions[0]?.absent.length !== 1) throw new Error(`${topic}: the failed flush left no gap.`)
  return {
    topic,
    note: 'S3 was away while the third batch was produced: the broker dropped it, reported the error, and kept the advanced offset',
    partitions,
  }
}

/** A name with every kind of character that Kafka allows. */
async function makeExpired({ client, send }: Setup): Promise<ManifestTopic> {
  const topic = 'Retention.expired_v1-x'
  const produced = await send('franz', 'gzip', smallSteps(topic, 0, { first: 0, count: 4 }))
  const removed = await segmentKeys(client, topic, 0, 2)
  await deleteObjects(client, BUCKET, removed)
  return {
    topic,
    note: 'the objects of the first two segments were removed, as retention does: the topic begins at offset 6',
    partitions: allAcknowledged(topic, [produced]).map(({ records, ...rest }) => ({
      ...rest,
      records: records.slice(6),
    })),
  }
}

async function makeOrphan({ client, send }: Setup): Promise<ManifestTopic> {
  const topic = 'orphan'
  const produced = await send('franz', 'none', smallSteps(topic, 0, { first: 0, count: 3 }))
  const last = await segmentKeys(client, topic, 2, 3)
  await deleteObjects(
    client,
    BUCKET,
    last.filter(key => key.endsWith('.index')),
  )
  return {
    topic,
    note: 'the index of the last segment was removed, as if the broker had crashed between its two uploads: that segment does not count',
    partitions: allAcknowledged(topic, [produced]).map(({ records, ...rest }) => ({
      ...rest,
      records: records.slice(0, 6),
    })),
  }
}

/**
 * librdkafka turns its v2 message format off on a broker that advertises so few API versions, and lands a message set of magic 0.
 * The broker takes it when it is long enough, and reads its counts from where a v2 batch would have them.
 */
function makeOldFormat(broker: KafscaleBroker): void {
  if (!isOnPath('kcat')) throw new Error('kcat (librdkafka) is needed; on Debian, `apt-get install kcat`.')
  const messages = Array.from({ length: 3 }, (_, i) => `key ${i}:a message of librdkafka, number ${i}\n`)
  const args = ['-P', '-b', broker.bootstrap, '-t', 'librdkafka', '-p', '0', '-K', ':']
  const result = spawnSync('kcat', args, { input: messages.join(''), encoding: 'utf8', timeout: 60_000 })
  if (result.status !== 0)
    throw new Error(`kcat could not produce: ${result.error?.message ?? result.stderr}`)
}

/** Both objects of the segments from the `start`th to before the `end`th of partition 0. */
async function segmentKeys(client: S3Client, topic: string, start: number, end: number): Promise<string[]> {
  const objects = await landedObjects(client, BUCKET, `${NAMESPACE}/${topic}/0/`)
  return objects.map(({ key }) => key).slice(2 * start, 2 * end)
}

function allAcknowledged(topic: string, produced: readonly Produced[]): ManifestTopic['partitions'] {
  for (const { client, answers } of produced) {
    for (const { answer } of answers) {
      if ('error' in answer) throw new Error(`${topic}: ${client} could not produce: ${answer.error}`)
    }
  }
  return manifestPartitions(produced)
}

async function writeFolder(client: S3Client, manifest: Manifest): Promise<void> {
  const objects = [
    ...(await landedObjects(client, BUCKET, `${NAMESPACE}/`)),
    ...(await landedObjects(client, BUCKET, `${REFUSED_NAMESPACE}/`)),
  ]
  for (const entry of readdirSync(GOLDEN_FOLDER, { withFileTypes: true })) {
    if (entry.isDirectory()) rmSync(join(GOLDEN_FOLDER, entry.name), { recursive: true })
  }
  for (const { key, bytes } of objects) {
    const path = join(GOLDEN_FOLDER, key)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
  }
  writeFileSync(join(GOLDEN_FOLDER, 'manifest.json'), manifestText(manifest))
  const sizeBytes = objects.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
  console.log(`${objects.length} objects, ${sizeBytes} bytes in ${GOLDEN_FOLDER}`)
}

await main()
