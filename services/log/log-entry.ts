/** What a run reports, as lines of the log. Pure. */
import { unreachable } from '../../shared/runtime/errors.ts'
import { describeProgress, type Measure, type Problem, type Progress } from '../progress.ts'
import { entry, type LogEntry } from './log-events.ts'
import type { Repeated } from './repeated-problems.ts'

/** `undefined` for what other lines tell already. */
export function entryOf(progress: Progress): LogEntry | undefined {
  const message = describeProgress(progress) ?? ''
  switch (progress.kind) {
    case 'created':
      return entry('table.created', message, { table: progress.table, topic: progress.topic })
    case 'planned':
      return entry('tasks.planned', message, { table: progress.table, tasks: progress.tasks })
    case 'committed':
      return entry('task.committed', message, {
        table: progress.table,
        task_id: progress.taskId,
        ...sourceFields(progress),
        rows: progress.rowCount,
        dead_letters: progress.deadLetterCount,
        bytes_read: progress.bytesRead,
        bytes_written: progress.bytesWritten,
        duration_ms: rounded(progress.durationMs),
        commit_ms: rounded(progress.commitMs),
      })
    case 'fenced':
    case 'handed_back':
      return entry(`task.${progress.kind}`, message, {
        table: progress.table,
        task_id: progress.taskId,
        ...sourceFields(progress),
        duration_ms: rounded(progress.durationMs),
      })
    case 'published':
      return entry('snapshot.published', message, {
        table: progress.table,
        catalog: progress.catalog,
        snapshot_id: progress.snapshotId?.toString(),
        metadata_location: progress.metadataLocation,
      })
    case 'rendered':
      return entry('dead_letters.rendered', message, {
        table: progress.table,
        topic: progress.topic,
        start_offset: progress.baseOffset,
        end_offset: progress.endOffset,
        url: progress.url,
      })
    case 'waiting':
      return entry('source.waiting', message, { table: progress.table })
    case 'problem':
      return entry('problem', message, {
        ...problemFields(progress),
        ...sourceFields(progress),
        details: progress.details,
        stack: progress.stack,
      })
    case 'measured':
      return measuredEntry(progress.measure)
    case 'certificate_renewed':
      return entry('server.certificate_renewed', message, { cert_file: progress.certFile })
    case 'requested': {
      const { method, route, status, durationMs, bytes } = progress
      return entry('http.request', message, {
        method,
        route,
        status,
        duration_ms: rounded(durationMs),
        bytes,
      })
    }
    default:
      return unreachable(progress)
  }
}

export function repeatedEntry({ problem, count, places, windowMs }: Repeated): LogEntry {
  const others = count === 1 ? '' : ` The last of ${count}${places === 1 ? '' : ` in ${places} places`}.`
  const message = `again within ${Math.ceil(windowMs / 1000)} s: ${describeProgress(problem)}${others}`
  return entry('problem.repeated', message, {
    ...problemFields(problem),
    count,
    places,
    window_ms: windowMs,
  })
}

function problemFields({ where, code, next, table, taskId, catalog }: Problem) {
  return { doing: where, code, next, table, task_id: taskId, catalog }
}

function sourceFields({ slices }: Pick<Problem, 'slices'>) {
  const [slice] = slices ?? []
  if (slice === undefined) return {}
  if (slices !== undefined && slices.length > 1) return { partitions: slices.length }
  const { topic, partition, startOffset: start_offset, endOffset: end_offset } = slice
  return { topic, partition, start_offset, end_offset }
}

/** More digits of a duration say nothing. */
const rounded = (ms: number) => Math.round(ms * 10) / 10

/** Conversions and commits stand in the line of their task. */
function measuredEntry(measure: Measure): LogEntry | undefined {
  const { step, durationMs } = measure
  const message = `${step} took ${durationMs.toFixed(1)} ms`
  switch (step) {
    case 'conversion':
    case 'commit':
      return undefined
    case 'listing':
    case 'cut':
      return entry('step.measured', message, { step, duration_ms: rounded(durationMs) })
    case 'publish': {
      const { table, catalog, outcome } = measure
      return entry('step.measured', message, {
        step,
        table,
        catalog,
        outcome,
        duration_ms: rounded(durationMs),
      })
    }
    default:
      return unreachable(measure)
  }
}
