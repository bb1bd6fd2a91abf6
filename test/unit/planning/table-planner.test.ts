import { afterEach, describe, expect, test } from 'vitest'
import { roundsOf } from '../../../services/planning/plan-loop.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { indexObjectKey, segmentObjectKey } from '../../../shared/segment/segment-key.ts'
import { encodeSegment } from '../../../shared/segment/segment-writer.ts'
import { flipByte, ids, land, recordsOf, removeSegment } from '../../fakes/land-segments.ts'
import {
  openPipeline,
  type Pipeline,
  type PipelineOptions,
  TABLE,
  TOPIC,
} from '../../fakes/pipeline-fixture.ts'

let pipeline: Pipeline
afterEach(() => pipeline.close())

async function open(options: PipelineOptions = {}): Promise<void> {
  pipeline = await openPipeline(options)
}

/** The same stores under a configuration that was edited since. */
async function reopen(options: PipelineOptions): Promise<void> {
  pipeline = await openPipeline({ ...options, over: pipeline })
}

const NOTE = { who: 'ada', why: 'it was looked into' }
const idOf = async (partition = 0) => {
  const { tableId, topic } = await pipeline.partition(partition)
  return { tableId, topic, partition }
}
const watermark = async (partition = 0) => Number((await pipeline.partition(partition)).committedOffset)
const clean = { gaps: 0n, duplicates: 0n, unverifiable: 0n, findings: [] }
const waiting = async () => (await pipeline.plan({ everything: true }))?.waiting.map(({ what }) => what)

test('a clock that is set right, by an hour back, holds nothing up for an hour', async () => {
  await open()
  const { parts, runtime } = pipeline
  let aheadMs = 3_600_000
  const nowMs = () => runtime.nowMs() + aheadMs
  const round = roundsOf({ ...parts, runtime: { ...runtime, nowMs } }, await pipeline.declare())
  await land(pipeline.source, ids(0, 10))
  await round({})
  aheadMs = 0
  await land(pipeline.source, ids(10, 10), { base: 10 })
  for (let seconds = 0; seconds < 60; seconds++) {
    runtime.advance(1000)
    await round({})
  }
  expect(Number((await pipeline.partition()).plannedOffset)).toBe(20)
})

