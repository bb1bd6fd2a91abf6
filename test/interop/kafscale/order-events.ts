/**
 * The order events of topic `orders`: nested JSON as a shop would send it, with some broken records and some that look odd and
 * are valid. Deterministic: the same events on every call. Their schema is in test/golden/segments/README.md.
 */
import { createRandom, type Random } from './random.ts'

export const ORDER_COUNT = 3000
export const ORDER_PARTITIONS = 3
const SEED = 20_260_301
const FIRST_ORDER_ID = 100_001
const FIRST_CREATED_MS = Date.UTC(2026, 2, 1, 6)
/** Three days of orders, so that a table partitioned by day has several partitions. */
const MEAN_GAP_MS = Math.floor((3 * 86_400_000) / ORDER_COUNT)

export interface OrderEvent {
  readonly partition: number
  readonly timestamp: number
  readonly key: Buffer
  readonly value: Buffer | null
  /** What is wrong with it, if something is. */
  readonly broken?: string
  /** What a reader could trip over although the record is valid. */
  readonly unusual?: string
}

export function orderEvents(): readonly OrderEvent[] {
  const random = createRandom(SEED)
  const special = specialValues()
  const stride = Math.floor(ORDER_COUNT / special.length)
  let createdMs = FIRST_CREATED_MS
  return Array.from({ length: ORDER_COUNT }, (_, i): OrderEvent => {
    createdMs += random.below(2 * MEAN_GAP_MS)
    const order = makeOrder(random, FIRST_ORDER_ID + i, createdMs)
    const place = {
      partition: random.below(ORDER_PARTITIONS),
      timestamp: createdMs,
      key: Buffer.from(order.customer.id),
    }
    const chosen = i % stride === stride - 1 ? special[(i + 1) / stride - 1] : undefined
    if (chosen === undefined) return { ...place, value: Buffer.from(toJson(order)) }
    const { make, ...what } = chosen
    const value = make(order)
    return { ...place, ...what, value: typeof value === 'string' ? Buffer.from(value) : value }
  })
}

interface Order {
  readonly order_id: number
  readonly amount: Decimal
  readonly currency: string
  readonly created_at: string
  readonly customer: {
    readonly id: string
    readonly country: string
    readonly name: string
    readonly email: string
  }
  readonly items: readonly {
    readonly sku: string
    readonly quantity: number
    readonly price: Decimal
    readonly attributes: Readonly<Record<string, string>>
  }[]
  readonly tags: readonly string[]
  readonly notes?: string | null
  readonly priority: number
}

/** A JSON number with exactly these digits, which a JavaScript number would not keep (`12.50`). */
interface Decimal {
  readonly digits: string
}

const cents = (value: number): Decimal => ({ digits: (value / 100).toFixed(2) })

const CUSTOMERS = [
  ['DE', 'Jürgen Weiß'],
  ['FR', 'Zoë Lefèvre'],
  ['US', 'Grace Miller'],
  ['GB', 'Tom Baker'],
  ['JP', '山田 太郎'],
  ['GR', 'Ελένη Παππά'],
  ['PL', 'Łukasz Żółć'],
  ['BR', 'João Gonçalves'],
  ['IN', 'आरव शर्मा'],
  ['US', 'Ana 🚀 "Rocket" O’Neil'],
  ['NL', 'Anna de Vries'],
] as const satisfies readonly (readonly [string, string])[]
const CURRENCIES: Readonly<Record<string, string>> = {
  US: 'USD',
  GB: 'GBP',
  JP: 'JPY',
  PL: 'PLN',
  BR: 'BRL',
  IN: 'INR',
}
const PRODUCTS = ['KETTLE', 'LAMP', 'CHAIR', 'MUG', 'DESK', 'RUG'] as const
const COLOURS = ['red', 'blue', 'grün', 'schwarz/weiß', 'natural'] as const
const TAGS = ['gift', 'express', 'b2b', 'première', 'fragile', 'return'] as const
const NOTES = [
  'Please ring twice.',
  'Hinterhof, 2. Stock rechts – bitte klingeln',
  'line one\nline two\tand a tab',
  'say "hello" \\ goodbye',
  '',
  null,
] as const

