/** What an autoscaler asks for: flat numbers, the same from every process of one database. Field names are a stable interface. */
import type { ScalingFigures } from '../../shared/metadata/processes.ts'
import { desiredWorkers, type ScalingTarget, workerRate } from './desired-workers.ts'

export interface ScalingReport {
  readonly at_ms: number
  readonly waiting_tasks: number
  readonly waiting_bytes: number
  readonly oldest_waiting_seconds: number
  readonly running_tasks: number
  readonly running_bytes: number
  readonly workers: number
  readonly worker_conversions: number
  readonly worker_bytes_per_second: number
  readonly desired_workers: number
}

export function scalingReport(
  { atMs, backlog, processes }: ScalingFigures,
  target: ScalingTarget,
): ScalingReport {
  const { waitingTasks, waitingBytes, waitingSinceMs = atMs, runningTasks, runningBytes } = backlog
  const rate = workerRate(processes)
  return {
    at_ms: atMs,
    waiting_tasks: waitingTasks,
    waiting_bytes: waitingBytes,
    oldest_waiting_seconds: Math.max(0, atMs - waitingSinceMs) / 1000,
    running_tasks: runningTasks,
    running_bytes: runningBytes,
    workers: processes.filter(({ isLive, stages }) => isLive && stages.includes('convert')).length,
    worker_conversions: rate.conversions,
    worker_bytes_per_second: Math.round(rate.bytesPerSecond),
    desired_workers: desiredWorkers(backlog, rate, target),
  }
}
