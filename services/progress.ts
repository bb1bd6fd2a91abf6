/** What a run tells its user as it goes; the command line draws it. */
import { unreachable } from '../shared/runtime/errors.ts'

export type Progress =
  | { readonly kind: 'planned'; readonly table: string; readonly tasks: number }
  | {
      readonly kind: 'committed'
      readonly table: string
      readonly rowCount: bigint
      readonly deadLetterCount: bigint
      /** Of the segments that were converted, and of the Parquet files that came of them. */
      readonly bytesRead: bigint
      readonly bytesWritten: bigint
    }
  | {
      readonly kind: 'published'
      readonly table: string
      readonly catalog: string
      readonly snapshotId?: bigint
      readonly metadataLocation: string
    }
  /** Dead letters `[baseOffset, endOffset)` stand in segments of their topic, below `url`. */
  | {
      readonly kind: 'rendered'
      readonly table: string
      readonly topic: string
      readonly baseOffset: bigint
      readonly endOffset: bigint
      readonly url: string
    }
  /** Something lies in the source that does not count yet. */
  | { readonly kind: 'waiting'; readonly table: string; readonly what: string }
  /** Something failed that is tried again, or waits for a person: `next` says which. */
  | {
      readonly kind: 'problem'
      readonly where: string
      readonly code: string
      readonly message: string
      readonly next: string
    }
  /** How long a step took; for metrics, and not shown. */
  | { readonly kind: 'measured'; readonly measure: Measure }

/** Durations by the process's monotonic clock. */
export type Measure = { readonly durationMs: number } & (
  | { readonly step: 'conversion'; readonly outcome: 'committed' | 'fenced' | 'failed' }
  /** The transaction that commits a task. */
  | { readonly step: 'commit' }
  /** One round of listing the source's partitions of one table. */
  | { readonly step: 'listing' }
  | { readonly step: 'cut' }
  | {
      readonly step: 'publish'
      /** Also for its dead letters. */
      readonly table: string
      readonly tableKind: 'rows' | 'dead_letters'
      readonly catalog: string
      readonly outcome: 'published' | 'failed' | 'held'
    }
)

export type Report = (progress: Progress) => void

/** One plain line; `undefined` for what is not shown. */
export function describeProgress(progress: Progress): string | undefined {
  switch (progress.kind) {
    case 'planned':
      return `${progress.table}: planned ${progress.tasks} ${progress.tasks === 1 ? 'task' : 'tasks'}`
    case 'committed':
      return `${progress.table}: committed ${progress.rowCount} rows${progress.deadLetterCount > 0n ? `, ${progress.deadLetterCount} dead letters` : ''}`
    case 'published':
      return `${progress.table}: published ${progress.snapshotId === undefined ? 'the empty table' : `snapshot ${progress.snapshotId}`} to ${progress.catalog} at ${progress.metadataLocation}`
    case 'rendered':
      return `${progress.table}: wrote dead letters ${progress.baseOffset} to ${progress.endOffset - 1n} of ${progress.topic} to ${progress.url}`
    case 'waiting':
      return `${progress.table}: ${progress.what}`
    case 'problem':
      return `${progress.where}: ${progress.message} [${progress.next}]`
    case 'measured':
      return undefined
    default:
      return unreachable(progress)
  }
}
