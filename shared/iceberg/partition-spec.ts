/** Partition specs and sort orders as data (table spec, "Partitioning" and "Sorting"). */

export type Transform =
  | { readonly kind: 'identity' }
  | { readonly kind: 'bucket'; readonly buckets: number }
  | { readonly kind: 'truncate'; readonly width: number }
  | { readonly kind: 'year' }
  | { readonly kind: 'month' }
  | { readonly kind: 'day' }
  | { readonly kind: 'hour' }
  | { readonly kind: 'void' }

export interface PartitionField {
  readonly sourceId: number
  /** From 1000, unique within the table. */
  readonly fieldId: number
  readonly name: string
  readonly transform: Transform
}

export interface PartitionSpec {
  readonly specId: number
  readonly fields: readonly PartitionField[]
}

/**
 * One partition value, in the *result* type of its field's transform:
 * boolean; number for int, date (days), year, month, day, hour, bucket, float and double; bigint for long, time, timestamp, timestamptz (µs)
 * and the unscaled decimal; string for string and uuid (lower-case text); Uint8Array for fixed and binary; null.
 */
export type PartitionValue = boolean | number | bigint | string | Uint8Array | null
