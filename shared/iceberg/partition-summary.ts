/**
 * What a manifest-list entry says about the partitions of a manifest (table spec, `field_summary`), in each transform's result type.
 * NaN never is a bound: it is told apart. Summaries cover all entries, deleted ones too, as the Java library does.
 */
import type { PartitionFieldSummary } from '../metadata/metadata-store.ts'
import type { PartitionValue } from './partition-spec.ts'
import type { BoundPartitionField } from './partition-type.ts'
import { serializeSingleValue } from './single-value.ts'

/** `contains_null` is true exactly when some value is null; with no values at all there are no bounds and nothing is contained. */
export function summarizePartitions(
  fields: readonly BoundPartitionField[],
  partitions: readonly (readonly PartitionValue[])[],
): readonly PartitionFieldSummary[] {
  return fields.map((field, index) => {
    let containsNull = false
    let containsNan = false
    let lowest: PartitionValue = null
    let highest: PartitionValue = null
    for (const partition of partitions) {
      const value = partition[index] ?? null
      if (value === null) containsNull = true
      else if (Number.isNaN(value)) containsNan = true
      else {
        if (lowest === null || comparePartitionValues(value, lowest) < 0) lowest = value
        if (highest === null || comparePartitionValues(value, highest) > 0) highest = value
      }
    }
    return {
      containsNull,
      containsNan,
      ...(lowest === null ? {} : { lowerBound: serializeSingleValue(field.type, lowest) }),
      ...(highest === null ? {} : { upperBound: serializeSingleValue(field.type, highest) }),
    }
  })
}

/** Iceberg's order of non-null values of one type: strings by code point, binary and uuid by unsigned bytes, −0.0 below +0.0. */
export function comparePartitionValues(
  left: Exclude<PartitionValue, null>,
  right: Exclude<PartitionValue, null>,
): number {
  if (typeof left === 'string' && typeof right === 'string') return compareStrings(left, right)
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right)
  if (left === 0 && right === 0) return Number(Object.is(right, -0)) - Number(Object.is(left, -0))
  return left < right ? -1 : left > right ? 1 : 0
}

/** UTF-8 keeps the order of code points; JavaScript's own comparison puts surrogate pairs before U+E000 and above. */
function compareStrings(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}
