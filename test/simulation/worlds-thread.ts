/** A thread that lives through the seeds that it is sent, one after the other. */
import { parentPort } from 'node:worker_threads'
import type { WorldReport } from './many-worlds.ts'
import { BrokenWorld, liveThrough } from './random-world.ts'
import { describeShrunk, shrink } from './shrink.ts'

parentPort?.on('message', async (seed: number) => {
  parentPort?.postMessage(await reportOf(seed))
})

async function reportOf(seed: number): Promise<WorldReport> {
  try {
    const { world, processesStarted, calls, faults } = await liveThrough(seed)
    world.database.close()
    return { kind: 'lived', processes: processesStarted, calls, faults: faults.length }
  } catch (error) {
    if (!(error instanceof BrokenWorld)) throw error
    return { kind: 'broken', text: describeShrunk(await shrink(error)) }
  }
}
