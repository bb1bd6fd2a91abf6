import { describe, expect, test } from 'vitest'
import type { FieldOptions } from '../../../shared/decode/field-options.ts'
import type { IcebergType } from '../../../shared/iceberg/schema.ts'
import { decodeJson, listOf, mapOf, optional, required, schemaOf, structOf } from './decode-json.ts'

/** What a field `v` of one type makes of JSON value texts: the value, or the failure's code. */
function outcomes(type: IcebergType, texts: string[], options?: FieldOptions) {
  const fieldOptions = new Map(options === undefined ? [] : [[1, options]])
  const records = texts.map(text => `{"v":${text}}`)
  const { rows, failures } = decodeJson(schemaOf(optional('v', type)), records, { fieldOptions })
  let row = 0
  return records.map((_, i) => failures.get(i)?.code ?? rows[row++]?.v)
}

const bytes = (...values: number[]) => Uint8Array.from(values)

describe('primitive types', () => {
  test('boolean takes true and false only', () => {
    const texts = ['true', 'false', 'null', '0', '"true"']
    expect(outcomes({ kind: 'boolean' }, texts)).toEqual([
      true,
      false,
      null,
      'type-mismatch',
      'type-mismatch',
    ])
  })

  test('int takes whole numbers in any notation within 32 bits', () => {
    const texts = [
      '0',
      '-0',
      '2147483647',
      '-2147483648',
      '1.0',
      '1e3',
      '12.50e1',
      '-7',
      '1000000000',
      '12345678',
    ]
    const values = [0, 0, 2147483647, -2147483648, 1, 1000, 125, -7, 1000000000, 12345678]
    expect(outcomes({ kind: 'int' }, texts)).toEqual(values)
  })

  test('int refuses fractions, strings and what does not fit', () => {
    const texts = [
      '1.5',
      '"1"',
      'true',
      '2147483648',
      '-2147483649',
      '1e99',
      '99999999999999999999',
      '{}',
      '[]',
    ]
    const mismatch = 'type-mismatch'
    const codes = [
      mismatch,
      mismatch,
      mismatch,
      'overflow',
      'overflow',
      'overflow',
      'overflow',
      mismatch,
      mismatch,
    ]
    expect(outcomes({ kind: 'int' }, texts)).toEqual(codes)
  })

  test('long keeps all 64 bits exactly', () => {
    const integers = [
      '9223372036854775807',
      '-9223372036854775808',
      '9007199254740993',
      '-9007199254740993',
      '123456789012345',
      '1234567890123456',
      '999999999999999999',
      '1000000000000000001',
      '-4294967296',
      '-1152921504606846976',
      '-4611686018427387904',
      '4294967295',
      '999999999',
      '1234567890',
    ]
    expect(outcomes({ kind: 'long' }, integers)).toEqual(integers.map(BigInt))
    expect(outcomes({ kind: 'long' }, ['9223372036854775808', '-9223372036854775809', '0.5'])).toEqual([
      'overflow',
      'overflow',
      'type-mismatch',
    ])
  })

  test('double takes numbers and the names of the special values', () => {
    const texts = [
      '1.5',
      '-0',
      '0.1',
      '1e22',
      '1e23',
      '123456789.123456789',
      '5e-324',
      '"NaN"',
      '"Infinity"',
      '"-Infinity"',
    ]
    const values = [1.5, -0, 0.1, 1e22, 1e23, 123456789.12345679, 5e-324, NaN, Infinity, -Infinity]
    expect(outcomes({ kind: 'double' }, texts)).toEqual(values)
    expect(outcomes({ kind: 'double' }, ['1e400', '"1.5"', '"nan"'])).toEqual([
      'overflow',
      'type-mismatch',
      'type-mismatch',
    ])
  })

  test('float rounds to 32 bits and refuses what they cannot hold', () => {
    expect(outcomes({ kind: 'float' }, ['0.1', '3.4028235e38', '1e39', '"NaN"'])).toEqual([
      Math.fround(0.1),
      Math.fround(3.4028235e38),
      'overflow',
      NaN,
    ])
  })

  test('decimal is exact from a number or its text, whatever the notation', () => {
    const texts = [
      '1.5',
      '"1.50"',
      '1.500',
      '-0.01',
      '1e2',
      '"1E+2"',
      '0',
      '9999999999.99',
      '-0.00',
      '12345.6',
      '1234567890.12',
    ]
    const values = [150n, 150n, 150n, -1n, 10000n, 10000n, 0n, 999999999999n, 0n, 1234560n, 123456789012n]
    expect(outcomes({ kind: 'decimal', precision: 12, scale: 2 }, texts)).toEqual(values)
    const longest = '9'.repeat(38)
    expect(outcomes({ kind: 'decimal', precision: 38, scale: 0 }, [longest, `-${longest}`])).toEqual([
      BigInt(longest),
      -BigInt(longest),
    ])
  })

  test('decimal refuses digits that it would have to drop', () => {
    const texts = [
      '0.001',
      '"1.234"',
      '10000000000',
      '1e999999999',
      '1e-999999999',
      '"abc"',
      '" 1"',
      '"01"',
      '1e11',
    ]
    const codes = ['scale-exceeded', 'scale-exceeded', 'overflow', 'overflow', 'scale-exceeded']
    const mismatches = ['type-mismatch', 'type-mismatch', 'type-mismatch', 'overflow']
    expect(outcomes({ kind: 'decimal', precision: 12, scale: 2 }, texts)).toEqual([...codes, ...mismatches])
  })

  test('date takes ISO dates of the calendar', () => {
    const texts = [
      '"1970-01-01"',
      '"1969-12-31"',
      '"2024-02-29"',
      '"0001-01-01"',
      '"9999-12-31"',
      '"2000-03-01"',
    ]
    expect(outcomes({ kind: 'date' }, texts)).toEqual([0, -1, 19782, -719162, 2932896, 11017])
    const refused = [
      '"2023-02-29"',
      '"1900-02-29"',
      '"0000-01-01"',
      '"2024-13-01"',
      '"2024-1-1"',
      '"2024-01-01T00:00:00Z"',
      '0',
    ]
    expect(outcomes({ kind: 'date' }, refused)).toEqual(refused.map(() => 'type-mismatch'))
  })

  test('date takes numbers in a declared unit', () => {
    expect(outcomes({ kind: 'date' }, ['19782', '-1', '1e10', '1.5'], { epochUnit: 'days' })).toEqual([
      19782,
      -1,
      'overflow',
      'type-mismatch',
    ])
    expect(outcomes({ kind: 'date' }, ['-1', '86399999', '86400000'], { epochUnit: 'millis' })).toEqual([
      -1, 0, 1,
    ])
  })

  test('time takes ISO times and numbers in a declared unit', () => {
    const texts = [
      '"00:00:00"',
      '"23:59:59.999999"',
      '"12:30"',
      '"01:02:03.5"',
      '"01:02:03.123456789"',
      '"24:00:00"',
      '"12:60:00"',
    ]
    const values = [
      0n,
      86399999999n,
      45000000000n,
      3723500000n,
      3723123456n,
      'type-mismatch',
      'type-mismatch',
    ]
    expect(outcomes({ kind: 'time' }, texts)).toEqual(values)
    expect(outcomes({ kind: 'time' }, ['86399.5', '86400', '-1'], { epochUnit: 'seconds' })).toEqual([
      86399500000n,
      'overflow',
      'overflow',
    ])
  })

  test('timestamptz needs a zone and is stored in UTC', () => {
    const texts = [
      '"1970-01-01T00:00:00Z"',
      '"2026-01-31T23:59:58.5Z"',
      '"2026-01-31T23:59:58.123456789Z"',
      '"2026-01-31 23:59:58+01:00"',
      '"2026-01-31T23:59:58-0130"',
      '"2026-01-31T23:59Z"',
      '"1969-12-31T23:59:59.999999Z"',
    ]
    const base = BigInt(Date.UTC(2026, 0, 31, 23, 59, 58)) * 1000n
    const values = [
      0n,
      base + 500000n,
      base + 123456n,
      base - 3600000000n,
      base + 5400000000n,
      base - 58000000n,
      -1n,
    ]
    expect(outcomes({ kind: 'timestamptz' }, texts)).toEqual(values)
    const refused = [
      '"2026-01-31T23:59:58"',
      '"2026-01-31"',
      '"2026-01-31T23:59:60Z"',
      '"2026-01-31T23:59:58.Z"',
      '5',
    ]
    expect(outcomes({ kind: 'timestamptz' }, refused)).toEqual(refused.map(() => 'type-mismatch'))
  })

  test('timestamp refuses a zone', () => {
    const texts = ['"2026-01-31T00:00:00.25"', '"2026-01-31 00:00"', '"2026-01-31T00:00:00Z"']
    const base = BigInt(Date.UTC(2026, 0, 31)) * 1000n
    expect(outcomes({ kind: 'timestamp' }, texts)).toEqual([base + 250000n, base, 'type-mismatch'])
  })

  test('timestamps take numbers in a declared unit, cut to microseconds', () => {
    const type: IcebergType = { kind: 'timestamptz' }
    expect(outcomes(type, ['1700000000.1234567', '-0.0000001'], { epochUnit: 'seconds' })).toEqual([
      1700000000123456n,
      -1n,
    ])
    expect(outcomes(type, ['1700000000123', '-1'], { epochUnit: 'millis' })).toEqual([
      1700000000123000n,
      -1000n,
    ])
    expect(outcomes(type, ['253402300800', '1e30'], { epochUnit: 'seconds' })).toEqual([
      'overflow',
      'overflow',
    ])
    const lastMicro = '253402300799999999'
    expect(outcomes(type, [lastMicro], { epochUnit: 'micros' })).toEqual([BigInt(lastMicro)])
  })

  test('string takes strings only, with every escape', () => {
    const texts = ['"a"', '""', String.raw`"\"\\\/\b\f\n\r\t\u00e9\ud83c\udf89"`, '"é🎉"', '1']
    expect(outcomes({ kind: 'string' }, texts)).toEqual([
      'a',
      '',
      '"\\/\b\f\n\r\té🎉',
      'é🎉',
      'type-mismatch',
    ])
  })

  test('uuid takes its text in either case', () => {
    const texts = ['"F81D4FAE-7dec-11d0-a765-00a0c91e6bf6"', '"f81d4fae7dec11d0a76500a0c91e6bf6"', '"x"', '5']
    const mismatch = 'type-mismatch'
    expect(outcomes({ kind: 'uuid' }, texts)).toEqual([
      'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
      mismatch,
      mismatch,
      mismatch,
    ])
  })

  test('binary takes base64, or hex when declared', () => {
    expect(outcomes({ kind: 'binary' }, ['"AQI="', '"AQI"', '""', '"A"', '"AQI=="', '"A-_="', '7'])).toEqual([
      bytes(1, 2),
      bytes(1, 2),
      bytes(),
      'type-mismatch',
      'type-mismatch',
      'type-mismatch',
      'type-mismatch',
    ])
    expect(outcomes({ kind: 'binary' }, ['"01fF"', '"1"'], { binaryEncoding: 'hex' })).toEqual([
      bytes(1, 255),
      'type-mismatch',
    ])
  })

  test('fixed takes exactly its length', () => {
    expect(outcomes({ kind: 'fixed', length: 3 }, ['"AQID"', '"AQI="'])).toEqual([
      bytes(1, 2, 3),
      'type-mismatch',
    ])
  })
})

