import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadKnownState } from '../../../services/tables/known-state.ts'
import { planChanges } from '../../../services/tables/plan-changes.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { configOf, openPipeline, type Pipeline, TABLE } from '../../fakes/pipeline-fixture.ts'

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline()
})
afterEach(() => pipeline.close())

const planOf = async (table: Readonly<Record<string, unknown>> = {}) => {
  const [plan, ...others] = planChanges(configOf({ table }), await loadKnownState(pipeline.metadata))
  if (plan === undefined) throw new Error('a configured table is planned')
  return { plan, others }
}

test('a new table: where it lies, the ids that its columns get, what it reads, who will show it', async () => {
  const { plan, others } = await planOf({
    partition_by: ['bucket(4, id)'],
    start_from: { offsets: { 0: 7 } },
  })
  expect(others).toEqual([])
  expect(plan).toMatchObject({
    table: TABLE,
    action: 'create',
    location: 'file:///lake/warehouse/shop/orders',
    create: {
      schema: {
        fields: [
          { id: 1, name: 'id' },
          { id: 2, name: '_kafka' },
        ],
      },
      partition_spec: { fields: [{ 'field-id': 1000, name: 'id_bucket', 'source-id': 1 }] },
      dead_letter_table: `${TABLE}__dlq`,
      topic: 'orders',
      start_from: 'offsets 0: 7',
    },
    attach: [{ catalog: 'local', tables: [TABLE, `${TABLE}__dlq`] }],
    differences: [],
  })
  const { rows } = await pipeline.declare()
  expect(rows.location).toBe(plan.location)
})

test('an existing table that no catalog shows yet is attached; one that is shown is unchanged', async () => {
  await pipeline.declare()
  expect((await planOf()).plan).toMatchObject({
    action: 'update',
    create: null,
    attach: [{ catalog: 'local' }],
  })
  await pipeline.publish()
  expect((await planOf()).plan).toMatchObject({
    action: 'unchanged',
    attach: [],
    detach: [],
    differences: [],
  })
})

test('what a person has to decide about (held) is not something that a run would change', async () => {
  const { rows } = await pipeline.declare()
  await pipeline.publish()
  const { tableId } = rows
  const { metadataVersion } = await pipeline.metadata.loadPublication(tableId, 'other')
  const failure = { state: 'held', code: 'c', message: 'm', atVersion: metadataVersion } as const
  await pipeline.metadata.failPublication(tableId, 'other', failure)
  const config = configOf({})
  const tables = config.tables.map(table => ({ ...table, catalogs: ['local', 'other'] }))
  const [plan] = planChanges({ ...config, tables }, await loadKnownState(pipeline.metadata))
  expect(plan?.attach).toEqual([{ catalog: 'other', tables: [`${TABLE}__dlq`] }])
})

test('each difference says whether it is refused or ignored', async () => {
  await pipeline.declare()
  await pipeline.publish()
  const fields = [
    { name: 'id', type: 'int', required: true, doc: 'the order' },
    { name: 'more', type: 'string', doc: 'new' },
  ]
  const { plan } = await planOf({ schema: { fields }, properties: { owner: 'ada' } })
  expect(plan).toMatchObject({ action: 'refused', refusal: { code: 'table-changed' } })
  expect(plan.differences).toEqual([
    { part: 'column', name: 'id', before: 'long required', after: 'int required', effect: 'refused' },
    { part: 'column', name: 'more', before: null, after: 'string', effect: 'refused' },
    { part: 'property', name: 'owner', before: null, after: 'ada', effect: 'ignored' },
    { part: 'comment', name: 'id', before: null, after: 'the order', effect: 'ignored' },
  ])
  const { plan: ignored } = await planOf({ properties: { owner: 'ada' } })
  expect(ignored).toMatchObject({ action: 'unchanged', refusal: null })
})

test('a dead-letter topic may go elsewhere until it has a segment', async () => {
  const elsewhere = { dlq_url: 'file:///lake/letters' }
  await pipeline.declare()
  await pipeline.publish()
  expect((await planOf(elsewhere)).plan).toMatchObject({
    action: 'update',
    differences: [{ part: 'dead_letter_topic', effect: 'applied' }],
  })
  await land(pipeline.source, ['not json', ...ids(1, 3)])
  await pipeline.settle()
  await pipeline.publish()
  const state = await loadKnownState(pipeline.metadata)
  const [topic] = state.topics
  if (topic === undefined) throw new Error('the topic is declared')
  const config = configOf({ table: elsewhere })
  const rendered = { ...state, topics: [{ ...topic, renderedOffset: 1n }] }
  expect(planChanges(config, rendered)).toMatchObject([
    {
      action: 'refused',
      refusal: { code: 'dead-letter-topic-moved' },
      differences: [{ part: 'dead_letter_topic', effect: 'refused' }],
    },
  ])
})

test('a table that the configuration no longer names is told, with where its data stays', async () => {
  await pipeline.declare()
  await pipeline.publish()
  const { others } = await planOf({ name: 'shop.others' })
  expect(others).toMatchObject([
    {
      table: TABLE,
      action: 'detached',
      location: 'file:///lake/warehouse/shop/orders',
      detach: [{ catalog: 'local', tables: [TABLE, `${TABLE}__dlq`] }],
    },
  ])
})
