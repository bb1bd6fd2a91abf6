import fc from 'fast-check'
import { expect, test } from 'vitest'
import { partitionRows } from '../../../services/converter/partition-rows.ts'
import type { PartitionSpec, PartitionValue } from '../../../shared/iceberg/partition-spec.ts'
import type { NestedField } from '../../../shared/iceberg/schema.ts'
import { partitionKey } from '../../../shared/iceberg/snapshot-summary.ts'
import { applyTransform, parseTransform, transformText } from '../../../shared/iceberg/transforms.ts'
import { batchOf } from '../../unit/converter/hand-made-columns.ts'
import { plainValue, transform, transformOfType } from './arbitraries.ts'

/** 0001-01-01 to 9999-12-31 in milliseconds, where `Date` is the simple twin. */
const FOUR_DIGIT_YEARS = { min: -62_135_596_800_000, max: 253_402_300_799_999 }

test('periods are those of the calendar that Date knows', () => {
  fc.assert(
    fc.property(fc.integer(FOUR_DIGIT_YEARS), fc.nat({ max: 999 }), (ms, microsOfMs) => {
      const value = BigInt(ms) * 1000n + BigInt(microsOfMs)
      const apply = (kind: 'year' | 'month' | 'day' | 'hour') =>
        applyTransform({ kind }, { kind: 'timestamp' }, value)
      const date = new Date(ms)
      expect(apply('year')).toBe(date.getUTCFullYear() - 1970)
      expect(apply('month')).toBe((date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth())
      expect(apply('day')).toBe(Math.floor(ms / 86_400_000))
      expect(apply('hour')).toBe(Math.floor(ms / 3_600_000))
    }),
  )
})

test('truncating a long is the greatest multiple that is not above it', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
      fc.integer({ min: 1, max: 1_000_000 }),
      (value, width) => {
        const truncated = applyTransform({ kind: 'truncate', width }, { kind: 'long' }, value)
        if (typeof truncated !== 'bigint') throw new Error('not a bigint')
        expect(truncated % BigInt(width)).toBe(0n)
        expect(truncated <= value && value < truncated + BigInt(width)).toBe(true)
      },
    ),
  )
})

test('truncating a string keeps its first code points', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 20 }), (text, width) => {
      const expected = Array.from(text).slice(0, width).join('')
      expect(applyTransform({ kind: 'truncate', width }, { kind: 'string' }, text)).toBe(expected)
    }),
  )
})

test('a transform reads back from its text', () => {
  fc.assert(
    fc.property(transform, by => {
      expect(parseTransform(transformText(by), 'x')).toEqual(by)
    }),
  )
})

const partitionedColumns = fc.array(transformOfType, { minLength: 1, maxLength: 3 }).chain(pairs =>
  fc.record({
    pairs: fc.constant(pairs),
    rows: fc.array(
      fc.tuple(
        ...pairs.map(([, type]) =>
          fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 6, arbitrary: plainValue(type) }),
        ),
      ),
      { minLength: 1, maxLength: 40 },
    ),
  }),
)

test('rows fall into the partitions that transforming them one by one gives', () => {
  fc.assert(
    fc.property(partitionedColumns, ({ pairs, rows }) => {
      // Every second column sits inside a struct, where a null may also come from above.
      const fields = pairs.map(([, type], index): NestedField => {
        const inner: NestedField = { id: index + 1, name: 'v', required: false, type }
        return index % 2 === 0
          ? { ...inner, name: `c${index}` }
          : { id: 100 + index, name: `c${index}`, required: false, type: { kind: 'struct', fields: [inner] } }
      })
      const spec: PartitionSpec = {
        specId: 0,
        fields: pairs.map(([by], index) => ({
          sourceId: index + 1,
          fieldId: 1000 + index,
          name: `p${index}`,
          transform: by,
        })),
      }
      const batch = batchOf(
        fields,
        rows.map(row =>
          row.map((value, index) => (index % 2 === 0 ? value : value === null ? null : [value])),
        ),
      )
      const expected = new Map<string, { partition: PartitionValue[]; rows: number[] }>()
      for (const [row, values] of rows.entries()) {
        const partition = pairs.map(([by, type], index) => applyTransform(by, type, values[index] ?? null))
        const key = partitionKey(0, partition)
        const group = expected.get(key) ?? { partition, rows: [] }
        group.rows.push(row)
        expected.set(key, group)
      }
      const result = partitionRows(batch, spec, { schemaId: 0, fields })
      const groups =
        result.kind === 'single'
          ? [{ partition: result.partition, rows: rows.map((_, row) => row) }]
          : result.groups
      expect(groups.map(group => ({ partition: group.partition, rows: Array.from(group.rows) }))).toEqual([
        ...expected.values(),
      ])
    }),
    { numRuns: 200 },
  )
})
