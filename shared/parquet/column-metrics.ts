/**
 * Column statistics of one file, taken batch by batch while the column buffers are at hand (table spec, "Manifests", fields 108-137).
 *
 * - A leaf inside a null struct counts as a null value.
 * - For leaves inside lists and maps, values are elements, and there are no bounds.
 * - NaN is counted and never in a bound; the bounds themselves are kept by `bounds.ts`.
 * `finish` adds the column sizes, which only the footer knows.
 */
import type { Column, ColumnBatch } from '../columns/column.ts'
import type { ColumnMetrics } from '../iceberg/data-file.ts'
import type { PrimitiveType } from '../iceberg/schema.ts'
import { truncateLowerBound, truncateUpperBound } from '../iceberg/single-value.ts'
import { type Bounds, createBounds } from './bounds.ts'

interface LeafMetrics {
  readonly type: PrimitiveType
  /** Slots of all batches; a file has fewer than 2^53. */
  values: number
  nulls: number
  readonly bounds: Bounds
  readonly repeated: boolean
}

export interface MetricsCollector {
  readonly leafCount: number
  add(batch: ColumnBatch): void
  finish(columnSizes: ReadonlyMap<number, bigint>): ColumnMetrics
}

export function createMetricsCollector(): MetricsCollector {
  const leaves = new Map<number, LeafMetrics>()
  return {
    get leafCount() {
      return leaves.size
    },
    add(batch) {
      for (const column of batch.columns) addColumn(leaves, column, undefined, false)
    },
    finish: columnSizes => toColumnMetrics(leaves, columnSizes),
  }
}

/** `parentValidity` is undefined while no struct above has a null. */
function addColumn(
  leaves: Map<number, LeafMetrics>,
  column: Column,
  parentValidity: Uint8Array | undefined,
  repeated: boolean,
): void {
  switch (column.layout) {
    case 'struct': {
      const validity = combine(parentValidity, column)
      for (const child of column.children) addColumn(leaves, child, validity, repeated)
      return
    }
    case 'list':
      addColumn(leaves, column.element, undefined, true)
      return
    case 'map':
      addColumn(leaves, column.key, undefined, true)
      addColumn(leaves, column.value, undefined, true)
      return
    default: {
      let leaf = leaves.get(column.fieldId)
      if (leaf === undefined) {
        leaf = { type: column.type, values: 0, nulls: 0, bounds: createBounds(column.type), repeated }
        leaves.set(column.fieldId, leaf)
      }
      const validity = combine(parentValidity, column)
      leaf.values += column.length
      if (validity !== undefined) leaf.nulls += column.length - countSetBits(validity, column.length)
      // Inside lists and maps only NaNs are of interest.
      if (!repeated || column.type.kind === 'float' || column.type.kind === 'double')
        leaf.bounds.add(column, validity)
    }
  }
}

function combine(parent: Uint8Array | undefined, column: Column): Uint8Array | undefined {
  if (column.nullCount === 0) return parent
  if (parent === undefined) return column.validity
  const both = new Uint8Array((column.length + 7) >> 3)
  for (let i = 0; i < both.length; i++) both[i] = (parent[i] ?? 0) & (column.validity[i] ?? 0)
  return both
}

const BITS_SET = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)

function countSetBits(bitmap: Uint8Array, bits: number): number {
  let set = 0
  const whole = bits >> 3
  for (let i = 0; i < whole; i++) set += BITS_SET[bitmap[i] ?? 0] ?? 0
  const rest = bits & 7
  return rest === 0 ? set : set + (BITS_SET[(bitmap[whole] ?? 0) & ((1 << rest) - 1)] ?? 0)
}

function toColumnMetrics(
  leaves: ReadonlyMap<number, LeafMetrics>,
  columnSizes: ReadonlyMap<number, bigint>,
): ColumnMetrics {
  const valueCounts = new Map<number, bigint>()
  const nullValueCounts = new Map<number, bigint>()
  const nanValueCounts = new Map<number, bigint>()
  const lowerBounds = new Map<number, Uint8Array>()
  const upperBounds = new Map<number, Uint8Array>()
  for (const [fieldId, leaf] of leaves) {
    valueCounts.set(fieldId, BigInt(leaf.values))
    nullValueCounts.set(fieldId, BigInt(leaf.nulls))
    const result = leaf.bounds.result()
    if (leaf.type.kind === 'float' || leaf.type.kind === 'double')
      nanValueCounts.set(fieldId, BigInt(result.nans))
    if (leaf.repeated || result.lower === undefined || result.upper === undefined) continue
    lowerBounds.set(fieldId, truncateLowerBound(leaf.type, result.lower))
    const upper = truncateUpperBound(leaf.type, result.upper)
    if (upper !== undefined) upperBounds.set(fieldId, upper)
  }
  return { columnSizes, valueCounts, nullValueCounts, nanValueCounts, lowerBounds, upperBounds }
}
