/**
 * What an outside reader must find in tables of the golden topics, from what the producers sent alone: the manifest, the order events
 * that it holds digests of, and plain JSON.parse. Values are in the readers' canonical form (readers/canonical.py).
 */
import { z } from 'zod'
import { goldenTopic } from './golden-tables.ts'
import { type ManifestRecord, manifestRecord } from './kafscale/manifest.ts'
import { orderEvents } from './kafscale/order-events.ts'

/** A record as the manifest has it, with where it is from; long keys and values as digests. */
export type PlacedRecord = readonly [partition: number, ...ManifestRecord]

const hexSchema = z.string().nullable()
const headersSchema = z.array(z.object({ key: z.string(), value: hexSchema }))
const kafkaSchema = z.object({
  topic: z.string(),
  partition: z.int(),
  offset: z.string(),
  timestamp: z.string(),
  key: hexSchema,
  headers: headersSchema,
})

const bytesOf = (hex: string | null) => (hex === null ? null : Buffer.from(hex, 'hex'))

/** What a reader returned of a record, in the manifest's form. */
export function placedRecord(found: {
  readonly partition: unknown
  readonly offset: unknown
  readonly timestamp: unknown
  readonly key: unknown
  readonly value: unknown
  readonly headers: unknown
}): PlacedRecord {
  const headers = headersSchema.parse(found.headers)
  const record = {
    timestamp: Date.parse(z.string().parse(found.timestamp)),
    key: bytesOf(hexSchema.parse(found.key)),
    value: bytesOf(hexSchema.parse(found.value)),
    headers: headers.map(({ key, value }): [string, Buffer | null] => [key, bytesOf(value)]),
  }
  return [z.int().parse(found.partition), ...manifestRecord(Number(found.offset), record)]
}

/** Of a row of a raw table; `_kafka.key` and the column `key` must say the same. */
export function recordOfRawRow(row: Readonly<Record<string, unknown>>, topic: string): PlacedRecord {
  const kafka = kafkaSchema.parse(row._kafka)
  if (kafka.topic !== topic || kafka.key !== row.key)
    throw new Error(`a row of ${topic} says topic ${kafka.topic}, keys ${kafka.key} and ${row.key}`)
  return placedRecord({ ...kafka, value: row.value })
}

export function sentRecords(topic: string): readonly PlacedRecord[] {
  return goldenTopic(topic).partitions.flatMap(({ partition, records }) =>
    records.map((record): PlacedRecord => [partition, ...record]),
  )
}

/** In order of partition and offset, whatever order files came in. */
export function byPlace(records: readonly PlacedRecord[]): readonly PlacedRecord[] {
  return [...records].sort((a, b) => a[0] - b[0] || a[1] - b[1])
}

export interface SentOrder {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer
  readonly value: Buffer | null
  /** What is wrong with it; absent when it must become a row. */
  readonly broken?: string
}

/** Every order event where the broker put it: the manifest's digests prove that these are the values that were sent. */
export function sentOrders(): readonly SentOrder[] {
  const topic = goldenTopic('orders')
  const events = orderEvents()
  return topic.partitions.flatMap(({ partition, records }) => {
    const mine = events.filter(event => event.partition === partition)
    return records.map((record, i): SentOrder => {
      const event = mine[i]
      const offset = record[0]
      if (event === undefined) throw new Error(`no event for orders-${partition} offset ${offset}`)
      const { timestamp, key, value } = event
      const described = manifestRecord(offset, { timestamp, key, value, headers: [] })
      if (JSON.stringify(described) !== JSON.stringify(record))
        throw new Error(`the manifest says otherwise of orders-${partition} offset ${offset}: make it anew`)
      const broken = topic.broken?.find(one => one.partition === partition && one.offset === offset)?.what
      return { partition, offset, timestamp, key, value, ...(broken !== undefined && { broken }) }
    })
  })
}

/** Numbers stay the text that the producer wrote, so that nothing is rounded on the way to what is expected. */
const parseWithDigits = JSON.parse as unknown as (
  text: string,
  reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
) => unknown

const text = z
  .string()
  .nullish()
  .transform(value => value ?? null)
const digits = z.string()
const cents = digits.nullish().transform(value => (value == null ? null : withTwoDecimals(value)))
const integer = digits.nullish().transform(value => (value == null ? null : Number(value)))
const list = <T extends z.ZodType>(element: T) =>
  z
    .array(element)
    .nullish()
    .transform(value => value ?? null)

const customerSchema = z.object({ id: text, country: text, name: text, email: text })
const attributesSchema = z.record(z.string(), z.string()).transform(value => Object.entries(value).sort())
const itemSchema = z.object({ sku: text, quantity: integer, price: cents, attributes: attributesSchema })
const orderSchema = z.object({
  order_id: digits,
  amount: cents,
  currency: text,
  created_at: text.transform(value => (value === null ? null : utcMicros(value))),
  customer: customerSchema.nullish().transform(value => value ?? null),
  items: list(itemSchema),
  tags: list(z.string()),
  notes: text,
  priority: integer,
})
export type OrderRow = z.infer<typeof orderSchema>

export function orderRow(value: Buffer): OrderRow {
  const parsed = parseWithDigits(value.toString('utf8'), (_key, inner, { source }) =>
    typeof inner === 'number' ? source : inner,
  )
  return orderSchema.parse(parsed)
}

/** `_kafka` of an order; all of them came without headers. */
export function kafkaOf(order: SentOrder) {
  return {
    topic: 'orders',
    partition: order.partition,
    offset: String(order.offset),
    timestamp: utcMicros(new Date(order.timestamp).toISOString()),
    key: order.key.toString('hex'),
    headers: [],
  }
}

function withTwoDecimals(number: string): string {
  const [whole = '', fraction = ''] = number.split('.')
  return `${whole}.${fraction.padEnd(2, '0')}`
}

/** `Date` knows milliseconds only, so the fraction is carried over as text. */
export function utcMicros(iso: string): string {
  const fraction = /\.(\d+)/.exec(iso)?.[1] ?? ''
  return `${new Date(iso).toISOString().slice(0, 19)}.${fraction.padEnd(6, '0')}+00:00`
}
