/** The life of a table from its creation to expired snapshots, in which nearly every statement of the store runs: for tests of those. */
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import {
  claimed,
  commitOf,
  converted,
  followTopic,
  idOf,
  LETTERS,
  NOTE,
  planned,
  sliceOf,
  TABLE,
  tokenOf,
} from './metadata-store-fixture.ts'

export async function liveThrough(store: MetadataStore): Promise<void> {
  await live(store)
  await liveOfTopic(store)
}

/** The topic of the dead letters that the commits of `live` made. */
async function liveOfTopic(store: MetadataStore): Promise<void> {
  await store.declareDeadLetterTopic(LETTERS, { topic: 'shop.orders.dlq', location: 's3://lake/t' })
  await store.loadDeadLetterTopic(LETTERS)
  const [file] = await store.listDeadLetterFiles(LETTERS, { fromOffset: 0n, limit: 9 })
  await store.planDeadLetterSegment(LETTERS, { baseOffset: 0n, endOffset: file?.recordCount ?? 0n })
  await store.failDeadLetterTopic(LETTERS, { code: 'c', message: 'm' })
  await store.completeDeadLetterSegment(LETTERS, 0n)
  await store.listDeadLetterSegments(LETTERS, { fromOffset: 0n, limit: 9 })
}

async function live(store: MetadataStore): Promise<void> {
  await followTopic(store, 2)
  await converted(store, 'a', sliceOf(0, 0, 10))
  for (const [id, start] of [
    ['b', 10],
    ['c', 20],
  ] as const) {
    await planned(store, id, sliceOf(0, start, start + 10))
    await claimed(store, id)
  }
  await store.extendClaim({ taskId: 'b', token: tokenOf('b') }, 1000)
  await store.commitTask(commitOf('c', [sliceOf(0, 20, 30)], { deadLetters: [2n] }))
  await store.failTask({
    claim: { taskId: 'b', token: tokenOf('b') },
    code: 'c',
    message: 'm',
    next: { kind: 'park' },
  })
  await store.resumePartition(idOf(0), NOTE)
  await claimed(store, 'b', 'again')
  await store.commitTask(commitOf('b', [sliceOf(0, 10, 20)], { token: 'again' }))
  await planned(store, 'd', sliceOf(0, 30, 40))
  await store.replanPartition(idOf(0))
  await store.skipTo(idOf(0), 35n, NOTE)
  await store.listRunnableTasks(9)
  await store.listTasks({ tableId: TABLE, limit: 9 })
  await store.countTasks(TABLE)
  await store.listAccounts(TABLE, { limit: 2 })
  await store.listDeadLetters(TABLE, 9)
  await store.listOperatorSkips(TABLE)
  await store.sumAccounts(TABLE)
  await store.listPartitions(TABLE, { pastIncarnations: true })
  await store.listFiles(TABLE, { version: 2n, limit: 1 })
  await store.appendScanReport({
    tableId: TABLE,
    catalog: 'local',
    snapshotId: 1n,
    schemaId: 0,
    filter: 'true',
    projectedFields: [],
  })
  await store.listScanReports({ tableId: TABLE, limit: 9 })
  await store.listScanReports({ limit: 9 })
  await store.findPublishedTable('local', 'shop.orders')
  await store.listPublishedNames('local', { namespace: 'shop', kind: 'tables', limit: 9 })
  await store.listEvents({ tableId: TABLE, limit: 9 })
  await store.listEvents({ limit: 9 })
  await store.listEvents({ tableId: TABLE, after: 1n, limit: 9 })
  await store.listEvents({ after: 1n, types: ['source.gap'], limit: 9 })
  await store.listTableOverviews({ limit: 9 })
  await store.listTableStandings({ after: 'a', limit: 9 })
  await store.sumFiles(TABLE)
  await store.sumPartitions(TABLE, 9)
  await store.listNewestFiles(TABLE, 9)
  await store.listNewestSnapshots(TABLE, 9)
  await cutSnapshot(store)
  await store.listUnpublished(['local'])
  await store.listUnrenderedTopics()
  await store.loadPlanningStates([TABLE])
  await store.shareLeases({ group: 'plan', names: ['0', '1'], holder: 'a', ttlMs: 0 })
  await store.shareLeases({ group: 'plan', names: ['0', '1'], holder: 'b', ttlMs: 1000 })
  await store.shareLeases({ group: 'plan', names: ['0'], holder: 'b', ttlMs: 1000 })
  await store.leaveLeases('plan', 'b')
  await store.readFigures()
  await store.reportProcess({ name: 'p', stages: ['convert'], version: '1', conversions: 2, utilisation: 0 })
  await store.readScaling()
  await store.endProcess('p')
  await store.noteSourceEnds(TABLE, [{ topic: 'orders', partition: 1, incarnation: 0, endOffset: 50n }])
  await store.listStallCandidates(0)
  await store.recordStalls([
    { ...idOf(1), kind: 'begin', sinceMs: 1 },
    { ...idOf(1), kind: 'end', sinceMs: 1 },
  ])
  await store.setTableState(TABLE, 'active', NOTE)
}

async function cutSnapshot(store: MetadataStore): Promise<void> {
  const { table, newFiles } = await store.loadSnapshotInput(TABLE)
  await store.insertSnapshotIntent({
    tableId: TABLE,
    snapshotId: 1n,
    sequenceNumber: 1n,
    version: table.version,
    timestampMs: 1,
    operation: 'append',
    schemaId: 0,
    manifestListPath: 'list',
    summary: {},
    state: 'intent',
  })
  await store.completeSnapshot({
    tableId: TABLE,
    snapshotId: 1n,
    manifests: [
      {
        path: 'm',
        lengthBytes: 1n,
        specId: 0,
        sequenceNumber: 1n,
        minSequenceNumber: 1n,
        addedSnapshotId: 1n,
        addedFilesCount: newFiles.length,
        existingFilesCount: 0,
        deletedFilesCount: 0,
        addedRowsCount: 1n,
        existingRowsCount: 0n,
        deletedRowsCount: 0n,
        partitions: [],
      },
    ],
    placements: [{ manifestPath: 'm', newFiles: newFiles.map(file => file.path), mergedManifests: [] }],
  })
  await store.loadSnapshotInput(TABLE)
  await store.listFilesOfManifests(TABLE, ['m'])
  await store.listSnapshots(TABLE)
  await store.expireSnapshots(TABLE, [1n])
}
