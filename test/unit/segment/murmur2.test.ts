import { expect, test } from 'vitest'
import { murmur2, partitionOfKey } from '../../../shared/segment/murmur2.ts'
import { utf8 } from '../../fakes/segment-rows.ts'

// The cases of Kafka's own UtilsTest.testMurmur2.
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('murmur2 of %s is what the Java client computes', (text, hash) => {
  expect(murmur2(utf8(text))).toBe(hash)
})

test('partitions are within range, also for negative hashes and for keys in a larger buffer', () => {
  expect(partitionOfKey(utf8('21'), 10)).toBe((-973932308 & 0x7fffffff) % 10)
  expect(partitionOfKey(utf8('xx21').subarray(2), 10)).toBe(partitionOfKey(utf8('21'), 10))
})
