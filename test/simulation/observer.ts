/**
 * Watches the truth of a simulated world below all faults: each commit as it happens, and each table as each catalog pointer shows it,
 * the moment the pointer moves (DESIGN invariants 1 to 7). Throws at the first breach.
 */
import { OFFSETS_KEY, parseOffsets } from '../../shared/iceberg/snapshot-offsets.ts'
import type { Snapshot, TableMetadata } from '../../shared/iceberg/table-metadata.ts'
import { DEFAULT_PREVIOUS_VERSIONS_MAX } from '../../shared/iceberg/table-metadata-of.ts'
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { ExpectedPartition } from './landing.ts'
import { createPublishedReader, expectEqual, type PublishedRow, type RowPaths } from './published-table.ts'
import { watchCommits } from './watch-commits.ts'

export interface WatchedTable {
  readonly name: string
  readonly paths: RowPaths
  /** What a record at this offset must be in this table; `undefined`: nothing. */
  readonly rowsOf: (partition: ExpectedPartition) => ReadonlyMap<bigint, bigint | undefined>
}

export interface ObserverContext {
  readonly metadata: MetadataStore
  readonly warehouse: ObjectStore
  readonly catalog: string
  /** The database's clock. */
  readonly nowMs: () => number
  readonly tables: readonly WatchedTable[]
  readonly partitions: readonly ExpectedPartition[]
}

export interface Observer {
  /** The metadata store that processes are given, below their faults. */
  readonly metadata: MetadataStore
  /** Looks at what was published since the last time. */
  check(): Promise<void>
  /** Paths of committed files. */
  readonly committedFiles: ReadonlySet<string>
}

interface Shown {
  readonly metadataLocation: string
  readonly metadata: TableMetadata
}

export function createObserver(context: ObserverContext): Observer {
  const { tables, catalog } = context
  const reader = createPublishedReader(context.warehouse)
  const commits = watchCommits(context.metadata, context.nowMs)
  const shown = new Map<string, Shown>()
  const snapshots = new Map<string, Map<bigint, Snapshot>>(tables.map(({ name }) => [name, new Map()]))
  let pointersMoved = false

  const metadata: MetadataStore = {
    ...commits.store,
    async confirmPublication(...args) {
      await commits.store.confirmPublication(...args)
      pointersMoved = true
    },
  }

  async function checkTable(table: WatchedTable): Promise<void> {
    const row = await context.metadata.loadTable(table.name)
    if (row === undefined) return
    const { metadataLocation } = await context.metadata.loadPublication(row.tableId, catalog)
    const before = shown.get(table.name)
    if (metadataLocation === undefined || metadataLocation === before?.metadataLocation) return
    const now = { metadataLocation, metadata: await reader.metadata(metadataLocation) }
    const known = snapshots.get(table.name) ?? new Map<bigint, Snapshot>()
    const fresh = now.metadata.snapshots.filter(({ snapshotId }) => !known.has(snapshotId))
    checkHistory(table, { before, now, known })
    for (const snapshot of fresh) {
      known.set(snapshot.snapshotId, snapshot)
      await checkSnapshot(table, snapshot)
    }
    shown.set(table.name, now)
  }

  async function checkSnapshot(table: WatchedTable, snapshot: Snapshot): Promise<void> {
    const what = `snapshot ${snapshot.sequenceNumber} (${snapshot.snapshotId}) of ${table.name}`
    const files = await reader.files(snapshot, table.paths)
    expectEqual(`distinct files of ${what}`, new Set(files.map(file => file.path)).size, files.length)
    for (const { path } of files)
      check(commits.files.has(path), `${what} shows only files of committed claims, found ${path}`)
    const rows = files.flatMap(file => file.rows)
    expectEqual(`total-records of ${what}`, snapshot.summary['total-records'], String(rows.length))
    checkPrefixes(table, { what, rows, offsets: snapshot.summary[OFFSETS_KEY] ?? '' })
  }

  /** Of each partition exactly the records below the watermark that the snapshot names, each once. */
  function checkPrefixes(
    table: WatchedTable,
    { what, rows, offsets }: { what: string; rows: readonly PublishedRow[]; offsets: string },
  ): void {
    const found = Map.groupBy(rows, row => row.partition)
    const watermarks = new Map(
      parseOffsets(offsets, what).partitions.map(({ partition, committedOffset }) => [
        partition,
        committedOffset,
      ]),
    )
    for (const partition of context.partitions) {
      const watermark = watermarks.get(partition.partition) ?? partition.firstOffset
      const expected = new Map([...table.rowsOf(partition)].filter(([offset]) => offset < watermark))
      const inPartition = found.get(partition.partition) ?? []
      found.delete(partition.partition)
      for (const { offset, id } of inPartition) {
        const position = `${what}: partition ${partition.partition} offset ${offset}`
        check(expected.has(offset), `${position} is there once too often, or not below ${watermark}`)
        expectEqual(`id at ${position}`, id, expected.get(offset))
        expected.delete(offset)
      }
      check(
        expected.size === 0,
        `${what}: partition ${partition.partition} lacks offsets ${[...expected.keys()].join(', ')} below ${watermark}`,
      )
    }
    check(found.size === 0, `${what} holds only partitions that landed`)
  }

  return {
    metadata,
    committedFiles: commits.files,
    async check() {
      check(commits.breaches.length === 0, commits.breaches.join('; '))
      if (!pointersMoved) return
      pointersMoved = false
      for (const table of tables) await checkTable(table)
    },
  }
}

interface History {
  readonly before: Shown | undefined
  readonly now: Shown
  /** Snapshots shown so far. */
  readonly known: ReadonlyMap<bigint, Snapshot>
}

/** A pointer only moves on: no older snapshot, none under two ids, none changed, no metadata file left out of the log. */
function checkHistory({ name }: WatchedTable, { before, now, known }: History): void {
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
