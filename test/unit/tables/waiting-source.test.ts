import { beforeEach, expect, test } from 'vitest'
import { listWaiting } from '../../../services/tables/waiting-source.ts'
import type { StartFromConfig } from '../../../shared/config/config.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts'

let nowMs: number
let store: MemoryObjectStore
beforeEach(() => {
  nowMs = 1_700_000_000_000
  store = new MemoryObjectStore({ url: 'file:///lake/segments', nowMs: () => nowMs })
})

const waiting = (startFrom: StartFromConfig) =>
  listWaiting({ store, table: { sourceTopic: 'orders', startFrom }, nowMs, settleMs: 0 })

test('a topic that is not there has no partitions', async () => {
  expect(await waiting({ kind: 'earliest' })).toEqual({
    partitions: 0,
    segments: 0,
    size_bytes: 0n,
    at_least: false,
  })
})

test('counts the segments that start_from takes', async () => {
  await land(store, ids(0, 10))
  nowMs += 60_000
  await land(store, ids(10, 10), { base: 10 })
  await land(store, ids(0, 5), { partition: 3 })
  nowMs += 60_000
  const all = await waiting({ kind: 'earliest' })
  expect(all).toMatchObject({ partitions: 2, segments: 3, at_least: false })
  expect(all.size_bytes).toBeGreaterThan(0n)
  expect(await waiting({ kind: 'latest' })).toMatchObject({ partitions: 2, segments: 0, size_bytes: 0n })
  expect(await waiting({ kind: 'timestamp', timestampMs: nowMs - 90_000 })).toMatchObject({ segments: 2 })
  // An offset inside a segment takes that segment; partitions that are not named begin at their earliest offset.
  expect(await waiting({ kind: 'offsets', offsets: new Map([[0, 15n]]) })).toMatchObject({ segments: 2 })
})
