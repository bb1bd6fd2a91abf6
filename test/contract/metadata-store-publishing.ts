/** Snapshots, publications, leases and events. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type {
  EventFilter,
  ManifestRecord,
  MetadataStore,
  NewEvent,
  PublicationIntent,
  SnapshotCut,
  SnapshotRecord,
} from '../../shared/metadata/metadata-store.ts'
import {
  claimed,
  codeOf,
  commitOf,
  converted,
  followTopic,
  idOf,
  LETTERS,
  livePaths,
  type MetadataFixture,
  NOTE,
  type OpenMetadata,
  openFixture,
  planned,
  sliceOf,
  TABLE,
} from './metadata-store-fixture.ts'

/** Snapshot ids are random 64-bit numbers in real life: beyond what a JavaScript number holds. */
const idAt = (n: number) => 9_000_000_000_000_000_000n + BigInt(n)
const pathOf = (taskId: string) => `s3://lake/shop.orders/data/${taskId}.parquet`

function intentAt(n: number, version: bigint, change: Partial<SnapshotRecord> = {}): SnapshotRecord {
  return {
    tableId: TABLE,
    snapshotId: idAt(n),
    ...(n > 1 && { parentSnapshotId: idAt(n - 1) }),
    sequenceNumber: BigInt(n),
    version,
    timestampMs: 1_700_000_000_000 + n,
    operation: 'append',
    schemaId: 0,
    manifestListPath: `s3://lake/shop.orders/metadata/snap-${n}.avro`,
    summary: { 'added-records': '10', 'tidewater.offsets': '{"0":10}' },
    state: 'intent',
    ...change,
  }
}

function manifestAt(n: number, added: number, existing = 0): ManifestRecord {
  return {
    path: `s3://lake/shop.orders/metadata/m${n}.avro`,
    lengthBytes: 5000n,
    specId: 0,
    sequenceNumber: BigInt(n),
    minSequenceNumber: 1n,
    addedSnapshotId: idAt(n),
    addedFilesCount: added,
    existingFilesCount: existing,
    deletedFilesCount: 0,
    addedRowsCount: BigInt(added) * 10n,
    existingRowsCount: BigInt(existing) * 10n,
    deletedRowsCount: 0n,
    partitions: [
      {
        containsNull: false,
        containsNan: false,
        lowerBound: Uint8Array.of(0, 1),
        upperBound: Uint8Array.of(3),
      },
      { containsNull: true },
    ],
  }
}

