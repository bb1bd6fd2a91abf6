import { expect, test } from 'vitest'
import { keyOfLineAt } from '../../../services/landing/key-path.ts'
import { appErrorOf, utf8 } from '../../fakes/segment-rows.ts'

const keyOf = (path: string, line: string) => {
  const key = keyOfLineAt(path)(utf8(line), 7)
  return key === null ? null : Buffer.from(key).toString()
}

test.each([
  ['id', '{"id":"k-1"}', 'k-1'],
  ['$.id', '{"id":"k-1"}', 'k-1'],
  ['customer.id', '{"customer":{"id":"é"}}', 'é'],
  ['items.1.sku', '{"items":[{},{"sku":"s"}]}', 's'],
  ['id', '{"id":9007199254740993}', '9007199254740993'],
  ['id', '{"id":1.50}', '1.50'],
  ['id', '{"id":true}', 'true'],
  ['id', '{"id":""}', ''],
  ['id', '{"id":null}', null],
])('%s of %s is %s', (path, line, key) => {
  expect(keyOf(path, line)).toBe(key)
})

test.each([
  ['{"other":1}', 'land-key-missing'],
  ['{"id":{"x":1}}', 'land-key-not-scalar'],
  ['{"id":[1]}', 'land-key-not-scalar'],
  ['[1]', 'land-key-missing'],
  ['1', 'land-key-missing'],
  ['"id"', 'land-key-missing'],
  ['{"id":', 'land-line-not-json'],
  ['', 'land-line-not-json'],
])('the line %s is refused with %s and its number', (line, code) => {
  expect(appErrorOf(() => keyOf('id', line))).toMatchObject({
    code,
    details: { lineNumber: 7, keyPath: 'id' },
  })
})

test('properties that every object inherits are no keys', () => {
  expect(appErrorOf(() => keyOf('constructor', '{}')).code).toBe('land-key-missing')
})
