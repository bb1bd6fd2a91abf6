/** The one commit, and what is accounted for below the watermarks. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { AccountedRange } from '../../shared/flow.ts'
import type { MetadataStore, TaskCommit } from '../../shared/metadata/metadata-store.ts'
import {
  claimed,
  codeOf,
  commitOf,
  converted,
  fileOf,
  followTopic,
  idOf,
  LETTERS,
  livePaths,
  type MetadataFixture,
  NOTE,
  type OpenMetadata,
  openFixture,
  partitionAt,
  planned,
  sliceOf,
  TABLE,
} from './metadata-store-fixture.ts'

const range = (kind: AccountedRange['kind'], start: number, end: number): AccountedRange => ({
  kind,
  startOffset: BigInt(start),
  endOffset: BigInt(end),
})

export function describeCommit(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store, 3)
  })
  afterEach(() => fixture.remove())

  it('moves the watermark and makes the files live at the next version', async () => {
    expect(await converted(store, 'a', sliceOf(0, 0, 10))).toEqual({
      kind: 'committed',
      state: 'committed',
      tableVersion: 1n,
    })
    expect(await partitionAt(store, 0)).toMatchObject({
      committedOffset: 10n,
      maxTimestampMs: 1_600_000_000_010,
      tasksInFlight: 0,
    })
    const { target, ...file } = fileOf('s3://lake/shop.orders/data/a.parquet', 10n)
    expect(target).toBe('rows')
    expect(await store.listFiles(TABLE, { version: 1n, limit: 9 })).toEqual({
      files: [{ ...file, addedVersion: 1n }],
    })
    expect(await livePaths(store, 0n)).toEqual([])
  })

  it('stages files that are ahead, and shows them in offset order, one version for each task', async () => {
    const tasks = ['a', 'b', 'c', 'd']
    for (const [i, id] of tasks.entries()) await planned(store, id, sliceOf(0, i * 10, i * 10 + 10))
    for (const id of tasks) await claimed(store, id)
    const commit = (id: string) => {
      const start = tasks.indexOf(id) * 10
      return store.commitTask(commitOf(id, [sliceOf(0, start, start + 10)]))
    }
    expect(await commit('d')).toEqual({ kind: 'committed', state: 'staged', tableVersion: 0n })
    expect(await commit('b')).toMatchObject({ state: 'staged', tableVersion: 0n })
    expect(await livePaths(store, 99n)).toEqual([])
    expect(await store.sumAccounts(TABLE)).toMatchObject({ rowCount: 0n })
    expect(await store.countTasks(TABLE)).toMatchObject({ staged: 2, claimed: 2 })
    expect(await commit('a')).toEqual({ kind: 'committed', state: 'committed', tableVersion: 2n })
    expect(await partitionAt(store, 0)).toMatchObject({ committedOffset: 20n, tasksInFlight: 2 })
    expect(await commit('c')).toMatchObject({ tableVersion: 4n })
    for (const version of [1, 2, 3, 4]) {
      expect(await livePaths(store, BigInt(version))).toEqual(tasks.slice(0, version))
    }
    expect(await store.countTasks(TABLE)).toMatchObject({ committed: 4, staged: 0 })
  })

  it('commits every slice of a shared task at one version, and then what waited behind it', async () => {
    const slices = [sliceOf(0, 0, 10), sliceOf(1, 0, 5)]
    await planned(store, 'shared', ...slices)
    await planned(store, 'next', sliceOf(1, 5, 10))
    await claimed(store, 'shared')
    await claimed(store, 'next')
    expect(await store.commitTask(commitOf('next', [sliceOf(1, 5, 10)]))).toMatchObject({ state: 'staged' })
    expect(await store.commitTask(commitOf('shared', slices))).toMatchObject({ tableVersion: 2n })
    expect(await livePaths(store, 1n)).toEqual(['shared'])
    expect(await livePaths(store, 2n)).toEqual(['shared', 'next'])
    expect((await store.listPartitions(TABLE)).map(found => found.committedOffset)).toEqual([10n, 10n, 0n])
  })

  it('raises the version when only the watermark moves', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a')
    const commit = commitOf('a', [sliceOf(0, 0, 10)], { ranges: [[range('source_gap', 0, 10)]] })
    expect(commit.files).toEqual([])
    expect(await store.commitTask(commit)).toMatchObject({ tableVersion: 1n })
  })

  it('reports a hole in the source in the commit itself, and once', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a')
    const commit = commitOf('a', [sliceOf(0, 0, 10)], { ranges: [[range('source_gap', 4, 7)]] })
    await store.commitTask(commit)
    expect(await store.commitTask(commit)).toEqual({ kind: 'fenced' })
    expect(await store.listEvents({ tableId: TABLE, limit: 9 })).toMatchObject([
      { type: 'source.gap', partition: 0, details: { startOffset: 4, endOffset: 7, incarnation: 0 } },
    ])
  })

  it('keeps dead letters with their neighbours: files of the other table live in the same commit', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await planned(store, 'b', sliceOf(0, 10, 20))
    await claimed(store, 'a')
    await claimed(store, 'b')
    await store.commitTask(commitOf('b', [sliceOf(0, 10, 20)], { deadLetters: [10n] }))
    expect(await livePaths(store, 99n, LETTERS)).toEqual([])
    expect(await store.listDeadLetters(TABLE, 9)).toEqual([])
    fixture.clock.nowMs += 500
    await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)], { deadLetters: [2n] }))
    expect(await livePaths(store, 1n, LETTERS)).toEqual(['a'])
    expect(await livePaths(store, 2n, LETTERS)).toEqual(['a', 'b'])
    expect(await livePaths(store, 2n)).toEqual(['a'])
    expect((await store.listTables()).map(table => table.version)).toEqual([2n, 2n])
    expect(await store.listDeadLetters(TABLE, 9)).toMatchObject([
      { taskId: 'a', partition: 0, incarnation: 0, count: 2n, committedAtMs: fixture.clock.nowMs },
      {
        taskId: 'b',
        code: 'not-json',
        count: 10n,
        firstOffset: 10n,
        lastOffset: 19n,
        // Not when it was staged: nobody saw them before.
        committedAtMs: fixture.clock.nowMs,
      },
    ])
    expect(await store.sumAccounts(TABLE)).toMatchObject({ rowCount: 8n, deadLetterCount: 12n })
    await converted(store, 'c', sliceOf(0, 20, 30))
    expect((await store.listTables()).map(table => table.version)).toEqual([3n, 2n])
  })

  const slice = sliceOf(0, 0, 10)
  const good = commitOf('a', [slice], { deadLetters: [2n], ranges: [[range('absent', 2, 4)]] })
  const [account] = good.accounts
  const [rows, letters] = good.files
  const withAccount = (change: object): TaskCommit => ({
    ...good,
    accounts: good.accounts.map(known => ({ ...known, ...change })),
  })
  const bad: Readonly<Record<string, TaskCommit>> = {
    'no account': { ...good, accounts: [] },
    'two accounts': { ...good, accounts: [...good.accounts, ...good.accounts] },
    'an account for other offsets': withAccount({ endOffset: 11n }),
    'an account for another partition': withAccount({ partition: 1 }),
    'an offset too few': withAccount({ rowCount: 5n }),
    'a range outside the slice': withAccount({ ranges: [range('absent', 9, 11)] }),
    'ranges that overlap': withAccount({
      rowCount: 4n,
      ranges: [range('absent', 2, 4), range('skipped', 3, 5)],
    }),
    'ranges out of order': withAccount({ ranges: [range('absent', 5, 6), range('absent', 2, 3)] }),
    'an empty range': withAccount({ ranges: [range('absent', 2, 4), range('absent', 5, 5)] }),
    'a negative count': withAccount({ rowCount: -1n, ranges: [range('absent', 1, 10)] }),
    'a file too few': { ...good, files: letters === undefined ? [] : [letters] },
    'a file twice': { ...good, files: [...good.files, ...(rows === undefined ? [] : [rows])] },
    'rows in the wrong table': {
      ...good,
      files: good.files.map(file => ({ ...file, target: 'rows' as const })),
    },
    'a file of another spec': { ...good, files: good.files.map(file => ({ ...file, specId: 1 })) },
    'dead letters without a code': { ...good, deadLetters: [] },
    'dead letters outside the slice': {
      ...good,
      deadLetters: good.deadLetters.map(known => ({ ...known, lastOffset: 10n })),
    },
    'dead letters of another partition': {
      ...good,
      deadLetters: [...good.deadLetters, ...good.deadLetters.map(known => ({ ...known, partition: 1 }))],
    },
  }
  it.each(Object.entries(bad))('refuses a commit with %s, and changes nothing', async (_name, commit) => {
    expect(account?.rowCount).toBe(6n)
    await planned(store, 'a', slice)
    await claimed(store, 'a')
    expect(await codeOf(store.commitTask(commit))).toBe('broken-invariant')
    expect(await partitionAt(store, 0)).toMatchObject({ committedOffset: 0n, tasksInFlight: 1 })
    expect(await livePaths(store, 99n)).toEqual([])
    expect(await store.commitTask(good)).toMatchObject({ kind: 'committed', tableVersion: 1n })
  })

  it('refuses a file that another task has committed already', async () => {
    await converted(store, 'a', sliceOf(0, 0, 10))
    await planned(store, 'b', sliceOf(0, 10, 20))
    await claimed(store, 'b')
    const commit = commitOf('b', [sliceOf(0, 10, 20)], {
      files: [fileOf('s3://lake/shop.orders/data/a.parquet', 10n)],
    })
    expect(await codeOf(store.commitTask(commit))).toBe('metadata-statement-failed')
    expect(await partitionAt(store, 0)).toMatchObject({ committedOffset: 10n })
  })
}

export function describeAccounts(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store, 2)
  })
  afterEach(() => fixture.remove())

  it('lists every committed account with its segments, page by page', async () => {
    await converted(store, 'a', sliceOf(0, 0, 20))
    await converted(store, 'b', sliceOf(1, 0, 10))
    await converted(store, 'c', sliceOf(0, 20, 30))
    await planned(store, 'd', sliceOf(1, 10, 20))
    await planned(store, 'e', sliceOf(1, 20, 30))
    await claimed(store, 'e')
    await store.commitTask(commitOf('e', [sliceOf(1, 20, 30)]))
    const first = await store.listAccounts(TABLE, { limit: 2 })
    const second = await store.listAccounts(TABLE, { limit: 2, after: first.next ?? '' })
    expect([...first.accounts, ...second.accounts].map(found => [found.taskId, found.startOffset])).toEqual([
      ['a', 0n],
      ['c', 20n],
      ['b', 0n],
    ])
    expect(first.accounts[0]).toEqual({
      ...commitOf('a', [sliceOf(0, 0, 20)]).accounts[0],
      taskId: 'a',
      purgedDeadLetterCount: 0n,
      segments: sliceOf(0, 0, 20).segments,
    })
    expect(second.next).toBeUndefined()
    expect(await codeOf(store.listAccounts(TABLE, { limit: 2, after: 'x' }))).toBe('page-cursor-malformed')
  })

  it('purges the dead letters of whole tasks, oldest first, and goes on counting them', async () => {
    for (const [index, taskId] of ['a', 'b', 'c'].entries()) {
      const slice = sliceOf(0, index * 10, index * 10 + 10)
      await planned(store, taskId, slice)
      await claimed(store, taskId)
      await store.commitTask(commitOf(taskId, [slice], { deadLetters: [2n] }))
      fixture.clock.nowMs += 1000
    }
    const committedBeforeMs = fixture.clock.nowMs - 1000
    const purge = (maxBatches: number) => store.purgeDeadLetters(TABLE, { committedBeforeMs, maxBatches })
    expect(await purge(1)).toEqual({ batchCount: 1, deadLetterCount: 2n })
    expect(await livePaths(store, 3n, LETTERS)).toEqual(['a', 'b', 'c'])
    expect(await livePaths(store, 4n, LETTERS)).toEqual(['b', 'c'])
    expect(await purge(9)).toEqual({ batchCount: 1, deadLetterCount: 2n })
    expect(await purge(9)).toEqual({ batchCount: 0, deadLetterCount: 0n })
    expect(await livePaths(store, 9n, LETTERS)).toEqual(['c'])
    expect(await store.sumAccounts(TABLE)).toMatchObject({ deadLetterCount: 6n, purgedDeadLetterCount: 4n })
    const { accounts } = await store.listAccounts(TABLE, { limit: 9 })
    expect(accounts.map(account => account.purgedDeadLetterCount)).toEqual([2n, 2n, 0n])
    const batches = await store.listDeadLetters(TABLE, 9)
    const { nowMs } = fixture.clock
    expect(batches.map(batch => batch.purgedAtMs)).toEqual([undefined, nowMs, nowMs])
  })

  it('merges ranges of one kind that touch across tasks, and sums each kind', async () => {
    const kinds = ['absent', 'control', 'skipped', 'source_gap'] as const
    await planned(store, 'a', sliceOf(0, 0, 10))
    await planned(store, 'b', sliceOf(0, 10, 20))
    await claimed(store, 'a')
    await claimed(store, 'b')
    const ranges = kinds.map((kind, i) => range(kind, i * 2 + 2, i * 2 + 4))
    const tail = [range('source_gap', 10, 12), range('source_gap', 12, 13), range('absent', 19, 20)]
    await store.commitTask(commitOf('b', [sliceOf(0, 10, 20)], { ranges: [tail] }))
    await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)], { ranges: [ranges] }))
    await planned(store, 'c', sliceOf(0, 20, 30))
    await claimed(store, 'c')
    await store.commitTask(commitOf('c', [sliceOf(0, 20, 30)], { ranges: [[range('control', 20, 21)]] }))
    expect(await store.sumAccounts(TABLE)).toEqual({
      rowCount: 17n,
      deadLetterCount: 0n,
      purgedDeadLetterCount: 0n,
      byKind: { absent: 3n, control: 3n, skipped: 2n, source_gap: 5n },
    })
    const input = await store.loadSnapshotInput(TABLE)
    expect(input.ranges.map(({ kind, startOffset, endOffset }) => [kind, startOffset, endOffset])).toEqual([
      ['absent', 2n, 4n],
      ['control', 4n, 6n],
      ['skipped', 6n, 8n],
      ['source_gap', 8n, 13n],
      ['absent', 19n, 20n],
      ['control', 20n, 21n],
    ])
  })

  it('keeps what a person skipped apart from what a converter skipped', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a')
    await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)], { ranges: [[range('skipped', 8, 10)]] }))
    await store.skipTo(idOf(0), 12n, NOTE)
    await store.skipTo(idOf(0), 15n, NOTE)
    expect(await store.listOperatorSkips(TABLE)).toMatchObject([{ startOffset: 10n, endOffset: 15n }])
    expect(await store.sumAccounts(TABLE)).toMatchObject({ byKind: { skipped: 7n } })
  })

  it('lists files page by page in the order of version and path', async () => {
    for (const id of ['c', 'b', 'a']) {
      const start = ['c', 'b', 'a'].indexOf(id) * 10
      await converted(store, id, sliceOf(0, start, start + 10))
    }
    const first = await store.listFiles(TABLE, { version: 3n, limit: 2 })
    const second = await store.listFiles(TABLE, { version: 3n, limit: 2, after: first.next ?? '' })
    expect([...first.files, ...second.files].map(file => file.path.at(-9))).toEqual(['c', 'b', 'a'])
    expect(second.next).toBeUndefined()
  })
}
