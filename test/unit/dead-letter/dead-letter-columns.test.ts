import { expect, test } from 'vitest'
import {
  createDeadLetterColumns,
  deadLetterFields,
} from '../../../services/dead-letter/dead-letter-columns.ts'
import { valueAt } from '../../../shared/columns/column-values.ts'
import { assignFreshIds } from '../../../shared/iceberg/assign-ids.ts'
import { recordSlicesOf } from '../decode/record-slices-of.ts'

const { schema } = assignFreshIds(deadLetterFields())

test('a dead letter keeps the record as it was and says why it failed', () => {
  const columns = createDeadLetterColumns(schema)
  const records = recordSlicesOf(
    [
      {
        key: 'k',
        value: '{',
        headers: [
          ['trace', 'abc'],
          ['trace', null],
        ],
        timestampMs: 1_700_000_000_123,
      },
      { key: null, value: null },
    ],
    40n,
  )
  const why = { code: 'not-json', message: 'why', schemaId: 3, failedAtMs: 5 }
  for (const index of [0, 1]) columns.append({ records, index, topic: 'orders', partition: 7, ...why })
  expect(columns.rowCount).toBe(2)
  const batch = columns.take()
  const rows = [0, 1].map(row =>
    Object.fromEntries(batch.columns.map(column => [column.name, valueAt(column, row)])),
  )
  const bytes = (text: string) => new Uint8Array(Buffer.from(text))
  const common = {
    topic: 'orders',
    partition: 7,
    error_code: 'not-json',
    error_message: 'why',
    failed_schema_id: 3,
    failed_at: 5000n,
  }
  expect(rows).toEqual([
    {
      ...common,
      offset: 40n,
      timestamp: 1_700_000_000_123_000n,
      key: bytes('k'),
      value: bytes('{'),
      headers: [
        { key: 'trace', value: bytes('abc') },
        { key: 'trace', value: null },
      ],
    },
    { ...common, offset: 41n, timestamp: 1_700_000_000_000_000n, key: null, value: null, headers: [] },
  ])
})

test('after a reset the columns are empty and can be filled again', () => {
  const columns = createDeadLetterColumns(schema)
  const records = recordSlicesOf([{ value: 'x' }])
  const letter = {
    records,
    index: 0,
    topic: 't',
    partition: 0,
    code: 'c',
    message: 'm',
    schemaId: 0,
    failedAtMs: 0,
  }
  columns.append(letter)
  columns.take()
  expect(() => columns.append(letter)).toThrow('reset')
  columns.reset()
  expect(columns.rowCount).toBe(0)
  columns.append(letter)
  expect(columns.take().rowCount).toBe(1)
})
