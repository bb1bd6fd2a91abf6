import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AccountedRange } from '../../../shared/flow.ts'
import {
  MAX_EVENTS,
  MAX_RANGES_IN_SUMMARY,
  MAX_SCAN_REPORTS,
  type MetadataStore,
} from '../../../shared/metadata/metadata-store.ts'
import { openSqliteMetadataStore } from '../../../shared/metadata/sqlite/store.ts'
import {
  claimed,
  commitOf,
  followTopic,
  planned,
  sliceOf,
  TABLE,
} from '../../contract/metadata-store-fixture.ts'

describe('named limits of the metadata store', () => {
  let store: MetadataStore
  beforeEach(async () => {
    store = openSqliteMetadataStore({ path: ':memory:' })
    await store.migrate()
  })
  afterEach(() => store.close())

  it('keeps the newest events', async () => {
    for (let i = 1; i <= MAX_EVENTS + 5; i++) {
      await store.appendEvent({ type: 'task.failing', message: `${i}`, details: {} })
    }
    const events = await store.listEvents({ limit: MAX_EVENTS * 2 })
    expect(events.length).toBe(MAX_EVENTS)
    expect(events.at(-1)?.message).toBe('6')
  })

  it('keeps the newest reports of scans', async () => {
    await followTopic(store)
    const report = { tableId: TABLE, catalog: 'local', schemaId: 0, filter: 'true', projectedFields: [] }
    for (let i = 1; i <= MAX_SCAN_REPORTS + 5; i++) {
      await store.appendScanReport({ ...report, snapshotId: BigInt(i) })
    }
    const reports = await store.listScanReports({ limit: MAX_SCAN_REPORTS * 2 })
    expect(reports.length).toBe(MAX_SCAN_REPORTS)
    expect(reports.at(-1)?.snapshotId).toBe(6n)
  })

  it('hands a bounded number of ranges to a snapshot, the oldest first, and sums them all', async () => {
    const count = MAX_RANGES_IN_SUMMARY + 10
    const slice = sliceOf(0, 0, 2 * count)
    const ranges = Array.from(
      { length: count },
      (_, i): AccountedRange => ({
        kind: 'control',
        startOffset: BigInt(2 * i),
        endOffset: BigInt(2 * i + 1),
      }),
    )
    await followTopic(store)
    await planned(store, 'a', slice)
    await claimed(store, 'a')
    await store.commitTask(commitOf('a', [slice], { ranges: [ranges] }))
    const input = await store.loadSnapshotInput(TABLE)
    expect(input.ranges.length).toBe(MAX_RANGES_IN_SUMMARY)
    expect(input.ranges[0]).toMatchObject({ startOffset: 0n, endOffset: 1n })
    expect((await store.sumAccounts(TABLE)).byKind.control).toBe(BigInt(count))
  })
})
