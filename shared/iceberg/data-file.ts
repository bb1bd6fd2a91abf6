import type { PartitionValue } from './partition-spec.ts'

/** Per-column statistics of one data file, keyed by field id (table spec, "Manifests", `data_file` fields 108-128 and 137). */
export interface ColumnMetrics {
  readonly columnSizes: ReadonlyMap<number, bigint>
  /** Values including nulls and NaN; for fields inside lists and maps, the number of elements. */
  readonly valueCounts: ReadonlyMap<number, bigint>
  readonly nullValueCounts: ReadonlyMap<number, bigint>
  readonly nanValueCounts: ReadonlyMap<number, bigint>
  /** Single-value binary serialization (spec appendix D); none for fields inside lists or maps; strings and binary truncated to 16. */
  readonly lowerBounds: ReadonlyMap<number, Uint8Array>
  readonly upperBounds: ReadonlyMap<number, Uint8Array>
}

/** A Parquet file that holds rows of one partition of one table. */
export interface DataFile {
  /** Absolute location, for example `s3://lake/warehouse/…` or `file:///…`. */
  readonly path: string
  readonly specId: number
  readonly partition: readonly PartitionValue[]
  readonly recordCount: bigint
  /** Exact: readers find the footer from it. */
  readonly fileSizeBytes: bigint
  readonly metrics: ColumnMetrics
  /** Byte offsets of the row groups, ascending. */
  readonly splitOffsets: readonly bigint[]
}
