import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runOnce } from '../../../services/pipeline.ts'
import { declareAll } from '../../../services/tables/declare-table.ts'
import { createTopicFollower, followTopicsUntilStopped } from '../../../services/tables/follow-topics.ts'
import { createTableSet } from '../../../services/tables/table-set.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'

const entry = (keys: Readonly<Record<string, unknown>>) => ({
  source: 'local',
  schema: { fields: [{ name: 'id', type: 'long', required: true }] },
  ...keys,
})
const NAMED = entry({ name: 'shop.named', source_topic: 'orders.named' })
const PATTERN = entry({ name: 'shop.orders_{1}', source_topics: 'orders.*' })

const NEVER = new AbortController().signal

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline({ tables: [NAMED, PATTERN] })
})
afterEach(() => pipeline.close())

/** As one process starts. */
async function follower(of: Pipeline = pipeline) {
  const { parts } = of
  const tables = createTableSet(await declareAll(parts.config, parts.metadata, parts.runtime))
  const names = () => tables.all().map(({ config }) => config.name)
  return { tables, names, ...createTopicFollower(parts, tables) }
}
const appear = (...topics: readonly string[]) =>
  Promise.all(topics.map(topic => pipeline.source.put(`${topic}/0/segment-x`, Buffer.from('x'))))
const listed = () => {
  const prefixes: string[] = []
  pipeline.source.before = (operation, prefix) => {
    if (operation === 'listFolders') prefixes.push(prefix)
  }
  return prefixes
}
const said = (kind: string) => pipeline.progress.filter(progress => progress.kind === kind)

describe('a look into the sources', () => {
  test('creates what has appeared, each table once', async () => {
    await appear('orders.b', 'orders.a', 'orders.named', 'visits', '_orders')
    const { lookInSources, names } = await follower()
    expect(await lookInSources(NEVER)).toEqual([])
    await appear('orders.c')
    await lookInSources(NEVER)
    await lookInSources(NEVER)
    expect(names()).toEqual(['shop.named', 'shop.orders_a', 'shop.orders_b', 'shop.orders_c'])
    expect(said('created')).toEqual([
      { kind: 'created', table: 'shop.orders_a', topic: 'orders.a' },
      { kind: 'created', table: 'shop.orders_b', topic: 'orders.b' },
      { kind: 'created', table: 'shop.orders_c', topic: 'orders.c' },
    ])
  })

  test('says nothing of tables that another process has created', async () => {
    await appear('orders.a')
    const [creates, takesUp] = [await follower(), await follower()]
    await creates.lookInSources(NEVER)
    pipeline.progress.length = 0
    await takesUp.lookInDatabase()
    expect(takesUp.names()).toContain('shop.orders_a')
    expect(said('created')).toEqual([])
  })

  test('lists a source once, and the partitions of new topics only', async () => {
    await appear('orders.a', 'orders.b')
    const { lookInSources } = await follower()
    const prefixes = listed()
    await lookInSources(NEVER)
    expect(prefixes.sort()).toEqual(['', 'orders.a/', 'orders.b/'])
    prefixes.length = 0
    await lookInSources(NEVER)
    expect(prefixes).toEqual([''])
  })

  test('makes nothing of a folder without a partition, until it has one', async () => {
    await pipeline.source.put('orders.a/notes/readme', Buffer.from('x'))
    const { lookInSources, names } = await follower()
    await lookInSources(NEVER)
    expect(names()).toEqual(['shop.named'])
    await appear('orders.a')
    await lookInSources(NEVER)
    expect(names()).toEqual(['shop.named', 'shop.orders_a'])
  })

  test('a source that cannot be listed is said, and keeps no table from being taken up', async () => {
    await appear('orders.a')
    await (await follower()).lookInSources(NEVER)
    pipeline.source.before = () => {
      throw new AppError({ code: 'store-unavailable', next: 'retry', message: 'no route' })
    }
    const { lookInSources, names } = await follower()
    expect(await lookInSources(NEVER)).toEqual(['topics of source local could not be listed: no route'])
    expect(names()).toEqual(['shop.named', 'shop.orders_a'])
    expect(await runOnce(pipeline.parts, { signal: AbortSignal.abort() })).toContain(
      'topics of source local could not be listed: no route',
    )
  })

  test('tells once of a topic that cannot be a table, and in the log of events also after a restart', async () => {
    await appear('orders.a', 'orders.x.y', 'orders.x-y')
    const first = await follower()
    await first.lookInSources(NEVER)
    await first.lookInSources(NEVER)
    expect(first.names()).toEqual(['shop.named', 'shop.orders_a'])
    expect(said('problem')).toMatchObject([
      {
        where: 'looking for new topics',
        code: 'table-name-taken',
        next: 'park',
        details: { source: 'local', pattern: 'shop.orders_{1}' },
      },
      {
        where: 'looking for new topics',
        code: 'table-name-taken',
        next: 'park',
        details: { source: 'local', pattern: 'shop.orders_{1}' },
      },
    ])
    await (await follower()).lookInSources(NEVER)
    expect(said('problem')).toHaveLength(4)
    const events = await pipeline.metadata.listEvents({ limit: 10 })
    expect(events.map(({ type, topic }) => [type, topic])).toEqual([
      ['topic.refused', 'orders.x.y'],
      ['topic.refused', 'orders.x-y'],
    ])
  })

  test('ends between two tables when it is told to stop', async () => {
    await appear('orders.a', 'orders.b')
    const { tables, names } = await follower()
    const stop = new AbortController()
    const { lookInSources } = createTopicFollower(pipeline.parts, {
      ...tables,
      add(table) {
        tables.add(table)
        if (table.config.name === 'shop.orders_a') stop.abort()
      },
    })
    await lookInSources(stop.signal)
    expect(names()).toEqual(['shop.named', 'shop.orders_a'])
  })

  test('an event that could not be written is written by the next look', async () => {
    await appear('orders.x__dlq')
    const { metadata } = pipeline
    let isDown = true
    const parts = {
      ...pipeline.parts,
      metadata: {
        ...metadata,
        appendEvent: async (event: Parameters<typeof metadata.appendEvent>[0]) => {
          if (isDown) throw new AppError({ code: 'database-unavailable', next: 'retry', message: 'down' })
          await metadata.appendEvent(event)
        },
      },
    }
    const { lookInSources } = createTopicFollower(parts, createTableSet([]))
    await expect(lookInSources(NEVER)).rejects.toThrow('down')
    isDown = false
    await lookInSources(NEVER)
    expect(await pipeline.eventTypes()).toEqual(['topic.refused'])
  })

  test('a table in another’s place concerns its topic alone', async () => {
    const other = await openPipeline({
      over: pipeline,
      tables: [entry({ name: 'other.table', source_topic: 'other' })],
    })
    const { rows } = await other.declare()
    const { metadata } = pipeline
    const moved = { ...rows, name: 'former.name', location: 'file:///lake/warehouse/shop/orders_a' }
    const parts = {
      ...pipeline.parts,
      metadata: { ...metadata, listTables: async () => [...(await metadata.listTables()), moved] },
    }
    await appear('orders.a', 'orders.b')
    const tables = createTableSet([])
    await createTopicFollower(parts, tables).lookInSources(NEVER)
    expect(tables.all().map(({ config }) => config.name)).toEqual(['shop.orders_b'])
    expect(said('problem')).toMatchObject([{ code: 'table-location-taken' }])
  })

  test('mentions once what a pattern waits for, and a topic that is gone', async () => {
    const { lookInSources } = await follower()
    await lookInSources(NEVER)
    await lookInSources(NEVER)
    await appear('orders.a')
    await lookInSources(NEVER)
    await pipeline.source.delete('orders.a/0/segment-x')
    await lookInSources(NEVER)
    await lookInSources(NEVER)
    expect(said('waiting').map(progress => 'what' in progress && progress.what)).toEqual([
      'no topic of source local matches orders.* yet; it has nothing',
      'no topic of source local matches orders.* yet; it has nothing',
      'source local has no topic orders.a any more; the table stays as it is',
    ])
  })
})

