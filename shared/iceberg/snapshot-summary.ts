/**
 * Snapshot summaries: the standard keys of what was added or removed, with totals carried on from the parent. Engines answer `count(*)` from the
 * totals, so they are held against the manifests before they are carried on.
 */

import type { LiveFile, ManifestRecord, SnapshotRecord } from '../metadata/metadata-store.ts'
import { invariant } from '../runtime/errors.ts'
import type { PartitionValue } from './partition-spec.ts'

const ENGINE_NAME = 'tidewater'
/** The table version that the snapshot shows. */
const TABLE_VERSION_KEY = 'tidewater.table-version'

interface Totals {
  readonly records: bigint
  readonly filesSize: bigint
  readonly dataFiles: bigint
}

/** Without `operation`, which the snapshot has beside its summary. */
export function summarizeSnapshot(input: {
  readonly newFiles: readonly LiveFile[]
  readonly removedFiles: readonly LiveFile[]
  readonly parent?: SnapshotRecord
  /** Manifests of the parent. */
  readonly manifests: readonly ManifestRecord[]
  readonly version: bigint
}): Record<string, string> {
  const { newFiles, removedFiles, parent, manifests } = input
  const before = parentTotals(parent, manifests)
  const [added, removed] = [totalsOf(newFiles), totalsOf(removedFiles)]
  const changed = [...newFiles, ...removedFiles]
  const partitions = new Set(changed.map(file => partitionKey(file.specId, file.partition)))
  return {
    ...(removedFiles.length > 0
      ? {
          'deleted-data-files': String(removed.dataFiles),
          'deleted-records': String(removed.records),
          'removed-files-size': String(removed.filesSize),
        }
      : {
          'added-data-files': String(added.dataFiles),
          'added-records': String(added.records),
          'added-files-size': String(added.filesSize),
        }),
    'changed-partition-count': String(partitions.size),
    'total-records': String(before.records + added.records - removed.records),
    'total-files-size': String(before.filesSize + added.filesSize - removed.filesSize),
    'total-data-files': String(before.dataFiles + added.dataFiles - removed.dataFiles),
    'total-delete-files': '0',
    'total-position-deletes': '0',
    'total-equality-deletes': '0',
    'engine-name': ENGINE_NAME,
    [TABLE_VERSION_KEY]: String(input.version),
  }
}

function totalsOf(files: readonly LiveFile[]): Totals {
  return {
    records: files.reduce((sum, file) => sum + file.recordCount, 0n),
    filesSize: files.reduce((sum, file) => sum + file.fileSizeBytes, 0n),
    dataFiles: BigInt(files.length),
  }
}

function parentTotals(parent: SnapshotRecord | undefined, manifests: readonly ManifestRecord[]): Totals {
  const listed = manifests.reduce(
    (sum, manifest) => ({
      records: sum.records + manifest.addedRowsCount + manifest.existingRowsCount,
      dataFiles: sum.dataFiles + BigInt(manifest.addedFilesCount + manifest.existingFilesCount),
    }),
    { records: 0n, dataFiles: 0n },
  )
  if (parent === undefined) {
    invariant(manifests.length === 0, 'a table without snapshots has no manifests')
    return { ...listed, filesSize: 0n }
  }
  const total = (key: string): bigint => {
    const text = parent.summary[key]
    invariant(
      text !== undefined && /^\d+$/.test(text),
      `the summary of snapshot ${parent.snapshotId} has ${key}, found ${text}`,
    )
    return BigInt(text)
  }
  const totals = {
    records: total('total-records'),
    filesSize: total('total-files-size'),
    dataFiles: total('total-data-files'),
  }
  invariant(
    totals.records === listed.records && totals.dataFiles === listed.dataFiles,
    `the manifests of snapshot ${parent.snapshotId} list the ${totals.records} rows and ${totals.dataFiles} files of its summary, found ${listed.records} and ${listed.dataFiles}`,
  )
  return totals
}

/** Text that is equal exactly for equal partitions. */
export function partitionKey(specId: number, partition: readonly PartitionValue[]): string {
  const parts = partition.map(value => {
    if (value instanceof Uint8Array) return `x${Buffer.from(value).toString('hex')}`
    if (typeof value === 'bigint') return `i${value}`
    // JSON writes −0, NaN and the infinities as something else.
    return typeof value === 'number' ? `n${Object.is(value, -0) ? '-0' : value}` : value
  })
  return JSON.stringify([specId, parts])
}
