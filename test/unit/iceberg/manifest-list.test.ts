import { expect, test } from 'vitest'
import { readAvroFile } from '../../../shared/iceberg/avro-container.ts'
import { readManifestList, renderManifestList } from '../../../shared/iceberg/manifest-list.ts'
import type { ManifestRecord } from '../../../shared/metadata/metadata-store.ts'
import { BY_DAY } from './fixtures.ts'

const PATH = 's3://lake/t/metadata/snap-7-1-x.avro'
const manifest: ManifestRecord = {
  path: 's3://lake/t/metadata/7-m0-x.avro',
  lengthBytes: 6000n,
  specId: 0,
  sequenceNumber: 3n,
  minSequenceNumber: 1n,
  addedSnapshotId: 2n ** 62n,
  addedFilesCount: 4,
  existingFilesCount: 5,
  deletedFilesCount: 6,
  addedRowsCount: 7n,
  existingRowsCount: 8n,
  deletedRowsCount: 9n,
  partitions: [
    {
      containsNull: true,
      containsNan: false,
      lowerBound: Uint8Array.of(1, 0, 0, 0),
      upperBound: Uint8Array.of(2, 0, 0, 0),
    },
  ],
}
const render = (manifests: readonly ManifestRecord[], parentSnapshotId?: bigint) =>
  renderManifestList({
    path: PATH,
    snapshotId: 7n,
    ...(parentSnapshotId === undefined ? {} : { parentSnapshotId }),
    sequenceNumber: 3n,
    manifests,
    specs: [BY_DAY],
  })

test('manifests read back in order, summaries without bounds too', () => {
  const nulls = { ...manifest, path: 'b', partitions: [{ containsNull: true }] }
  expect(readManifestList(render([manifest, nulls]), PATH)).toEqual([manifest, nulls])
})

test('a snapshot without manifests is an empty list', () => {
  expect(readManifestList(render([]), PATH)).toEqual([])
})

test('the header names snapshot, parent and sequence number', () => {
  const header = (bytes: Uint8Array) => {
    const { metadata } = readAvroFile(bytes, PATH)
    return ['snapshot-id', 'parent-snapshot-id', 'sequence-number', 'format-version'].map(key =>
      metadata.get(key),
    )
  }
  expect(header(render([manifest], 6n))).toEqual(['7', '6', '3', '2'])
  expect(header(render([manifest]))).toEqual(['7', 'null', '3', '2'])
})

test('trap: the counters have the names and ids that readers of version 2 know', () => {
  const schema = JSON.parse(readAvroFile(render([]), PATH).metadata.get('avro.schema') ?? '')
  const ids = Object.fromEntries(
    schema.fields.map((field: { name: string; 'field-id': number }) => [field.name, field['field-id']]),
  )
  expect(ids).toMatchObject({ added_files_count: 504, existing_files_count: 505, deleted_files_count: 506 })
  expect(ids).toMatchObject({ sequence_number: 515, min_sequence_number: 516, content: 517, partitions: 507 })
  expect(
    schema.fields.find((field: { name: string }) => field.name === 'partitions').type[1]['element-id'],
  ).toBe(508)
})

test('trap: an entry without its partition summaries is never written', () => {
  expect(() => render([{ ...manifest, partitions: [] }])).toThrow(
    /a summary for each of 1 partition fields, found 0/,
  )
})

test('a manifest of an unknown spec, or with a sequence number from the future, is never written', () => {
  expect(() => render([{ ...manifest, specId: 4 }])).toThrow(/spec 4/)
  expect(() => render([{ ...manifest, sequenceNumber: 4n }])).toThrow(/sequence numbers/)
  expect(() => render([{ ...manifest, minSequenceNumber: 4n }])).toThrow(/sequence numbers/)
})
