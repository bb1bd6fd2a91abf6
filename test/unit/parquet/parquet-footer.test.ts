import { describe, expect, test } from 'vitest'
import type { IcebergType, NestedField, Schema } from '../../../shared/iceberg/schema.ts'
import {
  minimalDecimalBytes,
  readParquetFooter,
  verifyParquetFile,
} from '../../../shared/parquet/parquet-footer.ts'
import { createParquetWriter } from '../../../shared/parquet/parquet-writer.ts'
import { batchOf } from './batches.ts'
import { EVERY_TYPE_ROWS, EVERY_TYPE_SCHEMA } from './every-type.ts'

async function everyTypeFile(): Promise<Uint8Array> {
  const writer = createParquetWriter({ schema: EVERY_TYPE_SCHEMA, compression: 'zstd', rowGroupBytes: 1 })
  for (const row of EVERY_TYPE_ROWS) await writer.append(batchOf(EVERY_TYPE_SCHEMA, [row]))
  return (await writer.finish()).bytes
}

const ROWS = BigInt(EVERY_TYPE_ROWS.length)
const FAILED = expect.objectContaining({ code: 'parquet-verification-failed', next: 'fatal' })

/** The schema with the field of that name, at any depth, replaced. */
function withField(name: string, change: (field: NestedField) => NestedField): Schema {
  const inFields = (fields: readonly NestedField[]): readonly NestedField[] =>
    fields.map(field => {
      const changed = field.name === name ? change(field) : field
      return { ...changed, type: inType(changed.type) }
    })
  const inType = (type: IcebergType): IcebergType => {
    if (type.kind === 'struct') return { ...type, fields: inFields(type.fields) }
    return type.kind === 'list' ? { ...type, element: inType(type.element) } : type
  }
  return { ...EVERY_TYPE_SCHEMA, fields: inFields(EVERY_TYPE_SCHEMA.fields) }
}

describe('verifyParquetFile', () => {
  test('a file of every type passes, with the size of every leaf and the start of every row group', async () => {
    const bytes = await everyTypeFile()
    const facts = verifyParquetFile(bytes, EVERY_TYPE_SCHEMA, ROWS)
    expect(facts.recordCount).toBe(ROWS)
    expect([...facts.columnSizes.keys()].sort((a, b) => a - b)).toEqual([
      ...Array.from({ length: 16 }, (_, i) => i + 1),
      ...[20, 22, 23, 25, 28, 29, 31, 33],
    ])
    const groups = readParquetFooter(bytes).row_groups
    expect(facts.splitOffsets).toHaveLength(4)
    expect([...facts.columnSizes.values()].reduce((a, b) => a + b)).toBe(
      groups.reduce((sum, group) => sum + (group.total_compressed_size ?? 0n), 0n),
    )
  })

  test('another row count fails, and says what was found', async () => {
    const bytes = await everyTypeFile()
    expect(() => verifyParquetFile(bytes, EVERY_TYPE_SCHEMA, ROWS + 1n)).toThrow(
      /rows in the footer: expected 5, found 4/,
    )
  })

  test.each<readonly [string, Schema]>([
    ['a top-level field id', withField('key', field => ({ ...field, id: 99 }))],
    ['a field id in a struct in a list', withField('sku', field => ({ ...field, id: 99 }))],
    ['a name', withField('country', field => ({ ...field, name: 'land' }))],
    ['REQUIRED', withField('sku', field => ({ ...field, required: false }))],
    ['a physical type', withField('key', field => ({ ...field, type: { kind: 'int' } }))],
    ['a logical type', withField('timestamp_10', field => ({ ...field, type: { kind: 'timestamptz' } }))],
    [
      'a decimal scale',
      withField('decimal_5', field => ({ ...field, type: { kind: 'decimal', precision: 9, scale: 3 } })),
    ],
    ['a fixed length', withField('fixed_14', field => ({ ...field, type: { kind: 'fixed', length: 4 } }))],
    [
      'the UUID annotation',
      withField('uuid_13', field => ({ ...field, type: { kind: 'fixed', length: 16 } })),
    ],
    [
      'a list element id',
      withField('tags', field => ({
        ...field,
        type: { kind: 'list', elementId: 99, elementRequired: false, element: { kind: 'string' } },
      })),
    ],
    [
      'a field too many',
      {
        ...EVERY_TYPE_SCHEMA,
        fields: [
          ...EVERY_TYPE_SCHEMA.fields,
          { id: 98, name: 'more', required: false, type: { kind: 'int' } },
        ],
      },
    ],
    ['a field too few', { ...EVERY_TYPE_SCHEMA, fields: EVERY_TYPE_SCHEMA.fields.slice(1) }],
  ])('a difference in %s fails', async (_, schema) => {
    const bytes = await everyTypeFile()
    expect(() => verifyParquetFile(bytes, schema, ROWS)).toThrow(FAILED)
  })

  test('a file cut short or damaged in its footer is refused, not passed', async () => {
    const bytes = await everyTypeFile()
    expect(() => verifyParquetFile(bytes.subarray(0, -1), EVERY_TYPE_SCHEMA, ROWS)).toThrow(
      /no PAR1 at the end/,
    )
    // Rows that are missing at the front shift every offset.
    const shifted = new Uint8Array([...bytes.subarray(0, 4), ...bytes.subarray(20)])
    shifted.set(bytes.subarray(-8), shifted.length - 8)
    expect(() => verifyParquetFile(shifted, EVERY_TYPE_SCHEMA, ROWS)).toThrow(FAILED)
  })
})

test.each([
  [10, 5],
  [18, 8],
  [19, 9],
  [28, 12],
  [38, 16],
])('a decimal of %i digits takes %i bytes', (precision, bytes) => {
  expect(minimalDecimalBytes(precision)).toBe(bytes)
})
