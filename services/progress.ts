/** What a run tells as it goes: the log writes it, the command line draws it, metrics count it. */
import type { TaskSlice } from '../shared/flow.ts'
import { unreachable } from '../shared/runtime/errors.ts'

export type Progress =
  /** Of a topic that has appeared and matches a pattern. */
  | { readonly kind: 'created'; readonly table: string; readonly topic: string }
  | { readonly kind: 'planned'; readonly table: string; readonly tasks: number }
  | {
      readonly kind: 'committed'
      readonly table: string
      readonly taskId: string
      readonly slices: readonly SliceRange[]
      readonly rowCount: bigint
      readonly deadLetterCount: bigint
      /** Of the segments that were converted, and of the Parquet files that came of them. */
      readonly bytesRead: bigint
      readonly bytesWritten: bigint
      /** From claim to commit, and the commit's transaction alone. */
      readonly durationMs: number
      readonly commitMs: number
    }
  /** The claim of the task was lost while it ran, or given up because the process ends: another worker has it. */
  | {
      readonly kind: 'fenced' | 'handed_back'
      readonly table: string
      readonly taskId: string
      readonly slices: readonly SliceRange[]
      readonly durationMs: number
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
  | Problem
  /** How long a step took. */
  | { readonly kind: 'measured'; readonly measure: Measure }
  /** The server shows another certificate from now on. */
  | { readonly kind: 'certificate_renewed'; readonly certFile: string }
  /** The server has answered. */
  | {
      readonly kind: 'requested'
      readonly method: string
      /** The pattern of the path, which holds nothing of the request. */
      readonly route: string
      readonly status: number
      readonly durationMs: number
      /** Of the body, where its length was known before. */
      readonly bytes?: number
    }

/** Something failed that is tried again, or waits for a person: `next` says which. */
export interface Problem {
  readonly kind: 'problem'
  /** What was being done, such as `publishing`. */
  readonly where: string
  readonly code: string
  readonly message: string
  readonly next: string
  /** What it concerns, where it does. */
  readonly table?: string
  readonly taskId?: string
  readonly slices?: readonly SliceRange[]
  readonly catalog?: string
  /** Facts of the error (`AppError.details`). */
  readonly details?: Readonly<Record<string, string | number | bigint | boolean>>
  /** Of an error that nobody classified. */
  readonly stack?: string
}

type SliceRange = Pick<TaskSlice, 'topic' | 'partition' | 'startOffset' | 'endOffset'>

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

/** One plain line; `undefined` for what is only measured. */
export function describeProgress(progress: Progress): string | undefined {
  switch (progress.kind) {
    case 'created':
      return `${progress.table}: created for topic ${progress.topic}`
    case 'planned':
      return `${progress.table}: planned ${progress.tasks} ${progress.tasks === 1 ? 'task' : 'tasks'}`
    case 'committed':
      return `${progress.table}: committed ${progress.rowCount} rows${progress.deadLetterCount > 0n ? `, ${progress.deadLetterCount} dead letters` : ''}`
    case 'fenced':
      return `${progress.table}: task ${progress.taskId} lost its claim while it was converted, and another worker has it`
    case 'handed_back':
      return `${progress.table}: handed back task ${progress.taskId} for another worker`
    case 'published':
      return `${progress.table}: published ${progress.snapshotId === undefined ? 'the empty table' : `snapshot ${progress.snapshotId}`} to ${progress.catalog} at ${progress.metadataLocation}`
    case 'rendered':
      return `${progress.table}: wrote dead letters ${progress.baseOffset} to ${progress.endOffset - 1n} of ${progress.topic} to ${progress.url}`
    case 'waiting':
      return `${progress.table}: ${progress.what}`
    case 'problem':
      return `${progress.table === undefined ? '' : `${progress.table}: `}${progress.where}: ${progress.message} [${progress.code}, ${progress.next}]`
    case 'measured':
      return undefined
    case 'certificate_renewed':
      return `server: took up the renewed certificate ${progress.certFile}`
    case 'requested':
      return `${progress.method} ${progress.route} ${progress.status} in ${progress.durationMs.toFixed(1)} ms`
    default:
      return unreachable(progress)
  }
}
