import { describe, expect, test } from 'vitest'
import { accountSlice, MAX_RANGES_PER_SLICE } from '../../../services/converter/slice-account.ts'
import type { TaskSlice } from '../../../shared/flow.ts'
import type { RecordSlices } from '../../../shared/segment/record-slices.ts'
import { createRecordSlices } from '../../../shared/segment/record-slices-buffer.ts'

const slice = (startOffset: bigint, endOffset: bigint): TaskSlice => ({
  topic: 'orders',
  partition: 0,
  incarnation: 0,
  startOffset,
  endOffset,
  segments: [],
})

/** A batch whose records have these offset deltas; record i has timestamp i. */
function records(baseOffset: bigint, deltas: readonly number[]): RecordSlices {
  return {
    ...createRecordSlices(),
    baseOffset,
    count: deltas.length,
    offsetDeltas: Int32Array.from(deltas),
    timestampsMs: Float64Array.from(deltas, (_, i) => i),
  }
}

const whole = (
  batch: RecordSlices,
  failed: readonly number[] = [],
  failedAs: 'dead_letter' | 'skipped' = 'dead_letter',
) => ({
  records: batch,
  from: 0,
  to: batch.count,
  failed,
  failedAs,
})

describe('accountSlice', () => {
  test('records in a row are rows', () => {
    const account = accountSlice(slice(10n, 13n))
    account.batch(whole(records(10n, [0, 1, 2])))
    expect(account.finish()).toMatchObject({
      rowCount: 3n,
      deadLetterCount: 0n,
      ranges: [],
      maxTimestampMs: 2,
    })
  })

  test('holes between offsets are absent, and touching holes are one range', () => {
    const account = accountSlice(slice(10n, 20n))
    account.advance(12n, 'absent')
    account.batch(whole(records(12n, [1, 2, 5])))
    account.advance(20n, 'absent')
    expect(account.finish()).toMatchObject({
      rowCount: 3n,
      ranges: [
        { kind: 'absent', startOffset: 10n, endOffset: 13n },
        { kind: 'absent', startOffset: 15n, endOffset: 17n },
        { kind: 'absent', startOffset: 18n, endOffset: 20n },
      ],
    })
  })

  test('dead letters are counted and leave no range', () => {
    const account = accountSlice(slice(0n, 3n))
    account.batch(whole(records(0n, [0, 1, 2]), [1]))
    expect(account.finish()).toMatchObject({ rowCount: 2n, deadLetterCount: 1n, ranges: [] })
  })

  test('skipped records are ranges', () => {
    const account = accountSlice(slice(0n, 6n))
    account.batch(whole(records(0n, [0, 1, 2, 4, 5]), [1, 2, 4], 'skipped'))
    expect(account.finish()).toMatchObject({
      rowCount: 2n,
      ranges: [
        { kind: 'skipped', startOffset: 1n, endOffset: 3n },
        { kind: 'absent', startOffset: 3n, endOffset: 4n },
        { kind: 'skipped', startOffset: 5n, endOffset: 6n },
      ],
    })
  })

  test('control batches and source gaps keep their kind', () => {
    const account = accountSlice(slice(0n, 5n))
    account.advance(2n, 'source_gap')
    account.advance(3n, 'control')
    account.batch(whole(records(3n, [0, 1])))
    expect(account.finish().ranges.map(range => range.kind)).toEqual(['source_gap', 'control'])
  })

  test('only the records that belong to the slice count', () => {
    const account = accountSlice(slice(11n, 12n))
    account.batch({ records: records(10n, [0, 1, 2]), from: 1, to: 2, failed: [], failedAs: 'dead_letter' })
    expect(account.finish()).toMatchObject({ rowCount: 1n, ranges: [] })
  })

  test('an offset left over is a broken invariant', () => {
    const account = accountSlice(slice(0n, 3n))
    account.batch(whole(records(0n, [0, 1])))
    expect(() => account.finish()).toThrow(/not accounted for exactly once/)
  })

  test('more ranges than the limit stop the partition', () => {
    const account = accountSlice(slice(0n, 10_000_000n))
    const overflow = () => {
      for (let i = 0n; i <= BigInt(MAX_RANGES_PER_SLICE); i++)
        account.advance(i + 1n, i % 2n === 0n ? 'absent' : 'control')
    }
    expect(overflow).toThrow(expect.objectContaining({ code: 'too-many-ranges', next: 'park' }))
  })
})
