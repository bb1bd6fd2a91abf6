import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { cloudEventOf } from '../../../services/events/cloud-event.ts'
import { stringifyExactJson } from '../../../shared/iceberg/exact-json.ts'
import { EVENT_TYPES } from '../../../shared/metadata/event-types.ts'
import type { EventRecord } from '../../../shared/metadata/metadata-store.ts'

const record: EventRecord = {
  eventId: 2n ** 60n,
  atMs: 1_700_000_000_123,
  type: 'partition.stopped',
  message: 'a segment is damaged',
  details: {},
}

it('an event with nothing but a message has the attributes that CloudEvents requires, and nulls in its data', () => {
  expect(cloudEventOf(record, 's3://lake/warehouse')).toEqual({
    specversion: '1.0',
    id: '1152921504606846976',
    source: 's3://lake/warehouse',
    type: 'partition.stopped',
    time: '2023-11-14T22:13:20.123Z',
    datacontenttype: 'application/json',
    data: {
      message: 'a segment is damaged',
      what_to_do: expect.stringContaining('tidewater resume <table> --partition <partition> --why …'),
      severity: 'error',
      since: '2023-11-14T22:13:20.123Z',
      table: null,
      topic: null,
      partition: null,
      details: {},
      who: null,
      why: null,
    },
  })
})

it('a state that began before it was reported says since when', () => {
  const { data, time } = cloudEventOf({ ...record, details: { sinceMs: 1_700_000_000_000 } }, 's3://lake')
  expect([data.since, time]).toEqual(['2023-11-14T22:13:20.000Z', '2023-11-14T22:13:20.123Z'])
})

it.each([1e18, -1, 'x', null])('sinceMs of %s, which is no time before it, is passed over', sinceMs => {
  const { data, time } = cloudEventOf({ ...record, details: { sinceMs } }, 's3://lake')
  expect(data.since).toBe(time)
})

it('the subject is the table and the partition', () => {
  const subjectOf = (event: Partial<EventRecord>) => cloudEventOf({ ...record, ...event }, 'x').subject
  expect(subjectOf({ table: 'shop.orders' })).toBe('shop.orders')
  expect(subjectOf({ table: 'shop.orders', topic: 'orders', partition: 3 })).toBe('shop.orders/orders-3')
  expect(subjectOf({ topic: 'orders', partition: 3 })).toBe('orders-3')
})

/** What the specification asks of the JSON format of an event, version 1.0.2, for the attributes that are used here. */
const SPECIFIED = {
  type: 'object',
  required: ['id', 'source', 'specversion', 'type'],
  properties: {
    id: { type: 'string', minLength: 1 },
    source: { type: 'string', minLength: 1, format: 'uri-reference' },
    specversion: { const: '1.0' },
    type: { type: 'string', minLength: 1 },
    datacontenttype: { type: 'string', minLength: 1 },
    subject: { type: 'string', minLength: 1 },
    time: { type: 'string', format: 'date-time' },
    data: { type: 'object' },
  },
  // Names of attributes are lower-case letters and digits.
  propertyNames: { pattern: '^[a-z0-9]+$' },
}

it('any event of any warehouse is what the specification asks for', () => {
  const ajv = new Ajv2020()
  addFormats.default(ajv)
  const validate = ajv.compile(SPECIFIED)
  const events = fc.record(
    {
      eventId: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
      atMs: fc.integer({ min: 0, max: 4e12 }),
      type: fc.constantFrom(...Object.keys(EVENT_TYPES), 'of.an_older_version'),
      message: fc.string(),
      details: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.bigInt(), fc.integer())),
      table: fc.string({ minLength: 1 }),
      topic: fc.string({ minLength: 1 }),
      partition: fc.nat(),
    },
    { requiredKeys: ['eventId', 'atMs', 'type', 'message', 'details'] },
  )
  const warehouses = fc.constantFrom('s3://lake/warehouse', 'file:///data/my lake/größe 100%/#1')
  fc.assert(
    fc.property(events, warehouses, (event, warehouse) => {
      const written: unknown = JSON.parse(stringifyExactJson(cloudEventOf(event, warehouse)))
      validate(written)
      expect(validate.errors).toBeNull()
    }),
  )
})
