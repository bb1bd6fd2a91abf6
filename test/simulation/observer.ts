/**
 * Watches the truth of a simulated world below all faults: each transaction as it happens, and each table as each catalog pointer shows
 * it, the moment the pointer moves (DESIGN invariants 1 to 7). Throws at the first breach.
 */
import {
  OFFSETS_KEY,
  OFFSETS_LOCATION_KEY,
  type PartitionOffsets,
  parseOffsets,
} from '../../shared/iceberg/snapshot-offsets.ts'
import type { Snapshot, TableMetadata } from '../../shared/iceberg/table-metadata.ts'
import { DEFAULT_PREVIOUS_VERSIONS_MAX } from '../../shared/iceberg/table-metadata-of.ts'
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import { locationToKey } from '../../shared/object-store/locations.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { SimulatedDatabase } from './database.ts'
import type { ExpectedRecord, Model, ModelTable, VisibleIncarnation } from './model.ts'
import { createPublishedReader, expectEqual, type PublishedRow, type RowPaths } from './published-table.ts'
import { watchLedger } from './watch-ledger.ts'

export interface WatchedTable extends ModelTable {
  /** Of the table itself and of its dead letters. */
  readonly rowPaths: RowPaths
  readonly letterPaths: RowPaths
  readonly lettersName: string
  /** Dead letters younger than this must be there. */
  readonly dlqRetentionMs: number
}

export interface ObserverContext {
  readonly database: SimulatedDatabase
  readonly warehouse: ObjectStore
  readonly catalog: string
  readonly tables: readonly WatchedTable[]
  readonly model: Model
}

export interface Observer {
  /** The metadata store that processes are given, below their faults. */
  readonly metadata: MetadataStore
  /** Looks at what was published since the last time. */
  check(): Promise<void>
  /** Paths of committed files. */
  readonly committedFiles: ReadonlySet<string>
  /** What readers of a table must see once its watermarks are where they are now. */
  expectedNow(table: WatchedTable, tableId: string): Promise<ReturnType<Model['records']>>
}

interface Shown {
  readonly metadataLocation: string
  readonly metadata: TableMetadata
}

export function createObserver(context: ObserverContext): Observer {
  const { tables, catalog, database, model } = context
  const reader = createPublishedReader(context.warehouse)
  const ledger = watchLedger({
    database,
    model,
    tableNamed: name => tables.find(table => table.name === name),
  })
  const shown = new Map<string, Shown>()
  const snapshots = new Map<string, Map<bigint, Snapshot>>()
  let pointersMoved = false

  const metadata: MetadataStore = {
    ...ledger.store,
    async confirmPublication(...args) {
      await ledger.store.confirmPublication(...args)
      pointersMoved = true
    },
  }

  async function checkTable(table: WatchedTable, target: 'rows' | 'deadLetters'): Promise<void> {
    const name = target === 'rows' ? table.name : table.lettersName
    const parent = await database.store.loadTable(table.name)
    const row = await database.store.loadTable(name)
    if (row === undefined || parent === undefined) return
    const { metadataLocation } = await database.store.loadPublication(row.tableId, catalog)
    const before = shown.get(name)
    if (metadataLocation === undefined || metadataLocation === before?.metadataLocation) return
    const now = { metadataLocation, metadata: await reader.metadata(metadataLocation) }
    const known = snapshots.get(name) ?? new Map<bigint, Snapshot>()
    snapshots.set(name, known)
    const fresh = now.metadata.snapshots.filter(({ snapshotId }) => !known.has(snapshotId))
    checkHistory(name, { before, now, known })
    for (const snapshot of fresh) {
      known.set(snapshot.snapshotId, snapshot)
      await checkSnapshot({ table, target, name, parentId: parent.tableId }, snapshot)
    }
    const newest = now.metadata.snapshots.at(-1)
    if (newest !== undefined)
      check((await offsetsTextOf(newest)) !== undefined, `the newest snapshot of ${name} carries offsets`)
    shown.set(name, now)
  }

  interface Published {
    readonly table: WatchedTable
    readonly target: 'rows' | 'deadLetters'
    readonly name: string
    readonly parentId: string
  }

  async function checkSnapshot(published: Published, snapshot: Snapshot): Promise<void> {
    const { table, target, name, parentId } = published
    const what = `snapshot ${snapshot.sequenceNumber} (${snapshot.snapshotId}) of ${name}`
    const files = await reader.files(snapshot, target === 'rows' ? table.rowPaths : table.letterPaths)
    expectEqual(`distinct files of ${what}`, new Set(files.map(file => file.path)).size, files.length)
    for (const { path } of files)
      check(ledger.files.has(path), `${what} shows only files of committed claims, found ${path}`)
    const rows = files.flatMap(file => file.rows)
    expectEqual(`total-records of ${what}`, snapshot.summary['total-records'], String(rows.length))
    const text = await offsetsTextOf(snapshot)
    // Only the snapshot that shows the newest version says how far it goes.
    if (text === undefined) return
    const visible = await visibleUpTo(parentId, parseOffsets(text, what).partitions)
    checkRecords(published, { what, rows, visible })
  }

  async function offsetsTextOf({ summary }: Snapshot): Promise<string | undefined> {
    const location = summary[OFFSETS_LOCATION_KEY]
    if (location === undefined) return summary[OFFSETS_KEY]
    return new TextDecoder().decode(await context.warehouse.get(locationToKey(context.warehouse, location)))
  }

  /** The incarnations that a snapshot names, whole ones before them included. */
  async function visibleUpTo(
    tableId: string,
    named: readonly PartitionOffsets[],
  ): Promise<readonly VisibleIncarnation[]> {
    const all = await database.store.listPartitions(tableId, { pastIncarnations: true })
    const ranges = database.ranges(tableId)
    return named.flatMap(current =>
      all
        .filter(
          ({ topic, partition, incarnation }) =>
            topic === current.topic && partition === current.partition && incarnation <= current.incarnation,
        )
        .map(({ topic, partition, incarnation, firstOffset, committedOffset }) => ({
          tableId,
          topic,
          partition,
          incarnation,
          startOffset: firstOffset,
          endOffset: incarnation === current.incarnation ? current.committedOffset : committedOffset,
          givenUp: ranges.filter(
            range =>
              range.partition === partition &&
              range.incarnation === incarnation &&
              (range.kind === 'source_gap' || range.byOperator),
          ),
        })),
    )
  }

  /** Of each partition exactly the records below the watermark that the snapshot names, each once. */
  function checkRecords(
    { table, target }: Published,
    {
      what,
      rows,
      visible,
    }: { what: string; rows: readonly PublishedRow[]; visible: readonly VisibleIncarnation[] },
  ): void {
    // Two lives of a topic may have dead letters at the same offset: the older goes first, so what is shown is the younger.
    const missing = new Map<string, VisibleIncarnation[]>()
    for (const from of visible)
      for (const record of model.records(table, from)[target])
        missing.set(keyOf(record), [...(missing.get(keyOf(record)) ?? []), from])
    for (const row of rows) {
      const found = missing.get(keyOf(row))?.pop()
      check(found !== undefined, `${what} holds ${keyOf(row)} once too often, or above its watermark`)
    }
    const tooYoung = [...missing].filter(([key, lives]) =>
      lives.some(life => {
        const since = ledger.visibleSinceMs(life, BigInt(key.split(' ')[1] ?? '0'))
        return target === 'rows' || since === undefined || database.latestMs() - since < table.dlqRetentionMs
      }),
    )
    check(
      tooYoung.length === 0,
      `${what} lacks (partition offset id) ${tooYoung.map(([key]) => key).join(', ')}`,
    )
  }

  return {
    metadata,
    committedFiles: ledger.files,
    async check() {
      check(ledger.breaches.length === 0, ledger.breaches.slice(0, 3).join('; '))
      if (!pointersMoved) return
      pointersMoved = false
      for (const table of tables) {
        await checkTable(table, 'rows')
        await checkTable(table, 'deadLetters')
      }
    },
    async expectedNow(table, tableId) {
      const visible = await visibleUpTo(tableId, await database.store.listPartitions(tableId))
      const records = visible.map(from => model.records(table, from))
      return {
        rows: records.flatMap(({ rows }) => rows),
        deadLetters: records.flatMap(({ deadLetters }) => deadLetters),
      }
    },
  }
}

