/** Reports of scans. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { MetadataStore, NewScanReport } from '../../shared/metadata/metadata-store.ts'
import {
  followTopic,
  LETTERS,
  type MetadataFixture,
  type OpenMetadata,
  openFixture,
  TABLE,
} from './metadata-store-fixture.ts'

export function describeScanReports(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
    await followTopic(store)
  })
  afterEach(() => fixture.remove())

  const least: NewScanReport = {
    tableId: TABLE,
    catalog: 'local',
    snapshotId: 9_100_000_000_000_000_001n,
    schemaId: 3,
    filter: 'true',
    projectedFields: [],
  }
  const most: NewScanReport = {
    ...least,
    tableId: LETTERS,
    filter: '{"type":"eq","term":"code","value":"(hash-1)"}',
    projectedFields: ['code', 'größe "x"'],
    engine: 'spark 4.0.1',
    planningDurationUs: 2_644_235n,
    resultFiles: 2n ** 62n,
    resultBytes: 12n,
    skippedFiles: 0n,
    skippedManifests: 7n,
  }

  it('keeps every number, and what a report left out stays absent', async () => {
    await store.appendScanReport(least)
    fixture.clock.nowMs += 5
    await store.appendScanReport(most)
    const first = { ...least, reportId: 1n, atMs: fixture.clock.nowMs - 5, table: 'shop.orders' }
    const second = { ...most, reportId: 2n, atMs: fixture.clock.nowMs, table: 'shop.orders__dlq' }
    expect(await store.listScanReports({ limit: 9 })).toEqual([second, first])
    expect(await store.listScanReports({ tableId: TABLE, limit: 9 })).toEqual([first])
    expect(await store.listScanReports({ limit: 1 })).toEqual([second])
    expect(await store.listScanReports({ before: 2n, limit: 9 })).toEqual([first])
    expect(await store.listScanReports({ tableId: LETTERS, before: 2n, limit: 9 })).toEqual([])
  })
}
