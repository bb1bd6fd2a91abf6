import { describe, expect, test } from 'vitest'
import type { ReadySegment } from '../../../services/discovery/examine-listing.ts'
import { followPartition } from '../../../services/discovery/follow-partition.ts'

const segment = (baseOffset: bigint, etag = `etag-${baseOffset}`): ReadySegment => ({
  topic: 'orders',
  partition: 0,
  key: `orders/0/${baseOffset}`,
  baseOffset,
  sizeBytes: 100,
  etag,
  landedAtMs: 0,
})

const after = (last: ReadySegment, plannedOffset: bigint) => ({ plannedOffset, lastPlanned: last })

const offsets = (following: ReturnType<typeof followPartition>) =>
  following.kind === 'segments' ? following.segments.map(found => found.baseOffset) : following.kind

describe('followPartition, before anything was planned', () => {
  const ready = [segment(0n), segment(10n), segment(20n)]
  const fresh = { ready, knownStands: false }

  test('begins with the segment that holds the start offset', () => {
    expect(offsets(followPartition({ plannedOffset: 15n }, fresh))).toEqual([10n, 20n])
    expect(offsets(followPartition({ plannedOffset: 20n }, fresh))).toEqual([20n])
  })

  test('takes everything when the start lies below the first segment', () => {
    expect(
      offsets(followPartition({ plannedOffset: 0n }, { ...fresh, ready: [segment(5n), segment(10n)] })),
    ).toEqual([5n, 10n])
  })

  test('a folder that begins below where this life began is a new life of the topic', () => {
    expect(followPartition({ plannedOffset: 20n, beganAt: 20n }, fresh)).toEqual({
      kind: 'new_incarnation',
      firstOffset: 0n,
    })
    expect(followPartition({ plannedOffset: 30n, beganAt: 20n }, fresh).kind).toBe('new_incarnation')
    expect(offsets(followPartition({ plannedOffset: 0n, beganAt: 0n }, fresh))).toEqual([0n, 10n, 20n])
  })
})

describe('followPartition, with nothing but a witness', () => {
  const cursor = { plannedOffset: 15n, witness: { baseOffset: 20n, landedAtMs: 0 }, beganAt: 5n }
  const ready = [segment(0n), segment(10n)]

  test('a folder that begins below it, without it, is a new life of the topic', () => {
    expect(followPartition(cursor, { ready, knownStands: false, lowestBaseOffset: 0n })).toEqual({
      kind: 'new_incarnation',
      firstOffset: 0n,
    })
  })

  test('while it stands, or where what lies below is no new life, the life goes on, wherever it began', () => {
    expect(offsets(followPartition(cursor, { ready, knownStands: true, lowestBaseOffset: 0n }))).toEqual([
      10n,
    ])
    expect(offsets(followPartition(cursor, { ready, knownStands: false }))).toEqual([10n])
  })

  test('retention that removed it is no new life: what remains lies above', () => {
    const listing = { ready: [segment(30n)], knownStands: false, lowestBaseOffset: 30n }
    expect(offsets(followPartition(cursor, listing))).toEqual([30n])
  })

  test('what was planned last says more than it', () => {
    const planned = { ...cursor, lastPlanned: segment(10n), plannedOffset: 20n }
    const listing = { ready: [segment(10n), segment(20n)], knownStands: true, lowestBaseOffset: 0n }
    expect(offsets(followPartition(planned, listing))).toEqual([20n])
  })
})

describe('followPartition, behind the last planned segment', () => {
  const last = segment(10n)

  test('takes what comes after it', () => {
    expect(
      offsets(followPartition(after(last, 20n), { ready: [last, segment(20n)], knownStands: true })),
    ).toEqual([20n])
  })

  test('a segment beyond a hole is taken; the hole is for the converter to account for', () => {
    expect(
      offsets(followPartition(after(last, 20n), { ready: [last, segment(50n)], knownStands: true })),
    ).toEqual([50n])
  })

  test('another ETag means that it was replaced', () => {
    expect(
      followPartition(after(last, 20n), { ready: [segment(10n, 'other')], knownStands: true }).kind,
    ).toBe('replaced')
  })

  test('a folder that begins below it, without it, is a new life of the topic', () => {
    const following = followPartition(after(last, 20n), {
      ready: [],
      knownStands: false,
      lowestBaseOffset: 0n,
    })
    expect(following).toEqual({ kind: 'new_incarnation', firstOffset: 0n })
  })

  test('retention that removed it is no new life: what remains lies above', () => {
    const following = followPartition(after(last, 20n), {
      ready: [segment(30n)],
      knownStands: false,
      lowestBaseOffset: 30n,
    })
    expect(offsets(following)).toEqual([30n])
  })

  test('while it stands but is not ready, older segments in the folder mean nothing', () => {
    expect(
      offsets(followPartition(after(last, 20n), { ready: [], knownStands: true, lowestBaseOffset: 0n })),
    ).toEqual([])
  })

  test('a segment that begins below the planned offset overlaps', () => {
    expect(followPartition(after(last, 20n), { ready: [last, segment(15n)], knownStands: true }).kind).toBe(
      'overlap',
    )
  })
})
