/** What is asked of all tables at once: which have work waiting, and who does it. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type {
  MetadataStore,
  PublicationIntent,
  SnapshotRecord,
} from '../../shared/metadata/metadata-store.ts'
import {
  claimed,
  commitOf,
  converted,
  followTopic,
  idOf,
  LETTERS,
  type MetadataFixture,
  newTable,
  type OpenMetadata,
  openFixture,
  planned,
  sliceOf,
  TABLE,
} from './metadata-store-fixture.ts'

const CATALOG = 'local'
const PLACE = { topic: 'shop.orders.dlq', location: 's3://lake/_topics/shop.orders.dlq' }

export function describeWaitingWork(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store, 2)
  })
  afterEach(() => fixture.remove())

  const uncut = async () => (await store.listUnpublished([CATALOG])).uncut
  const unshown = async () =>
    (await store.listUnpublished([CATALOG])).unshown
      .map(({ tableId, catalog }) => `${tableId} ${catalog}`)
      .sort()

  async function begin(n: number, version: bigint): Promise<SnapshotRecord> {
    const snapshot: SnapshotRecord = {
      tableId: TABLE,
      snapshotId: BigInt(n),
      ...(n > 1 && { parentSnapshotId: BigInt(n - 1) }),
      sequenceNumber: BigInt(n),
      version,
      timestampMs: n,
      operation: 'append',
      schemaId: 0,
      manifestListPath: `list-${n}`,
      summary: {},
      state: 'intent',
    }
    await store.insertSnapshotIntent(snapshot)
    return snapshot
  }
  async function cut(n: number, version: bigint): Promise<void> {
    const { newFiles } = await store.loadSnapshotInput(TABLE)
    await begin(n, version)
    const manifest = {
      path: `manifest-${n}`,
      lengthBytes: 1n,
      specId: 0,
      sequenceNumber: BigInt(n),
      minSequenceNumber: 1n,
      addedSnapshotId: BigInt(n),
      addedFilesCount: newFiles.length,
      existingFilesCount: 0,
      deletedFilesCount: 0,
      addedRowsCount: 10n,
      existingRowsCount: 0n,
      deletedRowsCount: 0n,
      partitions: [],
    }
    await store.completeSnapshot({
      tableId: TABLE,
      snapshotId: BigInt(n),
      manifests: [manifest],
      placements: [
        { manifestPath: manifest.path, newFiles: newFiles.map(({ path }) => path), mergedManifests: [] },
      ],
    })
  }
  async function show(tableId: string, version: number, snapshotId?: bigint): Promise<PublicationIntent> {
    const intent: PublicationIntent = {
      metadataLocation: `${tableId}-${version}.json`,
      timestampMs: version,
      ...(snapshotId !== undefined && { snapshotId }),
    }
    await store.beginPublication(tableId, CATALOG, intent, version)
    return intent
  }
  const confirm = (tableId: string, intent: PublicationIntent) =>
    store.confirmPublication(tableId, CATALOG, intent, 10)

  it('has a table to cut from when files become live until a snapshot shows them, and while one is unfinished', async () => {
    expect(await uncut()).toEqual([])
    await planned(store, 'a', sliceOf(0, 0, 10))
    await planned(store, 'b', sliceOf(0, 10, 20))
    await claimed(store, 'b')
    await store.commitTask(commitOf('b', [sliceOf(0, 10, 20)]))
    expect(await uncut(), 'staged').toEqual([])
    await claimed(store, 'a')
    await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)]))
    expect(await uncut()).toEqual([TABLE])
    await cut(1, 2n)
    expect(await uncut()).toEqual([])
    await begin(2, 2n)
    expect(await uncut(), 'an unfinished snapshot').toEqual([TABLE])
    await store.abandonSnapshot(TABLE, 2n)
    expect(await uncut()).toEqual([])
  })

  it('has the dead-letter table alone to cut after a commit of dead letters alone, and again after a purge', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a')
    await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)], { deadLetters: [10n] }))
    expect(await uncut()).toEqual([LETTERS])
  })

  it('has a catalog to bring up to date until it shows the newest snapshot, an empty table included', async () => {
    expect(await unshown()).toEqual([`${LETTERS} ${CATALOG}`, `${TABLE} ${CATALOG}`])
    await confirm(LETTERS, await show(LETTERS, 0))
    const first = await show(TABLE, 0)
    expect(await unshown(), 'begun').toEqual([`${TABLE} ${CATALOG}`])
    await confirm(TABLE, first)
    expect(await unshown()).toEqual([])
    await converted(store, 'a', sliceOf(0, 0, 10))
    expect(await unshown(), 'not cut yet').toEqual([])
    await cut(1, 1n)
    expect(await unshown()).toEqual([`${TABLE} ${CATALOG}`])
    await confirm(TABLE, await show(TABLE, 1, 1n))
    expect(await unshown()).toEqual([])
    await show(TABLE, 2, 1n)
    expect(await unshown(), 'an intent that a crash left behind').toEqual([`${TABLE} ${CATALOG}`])
    expect((await store.listUnpublished(['other'])).unshown).toHaveLength(2)
    expect((await store.listUnpublished([])).unshown).toEqual([])
  })

  it('has a topic to render from when a dead letter is committed until its segment stands', async () => {
    const letter = async (id: string, start: number) => {
      await planned(store, id, sliceOf(0, start, start + 10))
      await claimed(store, id)
      await store.commitTask(commitOf(id, [sliceOf(0, start, start + 10)], { deadLetters: [1n] }))
    }
    await letter('a', 0)
    expect(await store.listUnrenderedTopics(), 'not declared').toEqual([])
    await store.declareDeadLetterTopic(LETTERS, PLACE)
    expect(await store.listUnrenderedTopics()).toEqual([LETTERS])
    await store.planDeadLetterSegment(LETTERS, { baseOffset: 0n, endOffset: 1n })
    expect(await store.listUnrenderedTopics()).toEqual([LETTERS])
    await store.completeDeadLetterSegment(LETTERS, 0n)
    expect(await store.listUnrenderedTopics()).toEqual([])
    await letter('b', 10)
    expect(await store.listUnrenderedTopics()).toEqual([LETTERS])
  })

  it('reads what planning begins with for many tables as for one', async () => {
    const others = Array.from({ length: 120 }, (_, i) => `other-${i}`)
    for (const other of others) await store.createTable(newTable(other, `shop.${other}`))
    const last = 'other-119'
    await store.registerPartition({ ...idOf(3), tableId: last, incarnation: 0, firstOffset: 7n })
    await planned(store, 'a', sliceOf(0, 0, 10), sliceOf(1, 0, 10))
    const states = await store.loadPlanningStates([...others, TABLE])
    expect(states.map(({ tableId }) => tableId)).toEqual([...others, TABLE])
    for (const { tableId, partitions, tasksInFlight } of states) {
      expect(partitions).toEqual(await store.listPartitions(tableId))
      const { queued, claimed: held, staged, parked } = await store.countTasks(tableId)
      expect(tasksInFlight).toBe(queued + held + staged + parked)
    }
    expect(states.at(-1)?.tasksInFlight).toBe(1)
    expect(states.at(-2)?.partitions).toMatchObject([{ partition: 3, plannedOffset: 7n }])
    expect(await store.loadPlanningStates([])).toEqual([])
  })
}

export function describeLeaseShares(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
  })
  afterEach(() => fixture.remove())

  const NAMES = ['0', '1', '2', '3', '4']
  const TTL_MS = 100
  const share = (holder: string, names = NAMES) =>
    store.shareLeases({ group: 'plan', names, holder, ttlMs: TTL_MS })

  it('gives all to one that is alone, and an even share to each of several', async () => {
    expect(await share('a')).toEqual(NAMES)
    expect(await share('b'), 'nothing is free yet').toEqual([])
    expect(await share('a'), 'gives back what is beyond its share').toEqual(['0', '1', '2'])
    expect(await share('b')).toEqual(['3', '4'])
    expect(await share('a')).toEqual(['0', '1', '2'])
    await share('c')
    expect(await share('a')).toEqual(['0', '1'])
    expect(await share('c')).toEqual(['2'])
    expect(await share('b')).toEqual(['3', '4'])
  })

  it('takes over what a holder that is gone had, when its time is over', async () => {
    await share('a')
    await share('b')
    await share('a')
    await share('b')
    fixture.clock.nowMs += TTL_MS / 2
    expect(await share('b')).toEqual(['3', '4'])
    fixture.clock.nowMs += TTL_MS / 2
    expect(await share('b')).toEqual(['3', '4', '0', '1', '2'])
    expect(await share('a'), 'a late one begins anew').toEqual([])
  })

  it('frees at once what a holder leaves behind', async () => {
    await share('a')
    await share('b')
    await store.leaveLeases('plan', 'a')
    expect(await share('b')).toEqual(NAMES)
  })

  it('keeps groups apart from each other and from single leases', async () => {
    await share('a')
    await store.acquireLease('plan:x', 'z', TTL_MS)
    await store.acquireLease('planner', 'z', TTL_MS)
    expect(await store.shareLeases({ group: 'purge', names: ['0'], holder: 'b', ttlMs: TTL_MS })).toEqual([
      '0',
    ])
    await store.leaveLeases('plan', 'a')
    expect(await store.acquireLease('plan:x', 'y', TTL_MS)).toBeUndefined()
    expect(await store.acquireLease('planner', 'y', TTL_MS)).toBeUndefined()
    expect(await share('b')).toEqual(NAMES)
  })

  it('raises the token with every new holder', async () => {
    await share('a')
    await store.leaveLeases('plan', 'a')
    await share('b')
    await store.leaveLeases('plan', 'b')
    expect(await store.acquireLease('plan:0', 'c', TTL_MS)).toEqual({ fencingToken: 3n })
  })
}
