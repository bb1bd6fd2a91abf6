/**
 * The values that the stages hand on, in flow order:
 * SegmentRef → ConvertTask → ConvertedFile → TaskResult → RenderedSnapshot → CommitOutcome.
 */
import type { PartitionValue } from './iceberg/partition-spec.ts'

/** Found by discovery: one `.kfs` object with its index, identified for good by size and ETag. */
export interface SegmentRef {
  readonly topic: string
  readonly partition: number
  /** Key of the `.kfs`, relative to the source's store. */
  readonly key: string
  readonly baseOffset: bigint
  readonly sizeBytes: number
  readonly etag: string
}

/** A contiguous range of one partition's offsets, with the segments that hold it, in offset order. */
export interface TaskSlice {
  readonly topic: string
  readonly partition: number
  /** 0 for the first life of a topic-partition, one more each time its offsets begin again. */
  readonly incarnation: number
  /** First offset, inclusive. */
  readonly startOffset: bigint
  /** End offset, exclusive. */
  readonly endOffset: bigint
  readonly segments: readonly SegmentRef[]
}

/** Cut by planning, run by a converter. It keeps the schema and spec that it was planned with. */
export interface ConvertTask {
  readonly taskId: string
  readonly tableId: string
  readonly schemaId: number
  readonly specId: number
  readonly slices: readonly TaskSlice[]
  /** Failed attempts so far. */
  readonly attempts: number
}

/** The right to run one task for a while; a commit without it is refused. */
export interface Claim {
  readonly taskId: string
  /** New at every claim; data file names carry it. */
  readonly token: string
  readonly leaseUntilMs: number
}

/** A run of consecutive offsets of one partition, `startOffset` inclusive, `endOffset` exclusive. */
export interface OffsetRange {
  readonly startOffset: bigint
  readonly endOffset: bigint
}

/** Offsets of a slice that became neither a row nor a dead letter, and why. */
export interface AccountedRange extends OffsetRange {
  /** absent: the segments do not hold it; control: a control batch; skipped: `dlq_mode: skip`; source_gap: missing between segments. */
  readonly kind: 'absent' | 'control' | 'skipped' | 'source_gap'
}

/** How each offset of a slice is accounted for: rowCount + deadLetterCount + the ranges = endOffset − startOffset. */
export interface SliceAccount {
  readonly topic: string
  readonly partition: number
  readonly incarnation: number
  readonly startOffset: bigint
  readonly endOffset: bigint
  readonly rowCount: bigint
  readonly deadLetterCount: bigint
  readonly ranges: readonly AccountedRange[]
  /** Highest record timestamp seen, Unix ms; −1 when there was none. For freshness. */
  readonly maxTimestampMs: number
}

/** A Parquet file that a converter uploaded, for the table itself or for its dead-letter table. */
export interface ConvertedFile {
  readonly target: 'rows' | 'dead_letters'
  readonly path: string
  readonly specId: number
  readonly partition: readonly PartitionValue[]
  readonly recordCount: bigint
  readonly fileSizeBytes: bigint
  /** Avro encoding of the `data_file` struct of a manifest entry of this spec: a tenth of what its statistics take as objects. */
  readonly encoded: Uint8Array
}

/** Dead letters of one slice with one error code. */
export interface DeadLetterCount {
  readonly topic: string
  readonly partition: number
  readonly code: string
  readonly count: bigint
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  /** The message of the first one. */
  readonly sampleMessage: string
}

/** What a converter hands to the commit. */
export interface TaskResult {
  readonly files: readonly ConvertedFile[]
  readonly accounts: readonly SliceAccount[]
  readonly deadLetters: readonly DeadLetterCount[]
}

/** The answer of a catalog to a commit. After `unknown` nothing is deleted: the publisher reloads and looks for its own snapshot id. */
export type CommitOutcome =
  /** `tableUuid`: the catalog's own, where it gives tables theirs. */
  | { readonly kind: 'committed'; readonly metadataLocation: string; readonly tableUuid: string }
  /** The table is there now, empty, with whatever ids the catalog gave it. What was wanted is still to be committed, on top of that. */
  | { readonly kind: 'created' }
  | { readonly kind: 'conflict'; readonly message: string }
  | { readonly kind: 'unknown'; readonly cause: unknown }