function makeOrder(random: Random, orderId: number, createdMs: number): Order {
  const customerNumber = random.below(400)
  const [country, name] = CUSTOMERS[customerNumber % CUSTOMERS.length] ?? CUSTOMERS[0]
  const items = Array.from({ length: 1 + random.below(4) }, () => {
    const attributes: [string, string][] = [['colour', random.pick(COLOURS)]]
    if (random.below(2) === 0) attributes.push(['size', random.pick(['S', 'M', 'L', 'XL'])])
    if (random.below(6) === 0) attributes.push(['engraving', `№ ${random.below(1000)}`])
    return {
      sku: `${random.pick(PRODUCTS)}-${100 + random.below(900)}`,
      quantity: 1 + random.below(5),
      priceCents: 99 + random.below(40_000),
      attributes: Object.fromEntries(attributes),
    }
  })
  const totalCents = items.reduce((sum, item) => sum + item.quantity * item.priceCents, 0)
  const noteChoice = random.below(8)
  return {
    order_id: orderId,
    amount: cents(totalCents),
    currency: CURRENCIES[country] ?? 'EUR',
    created_at: new Date(createdMs).toISOString(),
    customer: {
      id: `c-${String(customerNumber).padStart(5, '0')}`,
      country,
      name,
      email: `customer${customerNumber}@example.com`,
    },
    items: items.map(({ priceCents, attributes, ...rest }) => ({
      ...rest,
      price: cents(priceCents),
      attributes,
    })),
    tags: TAGS.filter(() => random.below(4) === 0),
    // Absent, null, empty or text.
    ...(noteChoice < NOTES.length && { notes: NOTES[noteChoice] ?? null }),
    priority: random.below(4),
  }
}

function toJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(
    value,
    (_key, inner: unknown) => (isDecimal(inner) ? `<<${inner.digits}>>` : inner),
    indent,
  )
  return text.replaceAll(/"<<([^>]*)>>"/g, '$1')
}

function isDecimal(value: unknown): value is Decimal {
  return typeof value === 'object' && value !== null && 'digits' in value && typeof value.digits === 'string'
}

interface SpecialValue {
  readonly broken?: string
  readonly unusual?: string
  readonly make: (order: Order) => string | Buffer | null
}

function specialValues(): readonly SpecialValue[] {
  return [...brokenValues(), ...unusualValues()]
}

/** `order` with some fields replaced; a `Decimal` as replacement writes its digits as they are. */
function withFields(fields: Readonly<Record<string, unknown>>): (order: Order) => string {
  return order => toJson({ ...order, ...fields })
}

