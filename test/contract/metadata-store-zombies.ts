/**
 * Processes that froze, lost their lease to another, and wake up to go on where they were. A lease only saves work, so each of their
 * writes must come to nothing by itself, in the transaction.
 */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { MetadataStore, SnapshotRecord } from '../../shared/metadata/metadata-store.ts'
import {
  claimed,
  codeOf,
  commitOf,
  converted,
  eventTypes,
  followTopic,
  idOf,
  LEASE_MS,
  LETTERS,
  livePaths,
  type MetadataFixture,
  type OpenMetadata,
  openFixture,
  partitionAt,
  planned,
  sliceOf,
  TABLE,
  tokenOf,
} from './metadata-store-fixture.ts'

export function describeZombies(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store)
  })
  afterEach(() => fixture.remove())

  it('a planner plans nothing that another has planned', async () => {
    await planned(store, 'a', sliceOf(0, 0, 20))
    expect(await planned(store, 'zombie', sliceOf(0, 0, 10))).toEqual({ kind: 'stale' })
    expect((await store.listTasks({ tableId: TABLE, limit: 9 })).map(({ taskId }) => taskId)).toEqual(['a'])
  })

  it('a planner neither stops nor gives up a partition for what it was like before', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    const seen = await partitionAt(store, 0)
    // Another planner found the segment replaced, and planned the new one: the same offsets, another object.
    const renewed = sliceOf(0, 0, 10)
    const segments = renewed.segments.map(segment => ({ ...segment, etag: '"new"' }))
    expect(await store.replanPartition(idOf(0), seen)).toEqual({ kind: 'replanned' })
    await planned(store, 'b', { ...renewed, segments })
    expect(await store.replanPartition(idOf(0), seen)).toEqual({ kind: 'overtaken' })
    const stop = { code: 'segment-replaced', reason: 'it was replaced', details: {} }
    await store.stopPartition(idOf(0), stop, seen)
    expect(await partitionAt(store, 0)).toMatchObject({ state: 'active', plannedOffset: 10n })
    expect(await store.listRunnableTasks(9)).toEqual(['b'])
    expect(await eventTypes(store)).toEqual(['partition.replanned'])
    // What is still so counts.
    await store.stopPartition(idOf(0), stop, await partitionAt(store, 0))
    expect(await partitionAt(store, 0)).toMatchObject({ state: 'stopped' })
  })

  it('a planner begins no life of a partition that has begun', async () => {
    await converted(store, 'a', sliceOf(0, 0, 10))
    await store.registerPartition({ ...idOf(0), incarnation: 1, firstOffset: 0n })
    await converted(store, 'b', sliceOf(0, 0, 10, 1))
    await store.registerPartition({ ...idOf(0), incarnation: 1, firstOffset: 0n })
    expect(await partitionAt(store, 0)).toMatchObject({ incarnation: 1, committedOffset: 10n })
  })

  it('a converter commits, fails and extends nothing once another has its task', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a')
    fixture.clock.nowMs += LEASE_MS
    expect(await claimed(store, 'a', 'another')).toMatchObject({ kind: 'claimed' })
    const claim = { taskId: 'a', token: tokenOf('a') }
    expect(await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)]))).toEqual({ kind: 'fenced' })
    expect(await store.extendClaim(claim, LEASE_MS)).toBe(false)
    const failure = { claim, code: 'c', message: 'm', next: { kind: 'park' } as const }
    expect(await store.failTask(failure)).toBe(false)
    const commit = commitOf('a', [sliceOf(0, 0, 10)], { token: 'another' })
    expect(await store.commitTask(commit)).toMatchObject({ kind: 'committed' })
    expect(await livePaths(store, 9n)).toEqual(['a'])
  })

  it('a cutter finishes no snapshot that another has given up, and begins none beside another’s', async () => {
    await converted(store, 'a', sliceOf(0, 0, 10))
    await store.insertSnapshotIntent(snapshotAt(1n))
    await store.abandonSnapshot(TABLE, 1n)
    await store.insertSnapshotIntent(snapshotAt(2n))
    const cut = { tableId: TABLE, snapshotId: 1n, manifests: [], placements: [] }
    expect(await codeOf(store.completeSnapshot(cut))).toBe('snapshot-stale')
    expect(await codeOf(store.insertSnapshotIntent(snapshotAt(3n)))).toBe('snapshot-intent-exists')
    await store.abandonSnapshot(TABLE, 1n)
    expect((await store.loadSnapshotInput(TABLE)).intent).toMatchObject({ snapshotId: 2n })
  })

  it('a publisher puts no older metadata in the place of newer, and holds nothing by what was', async () => {
    const intentOf = (name: string) => ({ metadataLocation: `s3://lake/${name}.json`, timestampMs: 1 })
    await store.beginPublication(TABLE, 'local', intentOf('a'), 0)
    await store.confirmPublication(TABLE, 'local', intentOf('a'), 5)
    await store.beginPublication(TABLE, 'local', intentOf('b'), 1)
    await store.confirmPublication(TABLE, 'local', intentOf('b'), 5)
    const differs = 'publication-intent-differs'
    expect(await codeOf(store.confirmPublication(TABLE, 'local', intentOf('a'), 5))).toBe(differs)
    expect(await codeOf(store.beginPublication(TABLE, 'local', intentOf('zombie'), 1))).toBe(differs)
    const held = { state: 'held', code: 'foreign-snapshot', message: 'm', atVersion: 1 } as const
    await store.failPublication(TABLE, 'local', held)
    expect(await store.loadPublication(TABLE, 'local')).toMatchObject({
      state: 'published',
      metadataLocation: 's3://lake/b.json',
      metadataVersion: 2,
    })
  })

  it('a renderer of dead letters plans and finishes nothing that another has done', async () => {
    await store.declareDeadLetterTopic(LETTERS, { topic: 'orders.dlq', location: 's3://lake/topics' })
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a')
    await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)], { deadLetters: [6n] }))
    await store.planDeadLetterSegment(LETTERS, { baseOffset: 0n, endOffset: 2n })
    await store.completeDeadLetterSegment(LETTERS, 0n)
    await store.planDeadLetterSegment(LETTERS, { baseOffset: 2n, endOffset: 4n })
    expect(await store.planDeadLetterSegment(LETTERS, { baseOffset: 0n, endOffset: 6n })).toBeUndefined()
    expect(await store.planDeadLetterSegment(LETTERS, { baseOffset: 2n, endOffset: 6n })).toBeUndefined()
    await store.completeDeadLetterSegment(LETTERS, 0n)
    expect(await store.loadDeadLetterTopic(LETTERS)).toMatchObject({
      renderedOffset: 2n,
      planned: { baseOffset: 2n, endOffset: 4n },
    })
  })

  it('a holder releases no lease that another has taken', async () => {
    await store.acquireLease('plan', 'zombie', LEASE_MS)
    fixture.clock.nowMs += LEASE_MS
    expect(await store.acquireLease('plan', 'another', LEASE_MS)).toEqual({ fencingToken: 2n })
    await store.releaseLease('plan', 'zombie')
    expect(await store.acquireLease('plan', 'zombie', LEASE_MS)).toBeUndefined()
  })
}

function snapshotAt(snapshotId: bigint): SnapshotRecord {
  return {
    tableId: TABLE,
    snapshotId,
    sequenceNumber: 1n,
    version: 1n,
    timestampMs: 1_700_000_000_000,
    operation: 'append',
    schemaId: 0,
    manifestListPath: `s3://lake/shop.orders/metadata/snap-${snapshotId}.avro`,
    summary: {},
    state: 'intent',
  }
}
