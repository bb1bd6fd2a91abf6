import { afterEach, beforeEach, expect, it } from 'vitest'
import type { ManifestRecord, MetadataStore } from '../../../../shared/metadata/metadata-store.ts'
import { createSqlMetadataStore } from '../../../../shared/metadata/sql-store.ts'
import { openConnection, type SqliteConnection } from '../../../../shared/metadata/sqlite/connection.ts'
import { migrate } from '../../../../shared/metadata/sqlite/migrate.ts'
import { systemRuntime } from '../../../../shared/runtime/system-runtime.ts'
import { converted, followTopic, sliceOf, TABLE } from '../../../contract/metadata-store-fixture.ts'

let connection: SqliteConnection
let store: MetadataStore
beforeEach(async () => {
  connection = openConnection({ path: ':memory:', runtime: systemRuntime })
  store = createSqlMetadataStore({
    read: steps => connection.transact('read', steps),
    write: (_lock, steps) => connection.transact('write', steps),
    migrate: () => migrate(connection),
    close: async () => connection.close(),
  })
  await store.migrate()
  await followTopic(store)
})
afterEach(() => store.close())

const states = () =>
  connection.db
    .prepare('select path, state from manifest order by manifest_key')
    .all()
    .map(row => `${row.path} ${row.state}`)

/** Snapshot n adds one file in manifest n and merges the manifests named. */
async function cut(n: number, merged: readonly string[], kept: readonly string[]): Promise<void> {
  await converted(store, `t${n}`, sliceOf(0, n * 10 - 10, n * 10))
  const before = await store.loadSnapshotInput(TABLE)
  const manifest: ManifestRecord = {
    path: `m${n}`,
    lengthBytes: 1n,
    specId: 0,
    sequenceNumber: BigInt(n),
    minSequenceNumber: 1n,
    addedSnapshotId: BigInt(n),
    addedFilesCount: 1,
    existingFilesCount: (await store.listFilesOfManifests(TABLE, merged)).length,
    deletedFilesCount: 0,
    addedRowsCount: 10n,
    existingRowsCount: 0n,
    deletedRowsCount: 0n,
    partitions: [],
  }
  await store.insertSnapshotIntent({
    tableId: TABLE,
    snapshotId: BigInt(n),
    ...(before.lastSnapshot !== undefined && { parentSnapshotId: before.lastSnapshot.snapshotId }),
    sequenceNumber: BigInt(n),
    version: before.table.version,
    timestampMs: n,
    operation: 'append',
    schemaId: 0,
    manifestListPath: `list-${n}`,
    summary: {},
    state: 'intent',
  })
  await store.completeSnapshot({
    tableId: TABLE,
    snapshotId: BigInt(n),
    manifests: [manifest, ...before.manifests.filter(({ path }) => kept.includes(path))],
    placements: [
      {
        manifestPath: manifest.path,
        newFiles: before.newFiles.map(file => file.path),
        mergedManifests: merged,
      },
    ],
  })
}

it('retires a manifest when no unexpired snapshot lists it, and not before', async () => {
  await cut(1, [], [])
  await cut(2, ['m1'], [])
  await cut(3, [], ['m2'])
  expect(states()).toEqual(['m1 live', 'm2 live', 'm3 live'])
  await store.expireSnapshots(TABLE, [1n])
  expect(states()).toEqual(['m1 retired', 'm2 live', 'm3 live'])
  await store.expireSnapshots(TABLE, [2n])
  expect(states()).toEqual(['m1 retired', 'm2 live', 'm3 live'])
})

it('retires what only an expired last snapshot listed once the next one is cut', async () => {
  await cut(1, [], [])
  await store.expireSnapshots(TABLE, [1n])
  expect(states()).toEqual(['m1 live'])
  await cut(2, ['m1'], [])
  expect(states()).toEqual(['m1 retired', 'm2 live'])
})