export function describeSnapshots(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store, 1)
    await converted(store, 'a', sliceOf(0, 0, 10))
    await converted(store, 'b', sliceOf(0, 10, 20))
  })
  afterEach(() => fixture.remove())

  const cutFirst: SnapshotCut = {
    tableId: TABLE,
    snapshotId: idAt(1),
    manifests: [manifestAt(1, 2)],
    placements: [
      { manifestPath: manifestAt(1, 2).path, newFiles: [pathOf('a'), pathOf('b')], mergedManifests: [] },
    ],
  }
  const cutSecond = (
    manifests: readonly ManifestRecord[],
    mergedManifests: readonly string[],
  ): SnapshotCut => ({
    tableId: TABLE,
    snapshotId: idAt(2),
    manifests,
    placements: [{ manifestPath: manifestAt(2, 1).path, newFiles: [pathOf('c')], mergedManifests }],
  })
  async function cutOne() {
    await store.insertSnapshotIntent(intentAt(1, 2n))
    await store.completeSnapshot(cutFirst)
  }

  it('reads what the first snapshot is rendered from', async () => {
    const input = await store.loadSnapshotInput(TABLE)
    expect(input.table).toMatchObject({ version: 2n, lastSequenceNumber: 0n })
    expect(input.newFiles.map(file => [file.path, file.addedVersion])).toEqual([
      [pathOf('a'), 1n],
      [pathOf('b'), 2n],
    ])
    expect(input.offsets).toMatchObject([{ partition: 0, committedOffset: 20n }])
    expect(input.manifests).toEqual([])
    expect(input).not.toHaveProperty('lastSnapshot')
    expect(input).not.toHaveProperty('intent')
    expect((await store.loadSnapshotInput(LETTERS)).offsets).toEqual(input.offsets)
  })

  it('cuts a snapshot: its files know it, and the next one is rendered from what came after', async () => {
    await cutOne()
    expect(await store.listSnapshots(TABLE)).toEqual([intentAt(1, 2n, { state: 'cut' })])
    const { files } = await store.listFiles(TABLE, { version: 2n, limit: 9 })
    expect(files).toMatchObject([
      { snapshotId: idAt(1), sequenceNumber: 1n },
      { snapshotId: idAt(1), sequenceNumber: 1n },
    ])
    await converted(store, 'c', sliceOf(0, 20, 30))
    const input = await store.loadSnapshotInput(TABLE)
    expect(input.table.lastSequenceNumber).toBe(1n)
    expect(input.lastSnapshot).toEqual(intentAt(1, 2n, { state: 'cut' }))
    expect(input.manifests).toEqual([manifestAt(1, 2)])
    expect(input.newFiles.map(file => file.path)).toEqual([pathOf('c')])
    expect(input.newFiles[0]).not.toHaveProperty('snapshotId')
    const placed = await store.listFilesOfManifests(TABLE, [manifestAt(1, 2).path])
    expect(placed.map(file => file.path)).toEqual([pathOf('a'), pathOf('b')])
  })

  it('lists the newest snapshots first, those that are cut and not expired', async () => {
    await cutOne()
    await converted(store, 'c', sliceOf(0, 20, 30))
    await store.insertSnapshotIntent(intentAt(2, 3n))
    expect((await store.listNewestSnapshots(TABLE, 9)).newest.map(found => found.snapshotId)).toEqual([
      idAt(1),
    ])
    await store.completeSnapshot(cutSecond([manifestAt(1, 2), manifestAt(2, 1)], []))
    expect(await store.listNewestSnapshots(TABLE, 1)).toEqual({
      count: 2,
      newest: [intentAt(2, 3n, { state: 'cut' })],
    })
    await store.expireSnapshots(TABLE, [idAt(1)])
    expect(await store.listNewestSnapshots(TABLE, 9)).toMatchObject({
      count: 1,
      newest: [{ snapshotId: idAt(2) }],
    })
  })

  it('shows an intent that a crash left behind, with the files of its version alone', async () => {
    await store.insertSnapshotIntent(intentAt(1, 1n))
    const input = await store.loadSnapshotInput(TABLE)
    expect(input.intent).toEqual(intentAt(1, 1n))
    expect(input.newFiles.map(file => file.path)).toEqual([pathOf('a')])
    expect(await store.listSnapshots(TABLE)).toEqual([])
    expect(await codeOf(store.insertSnapshotIntent(intentAt(3, 2n, { snapshotId: 3n })))).toBe(
      'snapshot-stale',
    )
    const second = { ...intentAt(1, 2n), snapshotId: idAt(9) }
    expect(await codeOf(store.insertSnapshotIntent(second))).toBe('snapshot-intent-exists')
    await store.abandonSnapshot(TABLE, idAt(1))
    await store.insertSnapshotIntent(second)
    expect((await store.loadSnapshotInput(TABLE)).intent?.snapshotId).toBe(idAt(9))
  })

  it('does nothing when a snapshot that is cut is completed or abandoned again', async () => {
    await cutOne()
    await store.completeSnapshot(cutFirst)
    await store.abandonSnapshot(TABLE, idAt(1))
    expect(await store.listSnapshots(TABLE)).toHaveLength(1)
  })

  it('merges manifests: their files move, and the old ones are kept for the older snapshot', async () => {
    await cutOne()
    await converted(store, 'c', sliceOf(0, 20, 30))
    await store.insertSnapshotIntent(intentAt(2, 3n))
    await store.completeSnapshot(cutSecond([manifestAt(2, 1, 2)], [manifestAt(1, 2).path]))
    expect((await store.loadSnapshotInput(TABLE)).manifests).toEqual([manifestAt(2, 1, 2)])
    const merged = await store.listFilesOfManifests(TABLE, [manifestAt(2, 1, 2).path])
    expect(merged.map(file => [file.path, file.sequenceNumber])).toEqual([
      [pathOf('a'), 1n],
      [pathOf('b'), 1n],
      [pathOf('c'), 2n],
    ])
  })

  it('carries manifests over in the order given', async () => {
    await cutOne()
    await converted(store, 'c', sliceOf(0, 20, 30))
    await store.insertSnapshotIntent(intentAt(2, 3n))
    await store.completeSnapshot(cutSecond([manifestAt(2, 1), manifestAt(1, 2)], []))
    expect((await store.loadSnapshotInput(TABLE)).manifests).toEqual([manifestAt(2, 1), manifestAt(1, 2)])
  })

  const second = manifestAt(2, 1)
  const wrong: Readonly<Record<string, SnapshotCut>> = {
    'that leaves a new file out': { ...cutSecond([second, manifestAt(1, 2)], []), placements: [] },
    'that drops live files': cutSecond([second], []),
    'that counts files wrongly': cutSecond([manifestAt(2, 2), manifestAt(1, 2)], []),
    'that merges a manifest it keeps': cutSecond(
      [manifestAt(2, 1, 2), manifestAt(1, 2)],
      [manifestAt(1, 2).path],
    ),
    'that lists a manifest twice': cutSecond([second, second, manifestAt(1, 2)], []),
    'that lists an unknown manifest': cutSecond([second, manifestAt(1, 2), manifestAt(7, 0)], []),
    'that places files in an old manifest': {
      ...cutSecond([second, manifestAt(1, 2)], []),
      placements: [{ manifestPath: manifestAt(1, 2).path, newFiles: [pathOf('c')], mergedManifests: [] }],
    },
  }
  it.each(Object.entries(wrong))('refuses a snapshot %s, and changes nothing', async (_name, cut) => {
    await cutOne()
    await converted(store, 'c', sliceOf(0, 20, 30))
    await store.insertSnapshotIntent(intentAt(2, 3n))
    expect(await codeOf(store.completeSnapshot(cut))).toBe('broken-invariant')
    await store.completeSnapshot(cutSecond([second, manifestAt(1, 2)], []))
    expect(await store.listSnapshots(TABLE)).toHaveLength(2)
  })

  it('sends a publisher that was overtaken back to load the table again', async () => {
    await cutOne()
    const stale = intentAt(2, 2n, { parentSnapshotId: idAt(5) })
    expect(await codeOf(store.insertSnapshotIntent(stale))).toBe('snapshot-stale')
    const givenUp = cutSecond([second, manifestAt(1, 2)], [])
    expect(await codeOf(store.completeSnapshot(givenUp))).toBe('snapshot-stale')
    expect(await store.listSnapshots(TABLE)).toHaveLength(1)
  })

  it('keeps a snapshot that a publication has begun to show from expiring', async () => {
    await cutOne()
    const intent = { snapshotId: idAt(1), metadataLocation: 's3://lake/m.json', timestampMs: 1 }
    await store.beginPublication(TABLE, 'local', intent, 0)
    await store.expireSnapshots(TABLE, [idAt(1)])
    expect(await store.listSnapshots(TABLE)).toHaveLength(1)
    await store.confirmPublication(TABLE, 'local', intent, 5)
    await store.expireSnapshots(TABLE, [idAt(1)])
    expect(await store.listSnapshots(TABLE)).toEqual([])
  })

  it.each([
    ['a sequence number that is taken', { sequenceNumber: 1n }],
    ['a version that does not exist', { version: 99n }],
    ['a version before the last snapshot', { version: 1n }],
  ])('refuses an intent with %s', async (_name, change) => {
    await cutOne()
    expect(await codeOf(store.insertSnapshotIntent(intentAt(2, 2n, change)))).toBe('broken-invariant')
  })

  it('expires snapshots, and still cuts the next one from the last', async () => {
    await cutOne()
    await converted(store, 'c', sliceOf(0, 20, 30))
    await store.insertSnapshotIntent(intentAt(2, 3n))
    await store.completeSnapshot(cutSecond([second, manifestAt(1, 2)], []))
    await store.expireSnapshots(TABLE, [idAt(1), idAt(2), idAt(77)])
    expect(await store.listSnapshots(TABLE)).toEqual([])
    const input = await store.loadSnapshotInput(TABLE)
    expect(input.lastSnapshot).toMatchObject({ snapshotId: idAt(2), state: 'expired' })
    expect(input.manifests).toEqual([second, manifestAt(1, 2)])
    await converted(store, 'd', sliceOf(0, 30, 40))
    await store.insertSnapshotIntent(intentAt(3, 4n))
    await store.completeSnapshot({
      tableId: TABLE,
      snapshotId: idAt(3),
      manifests: [manifestAt(3, 1), second, manifestAt(1, 2)],
      placements: [{ manifestPath: manifestAt(3, 1).path, newFiles: [pathOf('d')], mergedManifests: [] }],
    })
    expect((await store.listSnapshots(TABLE)).map(found => found.snapshotId)).toEqual([idAt(3)])
    expect(await livePaths(store, 4n)).toEqual(['a', 'b', 'c', 'd'])
  })
}

