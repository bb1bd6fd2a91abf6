import { expect, test } from 'vitest'
import { createArena } from '../../../shared/columns/arena.ts'
import { createBatchBuilder } from '../../../shared/columns/batch-builder.ts'
import { jsonMembers } from '../../../shared/decode/json-fields.ts'
import { learnKeys } from '../../../shared/decode/learn-keys.ts'
import { listOf, optional, schemaOf, structOf } from './decode-json.ts'
import { recordSlicesOf } from './record-slices-of.ts'

const schema = schemaOf(
  optional('a', { kind: 'int' }),
  optional('b', { kind: 'int' }),
  optional('s', listOf(structOf(optional('x', { kind: 'int' })))),
)
const root = jsonMembers(createBatchBuilder(schema.fields, createArena()).columns, new Map())

function learn(texts: string[]) {
  const slices = recordSlicesOf(texts.map(value => ({ value })))
  const samples = texts.map((_, i) => ({
    bytes: slices.bytes,
    start: slices.valueStarts[i] ?? 0,
    end: slices.valueEnds[i] ?? 0,
  }))
  const learned = learnKeys(root, samples)
  return [...learned.values()].map(keys =>
    keys.map(({ key, pattern, count }) => [key, Buffer.from(pattern).toString(), count]),
  )
}

test('keys come in the order of the samples, with the white space around them', () => {
  expect(learn(['{ "b" : 1,\n "a": 2}', '{ "b" : 1,\n "a": 2}'])).toEqual([
    [
      ['b', '{ "b" : ', 2],
      ['a', ',\n "a": ', 2],
    ],
  ])
})

test('a key that only some samples have is put between its neighbours', () => {
  expect(learn(['{"a":1,"s":[]}', '{"a":1,"b":2,"s":[]}'])[0]?.map(([key]) => key)).toEqual(['a', 'b', 's'])
})

test('a key that is first in one sample and later in another is expected with the separator of its place', () => {
  expect(learn(['{"b":1}', '{"a":1,"b":2}'])).toEqual([
    [
      ['a', '{"a":', 1],
      ['b', ',"b":', 2],
    ],
  ])
})

test('objects within lists are learned too, and malformed samples do no harm', () => {
  expect(learn(['{"s":[{"x":1},{"x":2}]}', '{"s":[{"x":', '{"s"', 'x', '{"s":[1'])).toEqual([
    [['s', '{"s":', 3]],
    [['x', '{"x":', 3]],
  ])
})

test('keys that are data are not expected', () => {
  const texts = Array.from({ length: 40 }, (_, i) => `{"a":1,"user-${i}":1,"note":2}`)
  expect(learn(texts)[0]?.map(([key]) => key)).toEqual(['a', 'note'])
})
