import { describe, expect, test } from 'vitest'
import { encodeIndex, parseIndex } from '../../../shared/segment/segment-index.ts'
import { appErrorOf } from '../../fakes/segment-rows.ts'

const key = 't/0/segment-00000000000000000000.index'
const batches = [
  { offset: 0n, position: 32, messageCount: 60 },
  { offset: 60n, position: 500, messageCount: 39 },
  { offset: 99n, position: 900, messageCount: 1 },
  { offset: 100n, position: 1000, messageCount: 500 },
  { offset: 600n, position: 9000, messageCount: 1 },
]

describe('index', () => {
  test('holds the first batch and each that begins at least an interval after the last entry', () => {
    expect(parseIndex(encodeIndex(batches, 100), { key })).toEqual({
      intervalMessages: 100,
      entries: [
        { offset: 0n, position: 32 },
        { offset: 100n, position: 1000 },
        { offset: 600n, position: 9000 },
      ],
    })
  })

  test('is laid out byte for byte as brokers do', () => {
    const bytes = encodeIndex([{ offset: 258n, position: 32, messageCount: 1 }], 100)
    expect(Buffer.from(bytes).toString('hex')).toBe(
      '49445800' + '0001' + '00000001' + '00000064' + '0000' + '0000000000000102' + '00000020',
    )
  })

  test('bytes after the last entry are ignored, as brokers do', () => {
    const bytes = Buffer.concat([encodeIndex(batches, 100), Buffer.from('trailing')])
    expect(parseIndex(bytes, { key }).entries).toHaveLength(3)
  })

  const good = encodeIndex(batches, 100)
  const patched = (position: number, byte: number) => Object.assign(good.slice(), { [position]: byte })
  test.each([
    ['15 bytes', good.subarray(0, 15), 15],
    ['another magic', patched(0, 0), 0],
    ['version 2', patched(5, 2), 4],
    ['more entries than fit', patched(9, 4), 6],
    ['a negative entry count', patched(6, 0x80), 6],
    ['an offset that does not rise', patched(16 + 12 + 7, 0), 28],
    ['a position that does not rise', patched(16 + 12 + 8, 0x80), 36],
    ['a position inside the segment header', patched(16 + 11, 31), 24],
  ])('%s is refused at its byte', (_, bytes, byteOffset) => {
    expect(appErrorOf(() => parseIndex(bytes, { key }))).toMatchObject({
      code: 'index-malformed',
      next: 'park',
      details: { key, byteOffset },
    })
  })
})
