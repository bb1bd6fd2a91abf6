/** What must hold once a world has come to rest: everything that landed is in the tables exactly once, and nothing is left half done. */
import { auditTable } from '../../services/audit/audit-table.ts'
import { topicPlaceOf } from '../../services/dead-letter/topic-place.ts'
import { liveFiles } from '../../services/tables/live-files.ts'
import { type TableConfig, TOPICS_FOLDER } from '../../shared/config/config.ts'
import { DEAD_LETTER_SUFFIX } from '../../shared/config/table-name.ts'
import { exactInteger } from '../../shared/iceberg/exact-json.ts'
import type { TableDetail } from '../../shared/metadata/metadata-store.ts'
import type { LedgerRange } from './database.ts'
import { endOfLife, type LandedLife } from './landing.ts'
import { createPublishedReader, expectEqual } from './published-table.ts'
import { CATALOG } from './settings.ts'
import type { World } from './world.ts'

const MAX_EVENTS_READ = 10_000

/** Whether nothing is left to do: all that landed is committed, all that is committed is published, its dead letters rendered or gone. */
export async function isAtRest(world: World): Promise<boolean> {
  return (await whatMoves(world)) === undefined
}

/** What is not at rest, in words. */
export async function whatMoves(world: World): Promise<string | undefined> {
  const { store } = world.database
  for (const config of world.config.tables) {
    const { name } = config
    const table = await store.loadTable(name)
    const letters = await store.loadTable(name + DEAD_LETTER_SUFFIX)
    if (table === undefined || letters === undefined) return `${name} is not declared`
    if (table.state !== 'active') return `${name} is ${table.state}`
    const partitions = await store.listPartitions(table.tableId)
    for (const life of lastLivesOf(world, config)) {
      const followed = partitions.find(({ partition }) => partition === life.partition)
      const what = `${name} ${life.partition}`
      if (followed === undefined || world.model.lifeOf(followed) !== life) return `${what} is not followed`
      if (followed.state !== 'active') return `${what} is ${followed.state}: ${followed.stateCode ?? ''}`
      if (followed.committedOffset !== endOfLife(life))
        return `${what} is at ${followed.committedOffset} of ${endOfLife(life)}`
    }
    const topic = await store.loadDeadLetterTopic(letters.tableId)
    if (topic === undefined || topic.renderedOffset < topic.endOffset) return `${name}: dead letters wait`
    if (config.dlqRetentionMs !== undefined) {
      const { deadLetterCount, purgedDeadLetterCount } = await store.sumAccounts(table.tableId)
      if (purgedDeadLetterCount < deadLetterCount) return `${name}: dead letters are not purged`
      if ((await store.listDeadLetterSegments(letters.tableId, { fromOffset: 0n, limit: 1 })).length > 0)
        return `${name}: segments of dead letters are not deleted`
    }
    for (const { tableId } of [table, letters]) {
      const { intent, newFiles, removedFiles, lastSnapshot } = await store.loadSnapshotInput(tableId)
      const publication = await store.loadPublication(tableId, CATALOG)
      if (intent !== undefined || newFiles.length + removedFiles.length > 0)
        return `${name}: a snapshot is due`
      if (publication.intent !== undefined || publication.metadataLocation === undefined)
        return `${name}: a publication is due`
      if (publication.snapshotId !== lastSnapshot?.snapshotId || publication.state !== 'published')
        return `${name}: the newest snapshot is ${publication.state}`
    }
  }
  return undefined
}

function lastLivesOf({ landing }: World, config: TableConfig): readonly LandedLife[] {
  const ofTopic = landing.lives.filter(({ topic }) => topic === config.sourceTopic)
  const last = Math.max(...ofTopic.map(({ number }) => number))
  return ofTopic.filter(({ number }) => number === last)
}

export async function checkEnd(world: World): Promise<void> {
  await world.observer.check()
  const standing = new Set<string>()
  for await (const { key } of world.warehouse.list({ prefix: `${TOPICS_FOLDER}/` })) standing.add(key)
  // A segment whose index did not come is written again as it was, so that it is not older than its index; the audit holds its content.
  // And what has expired may be written once more, by a process that stood still, and be deleted again.
  const writes = world.warehouse.writes.filter(
    key => !key.startsWith(`${TOPICS_FOLDER}/`) || (key.endsWith('.index') && standing.has(key)),
  )
  expectEqual('objects of the warehouse written once', new Set(writes).size, writes.length)
  for (const config of world.config.tables) await checkTable(world, config)
}

async function checkTable(world: World, config: TableConfig): Promise<void> {
  const { store } = world.database
  const rows = await requireTable(world, config.name)
  const deadLetters = await requireTable(world, config.name + DEAD_LETTER_SUFFIX)
  await checkPartitions(world, config, rows)
  await checkGapEvents(world, rows)
  await checkAudit(world, config, { rows, deadLetters })
  for (const table of [rows, deadLetters]) await checkLiveFiles(world, table)
  const { queued, claimed, staged, parked } = await store.countTasks(rows.tableId)
  expectEqual(`tasks of ${rows.name} that are not over`, queued + claimed + staged + parked, 0)
}