export function describePublications(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store)
  })
  afterEach(() => fixture.remove())

  const intentOf = (n: number): PublicationIntent => ({
    snapshotId: idAt(n),
    metadataLocation: `s3://lake/shop.orders/metadata/0000${n}.metadata.json`,
    timestampMs: 1000 + n,
  })
  async function publish(n: number, metadataLogMax = 2) {
    const { metadataVersion } = await store.loadPublication(TABLE, 'local')
    await store.beginPublication(TABLE, 'local', intentOf(n), metadataVersion)
    await store.confirmPublication(TABLE, 'local', intentOf(n), metadataLogMax)
  }

  it('answers pending before anything was published', async () => {
    const pending = {
      tableId: TABLE,
      catalog: 'local',
      metadataVersion: 0,
      metadataLog: [],
      state: 'pending',
    }
    expect(await store.loadPublication(TABLE, 'local')).toEqual(pending)
    await store.beginPublication(TABLE, 'local', intentOf(1), 0)
    expect(await store.loadPublication(TABLE, 'local')).toEqual({ ...pending, intent: intentOf(1) })
    expect(await store.listPublications(TABLE)).toHaveLength(1)
  })

  it('confirms an intent, counts it, and keeps a bounded log of earlier metadata files', async () => {
    for (const n of [1, 2, 3, 4]) await publish(n)
    expect(await store.loadPublication(TABLE, 'local')).toEqual({
      tableId: TABLE,
      catalog: 'local',
      snapshotId: idAt(4),
      metadataLocation: intentOf(4).metadataLocation,
      tableUuid: TABLE,
      metadataTimestampMs: 1004,
      metadataVersion: 4,
      metadataLog: [2, 3].map(n => ({
        metadataLocation: intentOf(n).metadataLocation,
        timestampMs: 1000 + n,
      })),
      state: 'published',
      lastPublishedAtMs: fixture.clock.nowMs,
    })
  })

  it('keeps what a catalog calls the table and its metadata, where it gives them names of its own', async () => {
    const shown = { metadataLocation: 's3://other/00001-x.metadata.json', tableUuid: 'of the catalog' }
    await store.beginPublication(TABLE, 'local', intentOf(1), 0)
    await store.confirmPublication(TABLE, 'local', intentOf(1), 2, shown)
    expect(await store.loadPublication(TABLE, 'local')).toMatchObject({ ...shown, snapshotId: idAt(1) })
    await publish(2)
    expect(await store.loadPublication(TABLE, 'local')).toMatchObject({
      tableUuid: TABLE,
      metadataLog: [{ metadataLocation: shown.metadataLocation, timestampMs: 1001 }],
    })
  })

  it('publishes a table that has no snapshot yet', async () => {
    const { metadataLocation, timestampMs } = intentOf(1)
    await store.beginPublication(TABLE, 'local', { metadataLocation, timestampMs }, 0)
    expect(await codeOf(store.beginPublication(TABLE, 'local', intentOf(1), 0))).toBe(
      'publication-intent-differs',
    )
    await store.confirmPublication(TABLE, 'local', { metadataLocation, timestampMs }, 5)
    const published = await store.loadPublication(TABLE, 'local')
    expect(published).toMatchObject({ state: 'published', metadataLocation })
    expect(published).not.toHaveProperty('snapshotId')
  })

  it('takes the same intent again after a crash, and no other before it is settled', async () => {
    await store.beginPublication(TABLE, 'local', intentOf(1), 0)
    await store.beginPublication(TABLE, 'local', intentOf(1), 0)
    expect(await codeOf(store.beginPublication(TABLE, 'local', intentOf(2), 0))).toBe(
      'publication-intent-differs',
    )
    expect(await codeOf(store.confirmPublication(TABLE, 'local', intentOf(2), 5))).toBe(
      'publication-intent-differs',
    )
    await store.confirmPublication(TABLE, 'local', intentOf(1), 5)
    expect(await codeOf(store.confirmPublication(TABLE, 'local', intentOf(1), 5))).toBe(
      'publication-intent-differs',
    )
  })

  it('keeps the intent of a failure whose outcome is unknown, and drops it when told', async () => {
    await store.beginPublication(TABLE, 'local', intentOf(1), 0)
    const failure = { code: 'catalog-unreachable', message: 'connect ECONNREFUSED', atVersion: 0 }
    await store.failPublication(TABLE, 'local', { ...failure, state: 'failing' })
    expect(await store.loadPublication(TABLE, 'local')).toMatchObject({
      state: 'failing',
      lastErrorCode: 'catalog-unreachable',
      intent: intentOf(1),
    })
    await store.failPublication(TABLE, 'local', { ...failure, state: 'held', dropIntent: intentOf(1) })
    const held = await store.loadPublication(TABLE, 'local')
    expect(held).toMatchObject({ state: 'held' })
    expect(held).not.toHaveProperty('intent')
    await publish(2)
    expect(await store.loadPublication(TABLE, 'local')).not.toHaveProperty('lastErrorCode')
  })

  it('refuses to begin, and to fail, what was loaded before another publisher moved the publication on', async () => {
    await publish(1)
    expect(await codeOf(store.beginPublication(TABLE, 'local', intentOf(2), 0))).toBe(
      'publication-intent-differs',
    )
    const late = { state: 'held', code: 'c', message: 'm', atVersion: 0 } as const
    await store.failPublication(TABLE, 'local', late)
    expect(await store.loadPublication(TABLE, 'local')).toMatchObject({ state: 'published' })
  })

  it('drops no intent but the one that failed', async () => {
    await store.beginPublication(TABLE, 'local', intentOf(1), 0)
    const failure = { state: 'failing', code: 'c', message: 'm', atVersion: 0 } as const
    await store.failPublication(TABLE, 'local', { ...failure, dropIntent: intentOf(2) })
    expect(await store.loadPublication(TABLE, 'local')).toMatchObject({ intent: intentOf(1) })
  })

  it('reports once that a catalog has failed for long, since when, and that it takes the table again', async () => {
    const startedAtMs = fixture.clock.nowMs
    const fail = (state: 'failing' | 'held', reportAfterMs?: number) =>
      store.failPublication(TABLE, 'local', {
        state,
        code: 'catalog-unreachable',
        message: 'connect ECONNREFUSED',
        atVersion: 0,
        ...(reportAfterMs !== undefined && { reportAfterMs }),
      })
    const events = async () =>
      (await store.listEvents({ limit: 9 })).map(({ type, details }) => [type, details])
    await fail('failing', 1000)
    fixture.clock.nowMs += 999
    await fail('failing', 1000)
    fixture.clock.nowMs += 1
    await fail('failing')
    expect(await events()).toEqual([])
    expect(await store.loadPublication(TABLE, 'local')).toMatchObject({ failingSinceMs: startedAtMs })
    for (let i = 0; i < 3; i++) await fail('failing', 1000)
    const failing = [
      'publication.failing',
      { catalog: 'local', code: 'catalog-unreachable', sinceMs: startedAtMs },
    ]
    expect(await events()).toEqual([failing])
    await publish(1)
    const recovered = ['publication.recovered', { catalog: 'local', failedSinceMs: startedAtMs }]
    expect(await events()).toEqual([recovered, failing])
    expect(await store.loadPublication(TABLE, 'local')).not.toHaveProperty('failingSinceMs')
    await publish(2)
    expect(await events()).toHaveLength(2)
  })

  it('a failure that passes in time, and one that a person has to end, are no long failure', async () => {
    const fail = (state: 'failing' | 'held') =>
      store.failPublication(TABLE, 'local', {
        state,
        code: 'c',
        message: 'm',
        atVersion: 0,
        reportAfterMs: 1000,
      })
    await fail('failing')
    await fail('held')
    fixture.clock.nowMs += 5000
    await fail('held')
    await fail('failing')
    await publish(1)
    expect(await store.listEvents({ limit: 9 })).toEqual([])
  })

  it('keeps catalogs apart', async () => {
    await publish(1)
    await store.failPublication(TABLE, 'glue', {
      state: 'failing',
      code: 'c',
      message: 'm',
      atVersion: 0,
    })
    expect((await store.listPublications(TABLE)).map(({ catalog, state }) => [catalog, state])).toEqual([
      ['glue', 'failing'],
      ['local', 'published'],
    ])
  })
}

