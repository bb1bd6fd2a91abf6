import { describe, expect, test } from 'vitest'
import { partitionRows } from '../../../services/converter/partition-rows.ts'
import { partitionSpecOf } from '../../../shared/iceberg/build-partition-spec.ts'
import type { NestedField, Schema } from '../../../shared/iceberg/schema.ts'
import { batchOf, type Slot } from './hand-made-columns.ts'

const FIELDS: readonly NestedField[] = [
  { id: 1, name: 'id', required: true, type: { kind: 'long' } },
  { id: 2, name: 'ts', required: false, type: { kind: 'timestamptz' } },
  {
    id: 3,
    name: 'customer',
    required: false,
    type: {
      kind: 'struct',
      fields: [{ id: 4, name: 'country', required: false, type: { kind: 'string' } }],
    },
  },
  { id: 5, name: 'd', required: false, type: { kind: 'double' } },
]
const SCHEMA: Schema = { schemaId: 0, fields: FIELDS }
const micros = (iso: string) => BigInt(Date.parse(iso)) * 1000n
const partition = (by: readonly string[], rows: readonly (readonly Slot[])[]) =>
  partitionRows(batchOf(FIELDS, rows), partitionSpecOf(by, SCHEMA).spec, SCHEMA)

const MORNING = micros('2026-01-02T08:00:00Z')
const EVENING = micros('2026-01-02T20:00:00Z')
const YESTERDAY = micros('2026-01-01T23:59:59.999Z')

describe('one partition', () => {
  test('an unpartitioned table', () => {
    expect(partition([], [[1n], [2n]])).toEqual({ kind: 'single', partition: [] })
  })

  test('all rows of one day', () => {
    expect(
      partition(
        ['day(ts)'],
        [
          [1n, MORNING],
          [2n, EVENING],
        ],
      ),
    ).toEqual({ kind: 'single', partition: [20_455] })
  })

  test('all rows null', () => {
    expect(partition(['day(ts)'], [[1n], [2n]])).toEqual({ kind: 'single', partition: [null] })
  })

  test('void', () => {
    expect(partition(['void(id)'], [[1n], [2n]])).toEqual({ kind: 'single', partition: [null] })
  })
})

describe('several partitions', () => {
  test('rows of two days and of none are told apart, in the order of their first row', () => {
    const rows: Slot[][] = [
      [1n, MORNING],
      [2n, null],
      [3n, YESTERDAY],
      [4n, EVENING],
      [5n, null],
    ]
    expect(partition(['day(ts)'], rows)).toEqual({
      kind: 'many',
      groups: [
        { partition: [20_455], rows: Int32Array.of(0, 3) },
        { partition: [null], rows: Int32Array.of(1, 4) },
        { partition: [20_454], rows: Int32Array.of(2) },
      ],
    })
  })

  test('a member of a null struct is null, and equal strings meet again', () => {
    const rows: Slot[][] = [
      [1n, MORNING, ['de']],
      [2n, MORNING, null],
      [3n, MORNING, ['fr']],
      [4n, MORNING, [null]],
      [5n, MORNING, ['de']],
    ]
    expect(partition(['customer.country'], rows)).toEqual({
      kind: 'many',
      groups: [
        { partition: ['de'], rows: Int32Array.of(0, 4) },
        { partition: [null], rows: Int32Array.of(1, 3) },
        { partition: ['fr'], rows: Int32Array.of(2) },
      ],
    })
  })

  test('a varying field beside a constant one', () => {
    const rows: Slot[][] = [
      [1n, MORNING, ['de']],
      [2n, EVENING, ['fr']],
    ]
    expect(partition(['day(ts)', 'customer.country'], rows)).toEqual({
      kind: 'many',
      groups: [
        { partition: [20_455, 'de'], rows: Int32Array.of(0) },
        { partition: [20_455, 'fr'], rows: Int32Array.of(1) },
      ],
    })
  })

  test('−0.0 and +0.0 are two partitions, NaN is one', () => {
    const rows: Slot[][] = [0, -0, Number.NaN, Number.NaN].map(d => [1n, null, null, d])
    expect(partition(['d'], rows)).toEqual({
      kind: 'many',
      groups: [
        { partition: [0], rows: Int32Array.of(0) },
        { partition: [-0], rows: Int32Array.of(1) },
        { partition: [Number.NaN], rows: Int32Array.of(2, 3) },
      ],
    })
  })
})

test('NaN of every bit pattern is one partition', () => {
  const rows: Slot[][] = [Number.NaN, Number.NaN].map(d => [1n, null, null, d])
  const batch = batchOf(FIELDS, rows)
  const column = batch.columns[3]
  if (column?.layout !== 'fixed') throw new Error('not a double')
  column.data[8] = 1
  const { spec } = partitionSpecOf(['d'], SCHEMA)
  expect(partitionRows(batch, spec, SCHEMA)).toEqual({ kind: 'single', partition: [Number.NaN] })
})

test('an empty batch has no partitions', () => {
  expect(partition(['day(ts)'], [])).toEqual({ kind: 'many', groups: [] })
})

test('a batch without the source column is a defect that names it', () => {
  const { spec } = partitionSpecOf(['day(ts)'], SCHEMA)
  const batch = batchOf(FIELDS.slice(0, 1), [[1n]])
  expect(() => partitionRows(batch, spec, SCHEMA)).toThrow(/the batch has no column "ts"/)
})
