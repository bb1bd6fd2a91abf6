import { describe, expect, test } from 'vitest'
import { exactNumber, isNumberText, scaleDown, scaleExactly } from '../../../shared/decode/json-numbers.ts'

const numberOf = (text: string) => {
  const number = exactNumber(text)
  if (number === undefined) throw new Error(`${text} is no number`)
  return number
}

test('number text follows the JSON grammar', () => {
  const numbers = ['0', '-0', '10', '1.5', '1e5', '1E+5', '-1.50e-3']
  const others = ['', '-', '01', '1.', '.5', '1e', '+1', ' 1', '1 ', 'NaN', '0x1', '1_0']
  expect([...numbers, ...others].filter(isNumberText)).toEqual(numbers)
})

describe('scaling', () => {
  test('keeps values exact whatever their notation', () => {
    const same = ['1200', '1200.00', '1.2e3', '12e2', '0.0012e6', '120000e-2']
    expect(same.map(text => scaleExactly(numberOf(text), 2, 38))).toEqual(
      same.map(() => ({ kind: 'exact', unscaled: 120000n })),
    )
  })

  test('tells too many digits on either side apart', () => {
    expect(scaleExactly(numberOf('1.234'), 2, 9)).toEqual({ kind: 'too-precise' })
    expect(scaleExactly(numberOf('12345678.9'), 2, 9)).toEqual({ kind: 'too-large' })
    expect(scaleExactly(numberOf('1e999999999999'), 0, 38)).toEqual({ kind: 'too-large' })
    expect(scaleExactly(numberOf(`1e-${'9'.repeat(400)}`), 0, 38)).toEqual({ kind: 'too-precise' })
    expect(scaleExactly(numberOf(`0e${'9'.repeat(400)}`), 0, 38)).toEqual({ kind: 'exact', unscaled: 0n })
  })

  test('rounds down, also below zero, when digits are cut', () => {
    const texts = ['1.9', '-1.9', '-1.0', '-0.0001', '0.9', '1e-300', '-1e-300', '-0']
    expect(texts.map(text => scaleDown(numberOf(text), 0, 19))).toEqual([1n, -2n, -1n, -1n, 0n, 0n, -1n, 0n])
    expect(scaleDown(numberOf('1e20'), 0, 19)).toBeUndefined()
  })

  test('a megabyte of digits takes no noticeable time', () => {
    const number = numberOf(`${'0.'}${'0'.repeat(500_000)}1${'0'.repeat(500_000)}`)
    expect(scaleExactly(number, 2, 38)).toEqual({ kind: 'too-precise' })
  })
})
