/** Snapshots that remove files, judged by PyIceberg and Spark: what left is gone, what stayed is read, and earlier snapshots still show all. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OutsideReader, startPyIceberg, startSpark } from './readers.ts'
import { createRenderedTable } from './rendered-table.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidewater-removals-'))
const recordsAt = (ids: readonly number[]) => ids.map(id => ({ value: JSON.stringify({ id, shop: id % 2 }) }))

let readers: readonly OutsideReader[]
beforeAll(async () => {
  readers = await Promise.all([startPyIceberg(), startSpark()])
})
afterAll(async () => {
  await Promise.all(readers.map(reader => reader.close()))
  rmSync(folder, { recursive: true, force: true })
})

describe.each([
  ['unpartitioned', []],
  ['partitioned', ['shop']],
])('a table that files have left, %s', (variant, partitionBy) => {
  it('is read without them, and with them at the snapshots before', async () => {
    const table = createRenderedTable({
      warehouse: join(folder, variant),
      fields: [
        { id: 0, name: 'id', required: true, type: { kind: 'long' } },
        { id: 0, name: 'shop', required: false, type: { kind: 'long' } },
      ],
      partitionBy,
    })
    // The third append merges the manifests, so that a removal rewrites one that keeps other files.
    await table.append(recordsAt([1, 2]))
    await table.append(recordsAt([3, 4, 5]))
    await table.append(recordsAt([6]))
    await table.removeAppend(1)
    await table.append(recordsAt([7, 8]))
    await table.removeAppend(0)
    await table.removeAppend(2)
    const location = await table.removeAppend(3)
    for (const reader of readers) {
      const { snapshots, rowCount } = await reader.describe(location)
      expect(rowCount, reader.name).toBe(0)
      const idsAt = async (snapshotId: string) => {
        const { rows } = await reader.scan(location, { snapshotId, orderBy: ['id'], columns: ['id'] })
        return rows.map(({ id }) => Number(id))
      }
      const seen = []
      for (const { snapshotId, summary } of snapshots)
        seen.push([summary.operation, Number(summary['total-records']), await idsAt(snapshotId)])
      expect(seen, reader.name).toEqual([
        ['append', 2, [1, 2]],
        ['append', 5, [1, 2, 3, 4, 5]],
        ['append', 6, [1, 2, 3, 4, 5, 6]],
        ['delete', 3, [1, 2, 6]],
        ['append', 5, [1, 2, 6, 7, 8]],
        ['delete', 3, [6, 7, 8]],
        ['delete', 2, [7, 8]],
        ['delete', 0, []],
      ])
    }
  })
})
