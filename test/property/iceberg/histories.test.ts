/** Random histories of files that are added and removed, checked against the plainest model: the list of all files so far. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeDataFile } from '../../../shared/iceberg/data-file-avro.ts'
import { selectExpired } from '../../../shared/iceberg/expire-snapshots.ts'
import { readManifest } from '../../../shared/iceberg/manifest.ts'
import { readManifestList } from '../../../shared/iceberg/manifest-list.ts'
import {
  planSnapshot,
  renderSnapshotObjects,
  type SnapshotPlan,
} from '../../../shared/iceberg/render-snapshot.ts'
import { parseTableMetadata, renderTableMetadata } from '../../../shared/iceberg/table-metadata-json.ts'
import { tableMetadataOf } from '../../../shared/iceberg/table-metadata-of.ts'
import type {
  LiveFile,
  RemovedFile,
  SnapshotInput,
  SnapshotRecord,
} from '../../../shared/metadata/metadata-store.ts'
import {
  BY_DAY,
  dataFile,
  ORDERS,
  sourcePartition,
  table,
  UNPARTITIONED,
} from '../../unit/iceberg/fixtures.ts'

const SPECS = [BY_DAY, { ...UNPARTITIONED, specId: 1 }]

const fileShape = fc.record({
  specId: fc.nat({ max: 1 }),
  day: fc.option(fc.integer({ min: -3, max: 3 })),
  recordCount: fc.bigInt({ min: 0n, max: 2n ** 40n }),
})
const history = fc.record({
  steps: fc.array(
    fc.record({
      added: fc.array(fileShape, { maxLength: 6 }),
      /** Of the files that are there, by position; nothing is added then. */
      removed: fc.option(fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 12 }), { freq: 2 }),
    }),
    { minLength: 1, maxLength: 12 },
  ),
  mergePolicy: fc.record({
    minCountToMerge: fc.integer({ min: 2, max: 5 }),
    targetManifestBytes: fc.constantFrom(300, 3_000, 20_000, 1_000_000),
  }),
  clock: fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 12, maxLength: 12 }),
})

/** The ledger as the database keeps it: which manifest lists which file. */
interface Ledger {
  input: SnapshotInput
  snapshots: SnapshotRecord[]
  files: Map<string, LiveFile>
  manifestOf: Map<string, string>
}

function mergedFiles(plan: SnapshotPlan, ledger: Ledger): Map<string, readonly LiveFile[]> {
  const inManifests = (paths: readonly string[]) =>
    [...ledger.files.values()].filter(file => paths.includes(ledger.manifestOf.get(file.path) ?? ''))
  return new Map(
    plan.merges.map(planned => [planned.path, inManifests(planned.merged.map(({ path }) => path))]),
  )
}

/** Keys and bytes; comparing typed arrays element by element would take most of the test's time. */
function fingerprint(plan: SnapshotPlan, ledger: Ledger): readonly string[] {
  const { objects } = renderSnapshotObjects(plan, mergedFiles(plan, ledger))
  return objects.map(({ path, bytes }) => `${path} ${Buffer.from(bytes).toString('base64')}`)
}

function cutSnapshot(
  ledger: Ledger,
  newFiles: readonly LiveFile[],
  plan: SnapshotPlan,
): Map<string, Uint8Array> {
  const { objects, cut } = renderSnapshotObjects(plan, mergedFiles(plan, ledger))
  const { snapshotId, sequenceNumber } = plan.snapshot
  for (const file of newFiles) ledger.files.set(file.path, { ...file, snapshotId, sequenceNumber })
  for (const { path } of plan.removedFiles) {
    ledger.files.delete(path)
    ledger.manifestOf.delete(path)
  }
  for (const placement of cut.placements) {
    for (const [path, manifest] of ledger.manifestOf)
      if (placement.mergedManifests.includes(manifest)) ledger.manifestOf.set(path, placement.manifestPath)
    for (const path of placement.newFiles) ledger.manifestOf.set(path, placement.manifestPath)
  }
  const record: SnapshotRecord = { ...plan.snapshot, state: 'cut' }
  ledger.snapshots.push(record)
  ledger.input = {
    ...ledger.input,
    table: { ...ledger.input.table, lastSequenceNumber: sequenceNumber },
    lastSnapshot: record,
    manifests: cut.manifests,
  }
  return new Map(objects.map(object => [object.path, object.bytes]))
}

