import { expect, it } from 'vitest'
import { cloudEventOf } from '../../../services/events/cloud-event.ts'
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
