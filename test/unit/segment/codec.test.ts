import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  attributesOfCodec,
  type Codec,
  codecOfAttributes,
  compressRecords,
  decompressRecords,
  type WriterCodec,
  zstdContentSize,
} from '../../../shared/segment/codec.ts'
import { createScratch } from '../../../shared/segment/decompression.ts'
import { appErrorOf } from '../../fakes/segment-rows.ts'

const place = { key: 'segment.kfs', byteOffset: 93 }
const CODECS: readonly WriterCodec[] = ['gzip', 'snappy', 'snappy-raw', 'lz4', 'zstd']
const readerCodec = (codec: WriterCodec) =>
  codecOfAttributes(attributesOfCodec(codec), place) as Exclude<Codec, 'none'>
const inflate = (codec: WriterCodec, input: Uint8Array, maxBytes?: number) =>
  decompressRecords(readerCodec(codec), input, {
    ...place,
    scratch: createScratch(),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  })
const mixed = Uint8Array.from({ length: 200_000 }, (_, i) => (i % 7 === 0 ? (i * 2654435761) >>> 13 : i % 40))

describe.each(CODECS)('%s', codec => {
  test.each([0, 1, 100, 32 * 1024, 200_000])(
    '%i bytes come back as they were, padded, in a plain array',
    size => {
      const records = mixed.subarray(0, size)
      const { bytes, byteLength } = inflate(codec, compressRecords(codec, records))
      expect(byteLength).toBe(size)
      expect(Buffer.compare(bytes.subarray(0, byteLength), records)).toBe(0)
      expect(bytes.byteLength - byteLength).toBeGreaterThanOrEqual(64)
      expect(bytes.constructor).toBe(Uint8Array)
    },
  )

  test('output beyond the maximum is refused', () => {
    const input = compressRecords(codec, mixed)
    expect(appErrorOf(() => inflate(codec, input, 100_000)).code).toBe('decompression-failed')
  })

  test('a missing second half is refused with object, byte, expected and found', () => {
    const input = compressRecords(codec, mixed)
    const error = appErrorOf(() => inflate(codec, input.subarray(0, input.byteLength >>> 1)))
    expect(error).toMatchObject({ code: 'decompression-failed', next: 'park', details: place })
    expect(error.details.expected).toBeTruthy()
    expect(error.details.found).toBeTruthy()
  })

  test('no input at all is not valid data', () => {
    expect(appErrorOf(() => inflate(codec, new Uint8Array(0))).code).toBe('decompression-failed')
  })
})

describe('what brokers may hold of other writers', () => {
  test('a zstd frame without content size, as streaming encoders write it', () => {
    // Two frames joined: the size of the first says nothing about the whole.
    const first = zstdCompressSync(mixed)
    const joined = Buffer.concat([first, zstdCompressSync(mixed)])
    expect(inflate('zstd', joined).byteLength).toBe(400_000)
    expect(zstdContentSize(first)).toBe(200_000n)
    // Frame descriptor without size: window byte 0x58, then one raw last block of three bytes.
    const streamed = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x19, 0x00, 0x00, 0x61, 0x62, 0x63)
    expect(zstdContentSize(streamed)).toBeUndefined()
    const { bytes, byteLength } = inflate('zstd', streamed)
    expect(Buffer.from(bytes.subarray(0, byteLength)).toString()).toBe('abc')
  })

  test('gzip of two members', () => {
    const joined = Buffer.concat([gzipSync(mixed), gzipSync(mixed.subarray(0, 5))])
    expect(inflate('gzip', joined).byteLength).toBe(200_005)
  })

  test('xerial streams joined, header and all', () => {
    const one = compressRecords('snappy', mixed)
    expect(inflate('snappy', Buffer.concat([one, one])).byteLength).toBe(400_000)
  })
})

describe('sizes that are claimed but cannot be', () => {
  test('snappy blocks that claim 4 GiB', () => {
    const claim = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0)
    expect(appErrorOf(() => inflate('snappy-raw', claim)).details.found).toBe('4294967295')
  })

  test('a zstd frame that claims 2^60 bytes', () => {
    const claim = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x58, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0)
    expect(appErrorOf(() => inflate('zstd', claim)).details.found).toBe(`${2n ** 60n}`)
  })

  test('a gzip trailer that lies costs nothing but a copy', () => {
    const input = Buffer.from(gzipSync(mixed))
    input.writeUInt32LE(0xffffffff, input.byteLength - 4)
    expect(appErrorOf(() => inflate('gzip', input)).code).toBe('decompression-failed')
  })
})

test('a codec number above 4 is refused', () => {
  expect(codecOfAttributes(0x24, place)).toBe('zstd')
  expect(appErrorOf(() => codecOfAttributes(0x25, place))).toMatchObject({
    code: 'codec-unsupported',
    details: place,
  })
})