describe('what is not finished', () => {
  test('an unindexed segment at the end waits, and is taken when its index lands', async () => {
    await open()
    await land(pipeline.source, ids(0, 10))
    await land(pipeline.source, ids(10, 10), { base: 10, index: false })
    await pipeline.settle()
    expect(await watermark()).toBe(10)
    expect(await waiting()).toEqual(['orders-0: the segment at offset 10 waits: its .index is not there yet'])

    await land(pipeline.source, ids(10, 10), { base: 10 })
    await pipeline.settle()
    expect(await watermark()).toBe(20)
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 20n })
  })

  test('an orphan that a restarted broker overwrites is converted once, from its new content', async () => {
    await open()
    await land(pipeline.source, ids(0, 10))
    await land(pipeline.source, ids(900, 3), { base: 10, index: false })
    await pipeline.settle()
    await land(pipeline.source, ids(10, 7), { base: 10 })
    await pipeline.settle()
    expect(await watermark()).toBe(17)
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 17n })
  })

  test('a segment that is replaced between planning and conversion is planned afresh', async () => {
    await open()
    await land(pipeline.source, ids(0, 10))
    await pipeline.plan({ everything: true })
    await land(pipeline.source, ids(0, 4))
    expect((await pipeline.convert()).map(outcome => outcome.kind)).toEqual(['failed'])
    expect(await pipeline.eventTypes()).toContain('partition.replanned')
    await pipeline.settle()
    expect(await watermark()).toBe(4)
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 4n })
  })

  test('a segment that is replaced while it is converted is not committed', async () => {
    await open()
    await land(pipeline.source, ids(0, 10))
    await pipeline.plan({ everything: true })
    pipeline.warehouse.after = async () => {
      pipeline.warehouse.after = undefined
      await land(pipeline.source, ids(0, 4))
    }
    const [first] = await pipeline.convert()
    expect(first).toMatchObject({ kind: 'failed', next: 'replan', error: { code: 'segment-changed' } })
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 4n })
  })

  test('a converter that lost its claim gives up no plan for the segment that it saw', async () => {
    await open()
    await land(pipeline.source, ids(0, 10))
    await pipeline.plan({ everything: true })
    const { metadata } = pipeline
    const [taskId = ''] = await metadata.listRunnableTasks(1)
    pipeline.warehouse.after = async () => {
      pipeline.warehouse.after = undefined
      await land(pipeline.source, ids(0, 4))
      pipeline.runtime.advance(3_600_000)
      const claim = { token: 'another', leaseMs: 60_000, worker: 'another' }
      expect(await metadata.claimTask(taskId, claim)).toMatchObject({ kind: 'claimed' })
    }
    expect(await pipeline.convert()).toMatchObject([{ kind: 'fenced' }])
    expect(await pipeline.eventTypes()).toEqual([])
  })

  test('a planned last segment that was replaced before it was run is noticed by the next listing', async () => {
    await open()
    await land(pipeline.source, ids(0, 10))
    await pipeline.plan({ everything: true })
    await land(pipeline.source, ids(0, 4))
    await pipeline.plan({ everything: true })
    expect(await pipeline.eventTypes()).toContain('partition.replanned')
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 4n })
  })

  test('a segment that is replaced after its commit stops the partition, and a resume goes on behind it', async () => {
    await open()
    await land(pipeline.source, ids(0, 10))
    await pipeline.settle()
    await land(pipeline.source, ids(100, 10))
    await land(pipeline.source, ids(10, 5), { base: 10 })
    await pipeline.plan({ everything: true })
    expect(await pipeline.partition()).toMatchObject({ state: 'stopped', stateCode: 'segment-replaced' })

    await pipeline.metadata.resumePartition(await idOf(), NOTE)
    await pipeline.settle()
    expect(await pipeline.partition()).toMatchObject({ state: 'active', committedOffset: 15n })
    // The old rows stay; the object that they came from is gone, so only the ledger vouches for them.
    expect(await pipeline.audit()).toMatchObject({ rows: 15n, gaps: 0n, duplicates: 0n, unverifiable: 10n })
  })

  test('a .kfs older than its index is left alone until a successor shows that it stays', async () => {
    await open()
    await land(pipeline.source, ids(0, 10), { index: false })
    pipeline.runtime.advance(60_000)
    await land(pipeline.source, ids(20, 1), { partition: 1 })
    const { index } = encodeSegment({
      baseOffset: 0n,
      createdAtMs: 0,
      batches: [{ codec: 'none', records: recordsOf(ids(0, 10)) }],
    })
    await pipeline.source.put(indexObjectKey({ topic: TOPIC, partition: 0, baseOffset: 0n }), index)
    await pipeline.settle()
    expect((await pipeline.audit()).rows).toBe(1n)
    await land(pipeline.source, ids(10, 10), { base: 10 })
    pipeline.runtime.advance(10_000)
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 21n })
  })
})

describe('holes in the source', () => {
  test('a middle gap is passed over, counted and reported', async () => {
    await open()
    await land(pipeline.source, ids(0, 10))
    await land(pipeline.source, ids(30, 10), { base: 30 })
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 20n, source_gaps: 20n })
    expect(await pipeline.eventTypes()).toContain('source.gap')
  })

  test('on_source_gap stop: what lies before the gap is committed, and skip-to gives up the gap alone', async () => {
    await open({ table: { on_source_gap: 'stop' } })
    await land(pipeline.source, ids(0, 10))
    await land(pipeline.source, ids(10, 10), { base: 10 })
    await land(pipeline.source, ids(30, 10), { base: 30 })
    await pipeline.settle()
    expect(await pipeline.partition()).toMatchObject({
      state: 'stopped',
      stateCode: 'source-gap',
      committedOffset: 20n,
    })

    expect(await pipeline.metadata.skipTo(await idOf(), 30n, NOTE)).toMatchObject({
      kind: 'skipped',
      range: { startOffset: 20n, endOffset: 30n },
    })
    await pipeline.settle()
    expect(await watermark()).toBe(40)
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 30n, skipped: 10n, source_gaps: 0n })
  })

  test('retention at the front before anything was planned is no gap', async () => {
    await open()
    await land(pipeline.source, ids(500, 10), { base: 500 })
    await pipeline.settle()
    expect(await pipeline.partition()).toMatchObject({ firstOffset: 500n, committedOffset: 510n })
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 10n, source_gaps: 0n })
  })

  test('retention that overtakes a planned segment is reported as a gap', async () => {
    await open()
    await land(pipeline.source, ids(0, 10))
    await land(pipeline.source, ids(10, 10), { base: 10 })
    await pipeline.plan({ everything: true })
    await removeSegment(pipeline.source, 0)
    await pipeline.settle()
    expect(await watermark()).toBe(20)
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 10n, source_gaps: 10n })
    expect(await pipeline.eventTypes()).toContain('source.gap')
  })

  test('two segments that claim the same offsets stop the partition, not the process', async () => {
    await open()
    await land(pipeline.source, ids(0, 20))
    await land(pipeline.source, ids(10, 20), { base: 10 })
    await land(pipeline.source, ids(0, 5), { partition: 1 })
    await pipeline.settle()
    expect(await pipeline.partition()).toMatchObject({ state: 'stopped', stateCode: 'segment-overlap' })
    expect(await watermark(1)).toBe(5)
  })
})

