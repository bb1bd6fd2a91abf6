import { describe, expect, test } from 'vitest'
import { readVarint, readVarlong } from '../../../shared/segment/varint.ts'

const bytes = (...list: number[]) => Uint8Array.from(list)

describe('readVarint', () => {
  test.each([
    [bytes(0), 0],
    [bytes(1), -1],
    [bytes(2), 1],
    [bytes(0xfe, 0x01), 127],
    [bytes(0xfe, 0xff, 0xff, 0xff, 0x0f), 2147483647],
    [bytes(0xff, 0xff, 0xff, 0xff, 0x0f), -2147483648],
    [bytes(0x80, 0x00), 0],
  ])('%s is %i', (input, value) => {
    expect(readVarint(input, 0, input.length)).toEqual({ value, end: input.length })
  })

  test.each([
    ['a sixth byte', bytes(0x80, 0x80, 0x80, 0x80, 0x80, 0), 'too-long'],
    ['a 33rd bit', bytes(0xff, 0xff, 0xff, 0xff, 0x1f), 'too-long'],
    ['no last byte', bytes(0x80, 0x80), 'truncated'],
    ['nothing', bytes(), 'truncated'],
  ])('%s is a fault', (_, input, fault) => {
    expect(readVarint(input, 0, input.length)).toBe(fault)
  })
})

describe('readVarlong', () => {
  test('the extremes of an int64', () => {
    const max = bytes(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)
    const min = bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)
    expect(readVarlong(max, 0, 10)).toEqual({ value: 2n ** 63n - 1n, end: 10 })
    expect(readVarlong(min, 0, 10)).toEqual({ value: -(2n ** 63n), end: 10 })
  })

  test('a 65th bit or an eleventh byte is too long', () => {
    expect(readVarlong(bytes(...Array(9).fill(0xff), 0x02), 0, 10)).toBe('too-long')
    expect(readVarlong(bytes(...Array(10).fill(0x80), 0), 0, 11)).toBe('too-long')
  })
})
