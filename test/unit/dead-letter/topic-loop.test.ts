import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { renderNow, renderRound } from '../../../services/dead-letter/topic-loop.ts'
import { parseIndex } from '../../../shared/segment/segment-index.ts'
import { readBatches } from '../../../shared/segment/segment-reader.ts'
import { ids, land, landBatches } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'
import { rowsOf, utf8 } from '../../fakes/segment-rows.ts'

const NEVER = new AbortController().signal
const FOLDER = '_topics/shop.orders.dlq/0/'
const keyOf = (base: number, extension: string) =>
  `${FOLDER}segment-${String(base).padStart(20, '0')}.${extension}`

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline({ table: { dlq_max_ratio: 1 } })
})
afterEach(() => pipeline.close())

/** Commits a dead letter for each value. */
async function fail(base: number, values: readonly unknown[]): Promise<void> {
  await land(pipeline.source, values, { base })
  await pipeline.settle()
}

async function keys(): Promise<readonly string[]> {
  const found: string[] = []
  for await (const { key } of pipeline.warehouse.list({ prefix: '_topics/' })) found.push(key)
  return found
}

async function valuesOf(base: number): Promise<readonly string[]> {
  const key = keyOf(base, 'kfs')
  return rowsOf(await pipeline.warehouse.get(key), { key }).map(({ value }) =>
    Buffer.from(value ?? '', 'hex').toString(),
  )
}

const topic = async () =>
  await pipeline.metadata.loadDeadLetterTopic((await pipeline.declare()).deadLetters.tableId)

/** The operations on the topic's objects, as `put segment.kfs`. */
function watch(): readonly string[] {
  const seen: string[] = []
  pipeline.warehouse.before = (operation, key) => {
    if (key.startsWith(FOLDER) && operation !== 'get' && operation !== 'list')
      seen.push(`${operation} ${key.slice(-5)}`)
  }
  return seen
}

