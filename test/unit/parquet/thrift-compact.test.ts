import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  readThriftStruct,
  type ThriftFields,
  type ThriftValue,
  writeThriftStruct,
} from '../../../shared/parquet/thrift-compact.ts'

const i32 = (value: number): ThriftValue => ({ kind: 'int', wire: 'i32', value })

const SAMPLE: ThriftFields = new Map<number, ThriftValue>([
  [1, { kind: 'bool', value: true }],
  [2, { kind: 'bool', value: false }],
  [3, { kind: 'int', wire: 'byte', value: -3 }],
  [4, { kind: 'int', wire: 'i16', value: -300 }],
  [5, i32(-(2 ** 31))],
  [6, { kind: 'i64', value: -(2n ** 63n) }],
  [7, { kind: 'i64', value: 2n ** 63n - 1n }],
  [8, { kind: 'double', bytes: Uint8Array.of(0, 0, 0, 0, 0, 0, 0xf8, 0x3f) }],
  [9, { kind: 'binary', bytes: Uint8Array.of(1, 2, 3) }],
  [100, { kind: 'list', elementCode: 5, items: Array.from({ length: 20 }, (_, i) => i32(i)) }],
  [
    101,
    {
      kind: 'list',
      elementCode: 1,
      items: [
        { kind: 'bool', value: true },
        { kind: 'bool', value: false },
      ],
    },
  ],
  [1000, { kind: 'struct', fields: new Map([[1, { kind: 'struct', fields: new Map() }]]) }],
])

describe('thrift compact protocol', () => {
  test('a struct with every kind of value comes back', () => {
    expect(readThriftStruct(writeThriftStruct(SAMPLE))).toEqual(SAMPLE)
  })

  test('the bytes are those of the protocol document', () => {
    const fields = new Map<number, ThriftValue>([
      [1, i32(-1)],
      [3, { kind: 'binary', bytes: Uint8Array.of(0x61) }],
      [30, { kind: 'bool', value: true }],
    ])
    expect(Buffer.from(writeThriftStruct(fields)).toString('hex')).toBe('1501' + '280161' + '013c' + '00')
  })

  test('fields are written in ascending order, whatever order they were set in', () => {
    const ascending = writeThriftStruct(new Map([...SAMPLE]))
    expect(writeThriftStruct(new Map([...SAMPLE].reverse()))).toEqual(ascending)
  })

  test('a list that claims more elements than bytes are left is refused before anything is allocated', () => {
    expect(() => readThriftStruct(Uint8Array.of(0x19, 0xf5, 0xff, 0xff, 0xff, 0x7f))).toThrow(
      /a list of 268435455 elements/,
    )
  })

  test('endless nesting is refused', () => {
    expect(() => readThriftStruct(new Uint8Array(1000).fill(0x1c))).toThrow(/nesting deeper than 32/)
  })

  test('any prefix, and any other bytes, give a value or a typed error', () => {
    const bytes = writeThriftStruct(SAMPLE)
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readThriftStruct(bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'thrift-malformed' }),
      )
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), garbage => {
        try {
          readThriftStruct(garbage)
        } catch (error) {
          expect(error).toMatchObject({ code: 'thrift-malformed' })
        }
      }),
    )
  })
})