test('every snapshot lists every file exactly once with its ids, whatever was merged, and its totals are true', () => {
  fc.assert(
    fc.property(history, ({ steps, mergePolicy, clock }) => {
      const ledger: Ledger = {
        input: {
          table: table({ specs: SPECS }),
          version: 0n,
          newFiles: [],
          removedFiles: [],
          manifests: [],
          offsets: [sourcePartition(0)],
          ranges: [],
        },
        snapshots: [],
        files: new Map(),
        manifestOf: new Map(),
      }
      const stored = new Map<string, Uint8Array>()
      for (const [index, step] of steps.entries()) {
        const removedFiles = filesAt(ledger, step.removed ?? [])
        const added = removedFiles.length === 0 ? step.added : []
        const newFiles = added.map((shape, position) => {
          const spec = SPECS[shape.specId] ?? BY_DAY
          const partition = spec.fields.length === 0 ? [] : [shape.day]
          const file = {
            ...dataFile(index * 100 + position, partition),
            specId: spec.specId,
            recordCount: shape.recordCount,
          }
          const { path, recordCount, fileSizeBytes } = file
          const encoded = encodeDataFile(file, spec, ORDERS)
          return {
            path,
            specId: spec.specId,
            partition,
            recordCount,
            fileSizeBytes,
            encoded,
            addedVersion: BigInt(index + 1),
          }
        })
        const version = BigInt(index + 1)
        const now = { ...ledger.input.table, version }
        const input = { ...ledger.input, newFiles, removedFiles, version, table: now }
        const options = { snapshotId: 1000n + version, timestampMs: clock[index] ?? 0, mergePolicy }
        const plan = planSnapshot(input, options)

        // After a crash: planned again from the intent, at a later version of the table, with another clock and id.
        const resumed = planSnapshot(
          { ...input, intent: plan.snapshot, table: { ...input.table, version: version + 9n } },
          { ...options, snapshotId: 1n, timestampMs: 7 },
        )
        expect(fingerprint(resumed, ledger)).toEqual(fingerprint(plan, ledger))
        for (const [path, bytes] of cutSnapshot(ledger, newFiles, plan)) {
          expect(stored.has(path)).toBe(false)
          stored.set(path, bytes)
        }
        checkSnapshot(ledger, stored)
      }
      checkMetadata(ledger)
    }),
    { numRuns: 25 },
  )
})

function filesAt(ledger: Ledger, positions: readonly number[]): readonly RemovedFile[] {
  const files = [...ledger.files.values()]
  return [...new Set(positions)].flatMap(position => {
    const file = files[position]
    return file === undefined ? [] : [{ ...file, manifestPath: ledger.manifestOf.get(file.path) ?? '' }]
  })
}

function checkSnapshot(ledger: Ledger, stored: ReadonlyMap<string, Uint8Array>): void {
  const current = ledger.snapshots.at(-1)
  if (current === undefined) throw new Error('no snapshot')
  const read = (path: string) => stored.get(path) ?? new Uint8Array()
  const manifests = readManifestList(read(current.manifestListPath), current.manifestListPath)
  expect(manifests).toEqual(ledger.input.manifests)
  const entries = manifests.flatMap(manifest => {
    const { entries: listed, spec } = readManifest(read(manifest.path), manifest.path)
    expect(spec.specId).toBe(manifest.specId)
    const entries = listed.filter(entry => entry.status !== 'deleted')
    expect(listed.length - entries.length).toBe(manifest.deletedFilesCount)
    // What a snapshot removed is in the manifests that it wrote, with the sequence number that it was added with.
    for (const { snapshotId, sequenceNumber = 0n } of listed.filter(entry => entry.status === 'deleted')) {
      expect(snapshotId).toBe(manifest.addedSnapshotId)
      expect(sequenceNumber).toBeLessThan(manifest.sequenceNumber)
    }
    const resolved = entries.map(entry => ({
      path: entry.file.path,
      specId: entry.file.specId,
      partition: entry.file.partition,
      recordCount: entry.file.recordCount,
      snapshotId: entry.snapshotId ?? manifest.addedSnapshotId,
      sequenceNumber: entry.sequenceNumber ?? manifest.sequenceNumber,
    }))
    const sequenceNumbers = resolved.map(({ sequenceNumber }) => sequenceNumber)
    if (entries.length > 0) expect(sequenceNumbers).toContain(manifest.minSequenceNumber)
    for (const sequenceNumber of sequenceNumbers)
      expect(sequenceNumber >= manifest.minSequenceNumber).toBe(true)
    // Readers that follow a stream take what a snapshot added from the manifests that it wrote.
    for (const [index, entry] of entries.entries())
      expect(entry.status === 'added').toBe(resolved[index]?.snapshotId === manifest.addedSnapshotId)
    return resolved
  })
  const byPath = (left: { path: string }, right: { path: string }) => (left.path < right.path ? -1 : 1)
  const expected = [...ledger.files.values()].map(
    ({ encoded: _, fileSizeBytes: __, addedVersion: ___, ...file }) => file,
  )
  expect(entries.toSorted(byPath)).toEqual(expected.toSorted(byPath))
  const rows = expected.reduce((sum, file) => sum + file.recordCount, 0n)
  expect(current.summary).toMatchObject({
    'total-records': String(rows),
    'total-data-files': String(expected.length),
  })
}

function checkMetadata(ledger: Ledger): void {
  const { snapshots, input } = ledger
  for (const [index, snapshot] of snapshots.entries())
    expect(snapshot.timestampMs).toBeGreaterThan(snapshots[index - 1]?.timestampMs ?? -1)
  const expired = selectExpired(snapshots, { nowMs: 11_000, maxAgeMs: 4_000, minCount: 2, maxCount: 6 })
  const shown = snapshots.filter(snapshot => !expired.includes(snapshot.snapshotId))
  expect(shown.at(-1)).toBe(snapshots.at(-1))
  expect(shown.length).toBeLessThanOrEqual(6)
  const state = { table: input.table, snapshots: shown, timestampMs: 12_000 }
  const bytes = renderTableMetadata(tableMetadataOf(state))
  expect(renderTableMetadata(tableMetadataOf(state))).toEqual(bytes)
  const { lastUpdatedMs, ...parsed } = parseTableMetadata(bytes, 'x')
  const { lastUpdatedMs: asked, ...wanted } = tableMetadataOf(state)
  expect(parsed).toEqual(wanted)
  expect(lastUpdatedMs).toBeGreaterThanOrEqual(asked)
}
