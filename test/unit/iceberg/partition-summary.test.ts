import { expect, test } from 'vitest'
import type { PartitionValue } from '../../../shared/iceberg/partition-spec.ts'
import { comparePartitionValues, summarizePartitions } from '../../../shared/iceberg/partition-summary.ts'
import { partitionType } from '../../../shared/iceberg/partition-type.ts'
import type { PrimitiveType } from '../../../shared/iceberg/schema.ts'

const identityOf = (type: PrimitiveType) =>
  partitionType(
    { specId: 0, fields: [{ sourceId: 1, fieldId: 1000, name: 'a', transform: { kind: 'identity' } }] },
    { schemaId: 0, fields: [{ id: 1, name: 'a', required: false, type }] },
  )
const summarize = (type: PrimitiveType, ...values: PartitionValue[]) =>
  summarizePartitions(
    identityOf(type),
    values.map(value => [value]),
  )

test('trap: NaN never is a bound and is told apart', () => {
  const [summary] = summarize({ kind: 'double' }, Number.NaN, 1, -1)
  expect(summary).toMatchObject({ containsNull: false, containsNan: true })
  expect(new DataView((summary?.lowerBound ?? new Uint8Array(8)).buffer).getFloat64(0, true)).toBe(-1)
  expect(summarize({ kind: 'float' }, Number.NaN)).toEqual([{ containsNull: false, containsNan: true }])
})

test('trap: −0.0 is the lower and +0.0 the upper bound, in whichever order they come', () => {
  for (const values of [
    [0, -0],
    [-0, 0],
  ]) {
    const [summary] = summarize({ kind: 'double' }, ...values)
    expect(summary?.lowerBound?.[7]).toBe(0x80)
    expect(summary?.upperBound?.[7]).toBe(0)
  }
})

test('strings are ordered by code point, not by UTF-16 unit', () => {
  expect(comparePartitionValues('🧊', '\uffee')).toBeGreaterThan(0)
  const [summary] = summarize({ kind: 'string' }, '🧊', '\uffee')
  expect(summary?.upperBound).toEqual(new TextEncoder().encode('🧊'))
})

test('bytes are ordered unsigned, booleans false first, bigints by value', () => {
  expect(comparePartitionValues(Uint8Array.of(0x80), Uint8Array.of(0x7f))).toBeGreaterThan(0)
  expect(comparePartitionValues(Uint8Array.of(1), Uint8Array.of(1, 0))).toBeLessThan(0)
  expect(comparePartitionValues(false, true)).toBeLessThan(0)
  expect(comparePartitionValues(-(2n ** 70n), 2n)).toBeLessThan(0)
})
