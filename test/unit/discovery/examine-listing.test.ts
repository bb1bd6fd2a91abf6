import { describe, expect, test } from 'vitest'
import { examineListing } from '../../../services/discovery/examine-listing.ts'
import type { ObjectInfo } from '../../../shared/object-store/object-store.ts'

const NOW_MS = 1_000_000
const SETTLE_MS = 10_000
const LONG_AGO_MS = NOW_MS - SETTLE_MS - 1

function object(baseOffset: number, extension: 'kfs' | 'index', lastModifiedMs = LONG_AGO_MS): ObjectInfo {
  const key = `orders/0/segment-${String(baseOffset).padStart(20, '0')}.${extension}`
  return { key, sizeBytes: 100, etag: `etag-${baseOffset}`, lastModifiedMs }
}

const pair = (baseOffset: number, lastModifiedMs?: number) => [
  object(baseOffset, 'index', lastModifiedMs),
  object(baseOffset, 'kfs', lastModifiedMs),
]

const examine = (objects: readonly ObjectInfo[]) =>
  examineListing(objects, { topic: 'orders', partition: 0, nowMs: NOW_MS, settleMs: SETTLE_MS })

const readyOffsets = (objects: readonly ObjectInfo[]) =>
  examine(objects).ready.map(segment => Number(segment.baseOffset))

describe('examineListing', () => {
  test('complete pairs are ready in offset order, with the identity of the .kfs', () => {
    const { ready, waiting, abandoned } = examine([...pair(0), ...pair(10)])
    expect(ready.map(segment => segment.baseOffset)).toEqual([0n, 10n])
    expect(ready[1]).toMatchObject({
      topic: 'orders',
      partition: 0,
      etag: 'etag-10',
      sizeBytes: 100,
      landedAtMs: LONG_AGO_MS,
    })
    expect(ready[1]?.key).toMatch(/segment-0{18}10\.kfs$/)
    expect(waiting).toBeUndefined()
    expect(abandoned).toEqual([])
  })

  test('names that are no segment are passed over', () => {
    expect(
      readyOffsets([
        { ...object(0, 'kfs'), key: 'orders/0/segment-7.kfs' },
        { ...object(0, 'kfs'), key: 'orders/0/notes.txt' },
        ...pair(5),
      ]),
    ).toEqual([5])
  })

  test('a .kfs without an index at the end waits, however old it is', () => {
    const { ready, waiting } = examine([...pair(0), object(10, 'kfs')])
    expect(ready).toHaveLength(1)
    expect(waiting).toMatchObject({ baseOffset: 10n, reason: 'no-index', landedAtMs: LONG_AGO_MS })
  })

  test('an index without its .kfs at the end waits', () => {
    expect(examine([object(0, 'index')]).waiting).toMatchObject({ baseOffset: 0n, reason: 'no-segment' })
  })

  test('a young unindexed segment holds up its successors, since its index may have landed behind the lister', () => {
    const { ready, waiting } = examine([...pair(0), object(10, 'kfs', NOW_MS - 1), ...pair(20)])
    expect(ready.map(segment => segment.baseOffset)).toEqual([0n])
    expect(waiting).toMatchObject({ baseOffset: 10n, reason: 'no-index' })
  })

  test('an old unindexed segment with a successor is abandoned', () => {
    const { ready, abandoned } = examine([...pair(0), object(10, 'kfs'), ...pair(20)])
    expect(ready.map(segment => segment.baseOffset)).toEqual([0n, 20n])
    expect(abandoned).toEqual([10n])
  })

  test('a .kfs clearly older than its index waits as the last one', () => {
    const { ready, waiting } = examine([object(0, 'index', NOW_MS), object(0, 'kfs', NOW_MS - SETTLE_MS - 1)])
    expect(ready).toEqual([])
    expect(waiting).toMatchObject({ baseOffset: 0n, reason: 'older-than-index' })
  })

  test('a .kfs older than its index by no more than the settling time is ready', () => {
    expect(readyOffsets([object(0, 'index', NOW_MS), object(0, 'kfs', NOW_MS - SETTLE_MS)])).toEqual([0])
  })

  test('a .kfs clearly older than its index is ready once a complete successor stands', () => {
    expect(
      readyOffsets([object(0, 'index', NOW_MS), object(0, 'kfs', NOW_MS - SETTLE_MS - 1), ...pair(10)]),
    ).toEqual([0, 10])
  })

  test('an unindexed successor proves nothing', () => {
    const { ready } = examine([
      object(0, 'index', NOW_MS),
      object(0, 'kfs', NOW_MS - SETTLE_MS - 1),
      object(10, 'kfs'),
    ])
    expect(ready).toEqual([])
  })
})
