/** Overviews and standings of many tables at once tell of each table what the questions about one table tell. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import { EVERY_TABLE, MAX_PARKED_SHOWN } from '../../shared/metadata/overviews.ts'
import {
  claimed,
  commitOf,
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
  tokenOf,
} from './metadata-store-fixture.ts'

export function describeManyTables(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
  })
  afterEach(() => fixture.remove())

  const names = async (of: Promise<readonly { readonly table: { readonly name: string } }[]>) =>
    (await of).map(({ table }) => table.name)

  async function cut(tableId: string, n: number): Promise<void> {
    await store.insertSnapshotIntent({
      tableId,
      snapshotId: BigInt(n),
      ...(n > 1 && { parentSnapshotId: BigInt(n - 1) }),
      sequenceNumber: BigInt(n),
      version: 0n,
      timestampMs: n,
      operation: 'append',
      schemaId: 0,
      manifestListPath: `list-${n}`,
      summary: { 'total-records': String(n) },
      state: 'intent',
    })
    await store.completeSnapshot({ tableId, snapshotId: BigInt(n), manifests: [], placements: [] })
  }

  async function publish(tableId: string, catalog: string): Promise<void> {
    const intent = { snapshotId: 2n, metadataLocation: `${tableId}-1.json`, timestampMs: 1 }
    await store.beginPublication(tableId, catalog, intent, 0)
    await store.confirmPublication(tableId, catalog, intent, 10)
  }

  async function park(taskId: string, partition: number): Promise<void> {
    await planned(store, taskId, sliceOf(partition, 0, 10))
    await claimed(store, taskId)
    const claim = { taskId, token: tokenOf(taskId) }
    await store.failTask({ claim, code: 'bad', message: `${taskId} failed`, next: { kind: 'park' } })
  }

  it('without tables there are none', async () => {
    expect(await store.listTableOverviews(EVERY_TABLE)).toEqual([])
    expect(await store.listTableStandings(EVERY_TABLE)).toEqual([])
  })

  it('tells of each of many what is told of one', async () => {
    await followTopic(store, 3)
    for (let i = 0; i < 120; i++)
      await store.createTable(newTable(`t${i}`, `shop.t${i}`), newTable(`d${i}`, `shop.t${i}__dlq`))
    await store.registerPartition({ ...idOf(7), tableId: 't119', incarnation: 0, firstOffset: 9n })
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a')
    await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)], { deadLetters: [3n] }))
    await planned(store, 'b', sliceOf(1, 0, 10))
    await park('c', 2)
    for (const tableId of [TABLE, LETTERS, 't119']) for (const n of [1, 2]) await cut(tableId, n)
    await store.expireSnapshots(TABLE, [1n])
    for (const [tableId, catalog] of [
      [TABLE, 'z'],
      [TABLE, 'local'],
      [LETTERS, 'local'],
      ['d3', 'local'],
    ] as const)
      await publish(tableId, catalog)
    const failure = { state: 'held', code: 'c', message: 'm', atVersion: 1 } as const
    await store.failPublication(TABLE, 'z', failure)
    await store.declareDeadLetterTopic(LETTERS, { topic: 'x.dlq', location: 's3://lake/t' })
    await store.setTableState('t3', 'paused', NOTE)

    const tables = await store.listTables()
    const overviews = await store.listTableOverviews(EVERY_TABLE)
    expect(overviews.map(({ table }) => table.name)).toEqual(tables.map(({ name }) => name))
    const asOne = async (tableId: string) => {
      const { count, newest } = await store.listNewestSnapshots(tableId, 1)
      const publications = await store.listPublications(tableId)
      return {
        snapshotCount: count,
        newestSnapshot: newest[0] && { snapshotId: newest[0].snapshotId, summary: newest[0].summary },
        partitions: await store.listPartitions(tableId),
        publications: publications.map(
          ({
            tableId: _table,
            tableUuid,
            metadataLog,
            metadataTimestampMs,
            metadataVersion,
            intent,
            ...rest
          }) => rest,
        ),
      }
    }
    for (const [position, { schemas, specs, ...table }] of tables.entries()) {
      const { newestSnapshot, ...one } = await asOne(table.tableId)
      const parent = tables.find(({ tableId }) => tableId === table.parentTableId)
      expect(overviews[position]).toEqual({
        table,
        ...one,
        ...(newestSnapshot !== undefined && { newestSnapshot }),
        ...(parent !== undefined && {
          parent: {
            state: parent.state,
            ...(parent.stateReason !== undefined && { stateReason: parent.stateReason }),
          },
        }),
      })
    }

    const standings = await store.listTableStandings(EVERY_TABLE)
    expect(standings.map(({ table }) => table.name)).toEqual(
      tables.filter(({ kind }) => kind === 'rows').map(({ name }) => name),
    )
    for (const { accounts, tasks, parkedTasks, deadLetters, ...overview } of standings) {
      const { tableId } = overview.table
      expect(overview).toEqual(overviews.find(({ table }) => table.tableId === tableId))
      expect(accounts).toEqual(await store.sumAccounts(tableId))
      expect(tasks).toEqual(await store.countTasks(tableId))
      expect(parkedTasks).toEqual(
        tableId === TABLE ? [{ taskId: 'c', lastErrorCode: 'bad', lastErrorMessage: 'c failed' }] : [],
      )
      const { topic, ...letters } = deadLetters ?? {}
      expect(letters).toEqual(overviews.find(({ table }) => table.parentTableId === tableId))
      expect(topic).toEqual(tableId === TABLE ? await store.loadDeadLetterTopic(LETTERS) : undefined)
    }
    const standing = standings.find(({ table }) => table.tableId === TABLE)
    expect(standing).toMatchObject({
      snapshotCount: 1,
      newestSnapshot: { snapshotId: 2n },
      accounts: { rowCount: 7n, deadLetterCount: 3n },
      tasks: { queued: 1, parked: 1, committed: 1 },
      publications: [
        { catalog: 'local', state: 'published' },
        { catalog: 'z', state: 'held', lastErrorCode: 'c' },
      ],
      deadLetters: { topic: { topic: 'x.dlq', endOffset: 3n } },
    })
  })

  it('a table without dead letters has none', async () => {
    await store.createTable(newTable('alone', 'shop.alone'))
    expect(await store.listTableStandings(EVERY_TABLE)).toMatchObject([{ table: { name: 'shop.alone' } }])
    expect((await store.listTableStandings(EVERY_TABLE))[0]).not.toHaveProperty('deadLetters')
  })

  it('pages are in the order of names, byte by byte, and standings pass over dead letters', async () => {
    for (const name of ['b', 'a_z', 'a.z', 'a0'])
      await store.createTable(newTable(name, name), newTable(`${name}-d`, `${name}__dlq`))
    expect(await names(store.listTableOverviews({ limit: 3 }))).toEqual(['a.z', 'a.z__dlq', 'a0'])
    expect(await names(store.listTableOverviews({ after: 'a0', limit: 2 }))).toEqual(['a0__dlq', 'a_z'])
    expect(await names(store.listTableStandings({ limit: 2 }))).toEqual(['a.z', 'a0'])
    expect(await names(store.listTableStandings({ after: 'a0', limit: 9 }))).toEqual(['a_z', 'b'])
    expect(await names(store.listTableStandings({ after: 'b', limit: 9 }))).toEqual([])
  })

  it('names no more than so many parked tasks of a table, the oldest', async () => {
    const count = MAX_PARKED_SHOWN + 2
    await followTopic(store, count)
    for (let i = 0; i < count; i++) await park(`p${i}`, i)
    const [standing] = await store.listTableStandings(EVERY_TABLE)
    expect(standing?.tasks.parked).toBe(count)
    expect(standing?.parkedTasks.map(({ taskId }) => taskId)).toEqual(
      Array.from({ length: MAX_PARKED_SHOWN }, (_, i) => `p${i}`),
    )
  })
}
