import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ReadySegment } from '../../../services/discovery/examine-listing.ts'
import {
  cutTasks,
  MAX_SLICES_PER_TASK,
  type PendingPartition,
  type PlanOptions,
} from '../../../services/planning/plan.ts'

/** A pending partition whose segments hold ten offsets each. */
function pending(
  partition: number,
  segmentBytes: readonly number[],
  more: Partial<PendingPartition> = {},
): PendingPartition {
  const segments: ReadySegment[] = segmentBytes.map((sizeBytes, i) => ({
    topic: 'orders',
    partition,
    key: `orders/${partition}/${i}`,
    baseOffset: BigInt(i * 10),
    sizeBytes,
    etag: `${i}`,
    landedAtMs: 0,
  }))
  const endOffset = BigInt(segmentBytes.length * 10)
  return {
    topic: 'orders',
    partition,
    incarnation: 0,
    plannedOffset: 0n,
    idle: true,
    segments,
    endOffset,
    waitingSinceMs: 0,
    ...more,
  }
}

const OPTIONS: PlanOptions = {
  taskTargetBytes: 100,
  commitIntervalMs: 1000,
  nowMs: 0,
  flush: false,
  maxTasks: 100,
}
const DUE = { ...OPTIONS, nowMs: 500 }

const ranges = (tasks: ReturnType<typeof cutTasks>) =>
  tasks.map(slices => slices.map(slice => `${slice.partition}:${slice.startOffset}-${slice.endOffset}`))

describe('cutTasks', () => {
  test('enough bytes make tasks at once; the rest waits', () => {
    expect(ranges(cutTasks([pending(0, [60, 60, 60, 60, 10])], OPTIONS))).toEqual([['0:0-20'], ['0:20-40']])
  })

  test('what is given up goes with the slice that passes over it, once', () => {
    const partition = pending(0, [60, 60, 60, 60], { plannedOffset: 5n, abandoned: [3n, 7n, 20n, 39n, 41n] })
    const given = cutTasks([partition], OPTIONS).flat()
    expect(given.map(({ abandoned }) => abandoned)).toEqual([[7n], [20n, 39n]])
    expect(cutTasks([pending(0, [500])], OPTIONS)[0]?.[0]).not.toHaveProperty('abandoned')
  })

  test('a segment larger than the target is a task of its own', () => {
    expect(ranges(cutTasks([pending(0, [500, 500])], OPTIONS))).toEqual([['0:0-10'], ['0:10-20']])
  })

  test('quiet partitions share a task once the oldest segment has waited half the commit interval', () => {
    const partitions = [pending(0, [10]), pending(1, [10]), pending(2, [10])]
    expect(cutTasks(partitions, { ...OPTIONS, nowMs: 499 })).toEqual([])
    expect(ranges(cutTasks(partitions, DUE))).toEqual([['0:0-10', '1:0-10', '2:0-10']])
  })

  test('a shared task closes before it passes the target', () => {
    expect(ranges(cutTasks([pending(0, [60]), pending(1, [60]), pending(2, [30])], DUE))).toEqual([
      ['0:0-10'],
      ['1:0-10', '2:0-10'],
    ])
  })

  test('a partition with work in flight shares no task, and waits the whole interval for it', () => {
    const busy = pending(0, [10], { idle: false })
    expect(cutTasks([busy], DUE)).toEqual([])
    expect(ranges(cutTasks([busy, pending(1, [10])], { ...OPTIONS, nowMs: 1000 }))).toEqual([
      ['1:0-10'],
      ['0:0-10'],
    ])
  })

  test('the rest behind a full task of its partition never shares one', () => {
    expect(ranges(cutTasks([pending(0, [100, 10]), pending(1, [10])], { ...OPTIONS, nowMs: 1000 }))).toEqual([
      ['1:0-10'],
      ['0:0-10'],
      ['0:10-20'],
    ])
  })

  test('when there is no room for all, partitions take turns: one backlog does not hold up the others', () => {
    const partitions = [pending(0, [100, 100, 100]), pending(1, [100, 100]), pending(2, [100])]
    expect(ranges(cutTasks(partitions, { ...OPTIONS, maxTasks: 4 }))).toEqual([
      ['0:0-10'],
      ['1:0-10'],
      ['2:0-10'],
      ['0:10-20'],
    ])
  })

  test('the first slice begins at the planned offset, so that a hole before it is accounted for', () => {
    const beyondHole = {
      ...pending(0, [10]),
      plannedOffset: 0n,
      segments: [{ ...firstSegment(), baseOffset: 5n }],
      endOffset: 10n,
    }
    expect(ranges(cutTasks([beyondHole], DUE))).toEqual([['0:0-10']])
  })

  test('no more tasks than there is room for, and never a later one of a partition without the earlier', () => {
    const tasks = cutTasks([pending(0, [100, 100, 100])], { ...OPTIONS, maxTasks: 2 })
    expect(ranges(tasks)).toEqual([['0:0-10'], ['0:10-20']])
  })

  test('flush plans everything whatever its age', () => {
    expect(ranges(cutTasks([pending(0, [10])], { ...OPTIONS, flush: true }))).toEqual([['0:0-10']])
  })

  test('a task mixes at most so many slices', () => {
    const partitions = Array.from({ length: MAX_SLICES_PER_TASK + 1 }, (_, i) => pending(i, [0]))
    expect(cutTasks(partitions, DUE).map(slices => slices.length)).toEqual([MAX_SLICES_PER_TASK, 1])
  })

  test('flushed plans of any partitions hold every segment once, and their slices join up', () => {
    const partition = fc.array(fc.integer({ min: 0, max: 250 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(fc.array(partition, { maxLength: 6 }), fc.boolean(), (sizes, idle) => {
        const partitions = sizes.map((segmentBytes, i) => pending(i, segmentBytes, { idle }))
        const slices = cutTasks(partitions, { ...OPTIONS, flush: true, maxTasks: 1000 }).flat()
        for (const { partition: number, segments, endOffset } of partitions) {
          const own = slices.filter(slice => slice.partition === number)
          expect(own.flatMap(slice => slice.segments.map(segment => segment.key))).toEqual(
            segments.map(segment => segment.key),
          )
          expect(own.map(slice => slice.startOffset)).toEqual([
            0n,
            ...own.slice(0, -1).map(slice => slice.endOffset),
          ])
          expect(own.at(-1)?.endOffset).toBe(endOffset)
        }
      }),
    )
  })
})

function firstSegment(): ReadySegment {
  const [segment] = pending(0, [10]).segments
  if (segment === undefined) throw new Error('a pending partition has segments')
  return segment
}
