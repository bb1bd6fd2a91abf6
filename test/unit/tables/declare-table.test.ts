import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { declareAll, declareTable, fieldOptionsById } from '../../../services/tables/declare-table.ts'
import { liveFiles } from '../../../services/tables/live-files.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { configOf, openPipeline, type Pipeline, TABLE } from '../../fakes/pipeline-fixture.ts'

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline()
})
afterEach(() => pipeline.close())

const declareAs = async (table: Readonly<Record<string, unknown>>) => {
  const config = configOf({ table })
  const [declared] = config.tables
  if (declared === undefined) throw new Error('no table')
  return await declareTable(config, declared, pipeline.metadata, pipeline.runtime)
}

const fields = (...more: unknown[]) => ({ fields: [{ name: 'id', type: 'long', required: true }, ...more] })

describe('declareAll', () => {
  test('asks twice about all tables that stand as they are declared, and writes nothing', async () => {
    const { metadata, runtime } = pipeline
    const first = await declareAll(configOf({}), metadata, runtime)
    const asked: string[] = []
    const watched = new Proxy(metadata, {
      get(target, method: keyof typeof metadata) {
        asked.push(method)
        return target[method]
      },
    })
    expect(await declareAll(configOf({}), watched, runtime)).toEqual(first)
    expect(asked).toEqual(['listTables', 'listDeadLetterTopics'])
  })

  test('moves a dead-letter topic without segments', async () => {
    const { metadata, runtime } = pipeline
    await declareAll(configOf({}), metadata, runtime)
    const [moved] = await declareAll(configOf({ table: { dlq_url: 'file:///elsewhere' } }), metadata, runtime)
    const topic = await metadata.loadDeadLetterTopic(moved?.deadLetters.tableId ?? '')
    expect(topic).toMatchObject({ location: `file:///elsewhere/${TABLE}.dlq` })
  })
})

describe('declareTable', () => {
  test('creates the table and the one for its dead letters, with ids for every column', async () => {
    const { rows, deadLetters } = await pipeline.declare()
    expect(rows).toMatchObject({ name: TABLE, kind: 'rows', location: 'file:///lake/warehouse/shop/orders' })
    expect(deadLetters).toMatchObject({
      name: `${TABLE}__dlq`,
      kind: 'dead_letters',
      parentTableId: rows.tableId,
    })
    expect(rows.schemas[0]?.fields.map(field => [field.id, field.name])).toEqual([
      [1, 'id'],
      [2, '_kafka'],
    ])
  })

  test('the same declaration again is the same table', async () => {
    const first = await pipeline.declare()
    expect((await declareAs({})).rows.tableId).toBe(first.rows.tableId)
    // What may change without evolution.
    expect((await declareAs({ commit_interval: '1s', dlq_mode: 'skip' })).rows.tableId).toBe(
      first.rows.tableId,
    )
  })

  test.each([
    ['schema', { schema: fields({ name: 'extra', type: 'string' }) }, /schema|column|extra/],
    ['type', { schema: { fields: [{ name: 'id', type: 'int', required: true }] } }, /id/],
    ['partitioning', { partition_by: ['bucket(4, id)'] }, /partition/],
    ['topic', { source_topic: 'others' }, /topic.*others/],
    ['metadata columns', { metadata_columns: 'none' }, /metadata/],
  ])('a changed %s is refused, in words', async (_what, change, words) => {
    await pipeline.declare()
    const error = await declareAs(change).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(AppError)
    expect(error).toMatchObject({ code: 'table-changed', next: 'fatal' })
    expect(String(error)).toMatch(words)
    expect(String(error)).toContain('restore the declaration')
  })

  test('a table that the YAML no longer declares stays as it is', async () => {
    await land(pipeline.source, ids(0, 10))
    await pipeline.settle()
    await declareAs({ name: 'shop.others' })
    const names = (await pipeline.metadata.listTables()).map(table => table.name)
    expect(names).toEqual([TABLE, `${TABLE}__dlq`, 'shop.others', 'shop.others__dlq'])
    expect(await pipeline.audit()).toMatchObject({ rows: 10n })
  })
})

test('options of nested fields are found by field id', async () => {
  const config = configOf({
    table: {
      schema: fields({
        name: 'customer',
        type: 'struct',
        fields: [{ name: 'seen', type: 'timestamptz', epoch_unit: 'millis' }],
      }),
    },
  })
  const [table] = config.tables
  if (table === undefined) throw new Error('no table')
  const { rows } = await declareTable(config, table, pipeline.metadata, pipeline.runtime)
  const schema = rows.schemas[0]
  const customer = schema?.fields.find(field => field.name === 'customer')
  const seen = customer?.type.kind === 'struct' ? customer.type.fields[0] : undefined
  expect([...fieldOptionsById(table, schema ?? { schemaId: 0, fields: [] }).keys()]).toEqual([seen?.id])
})

test('liveFiles pages through more files than one page holds, those of readers only', async () => {
  for (let i = 0; i < 3; i++) {
    await land(pipeline.source, ids(i, 1), { base: i })
    await pipeline.settle()
  }
  const { metadata } = pipeline
  const ofTwo: typeof metadata = {
    ...metadata,
    listFiles: (tableId, page) => metadata.listFiles(tableId, { ...page, limit: 2 }),
  }
  const paths: string[] = []
  for await (const file of liveFiles(ofTwo, (await pipeline.declare()).rows)) paths.push(file.path)
  expect(new Set(paths).size).toBe(3)
})