export function describeLeases(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
  })
  afterEach(() => fixture.remove())

  it('is held by one at a time, and its token rises with every new holder', async () => {
    expect(await store.acquireLease('plan', 'a', 100)).toEqual({ fencingToken: 1n })
    expect(await store.acquireLease('plan', 'b', 100)).toBeUndefined()
    expect(await store.acquireLease('publish', 'b', 100)).toEqual({ fencingToken: 1n })
    fixture.clock.nowMs += 60
    expect(await store.acquireLease('plan', 'a', 100)).toEqual({ fencingToken: 1n })
    fixture.clock.nowMs += 60
    expect(await store.acquireLease('plan', 'b', 100)).toBeUndefined()
    fixture.clock.nowMs += 40
    expect(await store.acquireLease('plan', 'b', 100)).toEqual({ fencingToken: 2n })
  })

  it('is free at once after its holder releases it, and after no one else does', async () => {
    await store.acquireLease('plan', 'a', 100)
    await store.releaseLease('plan', 'b')
    expect(await store.acquireLease('plan', 'b', 100)).toBeUndefined()
    await store.releaseLease('plan', 'a')
    expect(await store.acquireLease('plan', 'b', 100)).toEqual({ fencingToken: 2n })
  })
}

export function describeEvents(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
  })
  afterEach(() => fixture.remove())

  it('lists events newest first, of one table or of all', async () => {
    await followTopic(store)
    const event: NewEvent = {
      type: 'source.gap',
      message: 'offsets 3 to 5 are missing',
      details: { from: 2n ** 53n, keys: ['k'] },
    }
    await store.appendEvent({ ...event, tableId: TABLE, topic: 'orders', partition: 3, note: NOTE })
    await store.appendEvent({ ...event, type: 'task.failing' })
    expect((await store.listEvents({ limit: 9 })).map(({ type }) => type)).toEqual([
      'task.failing',
      'source.gap',
    ])
    expect(await store.listEvents({ tableId: TABLE, limit: 9 })).toEqual([
      {
        ...event,
        table: 'shop.orders',
        eventId: 1n,
        atMs: fixture.clock.nowMs,
        tableId: TABLE,
        topic: 'orders',
        partition: 3,
        note: NOTE,
      },
    ])
    expect(await store.listEvents({ limit: 1 })).toHaveLength(1)
  })

  it('pages events back from an id, follows them on from one, and tells types apart', async () => {
    const event = { message: 'm', details: {} }
    await store.appendEvent({ ...event, type: 'partition.stopped', tableId: TABLE })
    await store.appendEvent({ ...event, type: 'task.failing' })
    await store.appendEvent({ ...event, type: 'source.gap', tableId: TABLE })
    await store.appendEvent({ ...event, type: 'operator.skip_to', tableId: LETTERS })
    const ids = async (filter: Omit<EventFilter, 'limit'>, limit = 9) =>
      (await store.listEvents({ ...filter, limit })).map(({ eventId }) => eventId)
    expect(await ids({}, 2)).toEqual([4n, 3n])
    expect(await ids({ before: 3n })).toEqual([2n, 1n])
    expect(await ids({ after: 1n }, 2)).toEqual([2n, 3n])
    expect(await ids({ after: 4n })).toEqual([])
    expect(await ids({ types: ['source.gap', 'partition.stopped'] })).toEqual([3n, 1n])
    expect(await ids({ types: ['source.gap', 'task.failing'], after: 2n })).toEqual([3n])
    expect(await ids({ tableId: TABLE, before: 3n })).toEqual([1n])
    expect(await ids({ tableId: TABLE, after: 1n })).toEqual([3n])
    expect(await ids({ types: [] })).toEqual([])
    expect(await ids({ tableId: LETTERS, types: ['operator.skip_to'] })).toEqual([4n])
  })
}

