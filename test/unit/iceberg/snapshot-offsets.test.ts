import { expect, test } from 'vitest'
import { offsetsText, parseOffsets } from '../../../shared/iceberg/snapshot-offsets.ts'
import { sourcePartition } from './fixtures.ts'

const offsets = [
  sourcePartition(10, { topic: 'b', incarnation: 2, firstOffset: 5n, committedOffset: 2n ** 62n }),
  sourcePartition(9, { topic: 'b' }),
  sourcePartition(0, { topic: 'a' }),
]
const ranges = [
  { topic: 'b', partition: 9, incarnation: 0, kind: 'source_gap', startOffset: 40n, endOffset: 41n },
  { topic: 'b', partition: 9, incarnation: 0, kind: 'absent', startOffset: 3n, endOffset: 2n ** 61n },
] as const

test('is sorted, so that equal states give equal text', () => {
  expect(offsetsText({ offsets, ranges })).toBe(
    '{"v":1,"topics":["a","b"],"partitions":[[0,0,0,0,150],[1,9,0,0,150],[1,10,2,5,4611686018427387904]],' +
      '"ranges":[[1,9,0,0,3,2305843009213693952],[1,9,0,3,40,41]]}',
  )
  expect(offsetsText({ offsets: offsets.toReversed(), ranges: ranges.toReversed() })).toBe(
    offsetsText({ offsets, ranges }),
  )
})

test('reads back exactly', () => {
  const read = parseOffsets(offsetsText({ offsets, ranges }), 'x')
  expect(read.ranges).toEqual(ranges.toReversed())
  expect(read.partitions).toEqual([
    { topic: 'a', partition: 0, incarnation: 0, firstOffset: 0n, committedOffset: 150n },
    { topic: 'b', partition: 9, incarnation: 0, firstOffset: 0n, committedOffset: 150n },
    { topic: 'b', partition: 10, incarnation: 2, firstOffset: 5n, committedOffset: 2n ** 62n },
  ])
})

test.each([
  ['{"v":2,"topics":[],"partitions":[],"ranges":[]}', /format 2, written by a newer Tidewater/],
  ['{"v":1,"topics":[],"partitions":[[0,0,0,0,1]],"ranges":[]}', /topic 0 of 0/],
  ['{"v":1,"topics":["a"],"partitions":[[0,0,0,0]],"ranges":[]}', /not offsets/],
  ['{"v":1,"topics":["a"],"partitions":[],"ranges":[[0,0,0,9,0,1]]}', /range kind 9/],
  ['{"v":1', /expected JSON/],
])('refuses %s', (text, message) => {
  expect(() => parseOffsets(text, 'snapshot 7')).toThrow(message)
})
