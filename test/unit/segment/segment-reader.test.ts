import { describe, expect, test } from 'vitest'
import type { WriterCodec } from '../../../shared/segment/codec.ts'
import { createSegmentBuffers, readBatches } from '../../../shared/segment/segment-reader.ts'
import { assembleSegment, encodeSegment } from '../../../shared/segment/segment-writer.ts'
import { appErrorOf, expectedRows, rowsOf, sampleRecords, sampleSegment } from '../../fakes/segment-rows.ts'

const key = 'ns/orders/0/segment-00000000000000000100.kfs'
const CODECS: readonly WriterCodec[] = ['none', 'gzip', 'snappy', 'snappy-raw', 'lz4', 'zstd']

test.each(CODECS)('every row of a %s segment comes back as written', codec => {
  const { segment, batches } = sampleSegment(codec)
  expect(rowsOf(segment, { key })).toEqual(expectedRows(batches, 100n))
})

test('one set of buffers serves segments of every codec in turn', () => {
  const buffers = createSegmentBuffers()
  for (const codec of CODECS) {
    const { segment, batches } = sampleSegment(codec)
    expect(rowsOf(segment, { key, buffers })).toEqual(expectedRows(batches, 100n))
  }
})

test('control batches are reported with their offsets and carry no rows', () => {
  const { segment } = encodeSegment({
    baseOffset: 100n,
    createdAtMs: 0,
    batches: [
      { codec: 'none', records: sampleRecords(2) },
      { codec: 'none', records: sampleRecords(1), isControl: true, isTransactional: true },
      { codec: 'zstd', records: sampleRecords(1) },
    ],
  })
  const kinds = [...readBatches(segment, { key })].map(b => [
    b.kind,
    b.header.baseOffset,
    b.header.lastOffset,
  ])
  expect(kinds).toEqual([
    ['data', 100n, 101n],
    ['control', 102n, 102n],
    ['data', 103n, 103n],
  ])
})

describe('clipping', () => {
  // Batches at 100-119, 120-129 (records 120-122 only) and 130-134.
  const { segment, batches } = sampleSegment('lz4')
  const all = expectedRows(batches, 100n)

  test.each([
    [100n, 135n],
    [0n, 1000n],
    [105n, 118n],
    [119n, 121n],
    [123n, 130n],
    [134n, 135n],
    [120n, 120n],
  ])('offsets %i to %i give the rows between, and no more', (startOffset, endOffset) => {
    const rows = rowsOf(segment, { key, startOffset, endOffset })
    expect(rows).toEqual(all.filter(row => row.offset >= startOffset && row.offset < endOffset))
  })

  test('batches wholly outside are not decompressed', () => {
    const yielded = [...readBatches(segment, { key, startOffset: 120n, endOffset: 130n })]
    expect(yielded.map(batch => batch.header.baseOffset)).toEqual([120n])
  })
})

describe('header and footer against the batches', () => {
  const { segment } = sampleSegment('none')
  const patched = (position: number, byte: number) => Object.assign(segment.slice(), { [position]: byte })

  test.each([
    ['a base offset unlike the name', patched(15, 99), key, 8],
    ['a base offset unlike the first batch', patched(15, 99), 'downloaded.kfs', 8],
    ['a message count unlike the sum', patched(19, 27), key, 16],
    ['a last offset unlike the last batch', patched(segment.byteLength - 5, 0), key, segment.byteLength - 12],
  ])('%s is refused at its byte', (_, bytes, name, byteOffset) => {
    expect(appErrorOf(() => rowsOf(bytes, { key: name }))).toMatchObject({
      code: 'segment-inconsistent',
      next: 'park',
      details: { key: name, byteOffset },
    })
  })

  test('a segment under another name than its base offset is refused', () => {
    const error = appErrorOf(() => rowsOf(segment, { key: 't/0/segment-00000000000000000101.kfs' }))
    expect(error.code).toBe('segment-inconsistent')
  })

  test('a segment without batches is refused', () => {
    const empty = Uint8Array.from([...segment.subarray(0, 32), 0, 0, 0, 0, ...segment.subarray(-12)])
    expect(appErrorOf(() => rowsOf(empty, { key }))).toMatchObject({ code: 'segment-inconsistent' })
  })
})

test('a batch that decompresses beyond the maximum is refused before its rows are seen', () => {
  const { segment } = sampleSegment('zstd')
  expect(appErrorOf(() => rowsOf(segment, { key, maxBatchBytes: 100 })).code).toBe('decompression-failed')
})

test('a gap between batches of one segment is no error', () => {
  const { segment } = encodeSegment({
    baseOffset: 100n,
    createdAtMs: 0,
    batches: [
      { codec: 'none', records: sampleRecords(2) },
      { codec: 'none', records: sampleRecords(2), baseOffset: 500n },
    ],
  })
  expect(rowsOf(segment, { key }).map(row => row.offset)).toEqual([100n, 101n, 500n, 501n])
})

test('offsets near 2^63 are exact', () => {
  const baseOffset = 2n ** 63n - 10n
  const { segment } = encodeSegment({
    baseOffset,
    createdAtMs: 0,
    batches: [{ codec: 'none', records: sampleRecords(3) }],
  })
  const named = 'segment-09223372036854775798.kfs'
  expect(rowsOf(segment, { key: named }).map(row => row.offset)).toEqual(
    [0n, 1n, 2n].map(i => baseOffset + i),
  )
})

test('assembling no batches is a defect, not a segment', () => {
  expect(appErrorOf(() => assembleSegment([], { createdAtMs: 0 })).code).toBe('broken-invariant')
})
