import { describe, expect, test } from 'vitest'
import { MAX_SEGMENT_BYTES, parseFooter, parseSegment } from '../../../shared/segment/segment-file.ts'
import { appErrorOf, sampleSegment } from '../../fakes/segment-rows.ts'

const key = 'default/orders/0/segment-00000000000000000100.kfs'
const { segment } = sampleSegment('none')
const patched = (position: number, ...bytes: number[]) => {
  const copy = segment.slice()
  copy.set(bytes, position)
  return copy
}

describe('parseSegment', () => {
  test('a whole segment gives its header and footer', () => {
    expect(parseSegment(segment, { key })).toMatchObject({
      key,
      baseOffset: 100n,
      lastOffset: 134n,
      messageCount: 28,
      createdAtMs: 1_700_000_001_000,
      flags: 0,
      bodyStart: 32,
      bodyEnd: segment.byteLength - 16,
    })
  })

  test.each([
    ['another magic', patched(0, 0x50), 'segment-magic', 0],
    ['version 2', patched(5, 2), 'segment-version', 4],
    ['a changed body byte', patched(200, 0xff, 0x01), 'segment-crc-mismatch', segment.byteLength - 16],
    [
      'a changed checksum',
      patched(segment.byteLength - 16, 1),
      'segment-crc-mismatch',
      segment.byteLength - 16,
    ],
    [
      'another footer magic',
      patched(segment.byteLength - 1, 0x3f),
      'segment-truncated',
      segment.byteLength - 4,
    ],
    ['a missing last byte', segment.subarray(0, -1), 'segment-truncated', segment.byteLength - 5],
    ['47 bytes', segment.subarray(0, 47), 'segment-truncated', 47],
    ['nothing', new Uint8Array(0), 'segment-truncated', 0],
  ])('%s is refused with its code and byte', (_, bytes, code, byteOffset) => {
    const error = appErrorOf(() => parseSegment(bytes, { key }))
    expect(error).toMatchObject({ code, next: 'park', details: { key, byteOffset } })
    expect(error.message).toContain(key)
  })

  test('flags that no broker writes yet change nothing', () => {
    expect(parseSegment(patched(6, 0x80, 1), { key }).flags).toBe(0x8001)
  })

  test('a size beyond int32 positions is refused before anything is read', () => {
    // Only the length is looked at; nothing this large is allocated.
    const huge = { byteLength: MAX_SEGMENT_BYTES + 1 } as Uint8Array
    expect(appErrorOf(() => parseSegment(huge, { key })).code).toBe('segment-too-large')
  })
})

describe('parseFooter', () => {
  test('the last 16 bytes give checksum and last offset', () => {
    const footer = parseFooter(segment.subarray(-16), { key })
    expect(footer.lastOffset).toBe(134n)
    expect(footer.bodyCrc).toBe(parseSegment(segment, { key }).bodyCrc)
  })

  test.each([
    ['15 bytes', segment.subarray(-15)],
    ['17 bytes', segment.subarray(-17)],
    ['another magic', patched(segment.byteLength - 4, 0).subarray(-16)],
  ])('%s are refused as truncated', (_, bytes) => {
    expect(appErrorOf(() => parseFooter(bytes, { key })).code).toBe('segment-truncated')
  })
})
