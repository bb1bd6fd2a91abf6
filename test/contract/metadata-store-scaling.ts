/** What waits for converters, and the processes that live. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import { HEARTBEAT_TTL_MS, PROCESS_KEPT_MS } from '../../shared/metadata/processes.ts'
import {
  claimed,
  commitOf,
  followTopic,
  idOf,
  type MetadataFixture,
  NOTE,
  type OpenMetadata,
  openFixture,
  planned,
  sliceOf,
  TABLE,
} from './metadata-store-fixture.ts'

export function describeScaling(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store, 3)
  })
  afterEach(() => fixture.remove())

  const backlog = async () => (await store.readScaling()).backlog
  const nothing = { waitingTasks: 0, waitingBytes: 0, runningTasks: 0, runningBytes: 0 }
  const bytesOf = (...slices: readonly ReturnType<typeof sliceOf>[]) =>
    slices.flatMap(({ segments }) => segments).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)

  it('counts tasks that wait and tasks that run, by the size of their segments, and nothing else', async () => {
    expect(await backlog()).toEqual(nothing)
    const slices = [sliceOf(0, 0, 20), sliceOf(1, 0, 10), sliceOf(1, 10, 40)] as const
    await planned(store, 'a', slices[0])
    const sinceMs = fixture.clock.nowMs
    fixture.clock.nowMs += 500
    await planned(store, 'b', slices[1])
    await planned(store, 'c', slices[2])
    expect(await backlog()).toEqual({
      ...nothing,
      waitingTasks: 3,
      waitingBytes: bytesOf(...slices),
      waitingSinceMs: sinceMs,
    })
    await claimed(store, 'a')
    expect(await backlog()).toEqual({
      waitingTasks: 2,
      waitingBytes: bytesOf(slices[1], slices[2]),
      waitingSinceMs: sinceMs + 500,
      runningTasks: 1,
      runningBytes: bytesOf(slices[0]),
    })
    await store.commitTask(commitOf('a', [slices[0]]))
    expect(await backlog()).toMatchObject({ waitingTasks: 2, runningTasks: 0, runningBytes: 0 })
  })

  it('leaves out what no worker may take: of partitions and tables that are stopped or paused', async () => {
    await planned(store, 'shared', sliceOf(0, 0, 10), sliceOf(1, 0, 10))
    await planned(store, 'alone', sliceOf(2, 0, 10))
    await store.pausePartition(idOf(2), NOTE)
    expect(await backlog()).toMatchObject({
      waitingTasks: 1,
      waitingBytes: bytesOf(sliceOf(0, 0, 10), sliceOf(1, 0, 10)),
    })
    await store.pausePartition(idOf(0), NOTE)
    expect((await backlog()).waitingTasks).toBe(1)
    await store.pausePartition(idOf(1), NOTE)
    expect(await backlog()).toEqual(nothing)
    for (const partition of [0, 1, 2]) await store.resumePartition(idOf(partition), NOTE)
    expect((await backlog()).waitingTasks).toBe(2)
    await store.setTableState(TABLE, 'paused', NOTE)
    expect(await backlog()).toEqual(nothing)
  })

  const report = (name: string, change: object = {}) => ({
    name,
    stages: ['convert', 'serve'],
    version: '1.0.0',
    conversions: 4,
    utilisation: 0.25,
    ...change,
  })
  const processes = async () => (await store.readScaling()).processes

  it('knows a process by what it last said, until it ends or is silent for too long', async () => {
    await store.reportProcess(report('a'))
    const startedAtMs = fixture.clock.nowMs
    fixture.clock.nowMs += 1000
    await store.reportProcess(report('b', { stages: ['plan'], conversions: 0, utilisation: 0 }))
    fixture.clock.nowMs += 1000
    await store.reportProcess(report('a', { utilisation: 0.5, bytesPerSecond: 1_000_000.4 }))
    expect(await processes()).toEqual([
      {
        ...report('a', { utilisation: 0.5, bytesPerSecond: 1_000_000 }),
        startedAtMs,
        seenAtMs: startedAtMs + 2000,
        isLive: true,
      },
      expect.objectContaining({ name: 'b', stages: ['plan'], seenAtMs: startedAtMs + 1000, isLive: true }),
    ])
    await store.endProcess('a')
    const live = async () => (await processes()).filter(({ isLive }) => isLive).map(({ name }) => name)
    expect(await live()).toEqual(['b'])
    fixture.clock.nowMs = startedAtMs + 1000 + HEARTBEAT_TTL_MS - 1
    expect(await live()).toEqual(['b'])
    fixture.clock.nowMs += 1
    expect(await live()).toEqual([])
  })

  it('forgets those that ended long ago', async () => {
    await store.reportProcess(report('old'))
    fixture.clock.nowMs += PROCESS_KEPT_MS + 1
    await store.reportProcess(report('new'))
    expect((await processes()).map(({ name }) => name)).toEqual(['new'])
  })
}