describe('nesting', () => {
  test('a struct takes an object, and its absent fields are null', () => {
    const type = structOf(
      optional('a', { kind: 'int' }),
      optional('b', structOf(optional('c', { kind: 'string' }))),
    )
    expect(outcomes(type, ['{"a":1}', '{"b":{"c":"x"}}', 'null', '[]'])).toEqual([
      { a: 1, b: null },
      { a: null, b: { c: 'x' } },
      null,
      'type-mismatch',
    ])
  })

  test('a list takes an array, empty or of nulls', () => {
    expect(outcomes(listOf({ kind: 'int' }), ['[1,null,3]', '[]', 'null', '{}', '[[]]'])).toEqual([
      [1, null, 3],
      [],
      null,
      'type-mismatch',
      'type-mismatch',
    ])
  })

  test('a map takes an object in the order of its text, or an array of entries', () => {
    const type = mapOf({ kind: 'string' }, { kind: 'int' })
    expect(
      outcomes(type, ['{"b":1,"2":2,"1":null}', '[{"key":"x","value":1},{"key":"y"}]', '{}', '5']),
    ).toEqual([
      [
        ['b', 1],
        ['2', 2],
        ['1', null],
      ],
      [
        ['x', 1],
        ['y', null],
      ],
      [],
      'type-mismatch',
    ])
  })

  test('a map with keys that are not strings reads them from the text', () => {
    expect(outcomes(mapOf({ kind: 'int' }, { kind: 'string' }), ['{"7":"a","-1":"b"}', '{"x":"a"}'])).toEqual(
      [
        [
          [7, 'a'],
          [-1, 'b'],
        ],
        'type-mismatch',
      ],
    )
    expect(outcomes(mapOf({ kind: 'boolean' }, { kind: 'int' }), ['{"true":1}'])).toEqual([[[true, 1]]])
    expect(outcomes(mapOf({ kind: 'date' }, { kind: 'int' }), ['{"1970-01-02":1}'])).toEqual([[[1, 1]]])
    const byStruct = mapOf(structOf(required('a', { kind: 'int' })), { kind: 'int' })
    expect(outcomes(byStruct, ['[{"key":{"a":1},"value":2}]', '{"a":1}'])).toEqual([
      [[{ a: 1 }, 2]],
      'type-mismatch',
    ])
  })

  test('a required value may be missing nowhere', () => {
    const schema = schemaOf(
      optional('s', structOf(required('a', { kind: 'int' }))),
      optional('l', listOf({ kind: 'int' }, true)),
      optional('m', mapOf({ kind: 'string' }, { kind: 'int' }, true)),
    )
    const texts = [
      '{"s":{}}',
      '{"s":{"a":null}}',
      '{"l":[1,null]}',
      '{"m":{"k":null}}',
      '{"m":[{"value":1}]}',
      '{}',
    ]
    const { failures, rows } = decodeJson(schema, texts)
    expect([...failures.values()].map(failure => failure.message)).toEqual([
      '$.s.a: the field is required, and the record does not have it',
      '$.s.a: expected a value, because the field is required, found null',
      '$.l[1]: expected a value, because the field is required, found null',
      '$.m.k: expected a value, because the field is required, found null',
      '$.m[0]: expected a value, because the field is required, found null',
    ])
    expect([...failures.values()].map(failure => failure.code)).toEqual(
      texts.slice(1).map(() => 'missing-required'),
    )
    expect(rows).toEqual([{ s: null, l: null, m: null }])
  })
})

