import { expect, test } from 'vitest'
import { MAX_MERGES_PER_SNAPSHOT, planManifests } from '../../../shared/iceberg/plan-manifests.ts'
import type { LiveFile, ManifestRecord } from '../../../shared/metadata/metadata-store.ts'
import { liveFile } from './fixtures.ts'

const POLICY = { minCountToMerge: 4, targetManifestBytes: 1000 }

const manifest = (
  name: string,
  lengthBytes: number,
  overrides: Partial<ManifestRecord> = {},
): ManifestRecord => ({
  path: name,
  lengthBytes: BigInt(lengthBytes),
  specId: 0,
  sequenceNumber: 1n,
  minSequenceNumber: 1n,
  addedSnapshotId: 1n,
  addedFilesCount: 1,
  existingFilesCount: 0,
  deletedFilesCount: 0,
  addedRowsCount: 1n,
  existingRowsCount: 0n,
  deletedRowsCount: 0n,
  partitions: [],
  ...overrides,
})
const newFile = (name: string, encodedBytes: number, specId = 0): LiveFile => ({
  ...liveFile(0),
  path: name,
  specId,
  encoded: new Uint8Array(encodedBytes),
})
/** `new+old+old` for a written manifest, `=old` for a kept one. */
const shape = (newFiles: readonly LiveFile[], manifests: readonly ManifestRecord[], policy = POLICY) =>
  planManifests(newFiles, manifests, policy).map(listed =>
    listed.kind === 'keep'
      ? `=${listed.manifest.path}`
      : [...listed.newFiles, ...listed.merged].map(({ path }) => path).join('+'),
  )

test('new files get a manifest of their own in front while there are few', () => {
  expect(shape([newFile('n', 10)], [manifest('b', 50), manifest('a', 50)])).toEqual(['n', '=b', '=a'])
})

test('from the minimum count on the small manifests are merged into the new one', () => {
  const three = [manifest('c', 50), manifest('b', 50), manifest('a', 50)]
  expect(shape([newFile('n', 10)], three)).toEqual(['n+c+b+a'])
})

test('a manifest near the target size is sealed and stays as it is', () => {
  const manifests = [manifest('d', 50), manifest('c', 50), manifest('b', 50), manifest('a', 750)]
  expect(shape([newFile('n', 10)], manifests)).toEqual(['n+d+c+b', '=a'])
})

test('bins are filled from the oldest, and one without new files is merged at once', () => {
  const manifests = [manifest('c', 300), manifest('b', 500), manifest('a', 500)]
  expect(shape([newFile('n', 10)], manifests)).toEqual(['n', '=c', 'b+a'])
})

test('new files above the target are split over several manifests', () => {
  const files = ['p', 'q', 'r', 's'].map(name => newFile(name, 400))
  expect(shape(files, [])).toEqual(['p+q', 'r+s'])
  expect(shape([newFile('big', 5000), newFile('x', 1)], [])).toEqual(['big', 'x'])
})

test('manifests of different specs are never merged', () => {
  const manifests = [
    manifest('c', 50, { specId: 1 }),
    manifest('b', 50),
    manifest('a', 50, { specId: 1 }),
    manifest('z', 50, { specId: 1 }),
  ]
  expect(shape([newFile('n', 10, 1), newFile('o', 10, 0)], manifests)).toEqual(['n+c+a+z', 'o', '=b'])
})

test('a manifest without live files is dropped', () => {
  const dead = manifest('dead', 50, { addedFilesCount: 0, deletedFilesCount: 3 })
  expect(shape([newFile('n', 10)], [dead, manifest('a', 50)])).toEqual(['n', '=a'])
})

test('one snapshot rewrites a bounded number of bins', () => {
  const manifests = Array.from({ length: 40 }, (_, i) => manifest(`m${i}`, 500))
  const merged = planManifests([], manifests, POLICY).filter(listed => listed.kind === 'write')
  expect(merged).toHaveLength(MAX_MERGES_PER_SNAPSHOT)
  const paths = shape([], manifests).flatMap(text => text.replace('=', '').split('+'))
  expect(paths.toSorted()).toEqual(manifests.map(({ path }) => path).toSorted())
})

test('nothing new and nothing old is nothing', () => {
  expect(shape([], [])).toEqual([])
})
