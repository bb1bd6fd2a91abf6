import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ExistingTable,
  existingPatternTables,
  expandPatterns,
  type SourceTopic,
} from '../../../shared/config/expand-patterns.ts'
import { MAX_TABLES } from '../../../shared/config/file-schema.ts'
import { isTableName } from '../../../shared/config/table-name.ts'
import { configOf } from './fixtures.ts'

const entry = (keys: string) => `  - { source: s, schema: { fields: [ { name: id, type: long } ] }, ${keys} }`
const config = (...entries: readonly string[]) =>
  configOf(`warehouse: file:./lake
sources: [ { name: s, url: "file:./segments" }, { name: other, url: "file:./other" } ]
tables:
${entries.map(entry).join('\n')}
`)
const of = (...topics: readonly string[]): readonly SourceTopic[] =>
  topics.map(topic => ({ source: 's', topic }))
const expand = (
  entries: readonly string[],
  topics: readonly SourceTopic[],
  existing: readonly ExistingTable[] = [],
) => {
  const { tables, problems } = expandPatterns(config(...entries), topics, existing)
  return {
    tables: Object.fromEntries(tables.map(({ name, sourceTopic }) => [name, sourceTopic])),
    problems: Object.fromEntries(problems.map(({ topic, code, message }) => [topic, `${code}: ${message}`])),
  }
}
const ORDERS = 'name: "sales.orders_{1}", source_topics: "orders.*"'
const ALL = 'name: "raw.{topic}", source_topics: "*"'

describe('the tables of a pattern', () => {
  test('are one for each topic that matches, with the settings of the entry', () => {
    const { tables, problems } = expandPatterns(
      config(`${ORDERS}, exclude_topics: [ "*.test", "orders.tmp-?" ], commit_interval: 5s`),
      [
        ...of('orders.eu', 'orders.us-east.1', 'orders.test', 'orders.tmp-1', 'payments'),
        { source: 'other', topic: 'orders.x' },
      ],
      [],
    )
    expect(problems).toEqual([])
    expect(
      tables.map(({ name, sourceTopic, commitIntervalMs }) => [name, sourceTopic, commitIntervalMs]),
    ).toEqual([
      ['sales.orders_eu', 'orders.eu', 5000],
      ['sales.orders_us_east_1', 'orders.us-east.1', 5000],
    ])
    expect(Object.keys(tables[0] ?? {})).not.toContain('topics')
    expect(Object.keys(tables[0] ?? {})).not.toContain('excludeTopics')
  })

  test('may lie in namespaces that topics name', () => {
    expect(expand(['name: "{1}.{2}", source_topics: "*.*"'], of('eu.orders', 'us.orders.v2')).tables).toEqual(
      {
        'eu.orders': 'eu.orders',
        'us.orders_v2': 'us.orders.v2',
      },
    )
  })

  test('belong to the first entry that matches, and to none where a table names the topic', () => {
    const explicit = 'name: shop.eu, source_topic: orders.eu'
    expect(expand([ALL, ORDERS, explicit], of('orders.eu', 'orders.us')).tables).toEqual({
      'raw.orders_us': 'orders.us',
    })
    expect(expand([ORDERS, ALL, explicit], of('orders.us', 'payments')).tables).toEqual({
      'sales.orders_us': 'orders.us',
      'raw.payments': 'payments',
    })
  })

  test('are never made of topics that are kept for machinery, or of what is no topic', () => {
    expect(expand([ALL], of('_schemas', '__consumer_offsets', 'a.dlq', '..', 'no topic')).tables).toEqual({})
  })
})

