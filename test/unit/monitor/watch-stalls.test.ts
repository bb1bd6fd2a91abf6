import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createMetrics } from '../../../services/metrics/metrics.ts'
import { stallWatch, watchStallsUntilStopped } from '../../../services/monitor/watch-stalls.ts'
import { createTableSet } from '../../../services/tables/table-set.ts'
import { parseExposition } from '../../fakes/exposition.ts'
import { flipByte, ids, land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline, TABLE } from '../../fakes/pipeline-fixture.ts'

const INTERVAL_MS = 10_000
const NOTE = { who: 'ada', why: 'trying' }
let pipeline: Pipeline
let look: () => Promise<void>

beforeEach(async () => {
  pipeline = await openPipeline({ table: { commit_interval: '10s' } })
  look = stallWatch(pipeline.parts, createTableSet([await pipeline.declare()]))
  await look()
})
afterEach(() => pipeline.close())

async function stalledSeries(): Promise<number | undefined> {
  const text = await createMetrics(pipeline.parts).text()
  return parseExposition(text).value('tidewater_partition_stalled', { table: TABLE, partition: '0' })
}

describe('the stall watch', () => {
  test('reports once that segments land and nothing is converted, and once that it goes on', async () => {
    await land(pipeline.source, ids(0, 5))
    await pipeline.plan()
    pipeline.runtime.advance(2 * INTERVAL_MS - 1)
    await look()
    expect(await pipeline.eventTypes()).toEqual([])
    expect(await stalledSeries()).toBe(0)
    pipeline.runtime.advance(1)
    await look()
    await look()
    expect(await pipeline.eventTypes()).toEqual(['partition.stalled'])
    expect(await stalledSeries()).toBe(1)

    await pipeline.settle()
    await look()
    await look()
    expect(await pipeline.eventTypes()).toEqual(['partition.stalled', 'partition.moving'])
    expect(await stalledSeries()).toBe(0)
  })

  test('of several processes reports each stall once', async () => {
    const another = stallWatch(pipeline.parts, createTableSet([await pipeline.declare()]))
    await another()
    await land(pipeline.source, ids(0, 5))
    await pipeline.plan()
    pipeline.runtime.advance(2 * INTERVAL_MS)
    await Promise.all([look(), another(), look()])
    expect(await pipeline.eventTypes()).toEqual(['partition.stalled'])
  })

  test('sees no stall where nothing lands, or where the watermark keeps up', async () => {
    for (let round = 0; round < 5; round++) {
      await land(pipeline.source, ids(round * 5, 5), { base: round * 5 })
      await pipeline.settle()
      pipeline.runtime.advance(3 * INTERVAL_MS)
      await look()
    }
    expect(await pipeline.eventTypes()).toEqual([])
  })

  test('counts time anew after a pause, and a partition that stopped as stalled at once', async () => {
    const key = await land(pipeline.source, ids(0, 5))
    const id = { tableId: (await pipeline.declare()).rows.tableId, topic: 'orders', partition: 0 }
    await pipeline.plan()
    await pipeline.metadata.pausePartition(id, NOTE)
    pipeline.runtime.advance(3 * INTERVAL_MS)
    await look()
    expect(await stalledSeries()).toBe(0)
    await pipeline.metadata.resumePartition(id, NOTE)
    await look()
    expect(await pipeline.eventTypes()).toEqual(['operator.pause', 'operator.resume'])

    await flipByte(pipeline.source, key, 100)
    await pipeline.settle()
    expect((await pipeline.partition()).state).toBe('stopped')
    await look()
    expect((await pipeline.eventTypes()).slice(2)).not.toContain('partition.stalled')
    expect(await stalledSeries()).toBe(1)
  })

  test('looks every half commit interval until it is stopped', async () => {
    const stop = new AbortController()
    const watching = watchStallsUntilStopped(
      pipeline.parts,
      createTableSet([await pipeline.declare()]),
      stop.signal,
    )
    await land(pipeline.source, ids(0, 5))
    await pipeline.plan()
    for (let looks = 0; looks < 6; looks++) {
      await new Promise(resolve => setImmediate(resolve))
      pipeline.runtime.advance(INTERVAL_MS / 2)
    }
    await new Promise(resolve => setImmediate(resolve))
    stop.abort()
    await watching
    expect(await pipeline.eventTypes()).toEqual(['partition.stalled'])
    expect((await pipeline.partition()).stalledSinceMs).toBeDefined()
  })
})
