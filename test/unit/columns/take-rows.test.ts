import { describe, expect, test } from 'vitest'
import { digestBatch } from '../../../shared/columns/column-digest.ts'
import { takeRows } from '../../../shared/columns/take-rows.ts'
import { decodeJson, listOf, mapOf, optional, rowsOf, schemaOf, structOf } from '../decode/decode-json.ts'

const schema = schemaOf(
  optional('flag', { kind: 'boolean' }),
  optional('number', { kind: 'long' }),
  optional('small', { kind: 'fixed', length: 3 }),
  optional('text', { kind: 'string' }),
  optional('nested', structOf(optional('list', listOf(structOf(optional('t', { kind: 'string' })))))),
  optional('map', mapOf({ kind: 'string' }, listOf({ kind: 'int' }))),
)

const texts = Array.from({ length: 50 }, (_, i) => {
  if (i % 9 === 0) return '{}'
  const list = Array.from({ length: i % 4 }, (_, k) => (k === 1 ? null : { t: `${'t'.repeat(i)}${k}` }))
  const row = {
    flag: i % 2 === 0,
    number: i,
    small: 'AQID',
    text: 'x'.repeat(i),
    nested: { list },
    map: { [`k${i}`]: [i, null] },
  }
  return JSON.stringify(row)
})

describe('takeRows', () => {
  const { batch, rows } = decodeJson(schema, texts)

  test('gathers rows in the order asked, some twice, some not at all', () => {
    const indexes = Int32Array.of(7, 3, 3, 49, 0, 18, 21)
    const taken = takeRows(batch, indexes)
    expect(rowsOf(taken)).toEqual([...indexes].map(row => rows[row]))
    expect(taken.columns.map(column => column.length)).toEqual(Array(6).fill(7))
  })

  test('all rows in order give the same bytes', () => {
    const all = takeRows(
      batch,
      Uint32Array.from(texts, (_, i) => i),
    )
    expect(digestBatch(all)).toEqual(digestBatch(batch))
    expect(all.sizeBytes).toBe(batch.sizeBytes)
  })

  test('no rows give empty columns', () => {
    const none = takeRows(batch, new Int32Array(0))
    expect([none.rowCount, none.columns[3]?.length]).toEqual([0, 0])
    expect(rowsOf(none)).toEqual([])
  })

  test('null counts are those of the rows taken', () => {
    expect(takeRows(batch, Int32Array.of(0, 9, 1)).columns.map(column => column.nullCount)).toEqual(
      Array(6).fill(2),
    )
  })
})
