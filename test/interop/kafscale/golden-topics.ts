/**
 * What the golden segments are made of: per topic the steps that a real client produces, the same on every run.
 * Topics of one codec and one client hold the shapes that a reader can trip over; `orders` holds realistic events.
 */
import { CLIENTS, type Client, CODECS, type Codec, type OutgoingRecord, type Step } from './clients.ts'
import { ORDER_PARTITIONS, type OrderEvent } from './order-events.ts'
import { createRandom } from './random.ts'

const START_MS = Date.UTC(2026, 0, 15, 12)
const LARGE_VALUE_BYTES = 1_100_000
/** Orders per batch; the first half of the batches is zstd of the Java client, the rest raw snappy of franz-go. */
const ORDERS_PER_BATCH = 100

export interface CodecTopic {
  readonly topic: string
  readonly client: Client
  readonly codec: Codec
}

export const CODEC_TOPICS: readonly CodecTopic[] = CLIENTS.flatMap(client =>
  CODECS.map(codec => ({ topic: `${client}-${codec}`, client, codec })),
)

type Fields = Partial<Omit<OutgoingRecord, 'topic' | 'partition'>>

function makeRecord(topic: string, partition: number, fields: Fields): OutgoingRecord {
  return { topic, partition, timestamp: START_MS, key: null, value: null, headers: [], ...fields }
}

/** Partitions 0 and 1, one batch per segment: edge cases, ordinary records, a lone tombstone, timestamps that go back, a large value. */
export function edgeCaseSteps({ topic, client, codec }: CodecTopic): readonly Step[] {
  const random = createRandom(topic.length)
  const ordinary = Array.from({ length: 100 }, (_, i) =>
    makeRecord(topic, 0, {
      timestamp: START_MS + i * 250 + random.below(250),
      key: Buffer.from(`user-${random.below(20)}`),
      value: Buffer.from(`{"n":${i},"text":"${'Gletscher kalben. '.repeat(random.below(8))}"}`),
    }),
  )
  const backwards = Array.from({ length: 150 }, (_, i) =>
    makeRecord(topic, 1, { timestamp: START_MS - i * 60_000, value: Buffer.from(String(i)) }),
  )
  // The repository keeps one large value that no codec shrinks.
  const largeBytes = codec === 'none' && client !== 'java' ? 40_000 : LARGE_VALUE_BYTES
  const large = [
    makeRecord(topic, 0, { key: Buffer.from('large'), value: largeValue(largeBytes) }),
    makeRecord(topic, 0, { key: Buffer.from('after large'), value: Buffer.from('small') }),
  ]
  return [
    { batch: edgeCases().map(fields => makeRecord(topic, 0, fields)) },
    { batch: ordinary },
    { batch: [makeRecord(topic, 1, { key: Buffer.from('deleted') })] },
    { batch: backwards },
    { batch: large },
  ]
}

function edgeCases(): readonly Fields[] {
  const text = (value: string) => Buffer.from(value)
  const empty = Buffer.alloc(0)
  return [
    { key: text('k'), value: text('v') },
    { key: null, value: text('a null key') },
    { key: empty, value: text('an empty key') },
    { key: text('a tombstone'), value: null },
    { key: text('an empty value'), value: empty },
    { key: null, value: null },
    { key: text('schlüssel-ключ-キー-🔑'), value: text('Größe «£» ελληνικά 漢字 🚀\u0000\u2028') },
    { value: Buffer.from([0x00, 0xff, 0xfe, 0x80, 0xc3, 0x28]) },
    {
      value: text('headers'),
      headers: [
        ['trace-id', text('4bf92f')],
        ['content-type', text('application/json')],
      ],
    },
    {
      value: text('a repeated header key'),
      headers: [
        ['x', text('1')],
        ['x', text('2')],
        ['x', text('1')],
      ],
    },
    {
      value: text('null and empty header values'),
      headers: [
        ['null', null],
        ['empty', empty],
      ],
    },
    {
      value: text('an empty header key'),
      headers: [
        ['', text('value')],
        ['', null],
      ],
    },
    {
      value: text('non-ASCII headers'),
      headers: [
        ['größe', Buffer.from([0xff, 0x00])],
        ['🔖', text('ü')],
      ],
    },
    {
      value: text('many headers'),
      headers: Array.from({ length: 70 }, (_, i) => [`h${i}`, text(`${i}`)] as const),
    },
    { timestamp: 0, value: text('timestamp 0') },
    { timestamp: START_MS + 40 * 365 * 86_400_000, value: text('a far timestamp') },
  ]
}

/** Compressible, yet not so repetitive that a codec has only one match to find. */
function largeValue(sizeBytes: number): Buffer {
  const lines: string[] = []
  const random = createRandom(sizeBytes)
  for (let length = 0; length < sizeBytes; length += lines.at(-1)?.length ?? 0) {
    lines.push(
      `The glacier moved ${random.below(10)} metres today; it calved ${'and calved '.repeat(30)}once more.\n`,
    )
  }
  return Buffer.from(lines.join('')).subarray(0, sizeBytes)
}

/** Partition 2, for a broker without flush on acknowledgement: several batches per segment, and an index with several entries. */
export function manyBatchSteps({ topic }: CodecTopic, pauseMs: number): readonly Step[] {
  const batch = (first: number, count: number): Step => ({
    batch: Array.from({ length: count }, (_, i) =>
      makeRecord(topic, 2, {
        timestamp: START_MS + (first + i) * 10,
        key: Buffer.from([first + i]),
        value: Buffer.from(`record ${first + i} of several batches`),
      }),
    ),
  })
  const batches = Array.from({ length: 6 }, (_, i) => batch(i * 40, 40))
  // The batch after the pause makes the broker flush what has gathered.
  return [...batches, { pauseMs }, batch(240, 3)]
}

/** `count` batches of three small records each, so that segments can be lost, removed or left without their index. */
export function smallSteps(
  topic: string,
  partition: number,
  { first, count }: { first: number; count: number },
): readonly Step[] {
  return Array.from({ length: count }, (_, i) => ({
    batch: [0, 1, 2].map(n =>
      makeRecord(topic, partition, {
        timestamp: START_MS + (first + i) * 1000 + n,
        key: Buffer.from(`${topic}-${first + i}-${n}`),
        value: Buffer.from(JSON.stringify({ batch: first + i, n })),
      }),
    ),
  }))
}

/** Halves of the orders' batches, in order within each partition. */
export function orderSteps(
  topic: string,
  events: readonly OrderEvent[],
): { java: readonly Step[]; franz: readonly Step[] } {
  const java: Step[] = []
  const franz: Step[] = []
  for (let partition = 0; partition < ORDER_PARTITIONS; partition++) {
    const records = events
      .filter(event => event.partition === partition)
      .map(({ timestamp, key, value }) => makeRecord(topic, partition, { timestamp, key, value }))
    const batchCount = Math.ceil(records.length / ORDERS_PER_BATCH)
    for (let i = 0; i < batchCount; i++) {
      const batch = records.slice(i * ORDERS_PER_BATCH, (i + 1) * ORDERS_PER_BATCH)
      ;(i < batchCount / 2 ? java : franz).push({ batch })
    }
  }
  return { java, franz }
}
