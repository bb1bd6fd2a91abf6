/**
 * Random lives of a table against the model: whatever planners, workers, zombies and people do in whatever order, the store answers as
 * the model does, every offset below a watermark is accounted for exactly once, and every version shows a prefix of each partition.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AccountedRange, TaskSlice } from '../../../shared/flow.ts'
import type { MetadataStore, TaskCommit } from '../../../shared/metadata/metadata-store.ts'
import { commitOf, livePaths, NOTE, newTable, sliceOf, TOPIC } from '../../contract/metadata-store-fixture.ts'
import { LEASE_MS, Model, type ModelSlice, type ModelTask } from './model.ts'

const PARTITIONS = 3
const MAX_STEPS = 35

const partition = fc.nat({ max: PARTITIONS - 1 })
/** Picks one of however many there are. */
const pick = fc.nat({ max: 999 })
const length = fc.integer({ min: 3, max: 6 })

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('plan' as const),
      partition,
      length,
      shift: fc.constantFrom(0, 0, 0, 0, 1, -1),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('plan_shared' as const),
      partitions: fc.uniqueArray(partition, { minLength: 2, maxLength: 3 }),
      length,
      any: fc.constantFrom(false, false, true),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      task: pick,
      any: fc.constantFrom(false, false, true),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      claim: pick,
      latest: fc.boolean(),
      letters: fc.nat({ max: 1 }),
      absent: fc.nat({ max: 1 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('fail' as const),
      claim: pick,
      latest: fc.boolean(),
      next: fc.constantFrom('retry' as const, 'park' as const, 'split' as const, 'split' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('extend' as const, 'release' as const),
      claim: pick,
      latest: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('tick' as const),
      ms: fc.constantFrom(1, LEASE_MS / 2, LEASE_MS),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('skip_to' as const),
      partition,
      by: fc.integer({ min: -1, max: 7 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('replan' as const), partition }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pause' as const), partition }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('resume' as const), partition }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('see_end' as const),
      partition,
      shift: fc.integer({ min: -3, max: 9 }),
    }),
  },
)
type Command = typeof step extends fc.Arbitrary<infer T> ? T : never

/** What happened in all the runs together: a property that never met these would prove nothing. */
const met = new Map<string, number>()
const meet = (what: string) => met.set(what, (met.get(what) ?? 0) + 1)

interface Life {
  readonly store: MetadataStore
  readonly model: Model
  /** Also the beginning of every id: all the lives share one database, which takes long to make. */
  readonly tableId: string
  readonly lettersId: string
  readonly claims: { readonly taskId: string; readonly token: string }[]
  /** What each commit that was taken accounted for, by task. */
  readonly commits: Map<string, TaskCommit>
  plans: number
}

const clock = { nowMs: 0 }
let lives = 0

/** All lives are in the one database that `open` makes; what happens in so many `runs` must meet everything that is looked for. */
export function describeAgainstModel(
  name: string,
  runs: number,
  open: (clock: () => number) => Promise<MetadataStore>,
): void {
  describe(`metadata store against its model: ${name}`, () => {
    let store: MetadataStore
    beforeAll(async () => {
      store = await open(() => clock.nowMs)
      await store.migrate()
    })
    afterAll(() => store.close())

    it('answers as the model and keeps the invariants after every step', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 15, maxLength: MAX_STEPS, size: 'max' }),
          async commands => {
            const life = await begin(store)
            for (const command of commands) {
              const before = life.model.partitions.map(({ committed }) => committed)
              const restarted = await run(life, command)
              life.model.keepTime(before, restarted)
              await check(life)
              if (command.do === 'commit') await checkFiles(life)
            }
            await checkAtEnd(life)
            await giveUpAll(life)
          },
        ),
        { numRuns: runs },
      )
      // Many runs: a machine with much else to do must not fail them.
    }, 1_200_000)

    afterAll(() => {
      const wanted = [
        'committed',
        'staged',
        'fenced',
        'stale',
        'held',
        'stopped',
        'not_yet',
        'split',
        'park',
        'skipped',
        'replanned',
        'shared',
        'unplanned',
      ]
      // Some come ten times in a run on average: to ask for more than one of each would fail a run in thirty.
      expect(wanted.filter(what => !met.has(what))).toEqual([])
    })
  })
}

async function begin(store: MetadataStore): Promise<Life> {
  const tableId = `life-${lives++}`
  const lettersId = `${tableId}-letters`
  await store.createTable(newTable(tableId, tableId), newTable(lettersId, lettersId))
  for (let number = 0; number < PARTITIONS; number++) {
    await store.registerPartition({
      tableId,
      topic: TOPIC,
      partition: number,
      incarnation: 0,
      firstOffset: 0n,
    })
  }
  return {
    store,
    model: new Model(PARTITIONS, clock),
    tableId,
    lettersId,
    claims: [],
    commits: new Map(),
    plans: 0,
  }
}

/** What a life leaves in flight must not be found by the next one. */
async function giveUpAll({ store, model, tableId }: Life): Promise<void> {
  for (const [number, { planned }] of model.partitions.entries()) {
    await store.skipTo({ tableId, topic: TOPIC, partition: number }, BigInt(planned) + 1n, NOTE)
  }
}