describe('a round', () => {
  test('writes nothing where there are no dead letters', async () => {
    await fail(0, ids(0, 10))
    await pipeline.render()
    expect(await keys()).toEqual([])
    expect(await topic()).toMatchObject({ endOffset: 0n, renderedOffset: 0n })
  })

  test('puts dead letters behind those that are there, in segments that are complete', async () => {
    await fail(0, ['a', ...ids(0, 2), 'b'])
    await pipeline.render()
    await fail(4, ['c'])
    await fail(5, ['d'])
    await pipeline.render()
    expect(await keys()).toEqual([keyOf(0, 'index'), keyOf(0, 'kfs'), keyOf(2, 'index'), keyOf(2, 'kfs')])
    expect([await valuesOf(0), await valuesOf(2)]).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ])
    expect(await topic()).toMatchObject({ endOffset: 4n, renderedOffset: 4n })
    expect(pipeline.progress.filter(({ kind }) => kind === 'rendered')).toMatchObject([
      { topic: 'shop.orders.dlq', baseOffset: 0n, endOffset: 2n },
      { baseOffset: 2n, endOffset: 4n },
    ])
    expect(await pipeline.audit()).toMatchObject({
      dead_letters: 4n,
      topic_records: 4n,
      topic_gaps: 0n,
      topic_duplicates: 0n,
    })
  })

  test('keeps the record as it was, and says in headers where it came from and why', async () => {
    const record = {
      timestampMs: 1_600_000_000_123,
      key: null,
      value: new Uint8Array([0xff, 0x00]),
      headers: [
        { key: utf8('trace'), value: null },
        { key: utf8('trace'), value: utf8('2') },
      ],
    }
    const tombstone = { timestampMs: 1_600_000_000_000, key: utf8('k'), value: null }
    await landBatches(pipeline.source, [{ codec: 'none', records: [record, tombstone] }], { base: 41 })
    await pipeline.settle()
    await pipeline.render()
    const key = keyOf(0, 'kfs')
    const [first, second] = rowsOf(await pipeline.warehouse.get(key), { key }).map(row => ({
      ...row,
      headers: row.headers.map(([name, value]) => [
        Buffer.from(name, 'hex').toString(),
        value === null ? null : Buffer.from(value, 'hex').toString(),
      ]),
    }))
    expect(first).toEqual({
      offset: 0n,
      timestampMs: 1_600_000_000_123,
      key: null,
      value: 'ff00',
      headers: [
        ['trace', null],
        ['trace', '2'],
        ['tidewater.source.topic', 'orders'],
        ['tidewater.source.partition', '0'],
        ['tidewater.source.offset', '41'],
        ['tidewater.error.code', 'invalid-utf8'],
        ['tidewater.error.message', expect.stringContaining('not valid UTF-8')],
        ['tidewater.schema.id', '0'],
        ['tidewater.failed_at', new Date(pipeline.runtime.nowMs()).toISOString()],
      ],
    })
    expect(second).toMatchObject({ offset: 1n, value: null, timestampMs: 1_600_000_000_000 })
  })

  test('ends a segment at four mebibytes', async () => {
    const values = Array.from({ length: 12 }, (_, i) => `${i}${'x'.repeat(900_000)}`)
    await fail(0, values)
    await pipeline.render()
    const bases = (await keys()).filter(key => key.endsWith('.kfs')).map(key => Number(key.slice(-24, -4)))
    expect(bases).toEqual([0, 5, 10])
    const landed = (await Promise.all(bases.map(valuesOf))).flat()
    expect(landed).toEqual(values)
    expect(await pipeline.audit()).toMatchObject({ topic_records: 12n, topic_gaps: 0n })
  })

  test('keeps large records apart and indexes every batch, for brokers that cut a fetch at 1 MiB', async () => {
    const sizes = [100, 900_000, 100, 200_000, 200_000, 255_000, 262_144, 1]
    await fail(
      0,
      sizes.map(size => 'x'.repeat(size)),
    )
    await pipeline.render()
    const bytes = await pipeline.warehouse.get(keyOf(0, 'kfs'))
    const batches = [...readBatches(bytes, { key: keyOf(0, 'kfs') })].map(({ header }) => header)
    expect(batches.map(({ recordCount }) => recordCount)).toEqual([1, 1, 3, 1, 1, 1])
    expect(Math.max(...batches.map(header => header.endPosition - header.position))).toBeLessThan(1_000_000)
    const index = parseIndex(await pipeline.warehouse.get(keyOf(0, 'index')), { key: 'index' })
    expect(index.entries.map(({ offset }) => offset)).toEqual(batches.map(({ baseOffset }) => baseOffset))
  })

  test('ends a segment at ten thousand records', async () => {
    await fail(
      0,
      Array.from({ length: 10_001 }, (_, i) => `n${i}`),
    )
    await pipeline.render()
    expect((await keys()).filter(key => key.endsWith('.kfs'))).toEqual([
      keyOf(0, 'kfs'),
      keyOf(10_000, 'kfs'),
    ])
    expect(await valuesOf(10_000)).toEqual(['n10000'])
  })

  test('leaves a topic alone that another process renders', async () => {
    await fail(0, ['a'])
    const table = await pipeline.declare()
    await pipeline.metadata.acquireLease(`dead-letter-topic:${table.deadLetters.tableId}`, 'another', 1000)
    expect(await renderRound(pipeline.parts, table, NEVER)).toEqual({ kind: 'busy' })
    expect(await keys()).toEqual([])
  })
})

