import { type Field, tableFromIPC } from 'apache-arrow'
import { describe, expect, test } from 'vitest'
import {
  END_OF_STREAM,
  encodeSchemaMessage,
  planRecordBatch,
  writeRecordBatch,
} from '../../../shared/parquet/arrow-data.ts'
import { batchOf, schemaOf } from './batches.ts'
import { EVERY_TYPE_ROWS, EVERY_TYPE_SCHEMA } from './every-type.ts'

/** Message by message, as the writer does. */
function streamOf(...messages: readonly ReturnType<typeof planRecordBatch>[]): Uint8Array {
  const pieces = messages.map(message => {
    const bytes = new Uint8Array(message.sizeBytes)
    writeRecordBatch(message, bytes, 0)
    return bytes
  })
  return new Uint8Array(Buffer.concat([encodeSchemaMessage(EVERY_TYPE_SCHEMA), ...pieces, END_OF_STREAM]))
}

describe('Arrow IPC stream', () => {
  test('apache-arrow reads the batches back, with lists, maps and nulls in place', () => {
    const batch = batchOf(EVERY_TYPE_SCHEMA, EVERY_TYPE_ROWS)
    const table = tableFromIPC(streamOf(planRecordBatch(batch), planRecordBatch(batch)))
    expect(table.numRows).toBe(8)
    expect(table.batches).toHaveLength(2)
    const key = table.getChild('key')
    expect(key?.toArray().slice(4)).toEqual(BigInt64Array.of(1n, 2n, 3n, -(2n ** 63n)))
    expect(table.getChild('string_12')?.toJSON()).toEqual(
      [1, 2].flatMap(() => ['é😀', '', null, 'x'.repeat(100)]),
    )
    expect(table.getChild('tags')?.get(4)?.toJSON()).toEqual(['a', null, ''])
    expect(table.getChild('customer')?.get(2)).toBeNull()
  })

  test('every level carries its field id and whether it may be null', () => {
    const ids: Record<string, string | undefined> = {}
    const visit = (field: Field, path: string): void => {
      ids[`${path}${field.name}${field.nullable ? '?' : ''}`] = field.metadata.get('PARQUET:field_id')
      for (const child of field.type.children ?? []) visit(child, `${path}${field.name}.`)
    }
    // apache-arrow calls the entries of a map so whatever the stream says; the footer test sees `key_value`.
    for (const field of tableFromIPC(streamOf()).schema.fields.slice(16)) visit(field, '')
    expect(ids).toEqual({
      key: '20',
      'customer?': '21',
      'customer.id': '22',
      'customer.country?': '23',
      'tags?': '24',
      'tags.element?': '25',
      lines: '26',
      'lines.element': '27',
      'lines.element.sku': '28',
      'lines.element.price?': '29',
      'counts?': '30',
      'counts.entries': undefined,
      'counts.entries.key': '31',
      'counts.entries.value?': '32',
      'counts.entries.value.element?': '33',
    })
  })

  test('a column of another length than the batch is a broken invariant', () => {
    const schema = schemaOf({ id: 1, name: 'c', required: true, type: { kind: 'int' } })
    const batch = { ...batchOf(schema, [{ c: 1 }]), rowCount: 2 }
    expect(() => planRecordBatch(batch)).toThrow(/column c has 1 slots in a batch of 2 rows/)
  })
})