async function requireTable({ database }: World, name: string): Promise<TableDetail> {
  const table = await database.store.loadTable(name)
  if (table === undefined) throw new Error(`table ${name} is gone`)
  return table
}

async function checkPartitions(world: World, config: TableConfig, table: TableDetail): Promise<void> {
  const partitions = await world.database.store.listPartitions(table.tableId)
  for (const life of lastLivesOf(world, config)) {
    const what = `${table.name}: partition ${life.partition}`
    const found = partitions.find(({ partition }) => partition === life.partition)
    expectEqual(`${what}: state`, found?.stateReason ?? found?.state, 'active')
    expectEqual(`${what}: watermark`, found?.committedOffset, endOfLife(life))
    expectEqual(`${what}: planned offset`, found?.plannedOffset, endOfLife(life))
  }
}

/** Every hole that the ledger took note of was told to people. */
async function checkGapEvents({ database }: World, table: TableDetail): Promise<void> {
  const events = await database.store.listEvents({ tableId: table.tableId, limit: MAX_EVENTS_READ })
  const told = events
    .filter(({ type }) => type === 'source.gap')
    .map(({ partition, details }) => ({
      partition,
      startOffset: exactInteger(details.startOffset) ?? 0n,
      endOffset: exactInteger(details.endOffset) ?? 0n,
    }))
  for (const gap of database.ranges(table.tableId).filter(({ kind }) => kind === 'source_gap'))
    for (let offset = gap.startOffset; offset < gap.endOffset; offset++) {
      const isTold = told.some(
        event => event.partition === gap.partition && event.startOffset <= offset && offset < event.endOffset,
      )
      expectEqual(
        `${table.name}: the gap at ${offset} of partition ${gap.partition} is reported`,
        isTold,
        true,
      )
    }
}

async function checkAudit(
  world: World,
  config: TableConfig,
  table: { readonly rows: TableDetail; readonly deadLetters: TableDetail },
): Promise<void> {
  const { database, source, warehouse, landing } = world
  const report = await auditTable(
    { metadata: database.store, source, warehouse },
    {
      ...table,
      metadataColumns: config.metadataColumns,
      topic: topicPlaceOf({ warehouse, topicStores: new Map() }, config),
    },
  )
  const ranges = database.ranges(table.rows.tableId)
  const records = await world.observer.expectedNow(world.watched(config.name), table.rows.tableId)
  const deadLetters = BigInt(records.deadLetters.length)
  const isPurged = config.dlqRetentionMs !== undefined
  const expected = {
    gaps: 0n,
    duplicates: 0n,
    topic_gaps: 0n,
    topic_duplicates: 0n,
    rows: BigInt(records.rows.length),
    dead_letters: isPurged ? 0n : deadLetters,
    purged: isPurged ? deadLetters : 0n,
    topic_records: isPurged ? 0n : deadLetters,
    source_gaps: ranges.filter(({ kind }) => kind === 'source_gap').reduce(addLength, 0n),
    ...(landing.deletions.length === 0 && { unverifiable: 0n }),
  }
  for (const [count, value] of Object.entries(expected)) {
    const found = Object.entries(report).find(([name]) => name === count)?.[1]
    expectEqual(`audit of ${config.name}: ${count} (${report.findings.join('; ')})`, found, value)
  }
}

function addLength(sum: bigint, { startOffset, endOffset }: LedgerRange): bigint {
  return sum + endOffset - startOffset
}

/** The newest snapshot shows the live files of the database, and every one of them was committed by its claim. */
async function checkLiveFiles({ database, warehouse, observer }: World, table: TableDetail): Promise<void> {
  const live: string[] = []
  for await (const { path } of liveFiles(database.store, table)) live.push(path)
  for (const path of live)
    expectEqual(`${path} was committed with its claim`, observer.committedFiles.has(path), true)

  const reader = createPublishedReader(warehouse)
  const { metadataLocation = '' } = await database.store.loadPublication(table.tableId, CATALOG)
  const snapshot = (await reader.metadata(metadataLocation)).snapshots.at(-1)
  const isLetters = table.kind === 'dead_letters'
  const kafka = table.schemas[0]?.fields.some(({ name }) => name === '_kafka_offset') ? '_kafka_' : '_kafka.'
  const prefix = isLetters ? '' : kafka
  const paths = { partition: `${prefix}partition`, offset: `${prefix}offset` }
  const shown = snapshot === undefined ? [] : await reader.files(snapshot, paths)
  expectEqual(
    `files of the newest snapshot of ${table.name}`,
    shown
      .map(file => file.path)
      .sort()
      .join('\n'),
    live.sort().join('\n'),
  )
}
