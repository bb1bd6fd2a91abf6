/** Planning, claims and failures. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { MetadataStore, TaskFailure } from '../../shared/metadata/metadata-store.ts'
import {
  claimed,
  codeOf,
  commitOf,
  converted,
  eventTypes,
  followTopic,
  idOf,
  LEASE_MS,
  LETTERS,
  type MetadataFixture,
  NOTE,
  newTable,
  type OpenMetadata,
  openFixture,
  partitionAt,
  planned,
  sliceOf,
  TABLE,
  tokenOf,
} from './metadata-store-fixture.ts'

export function describePlanning(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store, 3)
  })
  afterEach(() => fixture.remove())

  it('moves the planned offset and remembers the last segment', async () => {
    expect(await planned(store, 'a', sliceOf(0, 0, 20))).toEqual({ kind: 'planned' })
    expect(await planned(store, 'b', sliceOf(0, 20, 30))).toEqual({ kind: 'planned' })
    expect(await partitionAt(store, 0)).toMatchObject({
      plannedOffset: 30n,
      committedOffset: 0n,
      lastPlanned: sliceOf(0, 20, 30).segments[0],
      tasksInFlight: 2,
    })
    expect(await store.listRunnableTasks(9)).toEqual(['a', 'b'])
    expect(await store.listRunnableTasks(1)).toEqual(['a'])
    expect(await store.countTasks(TABLE)).toEqual({
      queued: 2,
      claimed: 0,
      staged: 0,
      committed: 0,
      parked: 0,
      cancelled: 0,
    })
  })

  it('names the segments that a plan gives up, once it is kept', async () => {
    const slices = [{ ...sliceOf(0, 0, 30), abandoned: [10n, 20n] }, sliceOf(1, 0, 10)]
    expect(await planned(store, 'a', ...slices)).toEqual({ kind: 'planned' })
    expect(await planned(store, 'b', ...slices)).toEqual({ kind: 'stale' })
    expect(await store.listEvents({ tableId: TABLE, limit: 9 })).toMatchObject(
      [20, 10].map(baseOffset => ({
        type: 'segment.abandoned',
        topic: 'orders',
        partition: 0,
        details: { key: `orders/0/segment-${String(baseOffset).padStart(20, '0')}.kfs`, baseOffset },
      })),
    )
  })

  it('calls a plan stale that does not begin at the planned offset, and keeps nothing of it', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    expect(await planned(store, 'b', sliceOf(0, 0, 10))).toEqual({ kind: 'stale' })
    expect(await planned(store, 'c', sliceOf(1, 0, 10), sliceOf(2, 5, 10))).toEqual({ kind: 'stale' })
    expect(await planned(store, 'd', sliceOf(0, 10, 20, 1))).toEqual({ kind: 'stale' })
    expect(await partitionAt(store, 1)).toMatchObject({ plannedOffset: 0n, tasksInFlight: 0 })
    expect(await store.listRunnableTasks(9)).toEqual(['a'])
  })

  it('lets partitions share a task only at their watermarks', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    expect(await planned(store, 'b', sliceOf(0, 10, 20), sliceOf(1, 0, 10))).toEqual({ kind: 'stale' })
    expect(await planned(store, 'b', sliceOf(1, 0, 10), sliceOf(2, 0, 10))).toEqual({ kind: 'planned' })
    expect(await planned(store, 'c', sliceOf(1, 10, 20))).toEqual({ kind: 'planned' })
  })

  it('refuses tasks that make no sense', async () => {
    expect(await codeOf(planned(store, 'a'))).toBe('broken-invariant')
    expect(await codeOf(planned(store, 'a', sliceOf(0, 10, 10)))).toBe('broken-invariant')
    expect(await codeOf(planned(store, 'a', sliceOf(0, 0, 10), sliceOf(0, 10, 20)))).toBe('broken-invariant')
    const ofLetters = { taskId: 'a', tableId: LETTERS, schemaId: 0, specId: 0, slices: [sliceOf(0, 0, 10)] }
    expect(await codeOf(store.planTask(ofLetters))).toBe('broken-invariant')
    const ofNoSchema = { taskId: 'a', tableId: TABLE, schemaId: 5, specId: 0, slices: [sliceOf(0, 0, 10)] }
    expect(await codeOf(store.planTask(ofNoSchema))).toBe('metadata-statement-failed')
    expect(await partitionAt(store, 0)).toMatchObject({ plannedOffset: 0n })
  })

  it('lists tasks with all that they hold', async () => {
    await planned(store, 'a', sliceOf(0, 0, 20), sliceOf(1, 0, 10))
    await planned(store, 'b', sliceOf(0, 20, 30))
    await claimed(store, 'b')
    const [first, ...others] = await store.listTasks({ tableId: TABLE, states: ['queued'], limit: 9 })
    expect(others).toEqual([])
    expect(first).toEqual({
      taskId: 'a',
      tableId: TABLE,
      schemaId: 0,
      specId: 0,
      slices: [sliceOf(0, 0, 20), sliceOf(1, 0, 10)],
      attempts: 0,
      state: 'queued',
      createdAtMs: fixture.clock.nowMs,
    })
    expect((await store.listTasks({ limit: 9 })).map(task => task.taskId)).toEqual(['a', 'b'])
    expect(await store.listTasks({ states: ['claimed'], limit: 0 })).toEqual([])
  })
}

export function describeClaims(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store, 3)
  })
  afterEach(() => fixture.remove())

  it('gives a task to one worker at a time', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    expect(await claimed(store, 'a')).toEqual({
      kind: 'claimed',
      task: { taskId: 'a', tableId: TABLE, schemaId: 0, specId: 0, slices: [sliceOf(0, 0, 10)], attempts: 0 },
      claim: { taskId: 'a', token: tokenOf('a'), leaseUntilMs: fixture.clock.nowMs + LEASE_MS },
    })
    expect(await claimed(store, 'a', 'other')).toEqual({ kind: 'held' })
    expect(await store.listRunnableTasks(9)).toEqual([])
    expect(await claimed(store, 'nothing')).toEqual({ kind: 'missing' })
  })

  it('lists what dead workers left, the oldest first, and nothing of partitions that stand still', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await planned(store, 'b', sliceOf(1, 0, 10))
    await planned(store, 'c', sliceOf(2, 0, 10))
    for (const taskId of ['b', 'a']) await claimed(store, taskId)
    expect(await store.listLostTasks(9)).toEqual([])
    fixture.clock.nowMs += LEASE_MS
    await claimed(store, 'c')
    expect(await store.listLostTasks(9)).toEqual(['a', 'b'])
    expect(await store.listLostTasks(1)).toEqual(['a'])
    await store.pausePartition(idOf(0), NOTE)
    expect(await store.listLostTasks(9)).toEqual(['b'])
  })

  it('gives a task on when its lease is over, counts the lost attempt, and fences the first worker', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a', 'first')
    fixture.clock.nowMs += LEASE_MS
    expect(await store.listRunnableTasks(9)).toEqual(['a'])
    const shy = { token: 'shy', leaseMs: LEASE_MS, worker: 'w', leaveLost: true }
    expect(await store.claimTask('a', shy)).toEqual({ kind: 'lost' })
    expect(await claimed(store, 'a', 'second')).toMatchObject({ kind: 'claimed', task: { attempts: 1 } })
    const zombie = { taskId: 'a', token: 'first' }
    expect(await store.extendClaim(zombie, LEASE_MS)).toBe(false)
    expect(await store.failTask({ claim: zombie, code: 'c', message: 'm', next: { kind: 'park' } })).toBe(
      false,
    )
    expect(await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)], { token: 'first' }))).toEqual({
      kind: 'fenced',
    })
    expect(await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)], { token: 'second' }))).toMatchObject({
      kind: 'committed',
    })
  })

  it('lets tables take turns, first those of which fewest run, and skips what stands still', async () => {
    for (let i = 0; i < 5; i++) await planned(store, `a${i}`, sliceOf(0, i * 10, i * 10 + 10))
    for (const name of ['b', 'c']) {
      await store.createTable(newTable(name, `shop.${name}`), newTable(`${name}-dlq`, `shop.${name}__dlq`))
      await store.registerPartition({ ...idOf(0), tableId: name, incarnation: 0, firstOffset: 0n })
      for (let i = 0; i < 2; i++) {
        const slices = [sliceOf(0, i * 10, i * 10 + 10)]
        await store.planTask({ taskId: `${name}${i}`, tableId: name, schemaId: 0, specId: 0, slices })
      }
    }
    expect(await store.listRunnableTasks(99)).toEqual(['a0', 'b0', 'c0', 'a1', 'b1', 'c1', 'a2', 'a3', 'a4'])
    expect(await store.listRunnableTasks(4)).toEqual(['a0', 'b0', 'c0', 'a1'])
    await claimed(store, 'a0')
    expect((await store.listRunnableTasks(99)).slice(0, 4)).toEqual(['b0', 'c0', 'a1', 'b1'])
    await store.setTableState('b', 'paused', NOTE)
    expect(await store.listRunnableTasks(99)).toEqual(['c0', 'a1', 'c1', 'a2', 'a3', 'a4'])
    fixture.clock.nowMs += LEASE_MS
    expect(await store.listRunnableTasks(99)).toEqual(['a0', 'c0', 'a1', 'c1', 'a2', 'a3', 'a4'])
  })

  const dies = async (taskId: string, token: string) => {
    const outcome = await store.claimTask(taskId, {
      token,
      leaseMs: LEASE_MS,
      worker: token,
      maxLostClaims: 3,
    })
    fixture.clock.nowMs += LEASE_MS
    return outcome.kind
  }

  it('parks a task whose workers died three times in a row, and stops only its partition, with an event', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await planned(store, 'b', sliceOf(1, 0, 10))
    expect([await dies('a', 'w1'), await dies('a', 'w2'), await dies('a', 'w3')]).toEqual(
      Array(3).fill('claimed'),
    )
    expect(await dies('a', 'w4')).toBe('stopped')
    expect(await store.listTasks({ states: ['parked'], limit: 9 })).toMatchObject([
      { taskId: 'a', attempts: 3, lastErrorCode: 'workers-lost' },
    ])
    const [event] = await store.listEvents({ limit: 1 })
    expect(event).toMatchObject({
      type: 'partition.stopped',
      partition: 0,
      details: { code: 'workers-lost' },
    })
    expect(event?.message).toMatch(
      /3 workers in a row died .* task a \(orders-0, offsets 0 to 9\); the last was w3/,
    )
    expect(await store.listRunnableTasks(9)).toEqual(['b'])
    await store.resumePartition(idOf(0), NOTE)
    expect(await dies('a', 'w5')).toBe('claimed')
    expect(await dies('a', 'w6')).toBe('claimed')
  })

  it('counts workers lost in a row only: a failure that may pass in between, however often, parks nothing', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    for (let outage = 0; outage < 5; outage++) {
      await store.claimTask('a', { token: 't', leaseMs: LEASE_MS, worker: 'w', maxLostClaims: 3 })
      const next = { kind: 'retry', delayMs: 0 } as const
      await store.failTask({ claim: { taskId: 'a', token: 't' }, code: 'storage', message: 'm', next })
    }
    expect([await dies('a', 'w1'), await dies('a', 'w2')]).toEqual(['claimed', 'claimed'])
    expect(
      await store.claimTask('a', { token: 'w3', leaseMs: 1, worker: 'w3', maxLostClaims: 3 }),
    ).toMatchObject({
      kind: 'claimed',
      task: { attempts: 2 },
    })
  })

  it('takes a shared task apart whose workers keep dying, so that only the slice that kills them is parked', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10), sliceOf(1, 0, 10))
    for (const token of ['w1', 'w2', 'w3']) await dies('a', token)
    expect(await dies('a', 'w4')).toBe('missing')
    expect(await store.listRunnableTasks(9)).toEqual(['a.0', 'a.1'])
    for (const token of ['w5', 'w6', 'w7']) await dies('a.1', token)
    expect(await dies('a.1', 'w8')).toBe('stopped')
    expect(await claimed(store, 'a.0')).toMatchObject({
      kind: 'claimed',
      task: { slices: [sliceOf(0, 0, 10)] },
    })
    expect((await store.listPartitions(TABLE)).map(({ state }) => state)).toEqual([
      'active',
      'stopped',
      'active',
    ])
  })

  it('fences a commit whose lease is over even when nobody else took the task', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a')
    fixture.clock.nowMs += LEASE_MS
    expect(await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)]))).toEqual({ kind: 'fenced' })
    expect(await store.extendClaim({ taskId: 'a', token: tokenOf('a') }, LEASE_MS)).toBe(false)
  })

  it('extends a running claim', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a')
    fixture.clock.nowMs += LEASE_MS - 1
    expect(await store.extendClaim({ taskId: 'a', token: tokenOf('a') }, LEASE_MS)).toBe(true)
    fixture.clock.nowMs += LEASE_MS - 1
    expect(await claimed(store, 'a', 'other')).toEqual({ kind: 'held' })
    expect(await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)]))).toMatchObject({ kind: 'committed' })
    expect(await claimed(store, 'a', 'other')).toEqual({ kind: 'missing' })
  })

  it('gives a task back whole: any worker takes it at once, no attempt is counted, and its claim is over', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a')
    const claim = { taskId: 'a', token: tokenOf('a') }
    expect(await store.releaseClaim(claim)).toBe(true)
    expect(await store.releaseClaim(claim)).toBe(false)
    expect(await store.listRunnableTasks(9)).toEqual(['a'])
    expect(await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)]))).toEqual({ kind: 'fenced' })
    expect(await claimed(store, 'a', 'other')).toMatchObject({ kind: 'claimed', task: { attempts: 0 } })
    expect(await store.releaseClaim(claim)).toBe(false)
    fixture.clock.nowMs += LEASE_MS
    expect(await store.releaseClaim({ taskId: 'a', token: 'other' })).toBe(false)
  })

  it('does not let a stopped partition hold up those that share its task', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10), sliceOf(1, 0, 10), sliceOf(2, 0, 10))
    await store.pausePartition(idOf(1), NOTE)
    expect(await store.listRunnableTasks(9)).toEqual(['a'])
    const rest = [sliceOf(0, 0, 10), sliceOf(2, 0, 10)]
    expect(await claimed(store, 'a')).toMatchObject({ kind: 'claimed', task: { slices: rest } })
    expect(await store.commitTask(commitOf('a', rest))).toMatchObject({ state: 'committed' })
    expect(await store.listRunnableTasks(9)).toEqual([])
    await store.resumePartition(idOf(1), NOTE)
    const [waiting] = await store.listRunnableTasks(9)
    expect(await claimed(store, waiting ?? '', 't')).toMatchObject({ task: { slices: [sliceOf(1, 0, 10)] } })
    const commit = commitOf(waiting ?? '', [sliceOf(1, 0, 10)], { token: 't' })
    expect(await store.commitTask(commit)).toMatchObject({ state: 'committed' })
    expect((await store.listPartitions(TABLE)).map(found => found.committedOffset)).toEqual([10n, 10n, 10n])
  })
}

export function describeFailures(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store, 2)
  })
  afterEach(() => fixture.remove())

  const failed = (taskId: string, next: TaskFailure['next']) =>
    store.failTask({
      claim: { taskId, token: tokenOf(taskId) },
      code: 'segment-crc-mismatch',
      message: 'orders/0/0.kfs: byte 32: expected 1, found 2',
      next,
    })

  it('tries again after the delay', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a')
    expect(await failed('a', { kind: 'retry', delayMs: 99.5 })).toBe(true)
    expect(await store.listRunnableTasks(9)).toEqual([])
    expect(await claimed(store, 'a')).toEqual({ kind: 'not_yet' })
    fixture.clock.nowMs += 100
    expect(await store.listRunnableTasks(9)).toEqual(['a'])
    expect(await claimed(store, 'a', 'again')).toMatchObject({ kind: 'claimed', task: { attempts: 1 } })
    expect(await store.listTasks({ limit: 1 })).toMatchObject([
      { lastErrorCode: 'segment-crc-mismatch', lastErrorMessage: expect.stringContaining('byte 32') },
    ])
  })

  it('parks a task and stops its partition with the reason, until a person resumes it', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await planned(store, 'b', sliceOf(1, 0, 10))
    await claimed(store, 'a')
    expect(await failed('a', { kind: 'park' })).toBe(true)
    expect(await partitionAt(store, 0)).toMatchObject({ state: 'stopped', stateCode: 'segment-crc-mismatch' })
    expect(await partitionAt(store, 1)).toMatchObject({ state: 'active' })
    expect(await store.listRunnableTasks(9)).toEqual(['b'])
    expect(await claimed(store, 'a')).toEqual({ kind: 'stopped' })
    expect(await store.countTasks(TABLE)).toMatchObject({ parked: 1 })
    await store.resumePartition(idOf(0), NOTE)
    expect(await claimed(store, 'a')).toMatchObject({ kind: 'claimed', task: { attempts: 0 } })
    expect(await eventTypes(store)).toEqual(['operator.resume', 'partition.stopped'])
  })

  it('unparks one task, and its partition with it', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await claimed(store, 'a')
    await failed('a', { kind: 'park' })
    expect(await store.unparkTask('a', NOTE)).toEqual({ kind: 'unparked' })
    expect(await store.unparkTask('a', NOTE)).toEqual({ kind: 'missing' })
    expect(await partitionAt(store, 0)).toMatchObject({ state: 'active' })
    expect(await claimed(store, 'a')).toMatchObject({ kind: 'claimed' })
    expect(await eventTypes(store)).toEqual(['operator.unpark', 'partition.stopped'])
  })

  it('splits a shared task, so that the slice that fails is alone', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10), sliceOf(1, 0, 10))
    await claimed(store, 'a')
    expect(await codeOf(failed('a', { kind: 'split', newTaskIds: ['only-one'] }))).toBe('broken-invariant')
    expect(await failed('a', { kind: 'split', newTaskIds: ['a0', 'a1'] })).toBe(true)
    expect(await store.listRunnableTasks(9)).toEqual(['a0', 'a1'])
    expect(await claimed(store, 'a')).toEqual({ kind: 'missing' })
    expect(await claimed(store, 'a1')).toMatchObject({ task: { slices: [sliceOf(1, 0, 10)] } })
    expect(await store.commitTask(commitOf('a1', [sliceOf(1, 0, 10)]))).toMatchObject({ state: 'committed' })
    expect(await store.countTasks(TABLE)).toMatchObject({ queued: 1, committed: 1, cancelled: 1 })
    expect(await store.listTasks({ states: ['cancelled'], limit: 1 })).toMatchObject([
      { slices: [sliceOf(0, 0, 10), sliceOf(1, 0, 10)] },
    ])
  })

  it('cuts a task where it fails, so that what lies before commits in its turn', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await planned(store, 'b', sliceOf(0, 10, 40))
    await claimed(store, 'b')
    const whole = sliceOf(0, 10, 40)
    for (const at of [10n, 40n])
      expect(await codeOf(failed('b', { kind: 'cut', at, newTaskIds: ['b0', 'b1'] }))).toBe(
        'broken-invariant',
      )
    expect(await failed('b', { kind: 'cut', at: 25n, newTaskIds: ['b0', 'b1'] })).toBe(true)
    expect(await store.listRunnableTasks(9)).toEqual(['a', 'b0', 'b1'])

    // The segment that holds the cut is in both; each begins with the one that holds its start.
    const before = { ...whole, endOffset: 25n, segments: whole.segments.slice(0, 2) }
    const behind = { ...whole, startOffset: 25n, segments: whole.segments.slice(1) }
    expect(await claimed(store, 'b0')).toMatchObject({ task: { slices: [before], attempts: 0 } })
    expect(await claimed(store, 'b1')).toMatchObject({ task: { slices: [behind], attempts: 0 } })
    expect(await store.commitTask(commitOf('b0', [before]))).toMatchObject({ state: 'staged' })
    await claimed(store, 'a')
    expect(await store.commitTask(commitOf('a', [sliceOf(0, 0, 10)]))).toMatchObject({ state: 'committed' })
    expect(await partitionAt(store, 0)).toMatchObject({ committedOffset: 25n, plannedOffset: 40n })
    expect(await failed('b1', { kind: 'park' })).toBe(true)
    expect(await store.countTasks(TABLE)).toMatchObject({ committed: 2, parked: 1, cancelled: 1 })
  })

  it('forgets the last planned segment when a person takes its replacement as it is', async () => {
    await converted(store, 'a', sliceOf(0, 0, 10))
    for (const [code, kept] of [
      ['source-gap', true],
      ['segment-replaced', false],
    ] as const) {
      await store.stopPartition(idOf(0), { code, reason: 'look at it', details: {} })
      await store.resumePartition(idOf(0), NOTE)
      expect((await partitionAt(store, 0)).lastPlanned !== undefined).toBe(kept)
    }
  })

  it('stops the whole table after a flood, and runs the task after the resume', async () => {
    await planned(store, 'a', sliceOf(0, 0, 10))
    await planned(store, 'b', sliceOf(1, 0, 10))
    await claimed(store, 'a')
    expect(await failed('a', { kind: 'stop_table' })).toBe(true)
    expect(await store.loadTable('shop.orders')).toMatchObject({ state: 'stopped' })
    expect(await store.listRunnableTasks(9)).toEqual([])
    expect(await claimed(store, 'b')).toEqual({ kind: 'stopped' })
    await store.setTableState(TABLE, 'active', NOTE)
    expect(await store.listRunnableTasks(9)).toEqual(['a', 'b'])
    expect(await eventTypes(store)).toEqual(['operator.resume', 'table.stopped'])
  })

  it('knows nothing of a failure after the commit', async () => {
    await converted(store, 'a', sliceOf(0, 0, 10))
    expect(await failed('a', { kind: 'retry', delayMs: 0 })).toBe(false)
    expect(await store.unparkTask('a', NOTE)).toEqual({ kind: 'missing' })
  })
}
