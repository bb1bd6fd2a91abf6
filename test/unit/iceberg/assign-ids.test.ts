import { describe, expect, test } from 'vitest'
import { assignFreshIds, MAX_FIELD_ID } from '../../../shared/iceberg/assign-ids.ts'
import { parsePartitionTerm, partitionSpecOf } from '../../../shared/iceberg/build-partition-spec.ts'
import type { IcebergType, NestedField } from '../../../shared/iceberg/schema.ts'
import { ORDERS } from './fixtures.ts'

const field = (name: string, type: IcebergType, id = 0): NestedField => ({ id, name, required: false, type })
const long: IcebergType = { kind: 'long' }
const list = (element: IcebergType): IcebergType => ({
  kind: 'list',
  elementId: 0,
  elementRequired: false,
  element,
})
const struct = (...fields: NestedField[]): IcebergType => ({ kind: 'struct', fields })
const map = (key: IcebergType, value: IcebergType): IcebergType => ({
  kind: 'map',
  keyId: 0,
  key,
  valueId: 0,
  valueRequired: true,
  value,
})

describe('assignFreshIds', () => {
  test('numbers a whole struct level before what is nested in it, as the Java library does', () => {
    const { schema, lastColumnId } = assignFreshIds([
      field('a', struct(field('x', long), field('y', struct(field('z', long))))),
      field('b', list(struct(field('e', long)))),
      field('c', map(struct(field('k', long)), struct(field('v', long)))),
      field('d', long),
    ])
    expect(schema.fields).toEqual([
      field('a', struct(field('x', long, 5), field('y', struct(field('z', long, 7)), 6)), 1),
      field(
        'b',
        { kind: 'list', elementId: 8, elementRequired: false, element: struct(field('e', long, 9)) },
        2,
      ),
      field(
        'c',
        {
          kind: 'map',
          keyId: 10,
          key: struct(field('k', long, 12)),
          valueId: 11,
          valueRequired: true,
          value: struct(field('v', long, 13)),
        },
        3,
      ),
      field('d', long, 4),
    ])
    expect(lastColumnId).toBe(13)
  })

  test('trap: ids start at 1', () => {
    expect(assignFreshIds([field('a', long)]).schema.fields[0]?.id).toBe(1)
  })

  test('keeps ids that are given and numbers the others above the highest of them', () => {
    const { schema, lastColumnId } = assignFreshIds([
      field('a', long, 7),
      field('b', list(long)),
      field('c', long, 2),
    ])
    expect(schema.fields.map(({ id }) => id)).toEqual([7, 8, 2])
    expect(schema.fields[1]?.type).toMatchObject({ elementId: 9 })
    expect(lastColumnId).toBe(9)
  })

  test.each([
    ['an id given twice', [field('a', long, 3), field('b', long, 3)], /given twice/],
    ['a reserved id', [field('a', long, MAX_FIELD_ID + 1)], /reserved by Iceberg/],
    ['a negative id', [field('a', long, -1)], /cannot be used/],
    ['a name used twice', [field('a', long), field('a', long)], /"a" is used twice/],
    [
      'a dotted name that meets a nested one',
      [field('a', struct(field('b', long))), field('a.b', long)],
      /"a.b" is used twice/,
    ],
    ['trap: a struct without fields', [field('a', struct())], /no empty groups/],
    ['an empty name inside a list', [field('a', list(struct(field('', long))))], /empty one/],
  ])('refuses %s', (_what, fields, message) => {
    expect(() => assignFreshIds(fields)).toThrow(message)
  })

  test('refuses to run into the reserved ids', () => {
    expect(() => assignFreshIds([field('a', long, MAX_FIELD_ID), field('b', long)])).toThrow(
      /No field ids are left/,
    )
  })
})

describe('partitionSpecOf', () => {
  test('names and numbers fields as the Java library does', () => {
    const { spec, lastPartitionId } = partitionSpecOf(
      [
        'days(created_at)',
        'bucket(16, order_id)',
        'truncate(customer.id, 4)',
        'customer.country',
        'void(amount)',
      ],
      ORDERS,
    )
    expect(spec).toEqual({
      specId: 0,
      fields: [
        { sourceId: 2, fieldId: 1000, name: 'created_at_day', transform: { kind: 'day' } },
        { sourceId: 1, fieldId: 1001, name: 'order_id_bucket', transform: { kind: 'bucket', buckets: 16 } },
        { sourceId: 4, fieldId: 1002, name: 'customer.id_trunc', transform: { kind: 'truncate', width: 4 } },
        { sourceId: 5, fieldId: 1003, name: 'customer.country', transform: { kind: 'identity' } },
        { sourceId: 6, fieldId: 1004, name: 'amount_null', transform: { kind: 'void' } },
      ],
    })
    expect(lastPartitionId).toBe(1004)
  })

  test('trap: nothing to partition by is spec 0 without fields and last-partition-id 999', () => {
    expect(partitionSpecOf([], ORDERS)).toEqual({ spec: { specId: 0, fields: [] }, lastPartitionId: 999 })
  })

  test.each([
    ['an unknown column', ['day(shipped_at)'], /no column "shipped_at".*order_id, created_at, customer/],
    ['a type that the transform does not take', ['day(order_id)'], /is a long, which day does not take/],
    ['a struct', ['customer'], /is a struct/],
    [
      'two periods of one column',
      ['year(created_at)', 'day(created_at)'],
      /redundant beside "created_at_year"/,
    ],
    ['one field twice', ['order_id', 'order_id'], /redundant/],
  ])('refuses %s', (_what, terms, message) => {
    expect(() => partitionSpecOf(terms, ORDERS)).toThrow(message)
  })

  test('refuses a uuid as it is, which readers would miss rows by, and takes its bucket', () => {
    const fields: NestedField[] = [{ id: 1, name: 'u', required: false, type: { kind: 'uuid' } }]
    expect(() => partitionSpecOf(['u'], { schemaId: 0, fields })).toThrow(/use bucket\(16, u\)/)
    expect(partitionSpecOf(['bucket(16, u)'], { schemaId: 0, fields }).spec.fields).toHaveLength(1)
  })

  test('refuses a field whose name a column already has', () => {
    const fields = [field('ts', { kind: 'timestamp' }, 1), field('ts_day', long, 2)]
    expect(() => partitionSpecOf(['day(ts)'], { schemaId: 0, fields })).toThrow(/a column has that name/)
  })

  test.each([
    '',
    'day()',
    'day(a, b)',
    'bucket(id)',
    'bucket(0, id)',
    'bucket(99999999999, id)',
    'week(ts)',
    'day(ts',
  ])('refuses the term "%s"', term => {
    expect(() => parsePartitionTerm(term)).toThrow(/is not understood/)
  })
})
