/**
 * How many converting processes the work calls for. Pure. docs/scaling.md has the same formula.
 *
 * It follows the work up and down at once, and remembers nothing: any process of the database gives the same answer. What keeps replicas
 * from flapping is the autoscaler's own window, which knows when it scaled last.
 */
import type { Backlog, ProcessRecord } from '../../shared/metadata/processes.ts'

/** What a conversion is taken to do in a second until one has been measured. */
export const ASSUMED_BYTES_PER_CONVERSION_SECOND = 5 * 2 ** 20
/** Conversions at once of a process, while none has said. */
const ASSUMED_CONVERSIONS = 2
/** Processes whose rate counts, the newest: others may have run on other machines, on other data. */
const MAX_MEASURED = 20

export interface ScalingTarget {
  /** In which the backlog is to be gone. */
  readonly targetDrainMs: number
  readonly minWorkers: number
  readonly maxWorkers: number
}

/** What one process does, as those that run or ran last measured it. */
export interface WorkerRate {
  readonly bytesPerSecond: number
  readonly conversions: number
}

export function workerRate(processes: readonly ProcessRecord[]): WorkerRate {
  const converting = processes.filter(({ stages }) => stages.includes('convert'))
  const live = converting.filter(({ isLive }) => isLive)
  // After a scale to zero, the last ones tell.
  const known = (live.some(hasRate) ? live : converting).filter(hasRate).slice(0, MAX_MEASURED)
  const conversions = mean((live.length > 0 ? live : converting.slice(0, 1)).map(one => one.conversions))
  const lanes = conversions ?? ASSUMED_CONVERSIONS
  return {
    conversions: lanes,
    bytesPerSecond: mean(known.map(one => one.bytesPerSecond)) ?? lanes * ASSUMED_BYTES_PER_CONVERSION_SECOND,
  }
}

/**
 * Enough to drain what waits and runs within the target, no fewer than the running tasks keep busy, and no more than there are tasks for;
 * at least one as soon as anything waits, and none when nothing does.
 */
export function desiredWorkers(backlog: Backlog, rate: WorkerRate, target: ScalingTarget): number {
  const { waitingTasks, waitingBytes, runningTasks, runningBytes } = backlog
  const tasks = waitingTasks + runningTasks
  const toDrain = (waitingBytes + runningBytes) / (rate.bytesPerSecond * (target.targetDrainMs / 1000))
  const busy = runningTasks / rate.conversions
  const useful = tasks / rate.conversions
  const wanted =
    tasks === 0 ? 0 : Math.max(1, Math.min(Math.ceil(Math.max(toDrain, busy)), Math.ceil(useful)))
  return Math.min(Math.max(wanted, target.minWorkers), target.maxWorkers)
}

function hasRate(one: ProcessRecord): one is ProcessRecord & { readonly bytesPerSecond: number } {
  return one.bytesPerSecond !== undefined && one.bytesPerSecond > 0
}

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length
}