/** Answers the partition that a person let go on. */
async function run(life: Life, command: Command): Promise<number | undefined> {
  const { store, model, tableId } = life
  const idOf = (number: number) => ({ tableId, topic: TOPIC, partition: number })
  switch (command.do) {
    case 'plan': {
      const start = model.partition(command.partition).planned + command.shift
      if (start >= 0)
        await plan(life, [{ partition: command.partition, start, end: start + command.length, position: 0 }])
      return undefined
    }
    case 'plan_shared': {
      const fitting = command.partitions.filter(number => {
        const { planned, committed, isActive } = model.partition(number)
        return command.any || (isActive && planned === committed)
      })
      const slices = fitting.map((number, position) => {
        const start = model.partition(number).planned
        return { partition: number, start, end: start + command.length, position }
      })
      if (slices.length > 0) await plan(life, slices)
      return undefined
    }
    case 'claim':
      await claim(life, command)
      return undefined
    case 'commit':
      await commit(life, command)
      return undefined
    case 'fail':
      await fail(life, command)
      return undefined
    case 'extend': {
      const known = claimAt(life, command)
      if (known === undefined) return undefined
      const task = model.held(known.taskId, known.token)
      expect(await store.extendClaim(known, LEASE_MS)).toBe(task !== undefined)
      if (task !== undefined) task.leaseUntil = model.clock.nowMs + LEASE_MS
      return undefined
    }
    case 'release': {
      const known = claimAt(life, command)
      if (known === undefined) return undefined
      const task = model.held(known.taskId, known.token)
      expect(await store.releaseClaim(known)).toBe(task !== undefined)
      if (task !== undefined) model.release(task)
      return undefined
    }
    case 'tick':
      model.clock.nowMs += command.ms
      return undefined
    case 'skip_to': {
      const offset = model.partition(command.partition).committed + command.by
      const kind = meetKind(model.skipTo(command.partition, offset))
      expect(await store.skipTo(idOf(command.partition), BigInt(offset), NOTE)).toMatchObject({ kind })
      return kind === 'skipped' ? command.partition : undefined
    }
    case 'replan': {
      const kind = meetKind(model.replan(command.partition))
      expect(await store.replanPartition(idOf(command.partition))).toEqual({ kind })
      return undefined
    }
    case 'pause':
      model.partition(command.partition).isActive = false
      await store.pausePartition(idOf(command.partition), NOTE)
      return undefined
    case 'resume':
      model.resume(command.partition)
      await store.resumePartition(idOf(command.partition), NOTE)
      return command.partition
    case 'see_end': {
      const known = model.partition(command.partition)
      const end = Math.max(0, known.planned + command.shift)
      known.end = end
      if (end > known.planned) meet('unplanned')
      const seen = { topic: TOPIC, partition: command.partition, incarnation: 0, endOffset: BigInt(end) }
      await store.noteSourceEnds(tableId, [seen])
      return undefined
    }
  }
}

function meetKind<K extends string>(kind: K): K {
  meet(kind)
  return kind
}

async function plan(life: Life, slices: readonly ModelSlice[]): Promise<void> {
  const { store, model } = life
  const taskId = `${life.tableId}-task-${life.plans++}`
  const kind = meetKind(model.plan(taskId, slices))
  if (kind === 'planned' && slices.length > 1) meet('shared')
  expect(
    await store.planTask({
      taskId,
      tableId: life.tableId,
      schemaId: 0,
      specId: 0,
      slices: slices.map(flowSlice),
    }),
  ).toEqual({ kind })
}

function flowSlice({ partition: number, start, end }: ModelSlice): TaskSlice {
  return sliceOf(number, start, end)
}

async function claim(life: Life, command: { readonly task: number; readonly any: boolean }): Promise<void> {
  const { store, model } = life
  const ids = command.any ? [...model.tasks.keys()] : model.runnable()
  const taskId = ids[command.task % Math.max(1, ids.length)]
  if (taskId === undefined) return
  const token = `token-${life.claims.length}`
  const kind = meetKind(model.claim(taskId, token))
  const outcome = await store.claimTask(taskId, { token, leaseMs: LEASE_MS, worker: 'w' })
  expect(outcome.kind).toBe(kind)
  if (outcome.kind !== 'claimed') return
  expect(outcome.task.slices).toEqual(model.tasks.get(taskId)?.slices.map(flowSlice))
  life.claims.push({ taskId, token })
}

/** Any claim that was ever taken, so that zombies come back too. */
function claimAt({ claims }: Life, command: { readonly claim: number; readonly latest: boolean }) {
  return command.latest
    ? claims.at(-1 - (command.claim % 3))
    : claims[command.claim % Math.max(1, claims.length)]
}

