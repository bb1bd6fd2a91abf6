/** Counts, sums and newest-first lists, as people look at them. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  FILE_SIZE_BOUNDS,
  type MetadataStore,
  type NewDataFile,
} from '../../shared/metadata/metadata-store.ts'
import {
  claimed,
  commitOf,
  converted,
  fileOf,
  followTopic,
  LETTERS,
  type MetadataFixture,
  type OpenMetadata,
  openFixture,
  planned,
  sliceOf,
  TABLE,
} from './metadata-store-fixture.ts'

export function describeOverviews(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store, 1)
  })
  afterEach(() => fixture.remove())

  async function commit(taskId: string, start: number, files: readonly NewDataFile[]) {
    const slice = sliceOf(0, start, start + 10)
    await planned(store, taskId, slice)
    await claimed(store, taskId)
    return await store.commitTask(commitOf(taskId, [slice], { files }))
  }

  it('a table without files has zeros and nothing to list', async () => {
    const sums = await store.sumFiles(TABLE)
    expect(sums.map(sum => sum.belowBytes)).toEqual([...FILE_SIZE_BOUNDS, undefined])
    expect(sums.every(sum => sum.fileCount === 0 && sum.recordCount === 0n && sum.sizeBytes === 0n)).toBe(
      true,
    )
    expect(await store.sumPartitions(TABLE, 5)).toEqual({ count: 0, newest: [] })
    expect(await store.listNewestFiles(TABLE, 5)).toEqual([])
    expect(await store.listNewestSnapshots(TABLE, 5)).toEqual({ count: 0, newest: [] })
  })

  it('sums live files by size: a bound belongs to what is larger', async () => {
    const [smallest = 0n] = FILE_SIZE_BOUNDS
    const largest = FILE_SIZE_BOUNDS.at(-1) ?? 0n
    await commit('a', 0, [
      { ...fileOf('a1', 3n), fileSizeBytes: smallest - 1n },
      { ...fileOf('a2', 5n), fileSizeBytes: smallest },
      { ...fileOf('a3', 2n), fileSizeBytes: largest },
    ])
    const sums = await store.sumFiles(TABLE)
    expect(sums.map(sum => sum.fileCount)).toEqual([1, 1, 0, 0, 0, 1])
    expect(sums[1]).toEqual({
      belowBytes: FILE_SIZE_BOUNDS[1],
      fileCount: 1,
      recordCount: 5n,
      sizeBytes: smallest,
    })
    expect(sums.at(-1)).toEqual({ fileCount: 1, recordCount: 2n, sizeBytes: largest })
    expect((await store.sumFiles(LETTERS)).every(sum => sum.fileCount === 0)).toBe(true)
  })

  it('staged files, ahead of the watermark, do not count yet', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await planned(store, 'b', sliceOf(0, 10, 20))
    await claimed(store, 'b')
    await store.commitTask(commitOf('b', [sliceOf(0, 10, 20)]))
    expect((await store.sumFiles(TABLE)).reduce((sum, { fileCount }) => sum + fileCount, 0)).toBe(0)
    expect(await store.sumPartitions(TABLE, 5)).toEqual({ count: 0, newest: [] })
    expect(await store.listNewestFiles(TABLE, 5)).toEqual([])
  })

  it('sums by partition value, the most recently written first, and counts those beyond the limit', async () => {
    await commit('a', 0, [
      { ...fileOf('a1', 4n), partition: [1] },
      { ...fileOf('a2', 6n), partition: [2] },
    ])
    await commit('b', 10, [{ ...fileOf('b1', 10n), partition: [1] }])
    await commit('c', 20, [{ ...fileOf('c1', 10n), partition: [null] }])
    const { count, newest } = await store.sumPartitions(TABLE, 2)
    expect(count).toBe(3)
    expect(newest).toEqual([
      { specId: 0, partition: [null], newestVersion: 3n, fileCount: 1, recordCount: 10n, sizeBytes: 100n },
      { specId: 0, partition: [1], newestVersion: 2n, fileCount: 2, recordCount: 14n, sizeBytes: 140n },
    ])
  })

  it('lists the newest files first, up to the limit', async () => {
    for (const [index, taskId] of ['a', 'b', 'c'].entries())
      await converted(store, taskId, sliceOf(0, index * 10, index * 10 + 10))
    const files = await store.listNewestFiles(TABLE, 2)
    expect(files.map(file => [file.path.slice(-9), file.addedVersion])).toEqual([
      ['c.parquet', 3n],
      ['b.parquet', 2n],
    ])
    expect(files[0]).toMatchObject({ specId: 0, partition: [3], recordCount: 10n, fileSizeBytes: 100n })
    expect(files[0]).not.toHaveProperty('encoded')
    expect(files[0]).not.toHaveProperty('snapshotId')
  })
}
