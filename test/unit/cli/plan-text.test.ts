import { expect, test } from 'vitest'
import { type PlanReport, planLines } from '../../../services/cli/plan-text.ts'

type PlannedTable = PlanReport['tables'][number]

const table: PlannedTable = {
  table: 'shop.orders',
  action: 'unchanged',
  refusal: null,
  create: null,
  differences: [],
  attach: [],
  detach: [],
  location: 'file:///lake/shop/orders',
  waiting: null,
  pattern: null,
}
const textOf = (tables: readonly PlannedTable[], changes = 0) =>
  planLines({
    database: { path: '/t.db', exists: true, migrations: [] },
    changes,
    tables,
    refused_topics: [],
    unlisted_sources: [],
  }).map(({ sign, text }) => `${sign} ${text}`)

test('what stays as it is has no line', () => {
  expect(textOf([table])).toEqual(['  No changes.'])
})

test('an update lists catalogs with their sign; what is ignored has none', () => {
  const catalog = (name: string) => [{ catalog: name, tables: ['shop.orders', 'shop.orders__dlq'] }]
  const owner = { part: 'property', name: 'owner', before: 'ada', after: null, effect: 'ignored' } as const
  expect(
    textOf(
      [{ ...table, action: 'update', attach: catalog('new'), detach: catalog('old'), differences: [owner] }],
      1,
    ),
  ).toEqual([
    '~ table shop.orders',
    '    property owner: ada → none (not applied, set only when a table is created)',
    '+   catalog new shows shop.orders and shop.orders__dlq',
    '-   catalog old gets no more of shop.orders and shop.orders__dlq, and goes on showing what it has',
    '  1 change: tidewater run makes them.',
  ])
})

const create = {
  schema: { type: 'struct', 'schema-id': 0, fields: [{ id: 1, name: 'id', required: true, type: 'long' }] },
  partition_spec: { 'spec-id': 0, fields: [] },
  properties: {},
  dead_letter_table: 'shop.orders__dlq',
  dead_letter_location: 'file:///lake/shop/orders__dlq',
  dead_letter_topic_location: 'file:///lake/_topics/shop.orders.dlq',
  source: 'local',
  topic: 'orders',
  format: 'json',
  start_from: 'earliest',
} as const

test('a source that cannot be listed is said, and does not keep the table from being planned', () => {
  const lines = textOf([{ ...table, action: 'create', create, waiting: { error: 'no route' } }], 1)
  expect(lines).toContain(
    '+   reads topic orders (json) of source local from earliest: what waits there is not known (no route)',
  )
  expect(lines).toContain('+     1 id: long required')
})

test.each([
  [1, '1 segment of 217 B waits in 1 partition'],
  [2, '2 segments of 217 B wait in 1 partition'],
])('%i segments to begin with are told', (segments, text) => {
  const waiting = { partitions: 1, segments, size_bytes: 217n, at_least: false }
  expect(textOf([{ ...table, action: 'create', create, waiting }], 1)).toContain(
    `+   reads topic orders (json) of source local from earliest: ${text}`,
  )
})

test('of the tables that one pattern creates the first is shown whole, the others by name and topic', () => {
  const made = (name: string, pattern: string | null): PlannedTable => ({
    ...table,
    table: name,
    action: 'create',
    create: { ...create, topic: name },
    pattern,
  })
  const lines = textOf([made('a.one', 'a.{topic}'), made('a.two', 'a.{topic}'), made('b.three', null)], 3)
  expect(lines.filter(line => /table|reads|schema/.test(line))).toEqual([
    '+ table a.one at file:///lake/shop/orders',
    '+   reads topic a.one (json) of source local from earliest: not looked at',
    '+   schema',
    '+ table a.two at file:///lake/shop/orders, else like a.one',
    '+   reads topic a.two (json) of source local from earliest: not looked at',
    '+ table b.three at file:///lake/shop/orders',
    '+   reads topic b.three (json) of source local from earliest: not looked at',
    '+   schema',
  ])
})

test('topics that become no table and sources that cannot be listed are told, and refuse nothing', () => {
  const refused = { source: 's', topic: 't', pattern: 'a.{topic}', code: 'table-name-taken', message: 'No.' }
  const lines = planLines({
    database: { path: '/t.db', exists: true, migrations: [] },
    changes: 0,
    tables: [],
    refused_topics: [refused],
    unlisted_sources: [{ source: 's', error: 'no route' }],
  })
  expect(lines).toEqual([
    { sign: '!', text: 'No. [table-name-taken]' },
    { sign: '!', text: 'new topics of source s are not known: no route' },
    { sign: ' ', text: 'No changes.' },
  ])
})
