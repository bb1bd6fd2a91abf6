import { expect, test } from 'vitest'
import { selectExpired } from '../../../shared/iceberg/expire-snapshots.ts'
import type { SnapshotRecord } from '../../../shared/metadata/metadata-store.ts'
import { TABLE_ID } from './fixtures.ts'

/** Snapshot n was made at second n. */
const snapshot = (n: number): SnapshotRecord => ({
  tableId: TABLE_ID,
  snapshotId: BigInt(100 + n),
  sequenceNumber: BigInt(n),
  version: BigInt(n),
  timestampMs: n * 1000,
  operation: 'append',
  schemaId: 0,
  manifestListPath: `m${n}`,
  summary: {},
  state: 'cut',
})
const FIVE = [1, 2, 3, 4, 5].map(snapshot)

test('old snapshots expire, oldest first, except the newest minCount', () => {
  expect(selectExpired(FIVE, { nowMs: 10_000, maxAgeMs: 7_000, minCount: 1 })).toEqual([101n, 102n])
  expect(selectExpired(FIVE, { nowMs: 60_000, maxAgeMs: 7_000, minCount: 3 })).toEqual([101n, 102n])
})

test('the current snapshot never expires', () => {
  expect(selectExpired(FIVE, { nowMs: 1e12, maxAgeMs: 0, minCount: 0 })).toEqual([101n, 102n, 103n, 104n])
  expect(selectExpired([snapshot(1)], { nowMs: 1e12, maxAgeMs: 0, minCount: 0, maxCount: 0 })).toEqual([])
})

test('above maxCount young snapshots expire too, but minCount wins', () => {
  expect(selectExpired(FIVE, { nowMs: 5_000, maxAgeMs: 1e9, minCount: 1, maxCount: 2 })).toEqual([
    101n,
    102n,
    103n,
  ])
  expect(selectExpired(FIVE, { nowMs: 5_000, maxAgeMs: 1e9, minCount: 4, maxCount: 2 })).toEqual([101n])
})

test('the order of the input does not matter', () => {
  expect(selectExpired(FIVE.toReversed(), { nowMs: 10_000, maxAgeMs: 7_000, minCount: 1 })).toEqual([
    101n,
    102n,
  ])
})

test('nothing is nothing', () => {
  expect(selectExpired([], { nowMs: 10_000, maxAgeMs: 0, minCount: 0 })).toEqual([])
})