export function describeFigures(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  const figuresOf = async (tableId: string) => {
    const { tables } = await store.readFigures()
    return tables.find(table => table.tableId === tableId)
  }
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store, 2)
  })
  afterEach(() => fixture.remove())

  it('tells of every table at once what it holds, what is in flight and how far its partitions are', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a')
    await store.commitTask(
      commitOf('a', [sliceOf(0, 0, 10)], {
        deadLetters: [2n],
        ranges: [[{ kind: 'absent', startOffset: 4n, endOffset: 7n }]],
      }),
    )
    await planned(store, 'b', sliceOf(1, 0, 10))
    await store.pausePartition(idOf(1), NOTE)
    const { atMs, tables, partitions } = await store.readFigures()
    expect(atMs).toBe(fixture.clock.nowMs)
    expect(tables.map(({ name, kind, parentTableId }) => [name, kind, parentTableId])).toEqual([
      ['shop.orders', 'rows', undefined],
      ['shop.orders__dlq', 'dead_letters', TABLE],
    ])
    expect(tables[0]).toMatchObject({
      state: 'active',
      tasks: { queued: 1, claimed: 0, staged: 0, parked: 0, committed: 1, cancelled: 0 },
      accounted: { rows: 5n, deadLetters: 2n, absent: 3n, control: 0n, skipped: 0n, sourceGap: 0n },
      snapshotCount: 0,
      dataFileCount: 0,
      dataBytes: 0,
      publications: [],
    })
    expect(partitions).toMatchObject([
      { tableId: TABLE, topic: 'orders', partition: 0, committedOffset: 10n, state: 'active' },
      { tableId: TABLE, topic: 'orders', partition: 1, sourceEndOffset: 10n, state: 'paused' },
    ])
  })

  it('tells what a catalog does not show yet, and since when', async () => {
    await converted(store, 'a', sliceOf(0, 0, 10))
    await converted(store, 'b', sliceOf(0, 10, 20))
    const summary = {
      'total-data-files': '2',
      'total-files-size': '200',
      'tidewater.newest-record-ms': '1234',
    }
    const cut = intentAt(1, 2n, { summary })
    await store.insertSnapshotIntent(cut)
    await store.completeSnapshot({
      tableId: TABLE,
      snapshotId: idAt(1),
      manifests: [manifestAt(1, 2)],
      placements: [
        { manifestPath: manifestAt(1, 2).path, newFiles: [pathOf('a'), pathOf('b')], mergedManifests: [] },
      ],
    })
    const held = { state: 'held', code: 'c', message: 'm', atVersion: 0 } as const
    await store.failPublication(TABLE, 'far', held)
    expect(await figuresOf(TABLE)).toMatchObject({
      snapshotCount: 1,
      dataFileCount: 2,
      dataBytes: 200,
      publications: [{ catalog: 'far', state: 'held', pendingFiles: 2, behindSinceMs: cut.timestampMs }],
    })

    const intent = { snapshotId: idAt(1), metadataLocation: 'm1', timestampMs: 5 }
    await store.beginPublication(TABLE, 'near', intent, 0)
    await store.confirmPublication(TABLE, 'near', intent, 10)
    await converted(store, 'c', sliceOf(0, 20, 30))
    const publications = (await figuresOf(TABLE))?.publications
    expect(publications?.find(({ catalog }) => catalog === 'near')).toEqual({
      catalog: 'near',
      state: 'published',
      lastPublishedAtMs: fixture.clock.nowMs,
      newestRecordMs: 1234,
      pendingFiles: 1,
    })
    expect(await figuresOf(LETTERS)).toMatchObject({ publications: [] })
  })
}