describe('a recreated topic', () => {
  async function recreate() {
    await land(pipeline.source, ids(0, 10))
    await land(pipeline.source, ids(10, 10), { base: 10 })
    await pipeline.settle()
    for (const base of [0, 10]) await removeSegment(pipeline.source, base)
    pipeline.runtime.advance(1000)
    await land(pipeline.source, [{ id: 1000 }, 'broken', { id: 1002 }])
  }

  test('on_new_incarnation stop: the partition stops until the YAML says continue and somebody resumes', async () => {
    await open()
    await recreate()
    await pipeline.settle()
    expect(await pipeline.partition()).toMatchObject({ state: 'stopped', stateCode: 'topic-recreated' })

    await reopen({ table: { on_new_incarnation: 'continue' } })
    await pipeline.metadata.resumePartition(await idOf(), NOTE)
    await pipeline.settle()
    expect(await pipeline.partition()).toMatchObject({ incarnation: 1, firstOffset: 0n, committedOffset: 3n })
  })

  test('on_new_incarnation continue: both lives are in the table, and the audit tells them apart', async () => {
    await open({ table: { on_new_incarnation: 'continue' } })
    await recreate()
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({
      rows: 22n,
      dead_letters: 1n,
      gaps: 0n,
      duplicates: 0n,
      unverifiable: 20n,
      findings: [],
    })
    await land(pipeline.source, ids(2000, 17), { base: 3 })
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ rows: 39n, gaps: 0n, duplicates: 0n })
  })

  test('when only the last planned segment was removed, nothing is converted a second time', async () => {
    await open({ table: { on_new_incarnation: 'continue' } })
    await land(pipeline.source, ids(0, 10))
    await land(pipeline.source, ids(10, 10), { base: 10 })
    await pipeline.settle()
    await removeSegment(pipeline.source, 10)
    await land(pipeline.source, ids(20, 10), { base: 20 })
    await pipeline.settle()
    expect(await pipeline.partition()).toMatchObject({ incarnation: 0, committedOffset: 30n })
    expect(await pipeline.audit()).toMatchObject({ rows: 30n, gaps: 0n, duplicates: 0n, unverifiable: 10n })
  })
})

describe('a segment whose other half came too late', () => {
  const big = (id: number) => [{ id, padding: 'x'.repeat(70_000) }]

  async function giveUp() {
    for (const base of [0, 2, 3]) await land(pipeline.source, big(base), { base })
    await land(pipeline.source, big(1), { base: 1, index: false })
    await land(pipeline.source, big(9), { partition: 1 })
    pipeline.runtime.advance(3_600_000)
    await pipeline.plan({ everything: true })
  }

  test('is named when it is given up, and passed over when it comes', async () => {
    await open()
    await giveUp()
    await pipeline.settle()
    await land(pipeline.source, big(1), { base: 1 })
    await pipeline.settle()
    const events = await pipeline.metadata.listEvents({ limit: 9 })
    const key = 'orders/0/segment-00000000000000000001.kfs'
    expect(events).toMatchObject([
      { type: 'source.gap' },
      { type: 'segment.abandoned', topic: TOPIC, partition: 0, details: { key, baseOffset: 1 } },
    ])
    expect(await pipeline.partition()).toMatchObject({ state: 'active', committedOffset: 4n })
  })

  const inTurns = { table: { task_target_bytes: '64KiB' }, limits: { max_tasks_in_flight: 2 } }

  test('is taken after all while its place is not committed', async () => {
    await open(inTurns)
    await giveUp()
    expect(await pipeline.partition()).toMatchObject({ plannedOffset: 2n, committedOffset: 0n })
    await land(pipeline.source, big(1), { base: 1 })
    // What rests leaves room for more.
    await pipeline.metadata.pausePartition(await idOf(1), NOTE)
    await pipeline.plan({ everything: true })
    expect(await pipeline.eventTypes()).toContain('partition.replanned')
    await pipeline.metadata.resumePartition(await idOf(1), NOTE)
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 5n, source_gaps: 0n })
  })

  test('stops its partition where it is seen again, until it is moved away', async () => {
    await open(inTurns)
    await giveUp()
    await pipeline.convert()
    await land(pipeline.source, big(1), { base: 1 })
    await pipeline.settle()
    expect(await pipeline.partition()).toMatchObject({
      state: 'stopped',
      stateCode: 'segment-overlap',
      committedOffset: 2n,
    })
    await removeSegment(pipeline.source, 1)
    await pipeline.metadata.resumePartition(await idOf(), NOTE)
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 4n, source_gaps: 1n })
  })
})

