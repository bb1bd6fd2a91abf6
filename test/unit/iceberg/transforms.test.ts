import { describe, expect, test } from 'vitest'
import { hashBytes, hashLong } from '../../../shared/iceberg/murmur3.ts'
import type { PartitionValue, Transform } from '../../../shared/iceberg/partition-spec.ts'
import type { PrimitiveType } from '../../../shared/iceberg/schema.ts'
import {
  applyTransform,
  civilFromDays,
  parseTransform,
  resultType,
  transformText,
} from '../../../shared/iceberg/transforms.ts'

const LARGEST = { kind: 'bucket', buckets: 2_147_483_647 } as const
const micros = (iso: string) => BigInt(Date.parse(iso)) * 1000n
const bytes = (...values: number[]) => Uint8Array.from(values)

describe('bucket', () => {
  // The spec's test values (appendix B) are hashes; dropping the sign bit is what the bucket does to them.
  test.each<[string, PrimitiveType, PartitionValue, number]>([
    ['int 34', { kind: 'int' }, 34, 2017239379],
    ['long 34', { kind: 'long' }, 34n, 2017239379],
    ['decimal 14.20', { kind: 'decimal', precision: 9, scale: 2 }, 1420n, -500754589],
    ['date 2017-11-16', { kind: 'date' }, 17486, -653330422],
    ['time 22:31:08', { kind: 'time' }, 81_068_000_000n, -662762989],
    ['timestamp 2017-11-16T22:31:08', { kind: 'timestamp' }, micros('2017-11-16T22:31:08Z'), -2047944441],
    ['timestamptz 14:31:08-08:00', { kind: 'timestamptz' }, micros('2017-11-16T14:31:08-08:00'), -2047944441],
    ['string iceberg', { kind: 'string' }, 'iceberg', 1210000089],
    ['uuid', { kind: 'uuid' }, 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 1488055340],
    ['fixed 00 01 02 03', { kind: 'fixed', length: 4 }, bytes(0, 1, 2, 3), -188683207],
    ['binary 00 01 02 03', { kind: 'binary' }, bytes(0, 1, 2, 3), -188683207],
  ])('hashes %s as the spec does', (_name, type, value, hash) => {
    expect(applyTransform(LARGEST, type, value)).toBe((hash & 0x7fffffff) % LARGEST.buckets)
    expect(applyTransform({ kind: 'bucket', buckets: 16 }, type, value)).toBe((hash & 0x7fffffff) % 16)
  })

  test('equal int and long hash alike, negative ones too', () => {
    for (const value of [-1, -2_147_483_648, 0, 2_147_483_647])
      expect(applyTransform(LARGEST, { kind: 'int' }, value)).toBe(
        applyTransform(LARGEST, { kind: 'long' }, BigInt(value)),
      )
  })

  test('murmur3 of every tail length is as published', () => {
    expect(hashBytes(new Uint8Array(0))).toBe(0)
    expect(hashBytes(bytes(0))).toBe(0x514e28b7)
    expect(hashBytes(bytes(0, 0))).toBe(0x30f4c306)
    expect(hashBytes(bytes(0, 0, 0))).toBe(0x85f0b427 | 0)
    expect(hashBytes(bytes(0, 0, 0, 0))).toBe(0x2362f9de)
    expect(hashBytes(bytes(0x21, 0x43, 0x65, 0x87))).toBe(0xf55b516b | 0)
    expect(hashLong(34, 0)).toBe(2017239379)
  })
})

describe('truncate', () => {
  test.each<[string, PrimitiveType, number, PartitionValue, PartitionValue]>([
    ['int down', { kind: 'int' }, 10, 1, 0],
    ['negative int away from zero', { kind: 'int' }, 10, -1, -10],
    ['an exact multiple stays', { kind: 'int' }, 10, -20, -20],
    ['the lowest int wraps as in Java', { kind: 'int' }, 10, -2_147_483_648, 2_147_483_646],
    ['long', { kind: 'long' }, 10, -1n, -10n],
    ['the lowest long wraps as in Java', { kind: 'long' }, 10, -(2n ** 63n), 2n ** 63n - 2n],
    ['decimal by its unscaled width', { kind: 'decimal', precision: 9, scale: 2 }, 50, 1065n, 1050n],
    ['negative decimal', { kind: 'decimal', precision: 9, scale: 2 }, 50, -1n, -50n],
    ['string', { kind: 'string' }, 3, 'iceberg', 'ice'],
    ['string by code points, not UTF-16 units', { kind: 'string' }, 2, '🧊🧊🧊', '🧊🧊'],
    ['short string stays', { kind: 'string' }, 30, 'ice', 'ice'],
    ['binary', { kind: 'binary' }, 3, bytes(1, 2, 3, 4, 5), bytes(1, 2, 3)],
  ])('%s', (_name, type, width, value, expected) => {
    expect(applyTransform({ kind: 'truncate', width }, type, value)).toEqual(expected)
  })
})

