import { expect, test } from 'vitest'
import { humanText, partitionPath } from '../../../shared/iceberg/partition-path.ts'
import type { PartitionValue, Transform } from '../../../shared/iceberg/partition-spec.ts'
import type { PrimitiveType } from '../../../shared/iceberg/schema.ts'
import { BY_DAY, ORDERS, UNPARTITIONED } from './fixtures.ts'

const BY_COUNTRY = {
  specId: 1,
  fields: [
    ...BY_DAY.fields,
    { sourceId: 5, fieldId: 1001, name: 'customer.country', transform: { kind: 'identity' } as const },
  ],
}

test('an unpartitioned table has no folder', () => {
  expect(partitionPath(UNPARTITIONED, ORDERS, [])).toBe('')
})

test('fields become name=value folders, escaped as the Java library does', () => {
  expect(partitionPath(BY_COUNTRY, ORDERS, [20_455, 'a/b c=ü~*'])).toBe(
    'created_at_day=2026-01-02/customer.country=a%2Fb+c%3D%C3%BC%7E*',
  )
  expect(partitionPath(BY_COUNTRY, ORDERS, [null, null])).toBe('created_at_day=null/customer.country=null')
})

test('a long value is cut outside its escapes and told apart by a hash', () => {
  const [left, right] = ['x', 'y'].map(end =>
    partitionPath(BY_COUNTRY, ORDERS, [0, `${'ü'.repeat(300)}${end}`]),
  )
  expect(left).not.toBe(right)
  const segment = left?.split('/')[1] ?? ''
  expect(segment.length).toBeLessThanOrEqual(160)
  expect(segment).toMatch(/^customer\.country=(%[0-9A-F]{2})*~[0-9a-f]{16}$/)
})

test('a lone surrogate does not break the path', () => {
  expect(partitionPath(BY_COUNTRY, ORDERS, [0, '\ud800'])).toContain('%EF%BF%BD')
})

test.each<[Transform['kind'], PrimitiveType, PartitionValue, string]>([
  ['year', { kind: 'int' }, 56, '2026'],
  ['year', { kind: 'int' }, -1, '1969'],
  ['month', { kind: 'int' }, -1, '1969-12'],
  ['day', { kind: 'date' }, -1, '1969-12-31'],
  ['hour', { kind: 'int' }, -1, '1969-12-31-23'],
  ['identity', { kind: 'date' }, 0, '1970-01-01'],
  ['identity', { kind: 'decimal', precision: 9, scale: 2 }, -5n, '-0.05'],
  ['identity', { kind: 'decimal', precision: 9, scale: 0 }, 5n, '5'],
  ['identity', { kind: 'timestamp' }, 1_500_000n, '1970-01-01T00:00:01.500'],
  ['identity', { kind: 'timestamptz' }, -1n, '1969-12-31T23:59:59.999999+00:00'],
  ['identity', { kind: 'time' }, 0n, '00:00:00'],
  ['identity', { kind: 'binary' }, Uint8Array.of(255, 254), '//4='],
  ['identity', { kind: 'boolean' }, true, 'true'],
  [
    'identity',
    { kind: 'uuid' },
    'f79c3e09-677c-4bbd-a479-3f349cb785e7',
    'f79c3e09-677c-4bbd-a479-3f349cb785e7',
  ],
  ['identity', { kind: 'long' }, -9_007_199_254_740_993n, '-9007199254740993'],
])('%s of %o prints %s as %s', (kind, type, value, text) => {
  const plain = ['identity', 'year', 'month', 'day', 'hour', 'void'] as const
  const transform = plain.find(name => name === kind)
  expect(humanText({ kind: transform ?? 'identity' }, type, value)).toBe(text)
})
