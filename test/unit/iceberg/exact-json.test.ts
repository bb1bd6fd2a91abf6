import { expect, test } from 'vitest'
import { exactInteger, parseExactJson, stringifyExactJson } from '../../../shared/iceberg/exact-json.ts'

test('trap: 64-bit ids beyond 2^53 are written and read with every digit', () => {
  const ids = { 'snapshot-id': 9_223_372_036_854_775_807n, low: -9_223_372_036_854_775_808n, small: 1n }
  const text = stringifyExactJson(ids)
  expect(text).toBe('{"snapshot-id":9223372036854775807,"low":-9223372036854775808,"small":1}')
  expect(parseExactJson(text, 'x')).toEqual({ ...ids, small: 1 })
})

test('other numbers stay numbers', () => {
  expect(parseExactJson('[1.5, 1e400, -0, 9007199254740991, 1e3]', 'x')).toEqual([
    1.5,
    Infinity,
    -0,
    9007199254740991,
    1000,
  ])
})

test('text that is not JSON is an error that names the object', () => {
  expect(() => parseExactJson('{"a":', 's3://lake/t/metadata/x.json')).toThrow(
    /s3:\/\/lake\/t\/metadata\/x\.json/,
  )
})

test('exactInteger widens whole numbers and refuses the rest', () => {
  expect(exactInteger(7)).toBe(7n)
  expect(exactInteger(7n)).toBe(7n)
  expect(exactInteger(7.5)).toBeUndefined()
  expect(exactInteger('7')).toBeUndefined()
})
