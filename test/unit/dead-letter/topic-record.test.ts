import { expect, test } from 'vitest'
import { topicRecordOf } from '../../../services/dead-letter/topic-record.ts'
import type { ColumnValue } from '../../../shared/columns/column-values.ts'

const ROW: Readonly<Record<string, ColumnValue>> = {
  topic: 'orders',
  partition: 3,
  offset: 9_007_199_254_740_993n,
  timestamp: -1_000n,
  key: null,
  value: new Uint8Array(),
  headers: null,
  error_code: 'not-json',
  error_message: '$: expected a JSON value, found “…”',
  failed_schema_id: 7,
  failed_at: 1_700_000_000_123_000n,
}
const recordOf = (changes: Readonly<Record<string, ColumnValue>> = {}) =>
  topicRecordOf(column => ({ ...ROW, ...changes })[column] ?? null)
const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString())

test('a record without headers of its own has those that Tidewater adds, offsets exact', () => {
  const { headers = [], ...record } = recordOf()
  expect(record).toEqual({ timestampMs: -1, key: null, value: new Uint8Array() })
  expect(headers.map(({ key, value }) => [text(key), text(value)])).toEqual([
    ['tidewater.source.topic', 'orders'],
    ['tidewater.source.partition', '3'],
    ['tidewater.source.offset', '9007199254740993'],
    ['tidewater.error.code', 'not-json'],
    ['tidewater.error.message', '$: expected a JSON value, found “…”'],
    ['tidewater.schema.id', '7'],
    ['tidewater.failed_at', '2023-11-14T22:13:20.123Z'],
  ])
})

test('headers of a record that was a dead letter before stay, before those of this time', () => {
  const earlier = { key: 'tidewater.error.code', value: new Uint8Array([120]) }
  const { headers = [] } = recordOf({ headers: [earlier, { key: '', value: null }] })
  expect(headers.map(({ key }) => text(key)).slice(0, 3)).toEqual([
    'tidewater.error.code',
    '',
    'tidewater.source.topic',
  ])
  const codes = headers.filter(({ key }) => text(key) === 'tidewater.error.code')
  expect(codes.map(({ value }) => text(value))).toEqual(['x', 'not-json'])
})

test.each([
  ['topic', null],
  ['partition', 'three'],
  ['timestamp', 5],
  ['key', 'text'],
  ['headers', 'none'],
  ['headers', ['none']],
  ['headers', [{ key: null, value: null }]],
  ['headers', [{ key: 'h', value: 'text' }]],
])('a file whose %s is %j is no dead-letter file', (column, value) => {
  expect(() => recordOf({ [column]: value })).toThrow(
    expect.objectContaining({ code: 'dead-letter-unreadable', next: 'park' }),
  )
})
