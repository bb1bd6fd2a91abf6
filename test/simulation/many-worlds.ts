/** Lives through many seeds on several threads, and shrinks those that break. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'

export interface ManyWorlds {
  readonly first: number
  readonly count: number
  /** Threads; as many as the machine has cores when absent. */
  readonly threads?: number
  /** After so many broken worlds no more are begun. */
  readonly maxBroken?: number
  readonly onBroken?: (text: string) => void
  readonly onProgress?: (sum: WorldSums) => void
}

/** Of all worlds that were lived through. */
export interface WorldSums {
  worlds: number
  broken: number
  processes: number
  calls: number
  faults: number
  /** Worlds in which something struck. */
  struck: number
}

/** What a thread tells after each world. */
export type WorldReport =
  | { readonly kind: 'lived'; readonly processes: number; readonly calls: number; readonly faults: number }
  | { readonly kind: 'broken'; readonly text: string }

export async function liveThroughMany(options: ManyWorlds): Promise<WorldSums> {
  const { first, count, threads = availableParallelism(), maxBroken = 5 } = options
  const sums: WorldSums = { worlds: 0, broken: 0, processes: 0, calls: 0, faults: 0, struck: 0 }
  let next = first
  const nextSeed = () => (next < first + count && sums.broken < maxBroken ? next++ : undefined)

  function note(report: WorldReport): void {
    sums.worlds++
    if (report.kind === 'broken') {
      sums.broken++
      options.onBroken?.(report.text)
    } else {
      sums.processes += report.processes
      sums.calls += report.calls
      sums.faults += report.faults
      if (report.faults > 0) sums.struck++
    }
    options.onProgress?.(sums)
  }

  await Promise.all(Array.from({ length: Math.min(threads, count) }, () => runThread(nextSeed, note)))
  return sums
}

function runThread(nextSeed: () => number | undefined, note: (report: WorldReport) => void): Promise<void> {
  const worker = new Worker(new URL('./worlds-thread.ts', import.meta.url))
  return new Promise((resolve, reject) => {
    const giveNext = () => {
      const seed = nextSeed()
      if (seed === undefined) void worker.terminate()
      else worker.postMessage(seed)
    }
    worker.on('message', (report: WorldReport) => {
      note(report)
      giveNext()
    })
    worker.on('error', reject)
    worker.on('exit', () => resolve())
    giveNext()
  })
}