describe('periods', () => {
  test.each<[string, string, number, number, number, number]>([
    ['the epoch', '1970-01-01T00:00:00Z', 0, 0, 0, 0],
    ['the microsecond before it', '1969-12-31T23:59:59.999Z', -1, -1, -1, -1],
    ['the first instant of a negative day', '1969-12-31T00:00:00Z', -1, -1, -1, -24],
    ['a leap day', '2024-02-29T12:34:56Z', 54, 649, 19_782, 19_782 * 24 + 12],
    ['the day after 400 years', '2000-03-01T00:00:00Z', 30, 362, 11_017, 11_017 * 24],
    ['long ago', '0001-01-01T00:00:00Z', -1969, -23_628, -719_162, -719_162 * 24],
  ])('%s falls into the period that it lies in', (_name, iso, year, month, day, hour) => {
    const value = micros(iso)
    const apply = (kind: 'year' | 'month' | 'day' | 'hour') =>
      applyTransform({ kind }, { kind: 'timestamptz' }, value)
    expect([apply('year'), apply('month'), apply('day'), apply('hour')]).toEqual([year, month, day, hour])
    expect(applyTransform({ kind: 'month' }, { kind: 'date' }, day)).toBe(month)
  })

  test('the calendar agrees with Date over its whole range', () => {
    for (let day = -99_000_000; day <= 99_000_000; day += 36_523) {
      const date = new Date(day * 86_400_000)
      expect(civilFromDays(day)).toEqual({
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
      })
    }
  })

  test('a date beyond what Date holds still has its year', () => {
    expect(applyTransform({ kind: 'year' }, { kind: 'date' }, 2_147_483_647)).toBe(5_879_610)
    expect(applyTransform({ kind: 'year' }, { kind: 'date' }, -2_147_483_648)).toBe(-5_879_611)
  })
})

test('null stays null, and void makes everything null', () => {
  expect(applyTransform({ kind: 'day' }, { kind: 'date' }, null)).toBeNull()
  expect(applyTransform({ kind: 'void' }, { kind: 'string' }, 'x')).toBeNull()
})

test('a value that the transform does not take is a defect, not a partition', () => {
  expect(() => applyTransform({ kind: 'day' }, { kind: 'string' }, 'x')).toThrow(/does not take it/)
  expect(() => applyTransform({ kind: 'bucket', buckets: 4 }, { kind: 'double' }, 1)).toThrow(
    /does not take it/,
  )
})

test('trap: the result type of day is date, of other periods and buckets int', () => {
  expect(resultType({ kind: 'day' }, { kind: 'timestamptz' })).toEqual({ kind: 'date' })
  expect(resultType({ kind: 'hour' }, { kind: 'timestamp' })).toEqual({ kind: 'int' })
  expect(resultType({ kind: 'hour' }, { kind: 'date' })).toBeUndefined()
  expect(resultType({ kind: 'bucket', buckets: 4 }, { kind: 'string' })).toEqual({ kind: 'int' })
  expect(resultType({ kind: 'truncate', width: 4 }, { kind: 'long' })).toEqual({ kind: 'long' })
})

test('the text form reads back', () => {
  const transforms: Transform[] = [
    { kind: 'identity' },
    { kind: 'bucket', buckets: 16 },
    { kind: 'truncate', width: 4 },
    { kind: 'year' },
    { kind: 'month' },
    { kind: 'day' },
    { kind: 'hour' },
    { kind: 'void' },
  ]
  expect(transforms.map(transformText)).toEqual([
    'identity',
    'bucket[16]',
    'truncate[4]',
    'year',
    'month',
    'day',
    'hour',
    'void',
  ])
  for (const transform of transforms) expect(parseTransform(transformText(transform), 'x')).toEqual(transform)
  expect(() => parseTransform('zorder', 's3://t/m.json')).toThrow(/m\.json: unknown transform "zorder"/)
  expect(() => parseTransform('bucket[0]', 's3://t/m.json')).toThrow(/out of range/)
})
