import { describe, expect, test } from 'vitest'
import { readManifest } from '../../../shared/iceberg/manifest.ts'
import { readManifestList } from '../../../shared/iceberg/manifest-list.ts'
import {
  planSnapshot,
  renderSnapshotObjects,
  type SnapshotPlan,
} from '../../../shared/iceberg/render-snapshot.ts'
import {
  MAX_INLINE_OFFSETS_BYTES,
  OFFSETS_KEY,
  OFFSETS_LOCATION_KEY,
  OFFSETS_SHA256_KEY,
  offsetsHash,
  parseOffsets,
} from '../../../shared/iceberg/snapshot-offsets.ts'
import type { LiveFile, SnapshotInput } from '../../../shared/metadata/metadata-store.ts'
import { BY_DAY, LOCATION, liveFile, snapshotInput, sourcePartition, table } from './fixtures.ts'

const OPTIONS = {
  snapshotId: 2n ** 62n + 1n,
  timestampMs: 1_767_225_600_000,
  mergePolicy: { minCountToMerge: 100, targetManifestBytes: 8 * 1024 * 1024 },
}
const MERGE_NOW = { ...OPTIONS, snapshotId: 77n, mergePolicy: { ...OPTIONS.mergePolicy, minCountToMerge: 2 } }
const render = (plan: SnapshotPlan, merged: readonly LiveFile[] = []) =>
  renderSnapshotObjects(plan, new Map(plan.merges.map(({ path }) => [path, merged])))

/** The input after `plan` was cut, with `newFiles` to come. */
function next(input: SnapshotInput, plan: SnapshotPlan, newFiles: readonly LiveFile[]): SnapshotInput {
  const { cut } = render(plan)
  return {
    ...input,
    table: { ...input.table, version: 2n, lastSequenceNumber: plan.snapshot.sequenceNumber },
    lastSnapshot: { ...plan.snapshot, state: 'cut' },
    manifests: cut.manifests,
    newFiles,
  }
}
const listed = (file: LiveFile, plan: SnapshotPlan): LiveFile => ({
  ...file,
  snapshotId: plan.snapshot.snapshotId,
  sequenceNumber: plan.snapshot.sequenceNumber,
})

describe('the first snapshot', () => {
  const input = snapshotInput({ newFiles: [liveFile(0), liveFile(1)] })
  const plan = planSnapshot(input, OPTIONS)

  test('is an append with standard totals, and carries the offsets inline', () => {
    expect(plan.snapshot).toMatchObject({
      snapshotId: OPTIONS.snapshotId,
      sequenceNumber: 1n,
      version: 1n,
      timestampMs: OPTIONS.timestampMs,
      operation: 'append',
      schemaId: 0,
      state: 'intent',
    })
    expect(plan.snapshot.parentSnapshotId).toBeUndefined()
    expect(plan.snapshot.summary).toEqual({
      'added-data-files': '2',
      'added-records': '201',
      'added-files-size': '8193',
      'changed-partition-count': '1',
      'total-records': '201',
      'total-files-size': '8193',
      'total-data-files': '2',
      'total-delete-files': '0',
      'total-position-deletes': '0',
      'total-equality-deletes': '0',
      'engine-name': 'tidewater',
      'tidewater.table-version': '1',
      [OFFSETS_KEY]: '{"v":1,"topics":["orders"],"partitions":[[0,0,0,0,150]],"ranges":[]}',
    })
    expect(plan.sidecar).toBeUndefined()
  })

  test('writes the manifest before the list that names it, under keys that tell snapshot and table', () => {
    const { objects, cut } = render(plan)
    expect(objects.map(object => object.path)).toEqual([
      expect.stringMatching(`^${LOCATION}/metadata/4611686018427387905-m0-[0-9a-f-]{36}\\.avro$`),
      plan.snapshot.manifestListPath,
    ])
    expect(plan.snapshot.manifestListPath).toMatch(
      /\/metadata\/snap-4611686018427387905-1-[0-9a-f-]{36}\.avro$/,
    )
    expect(readManifestList(objects[1]?.bytes ?? new Uint8Array(), 'list')).toEqual(cut.manifests)
    expect(cut.placements).toEqual([
      {
        manifestPath: objects[0]?.path,
        newFiles: input.newFiles.map(file => file.path),
        mergedManifests: [],
      },
    ])
  })

  test('trap: the same state has the same keys and bytes, also when an intent is finished after a crash', () => {
    const again = planSnapshot(
      { ...input, table: table({ version: 9n }), intent: plan.snapshot },
      {
        ...OPTIONS,
        snapshotId: 5n,
        timestampMs: 1,
      },
    )
    expect(again.snapshot).toEqual(plan.snapshot)
    expect(render(again)).toEqual(render(plan))
  })
})

