import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Parts } from '../../services/parts.ts'
import { runOnce, runPipeline } from '../../services/pipeline.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { flipByte, ids, land } from '../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../fakes/pipeline-fixture.ts'

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline({ limits: { max_task_attempts: 2 }, table: { commit_interval: '1s' } })
})
afterEach(() => pipeline.close())

const NEVER = new AbortController().signal
const clean = { gaps: 0n, duplicates: 0n, findings: [] }

/** Pauses are real, a fiftieth as long, and the pipeline's clock goes on by what they stand for. */
function hasty(): Parts {
  const { runtime } = pipeline
  return {
    ...pipeline.parts,
    runtime: {
      ...runtime,
      async sleep(ms, signal) {
        await systemRuntime.sleep(ms / 50, signal)
        if (signal?.aborted !== true) runtime.advance(ms)
      },
    },
  }
}

describe('runOnce', () => {
  test('ends with nothing to say once all that had landed is published', async () => {
    for (let base = 0; base < 50; base += 10) await land(pipeline.source, ids(base, 10), { base })
    expect(await runOnce(hasty(), { signal: NEVER })).toEqual([])
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 50n })
    expect(pipeline.progress.filter(({ kind }) => kind === 'published').length).toBeGreaterThan(0)
  })

  test('takes again what was planned before it began and changed since', async () => {
    await land(pipeline.source, ids(0, 10))
    await pipeline.plan({ everything: true })
    await land(pipeline.source, ids(0, 4))
    expect(await runOnce(hasty(), { signal: NEVER })).toEqual([])
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 4n })
  })

  test('makes no table while the bucket of the warehouse is missing, and goes on through other failures', async () => {
    pipeline.warehouse.before = () => {
      throw new AppError({ code: 'bucket-missing', next: 'park', message: 'no such bucket' })
    }
    await expect(runOnce(hasty(), { signal: NEVER })).rejects.toMatchObject({ code: 'bucket-missing' })
    expect(await pipeline.metadata.listTables()).toEqual([])
    let failures = 0
    pipeline.warehouse.before = () => {
      if (failures++ === 0) throw new AppError({ code: 'store-unavailable', next: 'retry', message: 'no' })
    }
    expect(await runOnce(hasty(), { signal: NEVER })).toEqual([])
    expect(failures).toBeGreaterThan(1)
  })

  test('ends with a table that is paused, and says so', async () => {
    await land(pipeline.source, ids(0, 10))
    const { rows } = await pipeline.declare()
    await pipeline.metadata.setTableState(rows.tableId, 'paused', { who: 'me', why: 'upstream is moving' })
    const reasons = await runOnce(hasty(), { signal: NEVER })
    expect(reasons).toEqual([expect.stringContaining('shop.orders is paused')])
  })

  test('says what stopped, and publishes the rest', async () => {
    await flipByte(pipeline.source, await land(pipeline.source, ids(0, 10)), 120)
    await land(pipeline.source, ids(0, 10), { partition: 1 })
    const reasons = await runOnce(hasty(), { signal: NEVER })
    expect(reasons).toEqual([expect.stringContaining('orders-0 is stopped')])
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 10n })
  })

  test('an unindexed segment is mentioned and is no failure: it does not count yet', async () => {
    await land(pipeline.source, ids(0, 10))
    await land(pipeline.source, ids(10, 10), { base: 10, index: false })
    expect(await runOnce(hasty(), { signal: NEVER })).toEqual([])
    expect(pipeline.progress).toContainEqual(
      expect.objectContaining({ kind: 'waiting', what: expect.stringContaining('offset 10') }),
    )
  })

  test('does not wait for ever for a store that fails', async () => {
    await land(pipeline.source, ids(0, 10))
    pipeline.warehouse.before = operation => {
      if (operation === 'put')
        throw new AppError({ code: 'store-unavailable', next: 'retry', message: 'not now' })
    }
    const reasons = await runOnce(hasty(), { signal: NEVER })
    expect(reasons.join('\n')).toMatch(/has failed \d+ times: not now/)
  })

  test('a source that cannot be listed is a reason, after a few tries', async () => {
    pipeline.source.before = () => {
      throw new AppError({ code: 'store-unavailable', next: 'retry', message: 'not now' })
    }
    expect(await runOnce(hasty(), { signal: NEVER })).toEqual(['shop.orders: planning failed: not now'])
  })

  test('a broken invariant ends it with that error, all stages ended', async () => {
    await land(pipeline.source, ids(0, 10))
    const parts: Parts = {
      ...hasty(),
      convert: () => Promise.reject(new AppError({ code: 'broken-invariant', next: 'fatal', message: 'no' })),
    }
    await expect(runOnce(parts, { signal: NEVER })).rejects.toMatchObject({ code: 'broken-invariant' })
  })

  test('stopped from outside, it says so', async () => {
    await land(pipeline.source, ids(0, 10))
    const stop = new AbortController()
    stop.abort()
    expect(await runOnce(hasty(), stop)).toContain('stopped before the end')
  })
})

describe('runPipeline', () => {
  test('takes what lands while it runs, until it is told to stop', async () => {
    const stop = new AbortController()
    await land(pipeline.source, ids(0, 10))
    const running = runPipeline(hasty(), stop)
    const seenRows = async (rows: bigint) => {
      for (let waits = 0; waits < 1000; waits++) {
        const [sums] = await Promise.all(
          (await pipeline.metadata.listTables())
            .slice(0, 1)
            .map(table => pipeline.metadata.sumAccounts(table.tableId)),
        )
        if (sums?.rowCount === rows) return
        await systemRuntime.sleep(5)
      }
      throw new Error(`${rows} rows were not committed`)
    }
    await seenRows(10n)
    await land(pipeline.source, ids(10, 10), { base: 10 })
    await seenRows(20n)
    stop.abort()
    await running
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 20n })
  })
})
