import { describe, expect, it, test } from 'vitest'
import { deadLetterTopicLocationOf } from '../../../shared/config/config.ts'
import { configOf, errorsOf, tableErrors } from './fixtures.ts'

const file = (sources: string, table: string) => `warehouse: s3://lake/warehouse
sources: [ ${sources} ]
tables: [ { name: shop.orders, source: s, source_topic: orders, schema: { fields: [ { name: id, type: long } ] }${table} } ]
`
const messages = (sources: string, table: string) =>
  errorsOf(file(sources, table)).map(({ path, message }) => `${path}: ${message}`)

describe('where dead-letter topics go', () => {
  it('is below the warehouse, unless dlq_url names another place', () => {
    const locationOf = (table: string) => {
      const config = configOf(file('{ name: s, url: s3://kafka/production }', table))
      return config.tables.map(one => deadLetterTopicLocationOf(config, one))
    }
    expect(locationOf('')).toEqual(['s3://lake/warehouse/_topics/shop.orders.dlq'])
    expect(locationOf(', dlq_url: "s3://letters/topics/"')).toEqual(['s3://letters/topics/shop.orders.dlq'])
    expect(locationOf(', dlq_url: "file:./letters"')).toEqual(['file:///conf/letters/shop.orders.dlq'])
  })

  test.each([
    ['the namespace of brokers', 's3://kafka/production'],
    ['the same in another spelling', 's3a://kafka/production/'],
    ['inside it', 's3://kafka/production/letters'],
    ['around it', 's3://kafka'],
  ])('is never %s', (_name, url) => {
    expect(messages('{ name: s, url: s3://kafka/production }', `, dlq_url: "${url}"`)).toEqual([
      expect.stringMatching(/^tables\[0\]\.dlq_url: dead letters would be written where source `s` is read/),
    ])
  })

  test('may begin like a source without being one', () => {
    expect(
      messages('{ name: s, url: s3://kafka/production }', ', dlq_url: "s3://kafka/production-letters"'),
    ).toEqual([])
  })

  test('folders are compared as they resolve', () => {
    expect(
      messages('{ name: s, url: "file:./segments" }', ', dlq_url: "file:/conf/x/../segments/dlq"'),
    ).toHaveLength(1)
  })

  test('a URL that is wrong is reported once, as what it is', () => {
    expect(messages('{ name: s, url: s3://kafka/production }', ', dlq_url: "http://x"')).toEqual([
      expect.stringMatching(/^tables\[0\]\.dlq_url: expected s3:\/\/bucket\/prefix/),
    ])
  })
})

describe('a table that reads dead letters', () => {
  const topics = '{ name: s, url: "s3://lake/warehouse/_topics" }'
  it('may read those of another table', () => {
    expect(messages(topics, '')).toEqual([])
  })
  it('may not read its own', () => {
    expect(
      errorsOf(file(topics, '').replace('source_topic: orders', 'source_topic: shop.orders.dlq')),
    ).toMatchObject([
      { path: 'tables[0].source_topic', message: expect.stringContaining('its own dead letters') },
    ])
  })
})

describe('names', () => {
  it('the namespace of the topics is kept', () => {
    expect(tableErrors('name: _Topics.orders')).toEqual([
      'name: the namespace _topics is kept for topics that Tidewater writes',
    ])
    expect(tableErrors('name: a._topics')).toEqual([])
  })
  it('a name must leave room for the topic of its dead letters', () => {
    const name = `${'n'.repeat(120)}.${'t'.repeat(124)}`
    expect(tableErrors(`name: ${name}`)).toEqual([])
    expect(tableErrors(`name: ${name}x`)).toEqual([expect.stringContaining('more than 249 characters')])
    expect(tableErrors(`name: ${name}x\ndlq_mode: skip`)).toEqual([])
  })
})