describe('a topic that becomes no table', () => {
  test('two of one name: neither, until a person decides', () => {
    const { tables, problems } = expand([ALL], of('a.b', 'a-b', 'c'))
    expect(tables).toEqual({ 'raw.c': 'c' })
    expect(problems['a.b']).toBe(
      'table-name-taken: Topic a.b of source s becomes no table: its table would be raw.a_b, which would also be that of topic a-b of s. Declare a table with source_topic: a.b and a name of its own, or add the topic to exclude_topics of raw.{topic}.',
    )
    expect(problems['a-b']).toContain('topic a.b of s')
  })

  test('names that differ in case alone are one name', () => {
    const { tables, problems } = expand([ALL], of('Orders', 'orders'))
    expect(tables).toEqual({})
    expect(problems.orders).toContain('as raw.Orders (catalogs do not tell case apart)')
  })

  test('a table that exists keeps its topic; the newcomer is refused', () => {
    const existing = [{ name: 'raw.a_b', source: 's', topic: 'a-b' }]
    const { tables, problems } = expand([ALL], of('a.b', 'a-b'), existing)
    expect(tables).toEqual({ 'raw.a_b': 'a-b' })
    expect(problems['a.b']).toContain('which exists with topic a-b of s')
  })

  test('a name that the file declares, or that the database holds for another topic', () => {
    const { tables, problems } = expand(
      [ALL, 'name: raw.taken, source_topic: other'],
      of('taken', 'gone', 'free'),
      [{ name: 'raw.gone', source: 's', topic: 'before' }],
    )
    expect(tables).toEqual({ 'raw.free': 'free' })
    expect(problems.taken).toContain('which is declared with topic other')
    expect(problems.gone).toContain('which exists with topic before of s')
  })

  test('a name that is none, is kept for dead letters, or lies in another table', () => {
    const long = 'x'.repeat(129)
    const { tables, problems } = expand(
      [
        'name: "raw.{1}", source_topics: "t.*"',
        'name: raw.a.b, source_topic: x',
        'name: "{1}.{2}.n", source_topics: "n.*.*"',
      ],
      of('t.', 't.x__dlq', `t.${long}`, 't.a', 't.b', 'n.raw.b'),
    )
    expect(tables).toEqual({})
    expect(problems['t.']).toContain(
      'topic-name-unfit: Topic t. of source s becomes no table: its table would be raw., which is no name of a table',
    )
    expect(problems['t.x__dlq']).toContain('names that end in __dlq are kept for dead letters')
    expect(problems[`t.${long}`]).toContain('1 to 128')
    expect(problems['t.a']).toContain('is the namespace of another table')
    expect(problems['n.raw.b']).toContain('would lie in the folder of table raw.b')
  })

  test('more tables than one configuration may have: what exists stays, and one problem tells of the rest', () => {
    const topics = of(...Array.from({ length: MAX_TABLES + 5 }, (_, i) => `t${i}`))
    const last = { name: `raw.t${MAX_TABLES + 4}`, source: 's', topic: `t${MAX_TABLES + 4}` }
    const { tables, problems } = expandPatterns(config(ALL), topics, [last])
    expect(tables).toHaveLength(MAX_TABLES)
    expect(tables.map(({ name }) => name)).toContain(last.name)
    expect(problems).toHaveLength(1)
    expect(problems[0]?.message).toContain('and 4 more become no table')
  })
})

describe('tables that exist', () => {
  test('are those whose name a pattern makes of their topic, without a look into the source', () => {
    const existing = [
      { name: 'sales.orders_eu', source: 's', topic: 'orders.eu' },
      { name: 'sales.orders_old', source: 's', topic: 'old' },
      { name: 'former.orders_us', source: 's', topic: 'orders.us' },
      { name: 'sales.orders_x', source: 'other', topic: 'orders.x' },
    ]
    expect(existingPatternTables(config(ORDERS), existing).map(({ name }) => name)).toEqual([
      'sales.orders_eu',
    ])
  })
})

test('no two topics share a table, whatever they are called and in whatever order they come', () => {
  const topic = fc.string({ unit: fc.constantFrom(...'abA._-'), minLength: 1, maxLength: 5 })
  const entries = [
    'name: "x.{1}", source_topics: "a*"',
    'name: "x.{topic}", source_topics: [ "*", "_*" ], exclude_topics: "b*b"',
    'name: x.a, source_topic: ab',
  ]
  const declared = config(...entries)
  fc.assert(
    fc.property(fc.uniqueArray(topic, { maxLength: 30 }), fc.nat(), fc.nat(30), (names, seed, count) => {
      const topics = of(...names)
      // Some were there before, and have their tables.
      const before = expandPatterns(declared, topics.slice(0, count), []).tables
      const existing = before.map(({ name, source, sourceTopic }) => ({ name, source, topic: sourceTopic }))
      const { tables, problems } = expandPatterns(declared, topics, existing)
      const taken = ['x.a', ...tables.map(({ name }) => name.toLowerCase())]
      expect(new Set(taken).size).toBe(taken.length)
      expect(tables.every(({ name }) => isTableName(name))).toBe(true)
      for (const { name } of before) expect(tables.map(table => table.name)).toContain(name)
      // Each topic becomes one table, or one problem, or is no pattern's.
      const told = [
        ...tables.map(({ sourceTopic }) => sourceTopic),
        ...problems.map(problem => problem.topic),
      ]
      expect(new Set(told).size).toBe(told.length)
      const turned = names.map((_, i) => topics[(i + seed) % names.length]).filter(one => one !== undefined)
      expect(expandPatterns(declared, turned, existing)).toEqual({ tables, problems })
      // What was made is found again from the database alone.
      const after = tables.map(({ name, source, sourceTopic }) => ({ name, source, topic: sourceTopic }))
      expect(existingPatternTables(declared, after)).toEqual(tables)
    }),
    { numRuns: 500 },
  )
})
