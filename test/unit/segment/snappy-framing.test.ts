import { expect, test } from 'vitest'
import { createScratch } from '../../../shared/segment/decompression.ts'
import {
  compressRawSnappy,
  compressXerialSnappy,
  decompressSnappy,
} from '../../../shared/segment/snappy-framing.ts'

const records = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) >>> 5)
const xerial = Uint8Array.from(compressXerialSnappy(records))
const output = (bound = 1 << 20) => ({ bound, scratch: createScratch() })

test('xerial blocks hold 32 KiB each and the versions of Java clients', () => {
  expect([...xerial.subarray(0, 16)]).toEqual([
    0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1,
  ])
  expect(decompressSnappy(xerial, output()).byteLength).toBe(100_000)
})

test.each([
  ['a block length of 0', Object.assign(xerial.slice(), { 16: 0, 17: 0, 18: 0, 19: 0 }), /xerial block/],
  ['a negative block length', Object.assign(xerial.slice(), { 16: 0x80 }), /xerial block/],
  ['a block length past the end', Object.assign(xerial.slice(), { 16: 0x7f }), /xerial block/],
  ['three bytes where a length should be', xerial.subarray(0, 19), /length/],
  ['half a header', xerial.subarray(0, 12), /whole xerial header/],
  ['a block length varint without end', Uint8Array.of(255, 255, 255, 255, 255, 255), /first five bytes/],
  ['a bare block with a copy from before the start', Uint8Array.of(10, 0x4e, 0x41, 0x50), /./],
  ['a bare block shorter than it claims', Uint8Array.of(10, 0, 65), /./],
  ['a bare block longer than it claims', Uint8Array.of(1, 4, 65, 66), /./],
])('%s is refused', (_, bytes, message) => {
  expect(() => decompressSnappy(bytes, output())).toThrow(message)
})

test('the sum of the blocks is held against the bound before anything is decompressed', () => {
  expect(() => decompressSnappy(xerial, output(99_999))).toThrow(/at most 99999/)
  expect(() => decompressSnappy(compressRawSnappy(records), output(99_999))).toThrow(/100000/)
})
