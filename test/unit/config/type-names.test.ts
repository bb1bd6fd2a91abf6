import { describe, expect, it } from 'vitest'
import { parseTypeName } from '../../../shared/config/type-names.ts'

describe('parseTypeName', () => {
  it.each([
    'boolean',
    'int',
    'long',
    'float',
    'double',
    'date',
    'time',
    'timestamp',
    'timestamptz',
    'string',
    'uuid',
    'binary',
  ])('knows %s', text => {
    expect(parseTypeName(text)).toEqual({ ok: true, value: { kind: text } })
  })

  it.each([
    ['decimal(12,2)', { kind: 'decimal', precision: 12, scale: 2 }],
    ['decimal( 38 , 38 )', { kind: 'decimal', precision: 38, scale: 38 }],
    ['decimal(1,0)', { kind: 'decimal', precision: 1, scale: 0 }],
    ['fixed(16)', { kind: 'fixed', length: 16 }],
    ['fixed[16]', { kind: 'fixed', length: 16 }],
  ])('reads %s', (text, value) => {
    expect(parseTypeName(text)).toEqual({ ok: true, value })
  })

  it.each([
    ['decimal(40,2)', /precision from 1 to 38/, /The largest is decimal\(38,2\)/],
    ['decimal(2,4)', /scale from 0 to the precision/, undefined],
    ['decimal(0,0)', /precision from 1 to 38/, undefined],
    ['decimal', /decimal\(p,s\)/, /decimal\(12,2\)/],
    ['decimal(12)', /decimal\(p,s\)/, /decimal\(12,2\)/],
    ['fixed', /fixed\(n\)/, /fixed\(16\)/],
    ['fixed(0)', /fixed\(n\)/, /fixed\(16\)/],
    ['fixed(9999999999)', /fixed\(n\)/, /fixed\(16\)/],
    ['bigint', /an Iceberg type/, /mean long/],
    ['varchar(20)', /an Iceberg type/, /mean string/],
    ['list<string>', /an Iceberg type/, /type: list/],
    ['map<string,int>', /an Iceberg type/, /type: map/],
    ['struct<a: int>', /an Iceberg type/, /type: struct/],
    ['timestamptz_ns', /an Iceberg type/, /v3/],
    ['LONG', /an Iceberg type/, /mean long/],
    ['strng', /an Iceberg type/, /mean string/],
    ['toString', /an Iceberg type/, undefined],
    ['%%%', /an Iceberg type/, /Known types are boolean/],
  ])('refuses %s, saying what is meant', (text, expected, suggestion) => {
    const parsed = parseTypeName(text)
    expect(parsed).toMatchObject({ ok: false, expected: expect.stringMatching(expected) })
    if (suggestion) expect(parsed).toMatchObject({ suggestion: expect.stringMatching(suggestion) })
  })
})
