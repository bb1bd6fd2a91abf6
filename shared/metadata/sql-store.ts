/** The metadata store over any SQL database: each method is one transaction of `queries/`, run by the database's own runner. */
import type { MetadataStore } from './metadata-store.ts'
import * as accounts from './queries/accounts.ts'
import { readScaling } from './queries/backlog.ts'
import * as claims from './queries/claims.ts'
import { commitTask } from './queries/commit.ts'
import { completeSnapshot } from './queries/complete-snapshot.ts'
import * as topics from './queries/dead-letter-topics.ts'
import * as events from './queries/events.ts'
import { readFigures } from './queries/figures.ts'
import * as files from './queries/files.ts'
import * as giveUp from './queries/give-up.ts'
import * as leases from './queries/leases.ts'
import * as manyTables from './queries/many-tables.ts'
import * as overviews from './queries/overviews.ts'
import * as partitions from './queries/partitions.ts'
import * as processes from './queries/processes.ts'
import * as publications from './queries/publications.ts'
import { findPublishedTable, listPublishedNames } from './queries/published-tables.ts'
import { purgeDeadLetters } from './queries/purge-dead-letters.ts'
import { listLostTasks, listRunnableTasks } from './queries/runnable-tasks.ts'
import { appendScanReport, listScanReports } from './queries/scan-reports.ts'
import * as snapshots from './queries/snapshots.ts'
import * as sourceEnds from './queries/source-ends.ts'
import * as tables from './queries/tables.ts'
import * as tasks from './queries/tasks.ts'
import * as waiting from './queries/waiting-work.ts'
import { listOperatorSkips } from './queries/watermark.ts'
import { type Lock, now, type Steps } from './steps.ts'

/** Runs transactions. Either all of a transaction's changes are durable when its promise resolves, or none was made. */
export interface TransactionRunner {
  /** Statements that change nothing, all on one state of the database. */
  read<T>(steps: () => Steps<T>): Promise<T>
  /** Takes the lock first, so that what the steps read stays as it is until their changes are made. */
  write<T>(lock: Lock, steps: () => Steps<T>): Promise<T>
  migrate(): Promise<void>
  close(): Promise<void>
}

const table = (tableId: string): Lock => ({ on: 'tables', tableIds: [tableId] })
const ofTask = (taskId: string): Lock => ({ on: 'task', taskId })
const lease = (name: string): Lock => ({ on: 'lease', name })

