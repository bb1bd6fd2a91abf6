import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ASSUMED_BYTES_PER_CONVERSION_SECOND,
  desiredWorkers,
  workerRate,
} from '../../../services/scaling/desired-workers.ts'
import { scalingReport } from '../../../services/scaling/scaling-report.ts'
import type { Backlog, ProcessRecord } from '../../../shared/metadata/processes.ts'

const MIB = 2 ** 20
const TARGET = { targetDrainMs: 60_000, minWorkers: 0, maxWorkers: 50 }
const RATE = { bytesPerSecond: 10 * MIB, conversions: 4 }
const backlog = (change: Partial<Backlog> = {}): Backlog => ({
  waitingTasks: 0,
  waitingBytes: 0,
  runningTasks: 0,
  runningBytes: 0,
  ...change,
})
const wanted = (change: Partial<Backlog>, target = TARGET) => desiredWorkers(backlog(change), RATE, target)

describe('desired workers', () => {
  it.each([
    ['none when nothing waits and nothing runs', {}, 0],
    ['one as soon as anything waits', { waitingTasks: 1, waitingBytes: 1 }, 1],
    ['one for tasks of which no size is known', { waitingTasks: 100 }, 1],
    ['what drains the bytes within the target', { waitingTasks: 100, waitingBytes: 6000 * MIB }, 10],
    ['no more than there are tasks for', { waitingTasks: 7, waitingBytes: 6000 * MIB }, 2],
    ['what is busy now', { runningTasks: 9, runningBytes: 9 * MIB }, 3],
    [
      'both what runs and what waits',
      { waitingTasks: 40, waitingBytes: 1200 * MIB, runningTasks: 4, runningBytes: 600 * MIB },
      3,
    ],
    ['never more than the maximum', { waitingTasks: 10_000, waitingBytes: 10 ** 7 * MIB }, 50],
  ])('are %s', (_what, change, expected) => {
    expect(wanted(change)).toBe(expected)
  })

  it('are never fewer than the minimum', () => {
    expect(wanted({}, { ...TARGET, minWorkers: 2 })).toBe(2)
  })

  it('never fall when more waits', () => {
    const size = fc.nat({ max: 10 ** 6 })
    fc.assert(
      fc.property(size, size, size, (tasks, mib, more) => {
        const less = wanted({ waitingTasks: tasks, waitingBytes: mib * MIB })
        expect(
          wanted({ waitingTasks: tasks + more, waitingBytes: (mib + more) * MIB }),
        ).toBeGreaterThanOrEqual(less)
        expect(less).toBeLessThanOrEqual(tasks)
      }),
    )
  })
})

describe('the rate of a worker', () => {
  const process = (change: Partial<ProcessRecord>): ProcessRecord => ({
    name: 'p',
    stages: ['convert'],
    version: '1',
    conversions: 4,
    utilisation: 0,
    startedAtMs: 0,
    seenAtMs: 0,
    isLive: true,
    ...change,
  })
  const rate = (...changes: readonly Partial<ProcessRecord>[]) => workerRate(changes.map(process))

  it.each([
    [
      'assumed before anything is known',
      [],
      { conversions: 2, bytesPerSecond: 2 * ASSUMED_BYTES_PER_CONVERSION_SECOND },
    ],
    [
      'assumed for what new workers can do',
      [{}],
      { conversions: 4, bytesPerSecond: 4 * ASSUMED_BYTES_PER_CONVERSION_SECOND },
    ],
    [
      'the mean of those that live',
      [{ bytesPerSecond: 100 }, { bytesPerSecond: 300 }, {}],
      { conversions: 4, bytesPerSecond: 200 },
    ],
    [
      'not that of the dead while others live',
      [{ bytesPerSecond: 100 }, { bytesPerSecond: 900, isLive: false, conversions: 9 }],
      { conversions: 4, bytesPerSecond: 100 },
    ],
    [
      'that of the last ones after a scale to zero',
      [{ bytesPerSecond: 700, isLive: false }],
      { conversions: 4, bytesPerSecond: 700 },
    ],
    [
      'not that of other stages',
      [{ stages: ['plan'], conversions: 0, bytesPerSecond: 5 }, { bytesPerSecond: 100 }],
      { conversions: 4, bytesPerSecond: 100 },
    ],
  ] as const)('is %s', (_what, changes, expected) => {
    expect(rate(...changes)).toEqual(expected)
  })

  it('goes into a report of flat numbers, with the workers that live', () => {
    const processes = [{}, { isLive: false }, { stages: ['plan'], conversions: 0 }].map(process)
    const waiting = backlog({ waitingTasks: 2, waitingBytes: 5, waitingSinceMs: 1000 })
    const report = scalingReport({ atMs: 3500, backlog: waiting, processes }, TARGET)
    expect(report).toMatchObject({
      workers: 1,
      oldest_waiting_seconds: 2.5,
      desired_workers: 1,
      waiting_tasks: 2,
    })
    expect(Object.values(report).every(Number.isFinite)).toBe(true)
  })
})
