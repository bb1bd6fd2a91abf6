import { expect, test } from 'vitest'
import { glueColumns, glueType } from '../../../../catalog-adapters/glue/glue-columns.ts'
import type { IcebergType, NestedField } from '../../../../shared/iceberg/schema.ts'

const none = new Map<string, string>()
const field = (id: number, name: string, type: IcebergType['kind'] & 'long', doc?: string): NestedField => ({
  id,
  name,
  required: false,
  type: { kind: type },
  ...(doc !== undefined && { doc }),
})

test('types nest as Hive writes them', () => {
  const struct: IcebergType = {
    kind: 'struct',
    fields: [
      { id: 2, name: 'at', required: true, type: { kind: 'timestamptz' } },
      { id: 3, name: 'price', required: false, type: { kind: 'decimal', precision: 12, scale: 2 } },
    ],
  }
  const list: IcebergType = { kind: 'list', elementId: 4, elementRequired: false, element: struct }
  const map: IcebergType = {
    kind: 'map',
    keyId: 5,
    key: { kind: 'uuid' },
    valueId: 6,
    valueRequired: false,
    value: list,
  }
  expect(glueType(map)).toBe('map<string,array<struct<at:timestamp,price:decimal(12,2)>>>')
  expect(glueType({ kind: 'fixed', length: 8 })).toBe('binary')
  expect(glueType({ kind: 'time' })).toBe('string')
})

test('columns of the current schema come first, then those that only older ones have', () => {
  const columns = glueColumns(
    {
      currentSchemaId: 1,
      schemas: [
        { schemaId: 0, fields: [field(1, 'id', 'long'), field(2, 'gone', 'long')] },
        { schemaId: 1, fields: [field(3, 'new', 'long'), field(1, 'id', 'long')] },
      ],
    },
    none,
  )
  const current = columns.map(({ Name, Parameters }) => [Name, Parameters?.['iceberg.field.current']])
  expect(current).toEqual([
    ['new', 'true'],
    ['id', 'true'],
    ['gone', 'false'],
  ])
})

test('a column that was dropped and added again is listed once, as it is now', () => {
  const columns = glueColumns(
    {
      currentSchemaId: 1,
      schemas: [
        { schemaId: 0, fields: [field(1, 'Amount', 'long')] },
        { schemaId: 1, fields: [{ id: 2, name: 'amount', required: true, type: { kind: 'string' } }] },
      ],
    },
    none,
  )
  expect(columns).toEqual([
    {
      Name: 'amount',
      Type: 'string',
      Parameters: {
        'iceberg.field.id': '2',
        'iceberg.field.optional': 'false',
        'iceberg.field.current': 'true',
      },
    },
  ])
})

test('the schema’s own words are the comment, or else those that were given in Glue, within its limit', () => {
  const comments = new Map([
    ['a', 'given'],
    ['b', 'given'],
  ])
  const fields = [
    field(1, 'a', 'long', 'the schema\nsays'),
    field(2, 'b', 'long'),
    field(3, 'c', 'long'),
    field(4, 'd', 'long', `${'x'.repeat(254)}𝛑`),
  ]
  const columns = glueColumns({ currentSchemaId: 0, schemas: [{ schemaId: 0, fields }] }, comments)
  expect(columns.map(({ Comment }) => Comment)).toEqual([
    'the schema says',
    'given',
    undefined,
    'x'.repeat(254),
  ])
})