describe('a topic that is recreated after skip-to, before anything more of it is planned', () => {
  async function skipAndRecreate() {
    await land(pipeline.source, ids(0, 10))
    await pipeline.settle()
    for (const base of [10, 20]) await land(pipeline.source, ids(base, 10), { base })
    pipeline.runtime.advance(60_000)
    await pipeline.plan()
    await pipeline.metadata.skipTo(await idOf(), 25n, NOTE)
    expect(await pipeline.partition()).not.toHaveProperty('lastPlanned')
    for (const base of [20, 0, 10]) {
      await removeSegment(pipeline.source, base)
      await pipeline.settle()
      expect(await pipeline.partition()).toMatchObject({ incarnation: 0, state: 'active' })
    }
    pipeline.runtime.advance(1000)
    await land(pipeline.source, ids(1000, 7))
    await pipeline.settle()
  }

  test('on_new_incarnation continue: its records are in the table', async () => {
    await open({ table: { on_new_incarnation: 'continue' } })
    await skipAndRecreate()
    expect(await pipeline.partition()).toMatchObject({ incarnation: 1, firstOffset: 0n, committedOffset: 7n })
    expect(await pipeline.audit()).toMatchObject({ rows: 17n, skipped: 15n, gaps: 0n, duplicates: 0n })
  })

  test('on_new_incarnation stop: the partition stops', async () => {
    await open()
    await skipAndRecreate()
    expect(await pipeline.partition()).toMatchObject({ state: 'stopped', stateCode: 'topic-recreated' })
  })
})

describe('where a table begins', () => {
  test('start_from offsets may lie inside a segment', async () => {
    await open({ table: { start_from: { offsets: { 0: 13 } } } })
    await land(pipeline.source, ids(0, 10))
    await land(pipeline.source, ids(10, 10), { base: 10 })
    await pipeline.settle()
    expect(await pipeline.partition()).toMatchObject({ firstOffset: 13n, committedOffset: 20n })
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 7n })
  })

  test('start_from latest takes what landed since the table was declared', async () => {
    await open({ table: { start_from: 'latest' } })
    await land(pipeline.source, ids(0, 10))
    pipeline.runtime.advance(1000)
    await pipeline.declare()
    pipeline.runtime.advance(1000)
    await pipeline.settle()
    expect(await watermark()).toBe(10)
    await land(pipeline.source, ids(10, 5), { base: 10 })
    await land(pipeline.source, ids(0, 5), { partition: 1 })
    pipeline.runtime.advance(10_000)
    await pipeline.settle()
    expect((await pipeline.audit()).rows).toBe(10n)
  })

  test('start_from a timestamp takes the segments that landed since', async () => {
    await open()
    const later = new Date(pipeline.runtime.nowMs() + 5000).toISOString()
    await reopen({ table: { start_from: { timestamp: later } } })
    await land(pipeline.source, ids(0, 10))
    pipeline.runtime.advance(10_000)
    await land(pipeline.source, ids(10, 10), { base: 10 })
    await pipeline.settle()
    expect(await pipeline.partition()).toMatchObject({ firstOffset: 10n, committedOffset: 20n })
  })

  test('partitions that appear later are found', async () => {
    await open()
    await land(pipeline.source, ids(0, 10))
    await pipeline.settle()
    await land(pipeline.source, ids(0, 10), { partition: 7 })
    pipeline.runtime.advance(10_000)
    await pipeline.settle()
    expect(await watermark(7)).toBe(10)
  })

  test('a partition whose only segment is damaged is followed, and stops for all to see', async () => {
    await open()
    await flipByte(pipeline.source, await land(pipeline.source, ids(0, 10)), -1)
    await land(pipeline.source, ids(0, 5), { partition: 1 })
    await pipeline.settle()
    expect(await pipeline.partition()).toMatchObject({ state: 'stopped', committedOffset: 0n })
    expect(await watermark(1)).toBe(5)
  })

  test('skip-to past a damaged last segment holds, and its successor is taken', async () => {
    await open()
    await land(pipeline.source, ids(0, 10))
    await flipByte(pipeline.source, await land(pipeline.source, ids(10, 10), { base: 10 }), -1)
    await pipeline.settle()
    expect(await pipeline.partition()).toMatchObject({ state: 'stopped', committedOffset: 10n })
    await pipeline.metadata.skipTo(await idOf(), 20n, NOTE)
    await pipeline.settle()
    expect(await pipeline.partition()).toMatchObject({ state: 'active', committedOffset: 20n })
    await land(pipeline.source, ids(20, 10), { base: 20 })
    await pipeline.settle()
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 20n, skipped: 10n })
  })
})