describe('a later snapshot', () => {
  const first = snapshotInput()
  const firstPlan = planSnapshot(first, OPTIONS)
  const input = next(first, firstPlan, [liveFile(5, { partition: [null] }), liveFile(6, { partition: [3] })])

  test('carries totals and manifests on from its parent', () => {
    const plan = planSnapshot(input, { ...OPTIONS, snapshotId: 77n })
    expect(plan.snapshot).toMatchObject({ parentSnapshotId: OPTIONS.snapshotId, sequenceNumber: 2n })
    expect(plan.snapshot.summary).toMatchObject({
      'added-records': '211',
      'changed-partition-count': '2',
      'total-records': '311',
      'total-data-files': '3',
      'total-files-size': '12299',
    })
    const { cut } = render(plan)
    expect(cut.manifests[1]).toEqual(input.manifests[0])
  })

  test('has a later timestamp than its parent even when the clock went back', () => {
    const plan = planSnapshot(input, { ...OPTIONS, snapshotId: 77n, timestampMs: 5 })
    expect(plan.snapshot.timestampMs).toBe(OPTIONS.timestampMs + 1)
  })

  test('trap: a rewritten manifest keeps every surviving file, with its own snapshot id and sequence number', () => {
    const plan = planSnapshot(input, MERGE_NOW)
    expect(plan.merges).toHaveLength(1)
    const { objects, cut } = render(plan, [listed(liveFile(0), firstPlan)])
    expect(cut.manifests).toHaveLength(1)
    expect(cut.manifests[0]).toMatchObject({
      addedFilesCount: 2,
      existingFilesCount: 1,
      sequenceNumber: 2n,
      minSequenceNumber: 1n,
    })
    expect(cut.placements[0]?.mergedManifests).toEqual([input.manifests[0]?.path])
    const { entries } = readManifest(objects[0]?.bytes ?? new Uint8Array(), 'm')
    expect(
      entries.map(({ status, snapshotId, sequenceNumber }) => [status, snapshotId, sequenceNumber]),
    ).toEqual([
      ['added', 77n, undefined],
      ['added', 77n, undefined],
      ['existing', OPTIONS.snapshotId, 1n],
    ])
  })

  test('refuses to merge when the ledger gives other files than the manifest had', () => {
    const plan = planSnapshot(input, MERGE_NOW)
    expect(() => render(plan, [])).toThrow(/have 1 live files with 100 rows, found 0 with 0/)
    const otherSpec = { ...listed(liveFile(0), firstPlan), specId: 4 }
    expect(() => render(plan, [otherSpec])).toThrow(/has spec 0, found 4/)
  })

  test('trap: refuses totals that the manifests do not bear out', () => {
    const lastSnapshot = {
      ...firstPlan.snapshot,
      summary: { ...firstPlan.snapshot.summary, 'total-records': '99' },
    }
    expect(() => planSnapshot({ ...input, lastSnapshot }, OPTIONS)).toThrow(/99 rows/)
    const missing = { ...firstPlan.snapshot, summary: {} }
    expect(() => planSnapshot({ ...input, lastSnapshot: missing }, OPTIONS)).toThrow(/has total-records/)
  })

  test('refuses a new file that is in a snapshot already', () => {
    const newFiles = [listed(liveFile(0), firstPlan)]
    expect(() => planSnapshot({ ...input, newFiles }, { ...OPTIONS, snapshotId: 77n })).toThrow(
      /is not in a snapshot yet/,
    )
  })

  test('without new files keeps what there is', () => {
    const plan = planSnapshot({ ...input, newFiles: [] }, { ...OPTIONS, snapshotId: 77n })
    const { objects, cut } = render(plan)
    expect(objects).toHaveLength(1)
    expect(cut.manifests).toEqual(input.manifests)
    expect(plan.snapshot.summary).toMatchObject({ 'added-records': '0', 'total-records': '100' })
  })
})

test('many partitions go to a sidecar that the summary names with its hash', () => {
  const offsets = Array.from({ length: 300 }, (_, i) => sourcePartition(i, { committedOffset: 2n ** 60n }))
  const input = snapshotInput({
    offsets,
    ranges: [
      { topic: 'orders', partition: 3, incarnation: 1, kind: 'skipped', startOffset: 5n, endOffset: 9n },
    ],
  })
  const { snapshot, sidecar } = planSnapshot(input, OPTIONS)
  const text = new TextDecoder().decode(sidecar?.bytes)
  expect(text.length).toBeGreaterThan(MAX_INLINE_OFFSETS_BYTES)
  expect(snapshot.summary[OFFSETS_KEY]).toBeUndefined()
  expect(snapshot.summary[OFFSETS_LOCATION_KEY]).toBe(sidecar?.path)
  expect(snapshot.summary[OFFSETS_SHA256_KEY]).toBe(offsetsHash(text))
  expect(sidecar?.path).toContain(`-offsets-${offsetsHash(text).slice(0, 16)}.json`)
  const read = parseOffsets(text, 'x')
  expect(read.partitions).toHaveLength(300)
  expect(read.partitions[7]).toEqual({
    topic: 'orders',
    partition: 7,
    incarnation: 0,
    firstOffset: 0n,
    committedOffset: 2n ** 60n,
  })
  expect(read.ranges).toEqual(input.ranges)
})

test('a snapshot of a schema or spec that the table does not have is refused', () => {
  expect(() => planSnapshot(snapshotInput({ table: table({ currentSchemaId: 3 }) }), OPTIONS)).toThrow(
    /schema 3/,
  )
  const unknownSpec = liveFile(0, { spec: { ...BY_DAY, specId: 8 } })
  const plan = planSnapshot(snapshotInput({ newFiles: [unknownSpec] }), OPTIONS)
  expect(() => render(plan)).toThrow(/spec 8/)
})
