/** Tables, source partitions and what people do to them. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import {
  claimed,
  codeOf,
  commitOf,
  converted,
  eventTypes,
  fileOf,
  followTopic,
  idOf,
  LETTERS,
  livePaths,
  type MetadataFixture,
  NOTE,
  newTable,
  type OpenMetadata,
  openFixture,
  partitionAt,
  planned,
  sliceOf,
  TABLE,
  tokenOf,
} from './metadata-store-fixture.ts'

export function describeTables(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
  })
  afterEach(() => fixture.remove())

  it('gives back a table as it was created, with its schema and spec', async () => {
    const created = await store.createTable(newTable(TABLE, 'shop.orders'))
    const { schema, spec, ...facts } = newTable(TABLE, 'shop.orders')
    expect(created.kind).toBe('created')
    expect(created.table).toEqual({
      ...facts,
      kind: 'rows',
      version: 0n,
      currentSchemaId: 0,
      defaultSpecId: 0,
      lastSequenceNumber: 0n,
      state: 'active',
      createdAtMs: fixture.clock.nowMs,
      schemas: [schema],
      specs: [spec],
    })
    expect(await store.loadTable('shop.orders')).toEqual(created.table)
    expect(await store.loadTable('shop.nothing')).toBeUndefined()
  })

  it('answers an existing name with the table that is there, and adds the dead-letter table it lacks', async () => {
    await store.createTable(newTable(TABLE, 'shop.orders'))
    const again = await store.createTable(
      newTable('other', 'shop.orders'),
      newTable(LETTERS, 'shop.orders__dlq'),
    )
    expect(again).toMatchObject({ kind: 'exists', table: { tableId: TABLE } })
    expect(
      (await store.listTables()).map(({ tableId, kind, parentTableId }) => [tableId, kind, parentTableId]),
    ).toEqual([
      [TABLE, 'rows', undefined],
      [LETTERS, 'dead_letters', TABLE],
    ])
  })

  it('lists every table as it is loaded by its name', async () => {
    await store.createTable(newTable('b', 'shop.b'), newTable('b-letters', 'shop.b__dlq'))
    await store.createTable(newTable('a', 'shop.a'))
    const names = ['shop.a', 'shop.b', 'shop.b__dlq']
    expect(await store.listTables()).toEqual(await Promise.all(names.map(name => store.loadTable(name))))
  })

  it('refuses a second table on one location, and keeps nothing of it', async () => {
    await store.createTable(newTable(TABLE, 'shop.orders'))
    const intruder = { ...newTable('b', 'shop.b'), location: 's3://lake/shop.orders' }
    expect(await codeOf(store.createTable(intruder))).toBe('table-location-taken')
    expect(await codeOf(store.createTable(newTable('c', 'shop.c'), newTable('d', 'shop.orders')))).toBe(
      'table-location-taken',
    )
    expect((await store.listTables()).map(table => table.name)).toEqual(['shop.orders'])
  })

  it('pauses and resumes a table on a person’s recorded word', async () => {
    await followTopic(store)
    await store.setTableState(TABLE, 'paused', NOTE)
    expect(await store.loadTable('shop.orders')).toMatchObject({ state: 'paused', stateReason: NOTE.why })
    expect(await planned(store, 'a', sliceOf(0, 0, 10))).toEqual({ kind: 'stale' })
    await store.setTableState(TABLE, 'active', NOTE)
    expect(await planned(store, 'a', sliceOf(0, 0, 10))).toEqual({ kind: 'planned' })
    expect((await store.listEvents({ limit: 9 })).map(({ type, note }) => [type, note])).toEqual([
      ['operator.resume', NOTE],
      ['operator.pause', NOTE],
    ])
  })

  it('answers the clock of the database', async () => {
    expect(await store.nowMs()).toBe(fixture.clock.nowMs)
  })

  it('names an unknown table or partition', async () => {
    await followTopic(store)
    expect(await codeOf(store.setTableState('nowhere', 'paused', NOTE))).toBe('table-unknown')
    expect(await codeOf(store.skipTo(idOf(9), 5n, NOTE))).toBe('partition-unknown')
  })
}

export function describeSources(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store, 2)
  })
  afterEach(() => fixture.remove())

  it('registers a partition once, from where it begins', async () => {
    const input = { ...idOf(7), incarnation: 0, firstOffset: 9_007_199_254_740_993n }
    const registered = await store.registerPartition(input)
    expect(registered).toEqual({
      ...input,
      plannedOffset: input.firstOffset,
      sourceEndOffset: input.firstOffset,
      committedOffset: input.firstOffset,
      state: 'active',
      maxTimestampMs: -1,
      tasksInFlight: 0,
    })
    expect(await store.registerPartition({ ...input, firstOffset: 5n })).toEqual(registered)
    expect((await store.listPartitions(TABLE)).map(found => found.partition)).toEqual([0, 1, 7])
  })

  it('begins a new incarnation only when nothing of the old one is in flight', async () => {
    const next = { ...idOf(0), incarnation: 1, firstOffset: 0n }
    await planned(store, 'a', sliceOf(0, 0, 10))
    expect(await codeOf(store.registerPartition(next))).toBe('partition-in-flight')
    await claimed(store, 'a')
    await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)]))
    expect(await store.registerPartition(next)).toMatchObject({ incarnation: 1, plannedOffset: 0n })
    expect(await planned(store, 'b', sliceOf(0, 10, 20))).toEqual({ kind: 'stale' })
    expect(await converted(store, 'c', sliceOf(0, 0, 10, 1))).toMatchObject({ state: 'committed' })
    expect((await store.listPartitions(TABLE)).map(found => found.incarnation)).toEqual([1, 0])
    const all = await store.listPartitions(TABLE, { pastIncarnations: true })
    expect(all.map(found => [found.partition, found.incarnation, found.committedOffset])).toEqual([
      [0, 0, 10n],
      [0, 1, 10n],
      [1, 0, 0n],
    ])
  })

  it('stops a partition once, with one event, until it is resumed', async () => {
    const stop = { code: 'segment-overlap', reason: 'two segments claim offset 5', details: { key: 'k' } }
    await store.stopPartition(idOf(0), stop)
    await store.stopPartition(idOf(0), { ...stop, code: 'later' })
    expect(await partitionAt(store, 0)).toMatchObject({
      state: 'stopped',
      stateCode: 'segment-overlap',
      stateReason: 'two segments claim offset 5',
    })
    expect(await planned(store, 'a', sliceOf(0, 0, 10))).toEqual({ kind: 'stale' })
    expect(await planned(store, 'b', sliceOf(1, 0, 10))).toEqual({ kind: 'planned' })
    await store.resumePartition(idOf(0), NOTE)
    expect(await partitionAt(store, 0)).not.toHaveProperty('stateCode')
    expect(await planned(store, 'a', sliceOf(0, 0, 10))).toEqual({ kind: 'planned' })
    expect(await store.listEvents({ tableId: TABLE, limit: 9 })).toMatchObject([
      { type: 'operator.resume', topic: 'orders', partition: 0, note: NOTE },
      { type: 'partition.stopped', details: { code: 'segment-overlap', key: 'k' } },
    ])
  })

  it('does not run what is planned of a paused partition, and runs it after the resume', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await store.pausePartition(idOf(0), NOTE)
    expect(await store.listRunnableTasks(9)).toEqual([])
    expect(await claimed(store, 'a')).toEqual({ kind: 'stopped' })
    await store.resumePartition(idOf(0), NOTE)
    expect(await store.listRunnableTasks(9)).toEqual(['a'])
    expect(await claimed(store, 'a')).toMatchObject({ kind: 'claimed' })
  })

  it('lets a claim that was taken before the pause commit: work done is work done', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a')
    await store.pausePartition(idOf(0), NOTE)
    await store.setTableState(TABLE, 'paused', NOTE)
    expect(await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)]))).toMatchObject({ state: 'committed' })
  })
}

export function describeGivingUp(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store, 3)
  })
  afterEach(() => fixture.remove())

  it('skips to an offset: what lay before it is counted as skipped and recorded, and planning goes on there', async () => {
    await converted(store, 'a', sliceOf(0, 0, 10))
    await planned(store, 'b', sliceOf(0, 10, 20))
    await planned(store, 'c', sliceOf(0, 20, 30))
    await claimed(store, 'c')
    await store.commitTask(commitOf('c', [sliceOf(0, 20, 30)]))
    expect(await store.skipTo(idOf(0), 15n, NOTE)).toEqual({
      kind: 'skipped',
      range: { startOffset: 10n, endOffset: 15n },
    })
    const partition = await partitionAt(store, 0)
    expect(partition).toMatchObject({ plannedOffset: 15n, committedOffset: 15n, tasksInFlight: 0 })
    expect(partition).not.toHaveProperty('lastPlanned')
    expect(await store.listOperatorSkips(TABLE)).toEqual([
      { kind: 'skipped', topic: 'orders', partition: 0, incarnation: 0, startOffset: 10n, endOffset: 15n },
    ])
    expect(await livePaths(store, 99n)).toEqual(['a'])
    expect(await store.loadTable('shop.orders')).toMatchObject({ version: 2n })
    expect(await store.countTasks(TABLE)).toMatchObject({ committed: 1, cancelled: 2, queued: 0, staged: 0 })
    await planned(store, 'd', sliceOf(0, 15, 30))
    await claimed(store, 'd')
    // The staged file was forgotten with its task: its path is free.
    const files = [fileOf('s3://lake/shop.orders/data/c.parquet', 15n)]
    expect(await store.commitTask(commitOf('d', [sliceOf(0, 15, 30)], { files }))).toMatchObject({
      tableVersion: 3n,
    })
    expect(await store.sumAccounts(TABLE)).toMatchObject({ rowCount: 25n, byKind: { skipped: 5n } })
  })

  it('refuses to skip back over what is in the table', async () => {
    await converted(store, 'a', sliceOf(0, 0, 10))
    expect(await store.skipTo(idOf(0), 10n, NOTE)).toMatchObject({ kind: 'refused' })
    expect(await eventTypes(store)).toEqual([])
  })

  it('fences the worker whose task was given up', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a')
    await store.skipTo(idOf(0), 3n, NOTE)
    expect(await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)]))).toEqual({ kind: 'fenced' })
    expect(await claimed(store, 'a')).toEqual({ kind: 'missing' })
    expect(await livePaths(store, 99n)).toEqual([])
  })

  it('takes only its own slice out of a shared task, which goes on for the others', async () => {
    const slices = [sliceOf(0, 0, 10), sliceOf(1, 0, 10), sliceOf(2, 0, 10)]
    await planned(store, 'a', ...slices)
    await claimed(store, 'a')
    await store.skipTo(idOf(1), 4n, NOTE)
    expect(await store.commitTask(commitOf('a', slices))).toEqual({ kind: 'fenced' })
    const again = await claimed(store, 'a', 'second')
    const rest = [sliceOf(0, 0, 10), sliceOf(2, 0, 10)]
    expect(again).toMatchObject({ kind: 'claimed', task: { slices: rest } })
    expect(await store.commitTask(commitOf('a', rest, { token: 'second' }))).toMatchObject({
      state: 'committed',
    })
    expect((await store.listPartitions(TABLE)).map(found => found.committedOffset)).toEqual([10n, 4n, 10n])
  })

  it('leaves a parked task that it shared parked for the others', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10), sliceOf(1, 0, 10))
    await claimed(store, 'a')
    const claim = { taskId: 'a', token: tokenOf('a') }
    await store.failTask({ claim, code: 'segment-gone', message: 'm', next: { kind: 'park' } })
    await store.skipTo(idOf(0), 5n, NOTE)
    expect(await store.countTasks(TABLE)).toMatchObject({ parked: 1, queued: 0 })
    expect(await partitionAt(store, 1)).toMatchObject({ state: 'stopped' })
    await store.resumePartition(idOf(1), NOTE)
    expect(await claimed(store, 'a')).toMatchObject({
      kind: 'claimed',
      task: { slices: [sliceOf(1, 0, 10)] },
    })
  })

  it('plans afresh from the watermark when a planned segment changed', async () => {
    await converted(store, 'a', sliceOf(0, 0, 20))
    await planned(store, 'b', sliceOf(0, 20, 30))
    await planned(store, 'c', sliceOf(0, 30, 40))
    await claimed(store, 'b')
    expect(await store.replanPartition(idOf(0))).toEqual({ kind: 'replanned' })
    expect(await partitionAt(store, 0)).toMatchObject({
      plannedOffset: 20n,
      committedOffset: 20n,
      lastPlanned: sliceOf(0, 0, 20).segments[1],
    })
    expect(await store.commitTask(commitOf('b', [sliceOf(0, 20, 30)]))).toEqual({ kind: 'fenced' })
    expect(await converted(store, 'd', sliceOf(0, 20, 40))).toMatchObject({ state: 'committed' })
    expect(await store.replanPartition(idOf(0))).toEqual({ kind: 'nothing' })
    expect(await eventTypes(store)).toEqual(['partition.replanned'])
  })

  it('forgets the last planned segment when it plans afresh from inside one', async () => {
    await store.skipTo(idOf(0), 5n, NOTE)
    await planned(store, 'a', sliceOf(0, 5, 20))
    await store.replanPartition(idOf(0))
    expect(await partitionAt(store, 0)).not.toHaveProperty('lastPlanned')
  })
}
