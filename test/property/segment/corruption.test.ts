import { crc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../../shared/runtime/errors.ts'
import type { WriterCodec } from '../../../shared/segment/codec.ts'
import { walkRecordBatches } from '../../../shared/segment/record-batch.ts'
import { parseSegment } from '../../../shared/segment/segment-file.ts'
import { parseIndex } from '../../../shared/segment/segment-index.ts'
import { type Row, rowsOf, sampleSegment } from '../../fakes/segment-rows.ts'

const key = 'ns/t/0/segment-00000000000000000100.kfs'
const CODECS: readonly WriterCodec[] = ['none', 'gzip', 'snappy', 'snappy-raw', 'lz4', 'zstd']
const SEGMENTS = CODECS.map(codec => {
  const { segment, index } = sampleSegment(codec)
  return { codec, segment, index, rows: rowsOf(segment, { key }) }
})

/** The rows, or `undefined` for an AppError that parks; anything else thrown fails the test. */
function readOrRefuse(bytes: Uint8Array): Row[] | undefined {
  try {
    return rowsOf(bytes, { key })
  } catch (error) {
    if (error instanceof AppError && error.next === 'park') return undefined
    throw error
  }
}

describe.each(SEGMENTS)('$codec', ({ segment, rows }) => {
  test('every truncation is refused', () => {
    for (let length = 0; length < segment.byteLength; length++) {
      expect(readOrRefuse(segment.slice(0, length))).toBeUndefined()
    }
  })

  test('a byte flipped anywhere gives a typed error or the same rows', () => {
    const copy = segment.slice()
    for (let position = 0; position < segment.byteLength; position++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        copy[position] = (segment[position] ?? 0) ^ flip
        const read = readOrRefuse(copy)
        if (read !== undefined) expect(read).toEqual(rows)
      }
      copy[position] = segment[position] ?? 0
    }
  })

  test('records damaged before they were checksummed never crash, hang or take memory', () => {
    const headers = [...walkRecordBatches(segment, parseSegment(segment, { key }))]
    const damage = fc.record({
      batch: fc.nat(headers.length - 1),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
    })
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), damages => {
        const copy = segment.slice()
        const view = new DataView(copy.buffer)
        for (const { batch, at, bytes } of damages) {
          const header = headers[batch]
          if (header === undefined) continue
          const from = header.recordsStart + Math.floor(at * (header.endPosition - header.recordsStart))
          copy.set(bytes.subarray(0, header.endPosition - from), from)
          view.setUint32(
            header.position + 17,
            crc32c(copy.subarray(header.position + 21, header.endPosition)),
          )
        }
        view.setUint32(copy.byteLength - 16, crc32c(copy.subarray(32, -16)))
        const read = readOrRefuse(copy)
        // With right checksums other values are the producer's own; offsets and their number are not.
        if (read !== undefined) expect(read.length).toBe(rows.length)
      }),
      { numRuns: 500 },
    )
  })
})

test('arbitrary bytes behind any prefix of a segment are refused', () => {
  const [first] = SEGMENTS
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(200), (tail, prefix) => {
      const bytes = Uint8Array.from([...(first?.segment.subarray(0, prefix) ?? []), ...tail])
      expect(readOrRefuse(bytes)).toBeUndefined()
    }),
  )
})

test('an index flipped or cut anywhere is parsed or refused with its code', () => {
  const index = SEGMENTS[0]?.index ?? new Uint8Array(0)
  fc.assert(
    fc.property(
      fc.nat(index.byteLength - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      (at, flip, cut) => {
        const bytes = cut
          ? index.slice(0, at)
          : Object.assign(index.slice(), { [at]: (index[at] ?? 0) ^ flip })
        try {
          parseIndex(bytes, { key })
        } catch (error) {
          expect(error).toMatchObject({ code: 'index-malformed', next: 'park' })
        }
      },
    ),
  )
})