function keyOf({ partition, offset, id }: ExpectedRecord): string {
  return `${partition} ${offset} ${id ?? ''}`
}

interface History {
  readonly before: Shown | undefined
  readonly now: Shown
  /** Snapshots shown so far. */
  readonly known: ReadonlyMap<bigint, Snapshot>
}

/** A pointer only moves on: no older snapshot, none under two ids, none changed, no metadata file left out of the log. */
function checkHistory(name: string, { before, now, known }: History): void {
  const { snapshots, metadataLog, lastUpdatedMs, currentSnapshotId } = now.metadata
  const current = snapshots.at(-1)
  const what = `${name} at ${now.metadataLocation}`
  expectEqual(`current snapshot of ${what}`, currentSnapshotId, current?.snapshotId)
  if (before !== undefined) {
    const shownBefore = before.metadata.snapshots.at(-1)?.sequenceNumber ?? 0n
    check(
      (current?.sequenceNumber ?? 0n) >= shownBefore,
      `${what} shows snapshot ${current?.sequenceNumber ?? 0n} after ${shownBefore}`,
    )
    expectEqual(`metadata log of ${what}`, metadataLog.at(-1)?.metadataLocation, before.metadataLocation)
    expectEqual(
      `length of the metadata log of ${what}`,
      metadataLog.length,
      Math.min(before.metadata.metadataLog.length + 1, DEFAULT_PREVIOUS_VERSIONS_MAX),
    )
    check(lastUpdatedMs >= before.metadata.lastUpdatedMs, `${what} goes back in time`)
  }
  const bySequence = new Map(
    [...known.values()].map(snapshot => [snapshot.sequenceNumber, snapshot.snapshotId]),
  )
  for (const [index, snapshot] of snapshots.entries()) {
    const { snapshotId, sequenceNumber, manifestList, timestampMs, parentSnapshotId } = snapshot
    const previous = snapshots[index - 1]
    const same = known.get(snapshotId)
    if (same !== undefined) expectEqual(`manifest list of ${snapshotId}`, manifestList, same.manifestList)
    const standing = bySequence.get(sequenceNumber)
    if (standing !== undefined)
      expectEqual(`id of snapshot ${sequenceNumber} of ${name}`, snapshotId, standing)
    if (previous === undefined) continue
    expectEqual(`parent of snapshot ${sequenceNumber} of ${what}`, parentSnapshotId, previous.snapshotId)
    check(timestampMs > previous.timestampMs, `snapshots of ${what} rise in time`)
  }
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message)
}
