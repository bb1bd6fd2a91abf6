import { afterEach, beforeEach, expect, test } from 'vitest'
import { sweepUntilStopped } from '../../../services/converter/sweep.ts'
import { createInProcessQueue } from '../../../shared/queue/in-process-queue.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'

const NEVER = new AbortController().signal
/** More than half a window of the sweep. */
const FULL = Array.from({ length: 600 }, (_, i) => `waiting-${i}`)

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline()
  await land(pipeline.source, ids(0, 10))
  await pipeline.plan({ everything: true })
})
afterEach(() => pipeline.close())

/** One sweep over a queue in which these wait; answers with what is taken first. */
async function sweepOver(waiting: readonly string[]): Promise<string | undefined> {
  const queue = createInProcessQueue()
  await queue.enqueue(waiting, 'backlog')
  const stop = new AbortController()
  const runtime = { ...pipeline.runtime, sleep: async () => stop.abort() }
  await sweepUntilStopped({ ...pipeline.parts, queue, runtime }, stop.signal)
  return await queue.take(NEVER)
}

test('what the queue forgot waits behind what it holds, and a full queue is left alone', async () => {
  const [taskId] = await pipeline.metadata.listRunnableTasks(1)
  expect(await sweepOver([])).toBe(taskId)
  expect(await sweepOver(['another'])).toBe('another')
  expect(await sweepOver(FULL)).toBe(FULL[0])
})

test('what a dead worker left goes before a backlog, however long: its partition waits for it', async () => {
  const [taskId = ''] = await pipeline.metadata.listRunnableTasks(1)
  await pipeline.metadata.claimTask(taskId, { token: 'died', leaseMs: 1, worker: 'w' })
  pipeline.runtime.advance(1)
  expect(await sweepOver(FULL)).toBe(taskId)
})
