import { expect, test } from 'vitest'
import { schemaTree, specLines } from '../../../services/cli/schema-tree.ts'
import type { Schema } from '../../../shared/iceberg/schema.ts'

const string = { kind: 'string' } as const
const schema: Schema = {
  schemaId: 0,
  fields: [
    { id: 1, name: 'id', required: true, type: { kind: 'long' }, doc: 'the order' },
    {
      id: 2,
      name: 'customer',
      required: false,
      type: { kind: 'struct', fields: [{ id: 3, name: 'since', required: false, type: { kind: 'date' } }] },
    },
    {
      id: 4,
      name: 'lines',
      required: false,
      type: {
        kind: 'list',
        elementId: 5,
        elementRequired: true,
        element: { kind: 'map', keyId: 6, key: string, valueId: 7, valueRequired: false, value: string },
      },
    },
  ],
}

test('each column, element, key and value has a line with its id, below what holds it', () => {
  expect(schemaTree(schema)).toEqual([
    '1 id: long required (the order)',
    '2 customer: struct',
    '  3 since: date',
    '4 lines: list',
    '  5 element: map required',
    '    6 key: string required',
    '    7 value: string',
  ])
})

test('a partition field names its transform and its column', () => {
  const fields = [
    { sourceId: 3, fieldId: 1000, name: 'since_day', transform: { kind: 'day' } as const },
    { sourceId: 1, fieldId: 1001, name: 'id_bucket', transform: { kind: 'bucket', buckets: 4 } as const },
  ]
  expect(specLines({ specId: 0, fields }, schema)).toEqual([
    '1000 since_day = day(customer.since)',
    '1001 id_bucket = bucket[4](id)',
  ])
})