describe('--once', () => {
  test('takes what had landed when it began, and nothing later', async () => {
    await open()
    await land(pipeline.source, ids(0, 10))
    const beganMs = pipeline.runtime.nowMs()
    pipeline.runtime.advance(1000)
    await land(pipeline.source, ids(10, 10), { base: 10 })
    const { planEverything } = await import('../../../services/planning/plan-loop.ts')
    const reasons = await planEverything(
      pipeline.parts,
      await pipeline.declare(),
      beganMs,
      new AbortController().signal,
    )
    expect(reasons).toEqual({ plannedTasks: 1, notPlanned: [] })
    expect((await pipeline.partition()).plannedOffset).toBe(10n)
  })
})

describe('how much becomes a task', () => {
  test('a thousand quiet partitions make one task and one file', async () => {
    await open()
    for (let partition = 0; partition < 1000; partition++)
      await land(pipeline.source, [{ id: partition }], { partition })
    await pipeline.settle()
    await pipeline.publish()
    const files = await pipeline.metadata.listFiles((await pipeline.declare()).rows.tableId, {
      version: 1000n,
      limit: 10,
    })
    expect(files.files).toHaveLength(1)
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 1000n })
  })

  test('a backlog of one partition becomes tasks that run ahead, and show in offset order', async () => {
    await open({ table: { task_target_bytes: '64KiB' } })
    const big = (id: number) => ({ id, padding: 'x'.repeat(70_000) })
    for (let i = 0; i < 3; i++) await land(pipeline.source, [big(i)], { base: i })
    await pipeline.plan({ everything: true })
    const { rows } = await pipeline.declare()
    const taskIds = await pipeline.metadata.listRunnableTasks(10)
    expect(taskIds).toHaveLength(3)
    const { taskRunner } = await import('../../../services/converter/convert-loop.ts')
    const { createSoloGate } = await import('../../../services/converter/solo-gate.ts')
    const { createTableSet } = await import('../../../services/tables/table-set.ts')
    const run = taskRunner(pipeline.parts, createTableSet([await pipeline.declare()]), {
      lane: 0,
      gate: createSoloGate(),
    })
    const versions: bigint[] = []
    for (const taskId of [...taskIds].reverse()) {
      await run(taskId)
      versions.push((await pipeline.metadata.loadTable(TABLE))?.version ?? -1n)
    }
    expect(versions).toEqual([0n, 0n, 3n])
    const { files } = await pipeline.metadata.listFiles(rows.tableId, { version: 3n, limit: 10 })
    expect(files.map(file => file.addedVersion)).toEqual([1n, 2n, 3n])
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 3n })
  })

  test('no more than maxTasksInFlight are planned until some are committed', async () => {
    await open({ table: { task_target_bytes: '64KiB' }, limits: { max_tasks_in_flight: 2 } })
    for (let i = 0; i < 5; i++)
      await land(pipeline.source, [{ id: i, padding: 'x'.repeat(70_000) }], { base: i })
    expect(await pipeline.plan({ everything: true })).toMatchObject({ plannedTasks: 2, more: true })
    expect(await pipeline.plan({ everything: true })).toMatchObject({ plannedTasks: 0, more: true })
    await pipeline.settle()
    expect(await watermark()).toBe(5)
  })

  test('while nothing converts, a backlog of many segments costs planning nothing past maxTasksInFlight', async () => {
    await open({ table: { task_target_bytes: '64KiB' }, limits: { max_tasks_in_flight: 3 } })
    const SEGMENTS = 60
    for (let i = 0; i < SEGMENTS; i++)
      await land(pipeline.source, [{ id: i, padding: 'x'.repeat(70_000) }], { base: i })
    await pipeline.plan({ everything: true })
    const looked: string[] = []
    pipeline.source.before = (operation, key) => {
      // New partitions of the topic are still looked for, now and then.
      if (key.startsWith('orders/0/')) looked.push(`${operation} ${key}`)
    }
    for (let round = 0; round < 20; round++) {
      pipeline.runtime.advance(1000)
      expect(await pipeline.plan({ everything: true })).toMatchObject({ plannedTasks: 0, more: true })
    }
    expect(looked).toEqual([])
    expect(await pipeline.metadata.listRunnableTasks(100)).toHaveLength(3)
    expect((await pipeline.partition()).plannedOffset).toBe(3n)
    await pipeline.settle()
    expect(await watermark()).toBe(SEGMENTS)
  })

  test('tasks of a stopped partition do not use up the room of the others', async () => {
    await open({ table: { task_target_bytes: '64KiB' }, limits: { max_tasks_in_flight: 2 } })
    const key = await land(pipeline.source, [{ id: 0, padding: 'x'.repeat(70_000) }])
    await flipByte(pipeline.source, key, 200)
    await land(pipeline.source, [{ id: 1, padding: 'x'.repeat(70_000) }], { base: 1 })
    await pipeline.plan({ everything: true })
    await pipeline.convert()
    expect(await pipeline.partition()).toMatchObject({ state: 'stopped', tasksInFlight: 2 })
    await land(pipeline.source, ids(0, 5), { partition: 1 })
    pipeline.runtime.advance(10_000)
    await pipeline.settle()
    expect(await watermark(1)).toBe(5)
  })

  test('a partition that cannot be listed fails the round after the others were planned', async () => {
    await open()
    await land(pipeline.source, ids(0, 10))
    await land(pipeline.source, ids(0, 10), { partition: 1 })
    await pipeline.settle()
    await land(pipeline.source, ids(10, 1), { base: 10 })
    await land(pipeline.source, ids(10, 1), { base: 10, partition: 1 })
    pipeline.source.before = (operation, key) => {
      if (operation === 'list' && key === 'orders/0/')
        throw new AppError({ code: 'store-unavailable', next: 'retry', message: 'not now' })
    }
    await expect(pipeline.plan({ everything: true })).rejects.toMatchObject({ code: 'store-unavailable' })
    expect((await pipeline.partition(1)).plannedOffset).toBe(11n)
    pipeline.source.before = undefined
    await pipeline.settle()
    expect(await watermark()).toBe(11)
  })

  test('a failed look for partitions is made again in the very next round', async () => {
    await open()
    await land(pipeline.source, ids(0, 10))
    pipeline.source.before = () => {
      throw new AppError({ code: 'store-unavailable', next: 'retry', message: 'not now' })
    }
    await expect(pipeline.plan({ everything: true })).rejects.toThrow('not now')
    pipeline.source.before = undefined
    expect(await pipeline.plan({ everything: true })).toMatchObject({ plannedTasks: 1 })
  })

  test('a new partition that cannot be listed does not hold up those that can', async () => {
    await open()
    for (const partition of [0, 1, 2]) await land(pipeline.source, ids(0, 10), { partition })
    pipeline.source.before = (operation, key) => {
      if (operation === 'list' && key === 'orders/1/')
        throw new AppError({ code: 'access-denied', next: 'park', message: 'no' })
    }
    await expect(pipeline.plan({ everything: true })).rejects.toMatchObject({ code: 'access-denied' })
    await pipeline.convert()
    expect([await watermark(0), await watermark(2)]).toEqual([10, 10])
  })

  test('another process at the same table leaves this one nothing to do', async () => {
    await open()
    await land(pipeline.source, ids(0, 10))
    const { tableId } = (await pipeline.declare()).rows
    await pipeline.metadata.acquireLease(`plan:${tableId}`, 'another process', 10_000)
    expect(await pipeline.plan({ everything: true })).toBeUndefined()
    pipeline.runtime.advance(10_001)
    expect(await pipeline.plan({ everything: true })).toMatchObject({ plannedTasks: 1 })
  })
})

test('keys of the fixture are those of brokers', () => {
  expect(segmentObjectKey({ topic: TOPIC, partition: 0, baseOffset: 10n })).toBe(
    'orders/0/segment-00000000000000000010.kfs',
  )
})
