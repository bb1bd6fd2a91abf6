/** What waits, and who works on it, as metrics. Pure. */
import type { ScalingFigures } from '../../shared/metadata/processes.ts'
import type { ScalingTarget } from '../scaling/desired-workers.ts'
import { scalingReport } from '../scaling/scaling-report.ts'
import { STAGES } from '../stages.ts'
import type { Sample } from './render-samples.ts'

export function scalingSamples(figures: ScalingFigures, target: ScalingTarget): readonly Sample[] {
  const report = scalingReport(figures, target)
  const live = figures.processes.filter(({ isLive }) => isLive)
  const labels = {}
  return [
    { name: 'tidewater_waiting_tasks', labels, value: report.waiting_tasks },
    { name: 'tidewater_waiting_bytes', labels, value: report.waiting_bytes },
    { name: 'tidewater_oldest_waiting_seconds', labels, value: report.oldest_waiting_seconds },
    { name: 'tidewater_running_tasks', labels, value: report.running_tasks },
    { name: 'tidewater_desired_workers', labels, value: report.desired_workers },
    { name: 'tidewater_worker_bytes_per_second', labels, value: report.worker_bytes_per_second },
    ...STAGES.map(stage => ({
      name: 'tidewater_processes' as const,
      labels: { stage },
      value: live.filter(({ stages }) => stages.includes(stage)).length,
    })),
  ]
}
