/** How far sources go, since when tables are behind them, and the record of stalls. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { MetadataStore, NewEvent } from '../../shared/metadata/metadata-store.ts'
import {
  claimed,
  commitOf,
  converted,
  eventTypes,
  followTopic,
  idOf,
  type MetadataFixture,
  NOTE,
  type OpenMetadata,
  openFixture,
  partitionAt,
  planned,
  sliceOf,
  TABLE,
  TOPIC,
} from './metadata-store-fixture.ts'

export function describeSourceEnds(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store, 2)
  })
  afterEach(() => fixture.remove())

  const nowMs = () => fixture.clock.nowMs
  const wait = (ms: number) => {
    fixture.clock.nowMs += ms
  }
  const sees = (partition: number, end: number, unplannedSinceMs?: number, incarnation = 0) => {
    const seen = { topic: TOPIC, partition, incarnation, endOffset: BigInt(end) }
    return store.noteSourceEnds(TABLE, [
      { ...seen, ...(unplannedSinceMs !== undefined && { unplannedSinceMs }) },
    ])
  }
  const waitingSince = async (partition: number) => {
    const { partitions } = await store.readFigures()
    return partitions.find(found => found.partition === partition)?.waitingSinceMs
  }

  it('keeps the latest segment that was seen of a life, whoever lists late, and whatever is planned or given up', async () => {
    const [early, late] = [
      { baseOffset: 10n, landedAtMs: 1 },
      { baseOffset: 9_007_199_254_740_993n, landedAtMs: 1_700_000_000_000 },
    ]
    const seesWitness = (witness: typeof early, incarnation = 0) =>
      store.noteSourceEnds(TABLE, [{ topic: TOPIC, partition: 0, incarnation, endOffset: 30n, witness }])
    expect(await partitionAt(store, 0)).not.toHaveProperty('witness')
    await seesWitness(early)
    await seesWitness(late)
    await seesWitness({ ...early, landedAtMs: 2 })
    await sees(0, 30)
    expect(await partitionAt(store, 0)).toMatchObject({ witness: late })
    await converted(store, 'a', sliceOf(0, 0, 10))
    await planned(store, 'b', sliceOf(0, 10, 20))
    await store.replanPartition(idOf(0))
    await store.skipTo(idOf(0), 25n, NOTE)
    await store.stopPartition(idOf(0), { code: 'segment-replaced', reason: 'other content', details: {} })
    await store.resumePartition(idOf(0), NOTE)
    const partition = await partitionAt(store, 0)
    expect(partition).not.toHaveProperty('lastPlanned')
    expect(partition).toMatchObject({ plannedOffset: 25n, witness: late })
    expect(await partitionAt(store, 1)).not.toHaveProperty('witness')
    await store.registerPartition({ ...idOf(0), incarnation: 1, firstOffset: 0n })
    await seesWitness(late, 0)
    expect(await partitionAt(store, 0)).not.toHaveProperty('witness')
  })

  it('is behind from when the source goes past the watermark, until the watermark reaches its end', async () => {
    expect(await partitionAt(store, 0)).not.toHaveProperty('behindSinceMs')
    await sees(0, 20, 5)
    const beganMs = nowMs()
    expect(await partitionAt(store, 0)).toMatchObject({
      sourceEndOffset: 20n,
      behindSinceMs: beganMs,
      unplannedSinceMs: 5,
    })
    wait(10)
    await sees(0, 20, 5)
    await planned(store, 'a', sliceOf(0, 0, 10))
    expect(await partitionAt(store, 0)).toMatchObject({ behindSinceMs: beganMs })
    await claimed(store, 'a')
    await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)]))
    expect(await partitionAt(store, 0)).toMatchObject({ committedOffset: 10n, behindSinceMs: nowMs() })
    await converted(store, 'b', sliceOf(0, 10, 20))
    expect(await partitionAt(store, 0)).not.toHaveProperty('behindSinceMs')
    expect((await partitionAt(store, 0)).sourceEndOffset).toBe(20n)
  })

  it('is behind from planning at the latest, and its end is never below what is planned', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    expect(await partitionAt(store, 0)).toMatchObject({ sourceEndOffset: 10n, behindSinceMs: nowMs() })
    await sees(0, 4)
    expect(await partitionAt(store, 0)).toMatchObject({ sourceEndOffset: 10n, behindSinceMs: nowMs() })
  })

  it('is not behind a source that turns out to end at the watermark, and ignores what was seen of a past life', async () => {
    await sees(0, 20)
    await sees(0, 0)
    expect(await partitionAt(store, 0)).not.toHaveProperty('behindSinceMs')
    await store.registerPartition({ ...idOf(0), incarnation: 1, firstOffset: 0n })
    await sees(0, 99)
    expect((await partitionAt(store, 0)).sourceEndOffset).toBe(0n)
    await sees(0, 99, undefined, 1)
    expect((await partitionAt(store, 0)).sourceEndOffset).toBe(99n)
  })

  it('counts anew after skip-to and after a resume, and goes on counting after planning afresh', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    const beganMs = nowMs()
    wait(10)
    await store.replanPartition(idOf(0))
    expect(await partitionAt(store, 0)).toMatchObject({ plannedOffset: 0n, behindSinceMs: beganMs })
    await store.skipTo(idOf(0), 5n, NOTE)
    expect(await partitionAt(store, 0)).toMatchObject({ sourceEndOffset: 10n, behindSinceMs: nowMs() })
    await store.skipTo(idOf(0), 15n, NOTE)
    expect(await partitionAt(store, 0)).toMatchObject({ sourceEndOffset: 15n, committedOffset: 15n })
    expect(await partitionAt(store, 0)).not.toHaveProperty('behindSinceMs')

    await sees(1, 10)
    await store.pausePartition(idOf(1), NOTE)
    wait(10)
    await store.resumePartition(idOf(1), NOTE)
    expect(await partitionAt(store, 1)).toMatchObject({ behindSinceMs: nowMs() })
    wait(10)
    await store.setTableState(TABLE, 'paused', NOTE)
    await store.setTableState(TABLE, 'active', NOTE)
    expect(await partitionAt(store, 1)).toMatchObject({ behindSinceMs: nowMs() })
    expect(await partitionAt(store, 0)).not.toHaveProperty('behindSinceMs')
  })

  it('knows since when the oldest segment that is not committed waits, planned or not', async () => {
    expect(await waitingSince(0)).toBeUndefined()
    await sees(0, 30, 111)
    expect(await waitingSince(0)).toBe(111)
    await planned(store, 'a', { ...sliceOf(0, 0, 10), ...{ landedAtMs: 111 } })
    await planned(store, 'b', { ...sliceOf(0, 10, 20), ...{ landedAtMs: 222 } })
    await claimed(store, 'a')
    await store.failTask({
      claim: { taskId: 'a', token: 'token-of-a' },
      code: 'c',
      message: 'm',
      next: { kind: 'cut', at: 5n, newTaskIds: ['a1', 'a2'] },
    })
    expect(await waitingSince(0)).toBe(111)
    for (const [id, start, end] of [
      ['a1', 0, 5],
      ['a2', 5, 10],
    ] as const) {
      await claimed(store, id)
      const slice = { ...sliceOf(0, 0, 10), startOffset: BigInt(start), endOffset: BigInt(end) }
      await store.commitTask(commitOf(id, [slice]))
    }
    expect(await waitingSince(0)).toBe(222)
    await claimed(store, 'b')
    await store.commitTask(commitOf('b', [sliceOf(0, 10, 20)]))
    await sees(0, 30, 333)
    expect(await waitingSince(0)).toBe(333)
  })

  it('counts dead letters by code when the watermark has passed them', async () => {
    const counted = async () => [...((await store.readFigures()).tables[0]?.deadLettersByCode ?? [])]
    await planned(store, 'a', sliceOf(0, 0, 10))
    await planned(store, 'b', sliceOf(0, 10, 20))
    for (const id of ['a', 'b']) await claimed(store, id)
    await store.commitTask(commitOf('b', [sliceOf(0, 10, 20)], { deadLetters: [3n] }))
    expect(await counted()).toEqual([])
    await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)], { deadLetters: [4n] }))
    expect(await counted()).toEqual([['not-json', 7n]])
  })
}

export function describeStalls(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store, 2)
    await planned(store, 'a', sliceOf(0, 0, 10))
  })
  afterEach(() => fixture.remove())

  const event: NewEvent = { type: 'partition.stalled', tableId: TABLE, message: 'm', details: {} }
  const found = async (forMs: number) => (await store.listStallCandidates(forMs)).candidates

  it('tells which watermarks have not moved for long enough, and what stands at them', async () => {
    expect(await found(100)).toEqual([])
    const sinceMs = fixture.clock.nowMs
    fixture.clock.nowMs += 100
    expect(await store.listStallCandidates(100)).toEqual({
      atMs: fixture.clock.nowMs,
      candidates: [
        {
          ...idOf(0),
          table: 'shop.orders',
          tableState: 'active',
          state: 'active',
          committedOffset: 0n,
          sourceEndOffset: 10n,
          behindSinceMs: sinceMs,
          task: { taskId: 'a', state: 'queued', attempts: 0 },
        },
      ],
    })
    await store.registerPartition({ ...idOf(1), incarnation: 1, firstOffset: 0n })
    await store.noteSourceEnds(TABLE, [{ topic: TOPIC, partition: 1, incarnation: 1, endOffset: 5n }])
    expect((await found(0)).find(({ partition }) => partition === 1)).not.toHaveProperty('task')
  })

  it('leaves out what a person paused, however long it is behind, so that it takes the place of no other', async () => {
    await store.pausePartition(idOf(0), NOTE)
    expect(await found(0)).toEqual([])
    await store.resumePartition(idOf(0), NOTE)
    expect(await found(0)).toMatchObject([{ partition: 0 }])
    await store.setTableState(TABLE, 'paused', NOTE)
    expect(await found(0)).toEqual([])
  })

  it('records a beginning and an end once, whoever else looks', async () => {
    const sinceMs = fixture.clock.nowMs
    const begin = { ...idOf(0), kind: 'begin', sinceMs, event } as const
    const end = { ...idOf(0), kind: 'end', sinceMs } as const
    expect(await store.recordStalls([end])).toEqual([])
    expect(await store.recordStalls([begin])).toEqual([begin])
    expect(await store.recordStalls([begin])).toEqual([])
    expect(await eventTypes(store)).toEqual(['partition.stalled'])
    expect((await partitionAt(store, 0)).stalledSinceMs).toBe(sinceMs)
    expect(await found(1_000_000)).toMatchObject([{ partition: 0, stalledSinceMs: sinceMs }])
    expect(await store.recordStalls([end])).toEqual([end])
    expect(await store.recordStalls([end])).toEqual([])
    expect(await found(1_000_000)).toEqual([])
    expect(await eventTypes(store)).toEqual(['partition.stalled'])
  })

  it('records no beginning where the watermark has moved since, or a person paused', async () => {
    const sinceMs = fixture.clock.nowMs
    const begin = { ...idOf(0), kind: 'begin', sinceMs, event } as const
    await store.pausePartition(idOf(0), NOTE)
    expect(await store.recordStalls([begin])).toEqual([])
    fixture.clock.nowMs += 1
    await store.resumePartition(idOf(0), NOTE)
    expect(await store.recordStalls([begin])).toEqual([])
    await store.recordStalls([{ ...begin, sinceMs: fixture.clock.nowMs }])
    await store.resumePartition(idOf(0), NOTE)
    expect(await partitionAt(store, 0)).not.toHaveProperty('stalledSinceMs')
  })
}
