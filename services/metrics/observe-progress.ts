/** What this process tells of its work, as metrics. */
import { unreachable } from '../../shared/runtime/errors.ts'
import type { Measure, Progress } from '../progress.ts'
import type { Instruments } from './instruments.ts'

export function observeProgress(instruments: Instruments, progress: Progress): void {
  switch (progress.kind) {
    case 'planned':
      instruments.add('tidewater_tasks_planned_total', { table: progress.table }, progress.tasks)
      break
    case 'committed':
      observeCommitted(instruments, progress)
      break
    case 'problem':
      instruments.add('tidewater_problems_total', { code: progress.code, next: progress.next }, 1)
      break
    case 'measured':
      observeMeasure(instruments, progress.measure)
      break
    case 'created':
    case 'published':
    case 'rendered':
    case 'waiting':
    case 'fenced':
    case 'handed_back':
    case 'certificate_renewed':
    case 'requested':
      break
    default:
      unreachable(progress)
  }
}

function observeCommitted(
  instruments: Instruments,
  committed: Extract<Progress, { readonly kind: 'committed' }>,
): void {
  const { table, rowCount, deadLetterCount, bytesRead, bytesWritten } = committed
  instruments.add('tidewater_records_converted_total', { table, result: 'row' }, Number(rowCount))
  const letters = Number(deadLetterCount)
  instruments.add('tidewater_records_converted_total', { table, result: 'dead_letter' }, letters)
  instruments.add('tidewater_segment_bytes_read_total', { table }, Number(bytesRead))
  instruments.add('tidewater_parquet_bytes_written_total', { table }, Number(bytesWritten))
}

function observeMeasure(instruments: Instruments, measure: Measure): void {
  const seconds = measure.durationMs / 1000
  switch (measure.step) {
    case 'listing':
      instruments.observe('tidewater_listing_duration_seconds', {}, seconds)
      break
    case 'conversion': {
      const { outcome } = measure
      instruments.observe('tidewater_conversion_duration_seconds', { outcome }, seconds)
      break
    }
    case 'commit':
      instruments.observe('tidewater_commit_duration_seconds', {}, seconds)
      break
    case 'cut':
      instruments.observe('tidewater_snapshot_cut_duration_seconds', {}, seconds)
      break
    case 'publish': {
      const { table, tableKind: kind, catalog, outcome } = measure
      instruments.add('tidewater_publish_attempts_total', { table, kind, catalog, outcome }, 1)
      instruments.observe('tidewater_publish_duration_seconds', { catalog, outcome }, seconds)
      break
    }
    default:
      unreachable(measure)
  }
}