describe('a look into the database', () => {
  test('takes up what another process has created, without a source and without a write', async () => {
    const mine = await follower()
    await appear('orders.a')
    await (await follower()).lookInSources(NEVER)
    const prefixes = listed()
    await Promise.all([mine.lookInDatabase(), mine.lookInDatabase()])
    expect(mine.names()).toEqual(['shop.named', 'shop.orders_a'])
    expect(prefixes).toEqual([])
  })

  test('finds what was created before it was called, though another look is under way that asked earlier', async () => {
    const { parts } = pipeline
    const answered = Promise.withResolvers<void>()
    let asked = 0
    const metadata = {
      ...parts.metadata,
      async listTables() {
        const tables = await parts.metadata.listTables()
        if (asked++ === 0) await answered.promise
        return tables
      },
    }
    const tables = createTableSet(await declareAll(parts.config, parts.metadata, parts.runtime))
    const mine = createTopicFollower({ ...parts, metadata }, tables)
    const earlier = mine.lookInDatabase()
    await setImmediate()
    await appear('orders.a')
    await (await follower()).lookInSources(NEVER)
    const later = Promise.all([mine.lookInDatabase(), mine.lookInDatabase()])
    answered.resolve()
    await Promise.all([earlier, later])
    expect(tables.all().map(({ config }) => config.name)).toEqual(['shop.named', 'shop.orders_a'])
    expect(asked).toBe(2)
  })

  test('is all that a process without planning does', async () => {
    await appear('orders.a')
    const { tables, names, lookInSources, lookInDatabase } = await follower()
    const stop = new AbortController()
    const parts = { ...pipeline.parts, stages: new Set(['convert'] as const) }
    const prefixes = listed()
    const following = followTopicsUntilStopped(parts, { lookInSources, lookInDatabase }, stop.signal)
    await lookInDatabase()
    expect([names(), prefixes]).toEqual([['shop.named'], []])
    expect(tables.all()).toHaveLength(1)
    stop.abort()
    await following
  })

  test('a start knows the tables of patterns from there', async () => {
    await appear('orders.a')
    await (await follower()).lookInSources(NEVER)
    const prefixes = listed()
    expect((await follower()).names()).toEqual(['shop.named', 'shop.orders_a'])
    expect(prefixes).toEqual([])
  })
})

test('nobody is asked where there is no pattern', async () => {
  const plain = await openPipeline({ over: pipeline, tables: [NAMED] })
  const { lookInSources, lookInDatabase, names } = await follower(plain)
  const prefixes = listed()
  expect(await lookInSources(NEVER)).toEqual([])
  await lookInDatabase()
  expect([names(), prefixes]).toEqual([['shop.named'], []])
})