describe('records that cannot be rows', () => {
  const schema = schemaOf(
    optional('v', { kind: 'int' }),
    optional('n', structOf(optional('v', { kind: 'int' }))),
  )
  const codeOf = (text: string | Uint8Array | null, unknownFields: 'ignore' | 'dlq' = 'ignore') =>
    decodeJson(schema, [text], { unknownFields }).failures.get(0)?.code

  test('a null, empty or other value than an object has a code of its own', () => {
    expect(codeOf(null)).toBe('null-value')
    expect(codeOf('')).toBe('empty-value')
    expect(['null', '[]', '5', '"x"'].map(text => codeOf(text))).toEqual(Array(4).fill('type-mismatch'))
  })

  test('text that is not JSON is refused, in values that are skipped too', () => {
    const texts = [
      '{',
      '{"v":1',
      '{"v":1}}',
      '{"v":1},',
      '{"v":01}',
      '{"v":+1}',
      '{"v":.5}',
      '{"v":1.}',
      '{v:1}',
      "{'v':1}",
    ]
    const skipped = [
      '{"x":tru}',
      '{"x":[1,]}',
      '{"x":{"a":1,}}',
      '{"x":"\\x"}',
      '{"x":"\u0001"}',
      '{"x":1e}',
      '{"x":[1 2]}',
      '\ufeff{}',
      '{"x"}',
    ]
    for (const text of [...texts, ...skipped, ' ']) expect([text, codeOf(text)]).toEqual([text, 'not-json'])
  })

  test('invalid UTF-8 and halves of surrogate pairs are refused, in values that are skipped too', () => {
    const invalid = (before: string, bytes: number[], after: string) =>
      Uint8Array.from([...Buffer.from(before), ...bytes, ...Buffer.from(after)])
    expect(codeOf(invalid('{"x":"', [0xff], '"}'))).toBe('invalid-utf8')
    expect(codeOf(invalid('{"x":"', [0xed, 0xa0, 0x80], '"}'))).toBe('invalid-utf8')
    expect(codeOf(invalid('{"x":"', [0xc0, 0x80], '"}'))).toBe('invalid-utf8')
    expect(codeOf(String.raw`{"x":"\ud83c"}`)).toBe('lone-surrogate')
    expect(codeOf(String.raw`{"x":"\udf89\ud83c"}`)).toBe('lone-surrogate')
    expect(codeOf(String.raw`{"x":"\ud83c\u0041"}`)).toBe('lone-surrogate')
  })

  test('nesting past the limit is refused, in values that are skipped too', () => {
    const nested = (depth: number) => `{"x":${'['.repeat(depth)}${']'.repeat(depth)}}`
    expect(codeOf(nested(63))).toBeUndefined()
    expect(codeOf(nested(64))).toBe('too-deep')
    expect(codeOf(nested(100_000))).toBe('too-deep')
    const objects = (depth: number) => `{"x":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`
    expect([codeOf(objects(63)), codeOf(objects(64))]).toEqual([undefined, 'too-deep'])
  })

  test('a field given twice is refused, an unknown one is not looked at', () => {
    expect(codeOf('{"v":1,"v":1}')).toBe('duplicate-key')
    expect(codeOf('{"v":null,"\\u0076":1}')).toBe('duplicate-key')
    expect(codeOf('{"n":{"v":1,"v":2}}')).toBe('duplicate-key')
    expect(codeOf('{"x":1,"x":1}')).toBeUndefined()
    const map = schemaOf(optional('m', mapOf({ kind: 'int' }, { kind: 'int' })))
    expect(decodeJson(map, ['{"m":{"1":1,"1.0":2}}']).failures.get(0)?.code).toBe('duplicate-key')
  })

  test('unknown fields are ignored or refused, at any depth; names are case-sensitive', () => {
    expect(codeOf('{"V":1,"n":{"w":1}}')).toBeUndefined()
    expect(codeOf('{"V":1}', 'dlq')).toBe('unknown-field')
    expect(codeOf('{"n":{"w":1}}', 'dlq')).toBe('unknown-field')
  })

  test('a failure names the path, what was expected and what was found', () => {
    const { failures } = decodeJson(
      schemaOf(optional('l', listOf(structOf(optional('odd name', { kind: 'int' }))))),
      ['{"l":[{},{"odd name":"x"}]}', '{"l":[1,}'],
    )
    expect(failures.get(0)?.message).toBe('$.l[1]["odd name"]: expected a whole number, found the string "x"')
    expect(failures.get(1)?.message).toBe("$: expected a JSON value at byte 8 of the value, found '}'")
  })

  test('a failed record leaves nothing behind, and its neighbours stay whole', () => {
    const nested = schemaOf(
      optional('a', { kind: 'boolean' }),
      optional('s', { kind: 'string' }),
      optional('l', listOf(structOf(optional('t', { kind: 'string' }), optional('d', { kind: 'long' })))),
      required('last', { kind: 'int' }),
    )
    const good = '{"a":true,"s":"x","l":[{"t":"one","d":1},null,{"t":null}],"last":1}'
    const bad = '{"s":"yyyyy","l":[null,{"t":"zzz"},null,null,null,null],"last":null}'
    const { rows, failures } = decodeJson(nested, [good, bad, good, bad, '{"last":2}'])
    const row = { a: true, s: 'x', l: [{ t: 'one', d: 1n }, null, { t: null, d: null }], last: 1 }
    expect(rows).toEqual([row, row, { a: null, s: null, l: null, last: 2 }])
    expect([...failures.keys()]).toEqual([1, 3])
  })
})