function brokenValues(): readonly SpecialValue[] {
  return [
    { broken: 'not JSON', make: () => 'hello, world' },
    { broken: 'truncated JSON', make: order => toJson(order).slice(0, 120) },
    { broken: 'order_id is missing', make: ({ order_id: _, ...rest }) => toJson(rest) },
    { broken: 'order_id is null', make: withFields({ order_id: null }) },
    { broken: 'order_id is a string', make: withFields({ order_id: 'ord-17' }) },
    { broken: 'order_id has a fraction', make: withFields({ order_id: { digits: '100042.5' } }) },
    {
      broken: 'order_id is above the largest long',
      make: withFields({ order_id: { digits: '9223372036854775808' } }),
    },
    { broken: 'amount has three decimals', make: withFields({ amount: { digits: '12.345' } }) },
    { broken: 'amount has too many digits', make: withFields({ amount: { digits: '12345678901.00' } }) },
    { broken: 'amount is a word', make: withFields({ amount: 'plenty' }) },
    { broken: 'amount is NaN, which JSON has not', make: withFields({ amount: { digits: 'NaN' } }) },
    { broken: 'invalid UTF-8 in customer.name', make: withInvalidUtf8 },
    { broken: 'UTF-16 instead of UTF-8', make: order => Buffer.from(`\ufeff${toJson(order)}`, 'utf16le') },
    { broken: 'created_at is a word', make: withFields({ created_at: 'yesterday' }) },
    {
      broken: 'created_at is no day of the calendar',
      make: withFields({ created_at: '2026-02-30T10:00:00Z' }),
    },
    { broken: 'created_at is a boolean', make: withFields({ created_at: true }) },
    { broken: 'a null value (tombstone)', make: () => null },
    { broken: 'an empty value', make: () => '' },
    { broken: 'an array instead of an object', make: order => `[${toJson(order)}]` },
    { broken: 'a number instead of an object', make: () => '42' },
    { broken: 'customer is a string', make: withFields({ customer: 'c-00001' }) },
    { broken: 'items is an object', make: withFields({ items: { sku: 'MUG-100' } }) },
    {
      broken: 'items[0].quantity is above the largest int',
      make: order =>
        toJson({ ...order, items: order.items.map(item => ({ ...item, quantity: 3_000_000_000 })) }),
    },
    { broken: 'tags is a string', make: withFields({ tags: 'express' }) },
    { broken: 'two JSON documents in one value', make: order => `${toJson(order)} ${toJson(order)}` },
    {
      broken: 'a raw line break inside a string',
      make: order => toJson(order).replace('@example.com', '@\nexample.com'),
    },
    { broken: 'a comma before the closing brace', make: order => toJson(order).replace(/}$/, ',}') },
    { broken: '20,000 brackets deep', make: () => `{"order_id":1,"tags":${'['.repeat(20_000)}` },
  ]
}

function withInvalidUtf8(order: Order): Buffer {
  const bytes = Buffer.from(toJson({ ...order, customer: { ...order.customer, name: 'A@@Z' } }))
  return Buffer.concat([
    bytes.subarray(0, bytes.indexOf('@@')),
    Buffer.from([0xff, 0xc3]),
    bytes.subarray(bytes.indexOf('@@') + 2),
  ])
}

function unusualValues(): readonly SpecialValue[] {
  return [
    { unusual: 'order_id is 2^53 + 1', make: withFields({ order_id: { digits: '9007199254740993' } }) },
    {
      unusual: 'order_id is the largest long',
      make: withFields({ order_id: { digits: '9223372036854775807' } }),
    },
    { unusual: 'amount is an integer', make: withFields({ amount: { digits: '100' } }) },
    { unusual: 'amount has one decimal', make: withFields({ amount: { digits: '0.5' } }) },
    { unusual: 'amount is negative', make: withFields({ amount: { digits: '-12.50' } }) },
    { unusual: 'amount has all twelve digits', make: withFields({ amount: { digits: '9999999999.99' } }) },
    {
      unusual: 'a field that the schema lacks',
      make: withFields({ loyalty: { level: 3, since: [2019, null] } }),
    },
    { unusual: 'nothing but order_id', make: order => toJson({ order_id: order.order_id }) },
    { unusual: 'customer is null', make: withFields({ customer: null }) },
    { unusual: 'empty lists', make: withFields({ items: [], tags: [] }) },
    { unusual: 'every nullable field is null', make: allNull },
    { unusual: 'escaped surrogate pair and unicode escapes', make: order => escapeNonAscii(order) },
    { unusual: 'pretty-printed', make: order => toJson(order, 2) },
    { unusual: 'created_at without milliseconds', make: withFields({ created_at: '2026-03-02T23:59:59Z' }) },
    {
      unusual: 'created_at with microseconds',
      make: withFields({ created_at: '2026-03-02T00:00:00.123456Z' }),
    },
    { unusual: 'created_at with an offset', make: withFields({ created_at: '2026-03-03T01:30:00+02:00' }) },
  ]
}

function allNull(order: Order): string {
  return toJson({
    ...Object.fromEntries(Object.keys(order).map(name => [name, null])),
    order_id: order.order_id,
  })
}

function escapeNonAscii(order: Order): string {
  const text = toJson({ ...order, notes: 'é 🚀 end' })
  return text.replaceAll(
    /[^\u0020-\u007e]/g,
    unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
