import { expect, test } from 'vitest'
import { padBytes } from '../../../shared/segment/padded-bytes.ts'

test('bytes whose buffer has the room are viewed, not copied', () => {
  const around = new Uint8Array(200).fill(7)
  const { bytes, byteLength } = padBytes(around.subarray(10, 136))
  expect(bytes.buffer).toBe(around.buffer)
  expect([bytes.byteOffset, bytes.byteLength, byteLength]).toEqual([10, 190, 126])
})

test('bytes at the end of their buffer are copied once, with the padding', () => {
  const around = new Uint8Array(200).fill(7)
  const { bytes, byteLength } = padBytes(around.subarray(10, 137))
  expect(bytes.buffer).not.toBe(around.buffer)
  expect([bytes.byteLength, byteLength, bytes[126], bytes[127]]).toEqual([127 + 64, 127, 7, 0])
})
