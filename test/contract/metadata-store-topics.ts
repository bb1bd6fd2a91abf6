/** Topics of dead letters: offsets given in the commit, and segments that are planned before they are rendered. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import {
  claimed,
  codeOf,
  commitOf,
  converted,
  eventTypes,
  followTopic,
  idOf,
  LETTERS,
  type MetadataFixture,
  NOTE,
  newTable,
  type OpenMetadata,
  openFixture,
  planned,
  sliceOf,
  TABLE,
} from './metadata-store-fixture.ts'

const PLACE = { topic: 'shop.orders.dlq', location: 's3://lake/_topics/shop.orders.dlq' }

export function describeDeadLetterTopics(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store, 2)
    await store.declareDeadLetterTopic(LETTERS, PLACE)
  })
  afterEach(() => fixture.remove())

  /** Plans and claims the ten offsets from `start` of partition 0, and answers what commits them. */
  async function ready(id: string, start: number, letters: bigint) {
    await planned(store, id, sliceOf(0, start, start + 10))
    await claimed(store, id)
    return () => store.commitTask(commitOf(id, [sliceOf(0, start, start + 10)], { deadLetters: [letters] }))
  }
  const files = async (fromOffset = 0n) =>
    (await store.listDeadLetterFiles(LETTERS, { fromOffset, limit: 9 })).map(
      ({ baseOffset, recordCount, path }) =>
        `${baseOffset}+${recordCount} ${path.slice(path.lastIndexOf('/') + 1)}`,
    )
  const topic = () => store.loadDeadLetterTopic(LETTERS)

  it('is unknown until it is declared, and begins at offset 0', async () => {
    expect(await topic()).toEqual({
      tableId: LETTERS,
      ...PLACE,
      startOffset: 0n,
      endOffset: 0n,
      renderedOffset: 0n,
    })
    expect(await store.loadDeadLetterTopic(TABLE)).toBeUndefined()
    expect(await codeOf(store.declareDeadLetterTopic(TABLE, PLACE))).toBe('broken-invariant')
  })

  it('lists those that were declared, each as it is loaded', async () => {
    await store.createTable(newTable('other', 'shop.other'), newTable('other-letters', 'shop.other__dlq'))
    expect(await store.listDeadLetterTopics()).toEqual([await topic()])
    await store.declareDeadLetterTopic('other-letters', {
      topic: 'shop.other.dlq',
      location: 's3://elsewhere',
    })
    await (await ready('a', 0, 3n))()
    await store.planDeadLetterSegment(LETTERS, { baseOffset: 0n, endOffset: 3n })
    const listed = await store.listDeadLetterTopics()
    expect(listed).toEqual(
      expect.arrayContaining([await topic(), await store.loadDeadLetterTopic('other-letters')]),
    )
    expect(listed).toHaveLength(2)
    expect(await topic()).toMatchObject({ planned: { baseOffset: 0n, endOffset: 3n } })
  })

  it('gives offsets in the commit, and none to a commit without dead letters', async () => {
    await (await ready('a', 0, 3n))()
    await converted(store, 'b', sliceOf(0, 10, 20))
    await (await ready('c', 20, 10n))()
    expect(await files()).toEqual(['0+3 a.parquet', '3+10 c.parquet'])
    expect(await topic()).toMatchObject({ endOffset: 13n, renderedOffset: 0n })
  })

  it('gives staged dead letters their offsets when the watermark reaches them, in its order', async () => {
    const first = await ready('a', 0, 1n)
    const second = await ready('b', 10, 2n)
    const third = await ready('c', 20, 3n)
    await third()
    await second()
    expect(await files()).toEqual([])
    expect(await topic()).toMatchObject({ endOffset: 0n })
    await first()
    expect(await files()).toEqual(['0+1 a.parquet', '1+2 b.parquet', '3+3 c.parquet'])
  })

  it('gives none to staged dead letters that are given up', async () => {
    const first = await ready('a', 0, 1n)
    const second = await ready('b', 10, 2n)
    await second()
    await store.skipTo(idOf(0), 20n, NOTE)
    expect(await first()).toEqual({ kind: 'fenced' })
    await (await ready('c', 20, 4n))()
    expect(await files()).toEqual(['0+4 c.parquet'])
  })

  it('lists files from the one that holds an offset', async () => {
    for (const [i, id] of ['a', 'b', 'c'].entries()) await (await ready(id, i * 10, 5n))()
    expect(await files(4n)).toEqual(['0+5 a.parquet', '5+5 b.parquet', '10+5 c.parquet'])
    expect(await files(5n)).toEqual(['5+5 b.parquet', '10+5 c.parquet'])
    expect(await files(99n)).toEqual(['10+5 c.parquet'])
  })

  it('fixes one segment at a time, each where the one before it ends', async () => {
    await (await ready('a', 0, 10n))()
    const segment = { baseOffset: 0n, endOffset: 6n, createdAtMs: fixture.clock.nowMs }
    expect(await store.planDeadLetterSegment(LETTERS, { baseOffset: 2n, endOffset: 4n })).toBeUndefined()
    expect(await store.planDeadLetterSegment(LETTERS, { baseOffset: 0n, endOffset: 6n })).toEqual(segment)
    fixture.clock.nowMs += 1000
    expect(await store.planDeadLetterSegment(LETTERS, { baseOffset: 0n, endOffset: 7n })).toBeUndefined()
    expect(await store.planDeadLetterSegment(LETTERS, { baseOffset: 6n, endOffset: 7n })).toBeUndefined()
    expect(await topic()).toMatchObject({ renderedOffset: 0n, planned: segment })
    expect(await store.listDeadLetterSegments(LETTERS, { fromOffset: 0n, limit: 9 })).toEqual([])

    expect(await store.completeDeadLetterSegment(LETTERS, 0n)).toBe('rendered')
    expect(await store.completeDeadLetterSegment(LETTERS, 0n)).toBe('rendered')
    expect(await topic()).toEqual({
      tableId: LETTERS,
      ...PLACE,
      startOffset: 0n,
      endOffset: 10n,
      renderedOffset: 6n,
    })
    expect(await store.listDeadLetterSegments(LETTERS, { fromOffset: 0n, limit: 9 })).toEqual([segment])
    expect(await store.planDeadLetterSegment(LETTERS, { baseOffset: 6n, endOffset: 10n })).toMatchObject({
      createdAtMs: fixture.clock.nowMs,
    })
  })

  it('never plans beyond the offsets that were given', async () => {
    await (await ready('a', 0, 3n))()
    expect(await codeOf(store.planDeadLetterSegment(LETTERS, { baseOffset: 0n, endOffset: 4n }))).toBe(
      'metadata-statement-failed',
    )
    expect(await topic()).toMatchObject({ endOffset: 3n })
    expect((await topic())?.planned).toBeUndefined()
  })

  it('may move until it has a segment', async () => {
    await (await ready('a', 0, 3n))()
    const elsewhere = { ...PLACE, location: 's3://letters/shop.orders.dlq' }
    expect(await store.declareDeadLetterTopic(LETTERS, elsewhere)).toEqual({ kind: 'declared' })
    await store.planDeadLetterSegment(LETTERS, { baseOffset: 0n, endOffset: 3n })
    expect(await store.declareDeadLetterTopic(LETTERS, elsewhere)).toEqual({ kind: 'declared' })
    expect(await store.declareDeadLetterTopic(LETTERS, PLACE)).toEqual({
      kind: 'moved',
      location: elsewhere.location,
    })
    expect(await topic()).toMatchObject(elsewhere)
  })

  it('keeps why it stands still, with one event for each reason, until a segment is rendered', async () => {
    await (await ready('a', 0, 3n))()
    const failure = { code: 'dead-letter-topic-differs', message: 'another content stands there' }
    await store.failDeadLetterTopic(LETTERS, failure)
    await store.failDeadLetterTopic(LETTERS, failure)
    expect(await eventTypes(store)).toEqual(['dlq.topic_stopped'])
    expect(await store.listEvents({ tableId: TABLE, limit: 9 })).toMatchObject([
      { topic: PLACE.topic, partition: 0, details: { code: failure.code } },
    ])
    expect(await topic()).toMatchObject({
      lastErrorCode: failure.code,
      lastErrorMessage: failure.message,
    })
    await store.planDeadLetterSegment(LETTERS, { baseOffset: 0n, endOffset: 3n })
    await store.completeDeadLetterSegment(LETTERS, 0n)
    expect((await topic())?.lastErrorCode).toBeUndefined()
    await store.failDeadLetterTopic(LETTERS, failure)
    expect(await eventTypes(store)).toHaveLength(2)
  })

  it('expires rendered segments that are old, from the start on, and forgets what only they needed', async () => {
    const renderedUpTo = async (baseOffset: bigint, endOffset: bigint) => {
      await store.planDeadLetterSegment(LETTERS, { baseOffset, endOffset })
      await store.completeDeadLetterSegment(LETTERS, baseOffset)
      fixture.clock.nowMs += 1000
    }
    const firstMs = fixture.clock.nowMs
    await (await ready('a', 0, 3n))()
    await (await ready('b', 10, 4n))()
    await renderedUpTo(0n, 5n)
    await renderedUpTo(5n, 6n)
    await store.planDeadLetterSegment(LETTERS, { baseOffset: 6n, endOffset: 7n })
    const expire = (createdBeforeMs: number, limit = 9) =>
      store.expireDeadLetterSegments(LETTERS, { createdBeforeMs, limit })
    expect(await expire(firstMs)).toEqual([])
    expect(await expire(firstMs + 1)).toMatchObject([{ baseOffset: 0n, endOffset: 5n }])
    expect(await topic()).toMatchObject({ startOffset: 5n, renderedOffset: 6n })
    // Again after a crash before they were forgotten; what is planned does not expire.
    expect(await expire(firstMs + 9999)).toMatchObject([{ baseOffset: 0n }, { baseOffset: 5n }])
    expect(await codeOf(store.forgetDeadLetterSegments(LETTERS, 7n))).toBe('broken-invariant')
    await store.forgetDeadLetterSegments(LETTERS, 6n)
    expect(await expire(firstMs + 9999)).toEqual([])
    // Who stood still meanwhile hears that it is gone.
    expect(await store.completeDeadLetterSegment(LETTERS, 0n)).toBe('expired')
    expect(await store.completeDeadLetterSegment(LETTERS, 5n)).toBe('expired')
    expect(await topic()).toMatchObject({ startOffset: 6n, planned: { baseOffset: 6n } })
    // The file of b holds offsets 3 to 6; that of a is not needed any more.
    expect(await files()).toEqual(['3+4 b.parquet'])
  })
}
