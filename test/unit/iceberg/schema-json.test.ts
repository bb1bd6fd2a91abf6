import { describe, expect, test } from 'vitest'
import { parseExactJson, stringifyExactJson } from '../../../shared/iceberg/exact-json.ts'
import {
  partitionFieldsToJson,
  partitionSpecFromJson,
  partitionSpecToJson,
} from '../../../shared/iceberg/partition-spec-json.ts'
import { schemaFromJson, schemaToJson } from '../../../shared/iceberg/schema-json.ts'
import { BY_DAY, ORDERS } from './fixtures.ts'

const roundTrip = (json: Parameters<typeof stringifyExactJson>[0]) =>
  parseExactJson(stringifyExactJson(json), 'x')
const withType = (type: unknown) => ({
  type: 'struct',
  'schema-id': 0,
  fields: [{ id: 1, name: 'a', required: false, type }],
})

describe('schemas', () => {
  test('are spelled as the Java library spells them', () => {
    expect(schemaToJson(ORDERS)).toEqual({
      type: 'struct',
      'schema-id': 0,
      fields: [
        { id: 1, name: 'order_id', required: true, type: 'long' },
        { id: 2, name: 'created_at', required: false, type: 'timestamptz' },
        {
          id: 3,
          name: 'customer',
          required: false,
          type: {
            type: 'struct',
            fields: [
              { id: 4, name: 'id', required: false, type: 'string' },
              { id: 5, name: 'country', required: false, type: 'string' },
            ],
          },
        },
        { id: 6, name: 'amount', required: false, type: 'decimal(12, 2)' },
      ],
    })
  })

  test('lists, maps, docs and identifier fields read back', () => {
    const schema = {
      schemaId: 3,
      identifierFieldIds: [1],
      fields: [
        { id: 1, name: 'id', required: true, type: { kind: 'fixed', length: 16 }, doc: 'who' },
        {
          id: 2,
          name: 'l',
          required: false,
          type: { kind: 'list', elementId: 3, elementRequired: true, element: { kind: 'uuid' } },
        },
        {
          id: 4,
          name: 'm',
          required: false,
          type: {
            kind: 'map',
            keyId: 5,
            key: { kind: 'string' },
            valueId: 6,
            valueRequired: false,
            value: {
              kind: 'struct',
              fields: [{ id: 7, name: 'x', required: false, type: { kind: 'time' } }],
            },
          },
        },
      ],
    } as const
    expect(schemaFromJson(roundTrip(schemaToJson(schema)), 'x')).toEqual(schema)
  })

  test('a decimal is read with or without the space', () => {
    for (const text of ['decimal(9,2)', 'decimal(9, 2)', 'decimal( 9 , 2 )'])
      expect(schemaFromJson(withType(text), 'x').fields[0]?.type).toEqual({
        kind: 'decimal',
        precision: 9,
        scale: 2,
      })
  })

  test.each([
    ['timestamp_ns', /unknown type "timestamp_ns"/],
    ['variant', /unknown type "variant"/],
    ['decimal(39,2)', /unknown type/],
    ['decimal(2,3)', /unknown type/],
    ['fixed[0]', /unknown type/],
    [{ type: 'list', element: 'int' }, /not a type/],
    [7, /not a type/],
  ])('refuse the type %o', (type, message) => {
    expect(() => schemaFromJson(withType(type), 'm.json')).toThrow(message)
  })

  test('refuse a default value rather than dropping it', () => {
    const json = {
      type: 'struct',
      'schema-id': 0,
      fields: [{ id: 1, name: 'a', required: true, type: 'int', 'initial-default': 4 }],
    }
    expect(() => schemaFromJson(json, 'm.json')).toThrow(/field 1 "a" has a default value/)
  })

  test('refuse types nested without end', () => {
    let type: unknown = 'int'
    for (let depth = 0; depth < 200; depth++)
      type = { type: 'list', 'element-id': depth + 2, element: type, 'element-required': false }
    expect(() => schemaFromJson(withType(type), 'm.json')).toThrow(/nested deeper/)
  })
})

describe('partition specs', () => {
  test('read back, and a manifest header holds the fields array alone', () => {
    expect(partitionSpecFromJson(roundTrip(partitionSpecToJson(BY_DAY)), 'x')).toEqual(BY_DAY)
    expect(partitionFieldsToJson(BY_DAY)).toEqual([
      { name: 'created_at_day', transform: 'day', 'source-id': 2, 'field-id': 1000 },
    ])
  })

  test('refuse a field without its id', () => {
    const json = { 'spec-id': 0, fields: [{ name: 'a', transform: 'day', 'source-id': 1 }] }
    expect(() => partitionSpecFromJson(json, 'm.json')).toThrow(/field-id/)
  })
})
