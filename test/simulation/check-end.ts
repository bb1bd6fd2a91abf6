/** What must hold once a world has come to rest: everything that landed is in the tables exactly once, and nothing is left half done. */
import { auditTable } from '../../services/audit/audit-table.ts'
import { topicPlaceOf } from '../../services/dead-letter/topic-place.ts'
import { DEAD_LETTER_SUFFIX } from '../../services/tables/declare-table.ts'
import { liveFiles } from '../../services/tables/live-files.ts'
import { type TableConfig, TOPICS_FOLDER } from '../../shared/config/config.ts'
import { exactInteger } from '../../shared/iceberg/exact-json.ts'
import type { TableDetail } from '../../shared/metadata/metadata-store.ts'
import { createPublishedReader, expectEqual } from './published-table.ts'
import { CATALOG } from './settings.ts'
import type { World } from './world.ts'

const MAX_EVENTS_READ = 10_000

/** Whether nothing is left to do: all that landed is committed, all that is committed is published, and its dead letters rendered. */
export async function isAtRest(world: World): Promise<boolean> {
  const { store } = world.database
  for (const { name } of world.config.tables) {
    const table = await store.loadTable(name)
    const letters = await store.loadTable(name + DEAD_LETTER_SUFFIX)
    if (table === undefined || letters === undefined) return false
    const partitions = await store.listPartitions(table.tableId)
    const isTaken = world.landing.partitions.every(expected =>
      partitions.some(
        ({ partition, committedOffset }) =>
          partition === expected.partition && committedOffset === expected.endOffset,
      ),
    )
    if (!isTaken) return false
    const topic = await store.loadDeadLetterTopic(letters.tableId)
    if (topic === undefined || topic.renderedOffset < topic.endOffset) return false
    for (const { tableId } of [table, letters]) {
      const { intent, newFiles, lastSnapshot } = await store.loadSnapshotInput(tableId)
      const publication = await store.loadPublication(tableId, CATALOG)
      if (intent !== undefined || newFiles.length > 0 || publication.intent !== undefined) return false
      if (publication.metadataLocation === undefined) return false
      if (publication.snapshotId !== lastSnapshot?.snapshotId || publication.state !== 'published')
        return false
    }
  }
  return true
}

export async function checkEnd(world: World): Promise<void> {
  await world.observer.check()
  // A segment whose index did not come is written again as it was, so that it is not older than its index; the audit holds its content.
  const writes = world.warehouse.writes.filter(
    key => !key.startsWith(`${TOPICS_FOLDER}/`) || key.endsWith('.index'),
  )
  expectEqual('objects of the warehouse written once', new Set(writes).size, writes.length)
  for (const config of world.config.tables) await checkTable(world, config)
}

async function checkTable(world: World, config: TableConfig): Promise<void> {
  const { store } = world.database
  const rows = await requireTable(world, config.name)
  const deadLetters = await requireTable(world, config.name + DEAD_LETTER_SUFFIX)
  await checkPartitions(world, rows)
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

async function checkPartitions({ database, landing }: World, table: TableDetail): Promise<void> {
  const events = await database.store.listEvents({ tableId: table.tableId, limit: MAX_EVENTS_READ })
  for (const partition of await database.store.listPartitions(table.tableId)) {
    const what = `${table.name}: partition ${partition.partition}`
    const expected = landing.partitions[partition.partition]
    expectEqual(`${what}: state`, partition.stateReason ?? partition.state, 'active')
    expectEqual(`${what}: watermark`, partition.committedOffset, expected?.endOffset)
    expectEqual(`${what}: planned offset`, partition.plannedOffset, expected?.endOffset)
    for (const gap of expected?.sourceGaps ?? []) {
      const isReported = events.some(
        event =>
          event.type === 'source.gap' &&
          event.partition === partition.partition &&
          exactInteger(event.details.startOffset) === gap.startOffset &&
          exactInteger(event.details.endOffset) === gap.endOffset,
      )
      expectEqual(`${what}: gap from ${gap.startOffset} to ${gap.endOffset} is reported`, isReported, true)
    }
  }
}

async function checkAudit(
  { database, source, warehouse, landing }: World,
  config: TableConfig,
  table: { readonly rows: TableDetail; readonly deadLetters: TableDetail },
): Promise<void> {
  const report = await auditTable(
    { metadata: database.store, source, warehouse },
    {
      ...table,
      metadataColumns: config.metadataColumns,
      topic: topicPlaceOf({ warehouse, topicStores: new Map() }, config),
    },
  )
  const sum = (count: (partition: (typeof landing.partitions)[number]) => number | bigint) =>
    landing.partitions.reduce((total, partition) => total + BigInt(count(partition)), 0n)
  const deadLetters = config.dlqMode === 'dlq' ? sum(({ broken }) => broken.size) : 0n
  const expected = {
    gaps: 0n,
    duplicates: 0n,
    unverifiable: 0n,
    topic_records: deadLetters,
    topic_gaps: 0n,
    topic_duplicates: 0n,
    rows: sum(({ rows }) => rows.size),
    dead_letters: deadLetters,
    source_gaps: sum(({ sourceGaps }) =>
      sourceGaps.reduce((total, gap) => total + gap.endOffset - gap.startOffset, 0n),
    ),
  }
  for (const [count, value] of Object.entries(expected)) {
    const found = Object.entries(report).find(([name]) => name === count)?.[1]
    expectEqual(`audit of ${config.name}: ${count} (${report.findings.join('; ')})`, found, value)
  }
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
