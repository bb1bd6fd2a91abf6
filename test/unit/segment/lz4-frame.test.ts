import { expect, test } from 'vitest'
import { createScratch } from '../../../shared/segment/decompression.ts'
import { compressLz4Frame, decompressLz4Frame } from '../../../shared/segment/lz4-frame.ts'

const frame = compressLz4Frame(new Uint8Array(300_000).fill(97))
const output = (bound = 1 << 20) => ({ bound, scratch: createScratch() })
const patched = (position: number, byte: number) =>
  Object.assign(Uint8Array.from(frame), { [position]: byte })

test('a frame comes back whole', () => {
  expect(decompressLz4Frame(frame, output()).byteLength).toBe(300_000)
})

test.each([
  ['another magic', patched(0, 5), /magic/],
  ['another version', patched(4, 0xa0), /version/],
  ['a reserved block size', patched(5, 0x10), /block size/],
  ['a header checksum that is wrong', patched(6, frame[6] === 0 ? 1 : 0), /./],
  ['a frame without its end mark', Uint8Array.from(frame.subarray(0, -4)), /end mark/],
  ['bytes after the frame', Uint8Array.from([...frame, 0, 0]), /its end at byte/],
  ['a block longer than the rest', patched(9, 0x7f), /block of at most/],
  ['six bytes', Uint8Array.from(frame.subarray(0, 6)), /header of 7/],
])('%s is refused', (_, bytes, message) => {
  expect(() => decompressLz4Frame(bytes, output())).toThrow(message)
})

test('blocks that might become more than the bound are refused before they are decompressed', () => {
  expect(() => decompressLz4Frame(frame, output(100_000))).toThrow(/at most 100000/)
})
