import { expect, test } from 'vitest'
import {
  baseOffsetOfKey,
  indexObjectKey,
  partitionFolder,
  partitionOfFolder,
  placeOfKey,
  segmentNameOf,
  segmentObjectKey,
  segmentStem,
} from '../../../shared/segment/segment-key.ts'

const place = { topic: 'orders.v1', partition: 12, baseOffset: 345n }

test('keys have the base offset in twenty digits', () => {
  expect(segmentObjectKey(place)).toBe('orders.v1/12/segment-00000000000000000345.kfs')
  expect(indexObjectKey(place)).toBe('orders.v1/12/segment-00000000000000000345.index')
})

test.each([
  ['ns/a/b/0/segment-00000000000000000345.kfs', 345n],
  ['segment-09223372036854775807.index', 9223372036854775807n],
  ['copy-of-segment-00000000000000000345.kfs', undefined],
  ['t/0/segment-345.kfs', undefined],
  ['t/0/segment-00000000000000000345.kfs.tmp', undefined],
])('the name %s claims base offset %s', (key, offset) => {
  expect(baseOffsetOfKey(key)).toBe(offset)
})

test('a whole path gives its place, whatever stands before it', () => {
  expect(placeOfKey(`s3://bucket/ns/a/${segmentObjectKey(place)}`)).toEqual(place)
  expect(placeOfKey(indexObjectKey(place))).toEqual(place)
  expect(placeOfKey('segment-00000000000000000345.kfs')).toBeUndefined()
  expect(placeOfKey('orders/01/segment-00000000000000000345.kfs')).toBeUndefined()
})

test('the stem sorts right before both objects of its segment, and after those of the segment before', () => {
  const keys = [indexObjectKey(place), segmentObjectKey(place)]
  for (const key of keys) expect(segmentStem(place) < key).toBe(true)
  expect(segmentStem(place) > segmentObjectKey({ ...place, baseOffset: 344n })).toBe(true)
  expect(segmentStem(place).startsWith(partitionFolder('orders.v1', 12))).toBe(true)
})

test.each([
  ['0', 0],
  ['12', 12],
  ['012', undefined],
  ['-1', undefined],
  ['a', undefined],
])('the folder %s is partition %s', (name, partition) => {
  expect(partitionOfFolder(name)).toBe(partition)
})

test('a name says which half of the segment it is', () => {
  expect(segmentNameOf(indexObjectKey(place))).toEqual({ baseOffset: 345n, extension: 'index' })
  expect(segmentNameOf(segmentObjectKey(place))).toEqual({ baseOffset: 345n, extension: 'kfs' })
})
