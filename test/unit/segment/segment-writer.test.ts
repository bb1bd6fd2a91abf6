import { crc32c } from '@node-rs/crc32'
import { expect, test } from 'vitest'
import { parseIndex } from '../../../shared/segment/segment-index.ts'
import { encodeSegment } from '../../../shared/segment/segment-writer.ts'
import { sampleRecords, utf8 } from '../../fakes/segment-rows.ts'

test('a segment of one record is laid out byte for byte as the format says', () => {
  const { segment } = encodeSegment({
    baseOffset: 5n,
    createdAtMs: 258,
    batches: [{ codec: 'none', records: [{ timestampMs: 1000, key: utf8('k'), value: utf8('v') }] }],
  })
  const hex = Buffer.from(segment).toString('hex')
  // Magic, version, flags, base offset, message count, created, reserved.
  expect(hex.slice(0, 64)).toBe(
    '4b414653' + '0001' + '0000' + '0000000000000005' + '00000001' + '0000000000000102' + '00000000',
  )
  const batch = hex.slice(64, -32)
  expect(batch.slice(0, 34)).toBe('0000000000000005' + '0000003a' + 'ffffffff' + '02')
  expect(batch.slice(42)).toBe(
    // Attributes, last offset delta, both timestamps, producer id, epoch, sequence, record count.
    '0000' +
      '00000000' +
      '00000000000003e8' +
      '00000000000003e8' +
      'ffffffffffffffff' +
      'ffff' +
      'ffffffff' +
      '00000001' +
      // Length 8, attributes, timestamp delta, offset delta, key, value, no headers.
      '10' +
      '00' +
      '00' +
      '00' +
      '026b' +
      '0276' +
      '00',
  )
  const body = segment.subarray(32, -16)
  expect(hex.slice(-32)).toBe(`${crc32c(body).toString(16).padStart(8, '0')}0000000000000005454e4421`)
})

test('offsets go on from batch to batch, the index points at batch starts', () => {
  const written = encodeSegment({
    baseOffset: 0n,
    createdAtMs: 0,
    batches: [sampleRecords(60), sampleRecords(60), sampleRecords(1)].map(records => ({
      codec: 'none',
      records,
    })),
  })
  expect(written).toMatchObject({ baseOffset: 0n, lastOffset: 120n, messageCount: 121 })
  const { entries } = parseIndex(written.index, { key: 'x.index' })
  expect(entries.map(entry => entry.offset)).toEqual([0n, 120n])
  for (const { offset, position } of entries) {
    expect(new DataView(written.segment.buffer).getBigInt64(position)).toBe(offset)
  }
})
