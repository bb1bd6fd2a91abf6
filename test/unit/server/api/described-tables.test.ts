import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createDescribedTables } from '../../../../services/server/api/described-tables.ts'
import { openPipeline, type Pipeline, TABLE } from '../../../fakes/pipeline-fixture.ts'

const LIMITS = { partitions: 1, files: 1, snapshots: 1 }
let pipeline: Pipeline
let clockMs: number
/** What each sum over the files costs. */
let costMs: number
beforeEach(async () => {
  pipeline = await openPipeline()
  await pipeline.declare()
  clockMs = 1000
  costMs = 10
})
afterEach(() => pipeline.close())

function open() {
  const sumFiles = vi.fn(async (tableId: string) => {
    clockMs += costMs
    return await pipeline.metadata.sumFiles(tableId)
  })
  const tables = createDescribedTables(
    { ...pipeline.metadata, sumFiles },
    { monotonicMs: () => clockMs },
    LIMITS,
  )
  return { tables, sumFiles }
}

it('a costly description is given again for a while, a cheap one is always new', async () => {
  const { tables, sumFiles } = open()
  await tables.describe(TABLE)
  clockMs += 199
  await tables.describe(TABLE)
  expect(sumFiles).toHaveBeenCalledTimes(1)
  clockMs += 1
  costMs = 0
  await tables.describe(TABLE)
  await tables.describe(TABLE)
  expect(sumFiles).toHaveBeenCalledTimes(3)
})

it('who asks at once shares one', async () => {
  const { tables, sumFiles } = open()
  const all = await Promise.all(Array.from({ length: 200 }, () => tables.describe(TABLE)))
  expect([new Set(all).size, sumFiles.mock.calls.length]).toEqual([1, 1])
})

it('neither a missing table nor a failure is kept', async () => {
  const { tables, sumFiles } = open()
  expect(await tables.describe('shop.none')).toBeUndefined()
  sumFiles.mockImplementationOnce(async () => {
    clockMs += costMs
    throw new Error('the disk is away')
  })
  await expect(tables.describe(TABLE)).rejects.toThrow('away')
  expect(await tables.describe(TABLE)).toMatchObject({ name: TABLE })
})
