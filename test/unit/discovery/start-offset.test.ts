import { describe, expect, test } from 'vitest'
import type { ReadySegment } from '../../../services/discovery/examine-listing.ts'
import { startOffset } from '../../../services/discovery/start-offset.ts'

const segment = (baseOffset: bigint, landedAtMs: number): ReadySegment => ({
  topic: 'orders',
  partition: 3,
  key: '',
  baseOffset,
  sizeBytes: 1,
  etag: '',
  landedAtMs,
})

const context = {
  partition: 3,
  tableCreatedAtMs: 250,
  ready: [segment(100n, 100), segment(200n, 200), segment(300n, 300)] as const,
  endOffset: 400n,
}

describe('startOffset', () => {
  test('earliest is the first segment that stands', () => {
    expect(startOffset({ kind: 'earliest' }, context)).toBe(100n)
  })

  test('latest is the first segment that landed after the table was declared', () => {
    expect(startOffset({ kind: 'latest' }, context)).toBe(300n)
  })

  test('latest is the end when nothing has landed since', () => {
    expect(startOffset({ kind: 'latest' }, { ...context, tableCreatedAtMs: 999 })).toBe(400n)
  })

  test('a timestamp is compared with when segments landed', () => {
    expect(startOffset({ kind: 'timestamp', timestampMs: 200 }, context)).toBe(200n)
  })

  test('offsets may lie inside a segment; a partition that is not named begins at its earliest', () => {
    expect(startOffset({ kind: 'offsets', offsets: new Map([[3, 250n]]) }, context)).toBe(250n)
    expect(startOffset({ kind: 'offsets', offsets: new Map([[1, 250n]]) }, context)).toBe(100n)
  })

  test('an offset that retention has removed begins at the earliest', () => {
    expect(startOffset({ kind: 'offsets', offsets: new Map([[3, 5n]]) }, context)).toBe(100n)
  })
})
