import { crc32c } from '@node-rs/crc32'
import { describe, expect, test } from 'vitest'
import { isBatchCrcRight, verifyBatchCrc, walkRecordBatches } from '../../../shared/segment/record-batch.ts'
import { parseSegment } from '../../../shared/segment/segment-file.ts'
import { encodeSegment } from '../../../shared/segment/segment-writer.ts'
import { appErrorOf, sampleRecords, sampleSegment } from '../../fakes/segment-rows.ts'

const key = 'segment-00000000000000000100.kfs'
const walk = (bytes: Uint8Array) => [...walkRecordBatches(bytes, parseSegment(bytes, { key }))]

/** The segment with some bytes of its body changed and the body's checksum made right again. */
function patchedBody(bytes: Uint8Array, position: number, ...patch: number[]): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy.set(patch, position)
  new DataView(copy.buffer).setUint32(copy.byteLength - 16, crc32c(copy.subarray(32, -16)))
  return copy
}

describe('walkRecordBatches', () => {
  test('yields each batch with its header, whatever its record count', () => {
    const headers = walk(sampleSegment('zstd').segment)
    expect(headers.map(h => [h.baseOffset, h.lastOffset, h.recordCount, h.codec])).toEqual([
      [100n, 119n, 20, 'zstd'],
      [120n, 129n, 3, 'zstd'],
      [130n, 134n, 5, 'zstd'],
    ])
    expect(headers[0]?.position).toBe(32)
    expect(headers[1]?.position).toBe(headers[0]?.endPosition)
    expect(headers[0]).toMatchObject({
      baseTimestampMs: 1_700_000_000_000,
      maxTimestampMs: 1_700_000_000_133,
      producerId: -1n,
      timestampType: 'create',
      isControl: false,
      isTransactional: false,
    })
  })

  test('attribute bits give timestamp type, transaction and control', () => {
    const { segment } = encodeSegment({
      baseOffset: 0n,
      createdAtMs: 0,
      batches: [
        { codec: 'none', records: sampleRecords(1), logAppendTimeMs: 5 },
        { codec: 'none', records: sampleRecords(1), isTransactional: true, producerId: 7n },
        { codec: 'none', records: sampleRecords(1), isTransactional: true, isControl: true },
      ],
    })
    expect(walk(segment).map(h => [h.timestampType, h.isTransactional, h.isControl, h.producerId])).toEqual([
      ['log-append', false, false, -1n],
      ['create', true, false, 7n],
      ['create', true, true, -1n],
    ])
  })

  const { segment } = sampleSegment('none')
  const second = walk(segment)[1]?.position ?? 0
  test.each([
    ['magic 0', [16, 0], 'batch-magic-unsupported', 16],
    ['magic 1', [16, 1], 'batch-magic-unsupported', 16],
    ['magic 3', [16, 3], 'batch-magic-unsupported', 16],
    ['codec 5', [22, 5], 'codec-unsupported', 21],
    ['a batch length of 48', [8, 0, 0, 0, 48], 'batch-malformed', 8],
    ['a negative batch length', [8, 0x80], 'batch-malformed', 8],
    ['a batch length past the body', [8, 0, 1, 0, 0], 'batch-malformed', 8],
    ['a negative base offset', [0, 0x80], 'batch-malformed', 0],
    ['a base offset that goes back', [7, 0], 'batch-malformed', 0],
    ['a negative last offset delta', [23, 0x80], 'batch-malformed', 23],
    ['a negative record count', [57, 0x80], 'batch-malformed', 57],
    ['more records than offsets', [60, 11], 'batch-malformed', 57],
  ] as const)('%s is refused at its byte', (_, [at, ...patch], code, byteOffset) => {
    const error = appErrorOf(() => walk(patchedBody(segment, second + at, ...patch)))
    expect(error).toMatchObject({ code, next: 'park', details: { key, byteOffset: second + byteOffset } })
  })

  test('magic 0 and 1 name librdkafka and the way to see it', () => {
    const error = appErrorOf(() => walk(patchedBody(segment, second + 16, 1)))
    expect(error.message).toMatch(/librdkafka.*MsgVer2.*kcat -d feature/)
  })

  test('offsets that go back name produce requests of several batches', () => {
    const error = appErrorOf(() => walk(patchedBody(segment, second + 7, 0)))
    expect(error.message).toMatch(/only the first batch of a produce request/)
  })

  test('bytes after the last batch are refused', () => {
    const body = Buffer.concat([segment.subarray(0, -16), Buffer.alloc(20, 2), segment.subarray(-16)])
    const error = appErrorOf(() => walk(patchedBody(body, 32, 0)))
    expect(error).toMatchObject({ code: 'batch-malformed', details: { byteOffset: segment.byteLength - 16 } })
  })
})

describe('batch checksum', () => {
  test('a batch changed before the broker got it is found though the body checksum is right', () => {
    const { segment } = sampleSegment('none')
    const [first] = walk(segment)
    if (first === undefined) throw new Error('no batch')
    expect(isBatchCrcRight(segment, first)).toBe(true)
    const changed = patchedBody(segment, first.endPosition - 1, 0x55)
    expect(isBatchCrcRight(changed, first)).toBe(false)
    expect(appErrorOf(() => verifyBatchCrc(changed, first, key))).toMatchObject({
      code: 'batch-crc-mismatch',
      next: 'park',
      details: { key, byteOffset: first.position + 17 },
    })
  })
})
