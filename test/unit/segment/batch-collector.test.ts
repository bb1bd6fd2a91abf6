import { expect, test } from 'vitest'
import { BatchCollector } from '../../../shared/segment/batch-collector.ts'
import type { WriterCodec } from '../../../shared/segment/codec.ts'
import { assembleSegment } from '../../../shared/segment/segment-writer.ts'
import { rowsOf, utf8 } from '../../fakes/segment-rows.ts'

const record = (value: string, timestampMs = 5) => ({ timestampMs, key: null, value: utf8(value) })

test.each<WriterCodec>(['none', 'zstd'])('%s: offsets go on over batches and over takes', codec => {
  const collector = new BatchCollector({ codec, baseOffset: 40n, maxBatchBytes: 50 })
  const rows = (values: readonly string[]) => {
    for (const value of values) collector.append(record(value))
    const batches = collector.take()
    const { segment } = assembleSegment(batches, { createdAtMs: 0 })
    return { batches: batches.length, offsets: rowsOf(segment, { key: 'x' }).map(({ offset }) => offset) }
  }
  expect(rows(['a'.repeat(30), 'b'.repeat(30), 'c'])).toEqual({ batches: 2, offsets: [40n, 41n, 42n] })
  expect(collector).toMatchObject({ endOffset: 43n, pendingBytes: 0, batchesBytes: 0 })
  expect(rows(['d'])).toEqual({ batches: 1, offsets: [43n] })
  expect(collector.take()).toEqual([])
})

test('keeps nulls, headers, and timestamps that go back', () => {
  const collector = new BatchCollector({ codec: 'none', baseOffset: 0n, maxBatchBytes: 1000 })
  collector.append({
    timestampMs: 100,
    key: utf8('k'),
    value: null,
    headers: [{ key: utf8('h'), value: null }],
  })
  collector.append(record('v', 7))
  const { segment } = assembleSegment(collector.take(), { createdAtMs: 0 })
  expect(rowsOf(segment, { key: 'x' })).toEqual([
    { offset: 0n, timestampMs: 100, key: '6b', value: null, headers: [['68', null]] },
    { offset: 1n, timestampMs: 7, key: null, value: '76', headers: [] },
  ])
})
