import { describe, expect, test } from 'vitest'
import type { NestedField } from '../../../shared/iceberg/schema.ts'
import { createDictionarySampler } from '../../../shared/parquet/dictionary-choice.ts'
import { batchOf, type Row, schemaOf } from './batches.ts'

const ROWS = 30_000
const LONG: NestedField = { id: 1, name: 'c', required: true, type: { kind: 'long' } }
const INT: NestedField = { id: 1, name: 'c', required: true, type: { kind: 'int' } }
const STRING: NestedField = { id: 1, name: 'c', required: true, type: { kind: 'string' } }

function choose(field: NestedField, row: (i: number) => Row, rowsPerBatch = ROWS) {
  const schema = schemaOf(field)
  const sampler = createDictionarySampler()
  for (let at = 0; at < ROWS; at += rowsPerBatch) {
    sampler.add(
      batchOf(
        schema,
        Array.from({ length: rowsPerBatch }, (_, i) => row(at + i)),
      ),
    )
  }
  return sampler.choose()
}

/** One of `distinct` numbers, scattered so that neighbours are not alike. */
function scattered(i: number, distinct: number): number {
  const mixed = Math.imul(i ^ (i >>> 7), 0x9e3779b1) >>> 0
  return (mixed >>> 5) % distinct
}

describe('choice of dictionaries', () => {
  test.each<readonly [string, boolean, NestedField, (i: number) => Row]>([
    ['unique keys', false, LONG, i => ({ c: BigInt(i) })],
    ['sorted keys of four rows each', false, LONG, i => ({ c: BigInt(i >> 2) })],
    ['three codes', true, STRING, i => ({ c: ['R', 'A', 'N'][i % 3] ?? '' })],
    [
      '5,000 scattered numbers, nearly distinct in a sample',
      true,
      LONG,
      i => ({ c: BigInt(scattered(i, 5000)) }),
    ],
    ['200,000 scattered numbers', false, LONG, i => ({ c: BigInt(scattered(i, 200_000)) })],
    [
      '7,000 scattered ints, whose indexes would be half as wide',
      false,
      INT,
      i => ({ c: scattered(i, 7000) }),
    ],
    ['50 scattered ints', true, INT, i => ({ c: scattered(i, 50) })],
    [
      '5,000 scattered texts of 200 bytes, too many bytes',
      false,
      STRING,
      i => ({ c: `${scattered(i, 5000)}`.padEnd(200, 'x') }),
    ],
    ['unique texts that differ only at their ends', false, STRING, i => ({ c: `${'same '.repeat(20)}${i}` })],
  ])('%s: dictionary %s', (_, expected, field, row) => {
    expect(choose(field, row).topLevel.get('c')).toBe(expected)
    expect(choose(field, row, 3000).topLevel.get('c')).toBe(expected)
  })

  test('nested leaves share the choice of those with more bytes', () => {
    const field = (wide: 'unique' | 'code'): [NestedField, (i: number) => Row] => [
      {
        id: 1,
        name: 's',
        required: true,
        type: {
          kind: 'struct',
          fields: [
            { id: 2, name: 'unique', required: true, type: { kind: 'string' } },
            { id: 3, name: 'code', required: true, type: { kind: 'string' } },
          ],
        },
      },
      i => ({
        s: {
          unique: `${i}`.padStart(wide === 'unique' ? 50 : 6, '0'),
          code: `${i % 3}`.padStart(wide === 'code' ? 50 : 6, '0'),
        },
      }),
    ]
    expect(choose(...field('unique')).nested).toBe(false)
    expect(choose(...field('code')).nested).toBe(true)
  })

  test('of thousands of columns the first ones get a dictionary, and nested leaves none', () => {
    const fields = (count: number, from = 1): NestedField[] =>
      Array.from({ length: count }, (_, i) => ({
        id: from + i,
        name: `c${i}`,
        required: true,
        type: { kind: 'int' },
      }))
    const choice = (...of: NestedField[]) => {
      const sampler = createDictionarySampler()
      const value = (field: NestedField): unknown =>
        field.type.kind === 'struct' ? Object.fromEntries(field.type.fields.map(inner => [inner.name, 1])) : 1
      const row = Object.fromEntries(of.map(field => [field.name, value(field)])) as Row
      sampler.add(batchOf(schemaOf(...of), Array(200).fill(row)))
      return sampler.choose()
    }
    const wide = [...choice(...fields(1200)).topLevel.values()]
    expect(wide.slice(0, 1000)).not.toContain(false)
    expect(wide.slice(1000)).not.toContain(true)

    const struct = (count: number): NestedField => ({
      id: 5000,
      name: 's',
      required: true,
      type: { kind: 'struct', fields: fields(count, 5001) },
    })
    const beside = choice(struct(600), ...fields(600))
    expect(beside.nested).toBe(true)
    expect([...beside.topLevel.values()].filter(has => has)).toHaveLength(400)
    expect(choice(struct(1001)).nested).toBe(false)
  })
})