describe('after a crash', () => {
  /** Dies at the first operation of this kind on an object with this end, before it or after it. */
  async function dieAt(when: 'before' | 'after', operation: string, end: string): Promise<void> {
    pipeline.warehouse[when] = (done, key) => {
      if (done === operation && key.startsWith(FOLDER) && key.endsWith(end)) throw new Error('gone')
    }
    await expect(pipeline.render()).rejects.toThrow('gone')
    pipeline.warehouse[when] = undefined
  }

  test.each([
    ['before', '.kfs'],
    ['after', '.kfs'],
    ['before', '.index'],
    ['after', '.index'],
  ] as const)('%s its %s was written, the same bytes are written', async (when, end) => {
    await fail(0, ['a', 'b'])
    await dieAt(when, 'put', end)
    const planned = (await topic())?.planned
    expect(planned).toMatchObject({ baseOffset: 0n, endOffset: 2n })
    const standing = new Map<string, Uint8Array>()
    for (const key of await keys()) standing.set(key, await pipeline.warehouse.get(key))
    // What comes meanwhile is left for the next segment.
    await fail(2, ['c'])
    pipeline.runtime.advance(60_000)
    await pipeline.render()
    for (const [key, bytes] of standing)
      expect(Buffer.compare(await pipeline.warehouse.get(key), bytes)).toBe(0)
    expect(await valuesOf(0)).toEqual(['a', 'b'])
    expect(await valuesOf(2)).toEqual(['c'])
    expect(await pipeline.audit()).toMatchObject({ topic_records: 3n, topic_gaps: 0n, topic_duplicates: 0n })
  })

  test('a segment whose index did not come is written again, so that it is no older than its index', async () => {
    await fail(0, ['a'])
    await dieAt('before', 'put', '.index')
    pipeline.runtime.advance(60_000)
    const seen = watch()
    await pipeline.render()
    expect(seen).toEqual(['put 0.kfs', 'head index', 'put 0.kfs', 'put index'])
    const segment = await pipeline.warehouse.head(keyOf(0, 'kfs'))
    const index = await pipeline.warehouse.head(keyOf(0, 'index'))
    expect(segment?.lastModifiedMs).toBe(index?.lastModifiedMs)
  })

  test('a segment that has its index is left alone', async () => {
    await fail(0, ['a'])
    await dieAt('after', 'put', '.index')
    const seen = watch()
    await pipeline.render()
    expect(seen).toEqual(['put 0.kfs', 'head index', 'put index'])
    expect(await topic()).toMatchObject({ renderedOffset: 1n })
  })
})

describe('another content under a segment’s key', () => {
  test('stops the topic with an event, and nothing else; rendering goes on once it is gone', async () => {
    await pipeline.warehouse.put(keyOf(0, 'kfs'), utf8('theirs'))
    await fail(0, ['a', ...ids(1, 2)])
    const table = await pipeline.declare()
    const reasons = await renderNow(pipeline.parts, table, NEVER)
    expect(reasons).toEqual([
      expect.stringMatching(
        /^shop\.orders: dead-letter topic: Writing .*segment-0+\.kfs: another content stands there already/,
      ),
    ])
    await renderNow(pipeline.parts, table, NEVER)
    expect(await pipeline.eventTypes()).toEqual(['dlq.topic_stopped'])
    expect(await topic()).toMatchObject({ lastErrorCode: 'dead-letter-topic-differs' })
    expect(await pipeline.warehouse.get(keyOf(0, 'kfs'))).toEqual(utf8('theirs'))
    expect(await pipeline.publish()).toMatchObject([{ kind: 'published' }, { kind: 'published' }])

    await pipeline.warehouse.delete(keyOf(0, 'kfs'))
    expect(await renderNow(pipeline.parts, table, NEVER)).toEqual([])
    expect((await topic())?.lastErrorCode).toBeUndefined()
    expect(await pipeline.audit()).toMatchObject({ topic_records: 1n, topic_gaps: 0n, topic_duplicates: 0n })
  })

  test('stops it also where it stands beyond what the database knows of, as after a restored backup', async () => {
    await fail(0, ['a', 'b', 'c'])
    await pipeline.warehouse.put(keyOf(2, 'kfs'), utf8('of a time that the database has forgotten'))
    const table = await pipeline.declare()
    expect(await renderNow(pipeline.parts, table, NEVER)).toEqual([
      expect.stringMatching(
        /segment-0+2\.kfs: another content stands there .*every segment of it from offset 0 on/,
      ),
    ])
    expect(await keys()).toEqual([keyOf(2, 'kfs')])
    await pipeline.warehouse.delete(keyOf(2, 'kfs'))
    expect(await renderNow(pipeline.parts, table, NEVER)).toEqual([])
    expect(await pipeline.audit()).toMatchObject({ topic_records: 3n, topic_gaps: 0n, topic_duplicates: 0n })
  })
})
