import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { runTask, type TaskRunnerContext } from '../../../services/converter/run-task.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { divideWorkerMemory } from '../../../shared/runtime/worker-memory.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline({ limits: { max_task_attempts: 3, claim_lease: '30s' } })
  await land(pipeline.source, ids(0, 10))
  await pipeline.plan({ everything: true })
})
afterEach(() => pipeline.close())

const clean = { gaps: 0n, duplicates: 0n, unverifiable: 0n, findings: [] }
const unavailable = () => new AppError({ code: 'store-unavailable', next: 'retry', message: 'not now' })
const theTask = async () => (await pipeline.metadata.listRunnableTasks(1))[0] ?? 'none'
const tasks = async () => {
  const { tableId } = (await pipeline.declare()).rows
  return await pipeline.metadata.countTasks(tableId)
}

function context(convert: TaskRunnerContext['convert']): TaskRunnerContext {
  const { metadata, runtime } = pipeline
  return { metadata, runtime, convert, worker: 'worker', claimLeaseMs: 30_000, maxTaskAttempts: 3 }
}

/** Waits out every pause before a retry. */
async function convertPatiently(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await pipeline.convert()
    pipeline.runtime.advance(60_000)
  }
}

describe('runTask', () => {
  test('a store that fails for a while holds a task up, and no longer', async () => {
    let failures = 0
    pipeline.warehouse.before = () => {
      if (failures++ < 10) throw unavailable()
    }
    await convertPatiently(12)
    expect(failures).toBeGreaterThan(10)
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 10n })
    expect(await pipeline.partition()).toMatchObject({ state: 'active', committedOffset: 10n })
    expect(await pipeline.eventTypes()).toContain('task.failing')
  })

  test.each([
    ['the warehouse', () => pipeline.warehouse],
    ['the source', () => pipeline.source],
  ])(
    'a permission that %s lacks for hours stops no partition, and needs nobody once it is there',
    async (_, storeOf) => {
      storeOf().before = () => {
        throw new AppError({ code: 'access-denied', next: 'wait', message: 'no' })
      }
      await convertPatiently(60)
      expect(await pipeline.partition()).toMatchObject({ state: 'active', committedOffset: 0n })
      expect(await tasks()).toMatchObject({ queued: 1, parked: 0 })
      expect(await pipeline.eventTypes()).toContain('task.failing')
      storeOf().before = undefined
      await convertPatiently(1)
      expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 10n })
    },
  )

  test('a failure that nobody classified is tried a few times, then parked', async () => {
    const failing = context(async () => {
      throw new TypeError('undefined is not a function')
    })
    const taskId = await theTask()
    for (let attempt = 0; attempt < 5; attempt++) {
      await runTask(failing, taskId, { alone: true })
      pipeline.runtime.advance(60_000)
    }
    expect(await pipeline.partition()).toMatchObject({ state: 'stopped', stateCode: 'unexpected-failure' })
    expect(await tasks()).toMatchObject({ parked: 1, queued: 0 })
    expect((await runTask(failing, taskId, { alone: true })).kind).toBe('passed')
  })

  test('a broken invariant gives the task back and ends the process', async () => {
    const broken = context(async () => {
      throw new AppError({ code: 'broken-invariant', next: 'fatal', message: 'no' })
    })
    await expect(runTask(broken, await theTask(), { alone: true })).rejects.toMatchObject({
      code: 'broken-invariant',
    })
    expect(await tasks()).toMatchObject({ queued: 1, claimed: 0 })
  })

  test('a task whose worker died is left, untouched, until it may be run alone', async () => {
    const taskId = await theTask()
    const never = context(() => Promise.reject(new Error('it is not converted')))
    await pipeline.metadata.claimTask(taskId, { token: 'died', leaseMs: 1, worker: 'w' })
    pipeline.runtime.advance(1)
    expect(await runTask(never, taskId, { alone: false })).toEqual({ kind: 'lost' })
    const [task] = await pipeline.metadata.listTasks({ limit: 1 })
    expect(task).toMatchObject({ state: 'claimed', attempts: 0 })
  })

  test('a task that is handed back waits as if nobody had had it, whatever becomes of its conversion', async () => {
    const taskId = await theTask()
    const handBack = new AbortController()
    const conversion = Promise.withResolvers<never>()
    const slow = { ...context(() => conversion.promise), handBack: handBack.signal }
    const running = runTask(slow, taskId, { alone: false })
    await vi.waitFor(async () => expect(await tasks()).toMatchObject({ claimed: 1 }))
    handBack.abort()
    expect(await running).toMatchObject({ kind: 'handed_back' })
    conversion.reject(new Error('its thread was ended'))
    expect(await pipeline.metadata.listTasks({ limit: 1 })).toMatchObject([{ state: 'queued', attempts: 0 }])
    expect((await pipeline.convert()).map(({ kind }) => kind)).toEqual(['committed'])
  })

  test('a zombie whose lease ran out commits nothing, and leaves only orphan files', async () => {
    const taskId = await theTask()
    const outcome = await runTask(
      context(async (task, claim) => {
        const { rows, deadLetters } = await pipeline.declare()
        const request = {
          task,
          claimToken: claim.token,
          sourceName: 'local',
          rows: targetOf(rows),
          deadLetters: targetOf(deadLetters),
          settings: SETTINGS,
        }
        const result = await pipeline.parts.convert(request)
        // Stopped by its machine for longer than its lease: the extensions come too late as well.
        pipeline.runtime.advance(31_000)
        expect((await pipeline.convert()).map(other => other.kind)).toEqual(['committed'])
        return result
      }),
      taskId,
      { alone: true },
    )
    expect(outcome.kind).toBe('fenced')
    expect(await pipeline.audit()).toMatchObject({ ...clean, rows: 10n })
    const written = await fileNames()
    expect(written).toHaveLength(2)
  })

  test('a claim is extended while the conversion goes on', async () => {
    const taskId = await theTask()
    const outcome = await runTask(
      context(async (task, claim) => {
        for (let step = 0; step < 10; step++) {
          pipeline.runtime.advance(10_000)
          // Lets the extension run.
          await new Promise(resolve => process.nextTick(resolve))
        }
        expect(
          await pipeline.metadata.claimTask(taskId, { token: 'thief', leaseMs: 1, worker: 'b' }),
        ).toEqual({
          kind: 'held',
        })
        expect(claim.token).not.toBe('thief')
        return {
          files: [],
          deadLetters: [],
          accounts: task.slices.map(({ topic, partition, incarnation, startOffset, endOffset }) => ({
            topic,
            partition,
            incarnation,
            startOffset,
            endOffset,
            rowCount: 0n,
            deadLetterCount: 0n,
            ranges: [{ kind: 'skipped' as const, startOffset, endOffset }],
            maxTimestampMs: -1,
          })),
        }
      }),
      taskId,
      { alone: true },
    )
    expect(outcome.kind).toBe('committed')
  })

  test('a worker that died is followed by another once its lease is over', async () => {
    await pipeline.metadata.claimTask(await theTask(), { token: 'dead', leaseMs: 30_000, worker: 'dead' })
    expect(await pipeline.convert()).toEqual([])
    pipeline.runtime.advance(30_001)
    expect((await pipeline.convert()).map(outcome => outcome.kind)).toEqual(['committed'])
  })
})

async function fileNames(): Promise<readonly string[]> {
  const names: string[] = []
  for await (const { key } of pipeline.warehouse.list({ prefix: '' }))
    if (key.endsWith('.parquet')) names.push(key)
  return names
}

const SETTINGS = {
  format: 'json',
  fieldOptions: new Map(),
  unknownFields: 'ignore',
  metadataColumns: 'struct',
  compression: 'zstd',
  targetFileBytes: 1 << 20,
  dlqMode: 'dlq',
  dlqMaxRatio: 1,
  onSourceGap: 'continue',
  maxOpenPartitions: 10,
  memory: divideWorkerMemory(),
} as const

function targetOf({ name, location, schemas, specs }: Awaited<ReturnType<Pipeline['declare']>>['rows']) {
  const [schema, spec] = [schemas[0], specs[0]]
  if (schema === undefined || spec === undefined) throw new Error(`${name} has no schema`)
  return { name, location, schema, spec }
}
