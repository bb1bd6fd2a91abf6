/** The `scaling:` part of tidewater.yaml: what the number of desired workers is reckoned from. */
import { z } from 'zod'
import { duration, integer } from './schema-values.ts'

const DAY_MS = 86_400_000
const MAX_WORKER_PROCESSES = 10_000

export const scalingSchema = z.strictObject({
  target_drain: duration(
    1000,
    DAY_MS,
    '1s to 1d',
    'In which the tasks that wait are to be converted: a shorter time wants more workers.',
  ).prefault('2m'),
  min_workers: integer(
    0,
    MAX_WORKER_PROCESSES,
    'Fewer converting processes are never wanted; 0 lets them go when nothing waits.',
  ).prefault(0),
  max_workers: integer(0, MAX_WORKER_PROCESSES, 'More are never wanted.').prefault(50),
})
