/** What every metadata store must do; run unchanged against each database. The parts are in `metadata-store-*.ts`. */
import { describe } from 'vitest'
import { describeAccounts, describeCommit } from './metadata-store-commit.ts'
import type { OpenMetadata, OpenSharedMetadata } from './metadata-store-fixture.ts'
import { describeManyTables } from './metadata-store-many-tables.ts'
import { describeOverviews } from './metadata-store-overviews.ts'
import { describePublishedTables } from './metadata-store-published.ts'
import {
  describeEvents,
  describeFigures,
  describeLeases,
  describePublications,
  describeSnapshots,
} from './metadata-store-publishing.ts'
import { describeScaling } from './metadata-store-scaling.ts'
import { describeScanReports } from './metadata-store-scans.ts'
import { describeSharing } from './metadata-store-sharing.ts'
import { describeGivingUp, describeSources, describeTables } from './metadata-store-sources.ts'
import { describeSourceEnds, describeStalls } from './metadata-store-stalls.ts'
import { describeClaims, describeFailures, describePlanning } from './metadata-store-tasks.ts'
import { describeDeadLetterTopics } from './metadata-store-topics.ts'
import { describeLeaseShares, describeWaitingWork } from './metadata-store-waiting.ts'
import { describeZombies } from './metadata-store-zombies.ts'

export function describeMetadataStore(
  name: string,
  open: OpenMetadata,
  /** Absent: the database is of one store alone. */
  openShared?: OpenSharedMetadata,
): void {
  describe(`metadata store: ${name}`, () => {
    describe('tables', () => describeTables(open))
    describe('source partitions', () => describeSources(open))
    describe('source ends', () => describeSourceEnds(open))
    describe('stalls', () => describeStalls(open))
    describe('planning', () => describePlanning(open))
    describe('claims', () => describeClaims(open))
    describe('failures', () => describeFailures(open))
    describe('commit', () => describeCommit(open))
    describe('accounts', () => describeAccounts(open))
    describe('dead-letter topics', () => describeDeadLetterTopics(open))
    describe('giving up', () => describeGivingUp(open))
    describe('snapshots', () => describeSnapshots(open))
    describe('overviews', () => describeOverviews(open))
    describe('many tables at once', () => describeManyTables(open))
    describe('publications', () => describePublications(open))
    describe('published tables', () => describePublishedTables(open))
    describe('leases', () => describeLeases(open))
    describe('lease shares', () => describeLeaseShares(open))
    describe('waiting work', () => describeWaitingWork(open))
    describe('scan reports', () => describeScanReports(open))
    describe('scaling', () => describeScaling(open))
    describe('events', () => describeEvents(open))
    describe('figures', () => describeFigures(open))
    describe('processes that slept past their lease', () => describeZombies(open))
    if (openShared !== undefined)
      describe('several stores on one database', () => describeSharing(openShared))
  })
}
