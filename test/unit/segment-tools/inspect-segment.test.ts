import { describe, expect, test } from 'vitest'
import { formatInspection } from '../../../services/segment-tools/format-inspection.ts'
import { inspectSegment } from '../../../services/segment-tools/inspect-segment.ts'
import { sampleSegment } from '../../fakes/segment-rows.ts'

const key = 'orders/0/segment-00000000000000000100.kfs'
const { segment, index } = sampleSegment('lz4')
const flipped = (position: number) =>
  Object.assign(segment.slice(), { [position]: (segment[position] ?? 0) ^ 0x55 })
const codes = (bytes: Uint8Array) => inspectSegment(bytes, { key }).problems.map(problem => problem.code)

describe('inspectSegment', () => {
  test('a sound segment shows its facts, batches and index, and no problem', () => {
    const inspection = inspectSegment(segment, { key, indexBytes: index })
    expect(inspection).toMatchObject({ bodyCrc: 'ok', batchCount: 3, recordCount: 28, problems: [] })
    expect(inspection.segment).toMatchObject({ baseOffset: 100n, lastOffset: 134n })
    expect(inspection.batches[0]).toMatchObject({ position: 32, codec: 'lz4', crc: 'ok', recordCount: 20 })
    expect(inspection.batches[0]?.recordsBytes).toBeGreaterThan(100)
    expect(inspection.index?.entries).toHaveLength(1)
  })

  test('a damaged record is shown as body, batch and decompression problem, the other batches as they are', () => {
    const inspection = inspectSegment(flipped(120), { key })
    expect(inspection.bodyCrc).toBe('mismatch')
    expect(inspection.batches.map(batch => batch.crc)).toEqual(['mismatch', 'ok', 'ok'])
    expect(codes(flipped(120))).toEqual(
      expect.arrayContaining(['segment-crc-mismatch', 'batch-crc-mismatch']),
    )
  })

  test('header fields outside the checksum are held against the batches', () => {
    expect(codes(flipped(15))).toEqual(['segment-inconsistent'])
    expect(codes(flipped(19))).toEqual(['segment-inconsistent'])
  })

  test('what is no segment gives one problem and nothing else', () => {
    expect(inspectSegment(segment.subarray(0, 20), { key })).toMatchObject({
      segment: undefined,
      bodyCrc: 'unknown',
      batchCount: 0,
      problems: [{ code: 'segment-truncated' }],
    })
  })

  test('a bad index is a problem of the index', () => {
    const inspection = inspectSegment(segment, { key, indexBytes: index.subarray(1) })
    expect(inspection.problems).toMatchObject([{ code: 'index-malformed' }])
    expect(inspection.problems[0]?.message).toContain('segment-00000000000000000100.index')
  })
})

describe('formatInspection', () => {
  test('tells a person the offsets, each batch and the verdict', () => {
    const lines = formatInspection(inspectSegment(segment, { key, indexBytes: index }))
    expect(lines[0]).toBe(key)
    expect(lines).toContain('  offsets       100 to 134')
    expect(lines).toContain('  index         1 entries, every 100 messages')
    expect(lines.find(line => line.includes('@32'))).toMatch(/offsets 100-119, 20 records, lz4, .* CRC ok$/)
    expect(lines.at(-1)).toBe('  no problems')
  })

  test('lists problems with their codes', () => {
    const lines = formatInspection(inspectSegment(flipped(19), { key }))
    expect(lines.at(-2)).toBe('  1 problems:')
    expect(lines.at(-1)).toMatch(/^ {4}segment-inconsistent: /)
  })
})