export function createSqlMetadataStore({ read, write, migrate, close }: TransactionRunner): MetadataStore {
  return {
    migrate,
    close,
    nowMs: async () => Number(await read(() => now())),

    createTable: (rows, deadLetters) => write({ on: 'names' }, () => tables.createTable(rows, deadLetters)),
    listTables: () => read(() => tables.listTables()),
    loadTable: name => read(() => tables.loadTable(name)),
    setTableState: (tableId, state, note) =>
      write(table(tableId), () => tables.setTableState(tableId, state, note)),

    loadPlanningStates: tableIds => read(() => waiting.loadPlanningStates(tableIds)),
    listPartitions: (tableId, options) => read(() => partitions.listPartitions(tableId, options)),
    registerPartition: input => write(table(input.tableId), () => partitions.registerPartition(input)),
    noteSourceEnds: (tableId, ends) => write(table(tableId), () => sourceEnds.noteSourceEnds(tableId, ends)),
    stopPartition: (id, stop, seen) =>
      write(table(id.tableId), () => partitions.stopPartition(id, stop, seen)),
    pausePartition: (id, note) => write(table(id.tableId), () => partitions.pausePartition(id, note)),
    resumePartition: (id, note) => write(table(id.tableId), () => partitions.resumePartition(id, note)),
    skipTo: (id, offset, note) => write(table(id.tableId), () => giveUp.skipTo(id, offset, note)),
    replanPartition: (id, seen) => write(table(id.tableId), () => giveUp.replanPartition(id, seen)),
    unparkTask: (taskId, note) => write(ofTask(taskId), () => tasks.unparkTask(taskId, note)),

    planTask: task => write(table(task.tableId), () => tasks.planTask(task)),
    listRunnableTasks: limit => read(() => listRunnableTasks(limit)),
    listLostTasks: limit => read(() => listLostTasks(limit)),
    claimTask: (taskId, claim) => write(ofTask(taskId), () => claims.claimTask(taskId, claim)),
    extendClaim: (claim, leaseMs) => write(ofTask(claim.taskId), () => claims.extendClaim(claim, leaseMs)),
    releaseClaim: claim => write(ofTask(claim.taskId), () => claims.releaseClaim(claim)),
    commitTask: commit => write(ofTask(commit.claim.taskId), () => commitTask(commit)),
    failTask: failure => write(ofTask(failure.claim.taskId), () => claims.failTask(failure)),
    listTasks: filter => read(() => tasks.listTasks(filter)),
    countTasks: tableId => read(() => tasks.countTasks(tableId)),

    listAccounts: (tableId, page) => read(() => accounts.listAccounts(tableId, page)),
    listOperatorSkips: tableId => read(() => listOperatorSkips(tableId)),
    listDeadLetters: (tableId, limit) => read(() => accounts.listDeadLetters(tableId, limit)),
    purgeDeadLetters: (tableId, purge) => write(table(tableId), () => purgeDeadLetters(tableId, purge)),
    sumAccounts: tableId => read(() => accounts.sumAccounts(tableId)),

    declareDeadLetterTopic: (tableId, place) =>
      write(table(tableId), () => topics.declareTopic(tableId, place)),
    loadDeadLetterTopic: tableId => read(() => topics.loadTopic(tableId)),
    listDeadLetterTopics: () => read(() => topics.listTopics()),
    listUnrenderedTopics: () => read(() => waiting.listUnrenderedTopics()),
    listDeadLetterFiles: (tableId, page) => read(() => topics.listTopicFiles(tableId, page)),
    planDeadLetterSegment: (tableId, range) =>
      write(table(tableId), () => topics.planSegment(tableId, range)),
    completeDeadLetterSegment: (tableId, baseOffset) =>
      write(table(tableId), () => topics.completeSegment(tableId, baseOffset)),
    listDeadLetterSegments: (tableId, page) => read(() => topics.listSegments(tableId, page)),
    expireDeadLetterSegments: (tableId, expiry) =>
      write(table(tableId), () => topics.expireSegments(tableId, expiry)),
    forgetDeadLetterSegments: (tableId, endOffset) =>
      write(table(tableId), () => topics.forgetSegments(tableId, endOffset)),
    failDeadLetterTopic: (tableId, failure) =>
      write(table(tableId), () => topics.failTopic(tableId, failure)),

    loadSnapshotInput: tableId => read(() => snapshots.loadSnapshotInput(tableId)),
    insertSnapshotIntent: snapshot =>
      write(table(snapshot.tableId), () => snapshots.insertSnapshotIntent(snapshot)),
    completeSnapshot: cut => write(table(cut.tableId), () => completeSnapshot(cut)),
    abandonSnapshot: (tableId, snapshotId) =>
      write(table(tableId), () => snapshots.abandonSnapshot(tableId, snapshotId)),
    listSnapshots: tableId => read(() => snapshots.listSnapshots(tableId)),
    expireSnapshots: (tableId, snapshotIds) =>
      write(table(tableId), () => snapshots.expireSnapshots(tableId, snapshotIds)),
    listFilesOfManifests: (tableId, paths) => read(() => snapshots.listFilesOfManifests(tableId, paths)),
    listFiles: (tableId, page) => read(() => files.listFiles(tableId, page)),

    listTableOverviews: page => read(() => manyTables.listTableOverviews(page)),
    listTableStandings: page => read(() => manyTables.listTableStandings(page)),
    sumFiles: tableId => read(() => overviews.sumFiles(tableId)),
    sumPartitions: (tableId, limit) => read(() => overviews.sumPartitions(tableId, limit)),
    listNewestFiles: (tableId, limit) => read(() => overviews.listNewestFiles(tableId, limit)),
    listNewestSnapshots: (tableId, limit) => read(() => overviews.listNewestSnapshots(tableId, limit)),

    loadPublication: (tableId, catalog) => read(() => publications.loadPublication(tableId, catalog)),
    listPublications: tableId => read(() => publications.listPublications(tableId)),
    beginPublication: (tableId, catalog, intent, atVersion) =>
      write(table(tableId), () => publications.beginPublication(tableId, catalog, intent, atVersion)),
    confirmPublication: (...confirmed) =>
      write(table(confirmed[0]), () => publications.confirmPublication(...confirmed)),
    failPublication: (tableId, catalog, failure) =>
      write(table(tableId), () => publications.failPublication(tableId, catalog, failure)),

    listUnpublished: catalogs => read(() => waiting.listUnpublished(catalogs)),
    findPublishedTable: (catalog, name) => read(() => findPublishedTable(catalog, name)),
    listPublishedNames: (catalog, query) => read(() => listPublishedNames(catalog, query)),

    acquireLease: (name, holder, ttlMs) => write(lease(name), () => leases.acquireLease(name, holder, ttlMs)),
    releaseLease: (name, holder) => write(lease(name), () => leases.releaseLease(name, holder)),
    shareLeases: share => write(lease(share.group), () => leases.shareLeases(share)),
    leaveLeases: (group, holder) => write(lease(group), () => leases.leaveLeases(group, holder)),

    appendScanReport: report => write({ on: 'nothing' }, () => appendScanReport(report)),
    listScanReports: filter => read(() => listScanReports(filter)),

    appendEvent: event => write({ on: 'events' }, () => events.appendEvent(event)),
    listEvents: filter => read(() => events.listEvents(filter)),
    reportProcess: report => write({ on: 'nothing' }, () => processes.reportProcess(report)),
    endProcess: name => write({ on: 'nothing' }, () => processes.endProcess(name)),
    readScaling: () => read(() => readScaling()),
    readFigures: () => read(() => readFigures()),
    listStallCandidates: forMs => read(() => sourceEnds.listStallCandidates(forMs)),
    recordStalls: changes =>
      write({ on: 'tables', tableIds: changes.map(change => change.tableId) }, () =>
        sourceEnds.recordStalls(changes),
      ),
  }
}