async function commit(life: Life, command: Command & { do: 'commit' }): Promise<void> {
  const { store, model } = life
  const known = claimAt(life, command)
  const task = known && model.tasks.get(known.taskId)
  if (known === undefined || task === undefined || task.slices.length === 0) return
  const proposed = commitFor(task, command, known.token)
  const held = model.held(known.taskId, known.token)
  const outcome = await store.commitTask(proposed)
  if (held === undefined) {
    meet('fenced')
    expect(outcome).toEqual({ kind: 'fenced' })
    return
  }
  life.commits.set(known.taskId, proposed)
  const state = meetKind(model.commit(held))
  expect(outcome).toMatchObject({ kind: 'committed', state })
}

function commitFor(task: ModelTask, command: { letters: number; absent: number }, token: string): TaskCommit {
  const slices = task.slices.map(flowSlice)
  const ranges = slices.map((slice): AccountedRange[] =>
    command.absent === 0
      ? []
      : [{ kind: 'absent', startOffset: slice.endOffset - 1n, endOffset: slice.endOffset }],
  )
  return commitOf(task.id, slices, { token, ranges, deadLetters: slices.map(() => BigInt(command.letters)) })
}

async function fail(life: Life, command: Command & { do: 'fail' }): Promise<void> {
  const { store, model } = life
  const known = claimAt(life, command)
  if (known === undefined) return
  const task = model.held(known.taskId, known.token)
  const kind = command.next === 'split' && (task?.slices.length ?? 0) < 2 ? 'retry' : command.next
  const newTaskIds = (task?.slices ?? []).map((_, index) => `${known.taskId}-${known.token}-${index}`)
  const next = kind === 'split' ? { kind, newTaskIds } : kind === 'retry' ? { kind, delayMs: 700 } : { kind }
  expect(await store.failTask({ claim: known, code: 'c', message: 'm', next })).toBe(task !== undefined)
  if (task === undefined) return
  meet(kind)
  if (kind === 'retry') model.retry(task, 700)
  else if (kind === 'park') model.park(task)
  else model.split(task, newTaskIds)
}

async function check({ store, model, tableId }: Life): Promise<void> {
  const partitions = await store.listPartitions(tableId)
  expect(
    partitions.map(found => [
      Number(found.plannedOffset),
      Number(found.committedOffset),
      found.state === 'active',
      Number(found.sourceEndOffset),
      found.behindSinceMs,
    ]),
  ).toEqual(
    model.partitions.map(known => [
      known.planned,
      known.committed,
      known.isActive,
      known.end,
      known.behindSince,
    ]),
  )
  const runnable = await store.listRunnableTasks(1000)
  expect(runnable).toEqual(model.runnable())
}

async function checkFiles({ store, model, commits, tableId, lettersId }: Life): Promise<void> {
  expect(await livePaths(store, 1_000_000n, tableId)).toEqual(model.live)
  const lettered = model.live.filter(id =>
    commits.get(id)?.files.some(file => file.target === 'dead_letters'),
  )
  expect(await livePaths(store, 1_000_000n, lettersId)).toEqual(lettered)
}

/** Exactly once, by the accounts themselves; and every version a prefix. */
async function checkAtEnd({ store, model, commits, tableId }: Life): Promise<void> {
  const { accounts } = await store.listAccounts(tableId, { limit: 10_000 })
  const skips = await store.listOperatorSkips(tableId)
  for (const [number, { committed }] of model.partitions.entries()) {
    const covered = [...accounts, ...skips]
      .filter(found => found.partition === number)
      .map(found => [Number(found.startOffset), Number(found.endOffset)] as const)
      .sort(([a], [b]) => a - b)
    let reached = 0
    for (const [start, end] of covered) {
      expect(start).toBe(reached)
      reached = end
    }
    expect(reached).toBe(committed)
  }
  const sums = await store.sumAccounts(tableId)
  const live = model.live.flatMap(id => commits.get(id)?.accounts ?? [])
  expect(sums.rowCount).toBe(live.reduce((sum, account) => sum + account.rowCount, 0n))
  expect(sums.deadLetterCount).toBe(live.reduce((sum, account) => sum + account.deadLetterCount, 0n))
  expect(sums.byKind.skipped).toBe(BigInt(model.skips.reduce((sum, skip) => sum + skip.end - skip.start, 0)))
  expect(accounts.length).toBe(live.length)

  const table = await store.loadTable(tableId)
  for (let version = 0n; version <= (table?.version ?? 0n); version++) {
    const shown = await livePaths(store, version, tableId)
    expect(shown).toEqual(model.live.slice(0, shown.length))
    for (const number of model.partitions.keys()) {
      const starts = (ids: readonly string[]) =>
        ids
          .flatMap(id => model.tasks.get(id)?.slices ?? [])
          .filter(slice => slice.partition === number)
          .map(slice => slice.start)
      const hidden = starts(model.live.slice(shown.length))
      expect(Math.max(-1, ...starts(shown))).toBeLessThan(Math.min(Number.MAX_SAFE_INTEGER, ...hidden))
    }
  }
  const counts = await store.countTasks(tableId)
  for (const state of ['queued', 'claimed', 'staged', 'committed', 'parked', 'cancelled'] as const) {
    expect([state, counts[state]]).toEqual([
      state,
      [...model.tasks.values()].filter(task => task.state === state).length,
    ])
  }
}
