import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readManifest } from '../../../shared/iceberg/manifest.ts'
import { readManifestList } from '../../../shared/iceberg/manifest-list.ts'
import { deserializeSingleValue } from '../../../shared/iceberg/single-value.ts'
import { parseTableMetadata } from '../../../shared/iceberg/table-metadata-json.ts'

const FOLDER = join(import.meta.dirname, 'pyiceberg')
const read = (location: string) => new Uint8Array(readFileSync(join(FOLDER, location.split('/').at(-1) ?? '')))

const metadataFile = readdirSync(FOLDER).find(name => name.endsWith('.metadata.json')) ?? ''
const metadata = parseTableMetadata(read(metadataFile), metadataFile)

test('metadata of PyIceberg reads with exact ids, every type and all logs', () => {
  expect(metadata.snapshots.map(snapshot => snapshot.snapshotId)).toEqual([
    346873458340498235n,
    6344370985485505107n,
    6224298927629723405n,
  ])
  expect(metadata.currentSnapshotId).toBe(6224298927629723405n)
  expect(metadata.lastSequenceNumber).toBe(3n)
  expect(metadata.snapshotLog).toHaveLength(3)
  expect(metadata.metadataLog.map(entry => entry.metadataLocation.slice(0, 28))).toEqual([
    '/warehouse/n/t/metadata/0000',
    '/warehouse/n/t/metadata/0000',
    '/warehouse/n/t/metadata/0000',
  ])
  const fields = metadata.schemas[0]?.fields ?? []
  expect(fields.map(field => field.type.kind)).toEqual([
    'long',
    'boolean',
    'int',
    'float',
    'double',
    'decimal',
    'date',
    'timestamp',
    'timestamptz',
    'string',
    'uuid',
    'fixed',
    'binary',
    'struct',
    'list',
    'map',
    'time',
  ])
  expect(metadata.partitionSpecs).toEqual([
    { specId: 0, fields: [{ sourceId: 9, fieldId: 1000, name: 'tz_day', transform: { kind: 'day' } }] },
  ])
})

test('manifest lists and manifests of PyIceberg read with counts, partitions and bounds', () => {
  const current = metadata.snapshots.at(-1)
  const manifests = readManifestList(read(current?.manifestList ?? ''), 'list')
  expect(manifests).toHaveLength(3)
  for (const manifest of manifests)
    expect(manifest).toMatchObject({
      specId: 0,
      addedFilesCount: 1,
      existingFilesCount: 0,
      deletedFilesCount: 0,
      addedRowsCount: 1n,
      minSequenceNumber: manifest.sequenceNumber,
    })
  const files = manifests.map(manifest => {
    const { entries, spec, schema } = readManifest(read(manifest.path), manifest.path)
    expect(spec).toEqual(metadata.partitionSpecs[0])
    expect(schema.fields).toEqual(metadata.schemas[0]?.fields)
    const [entry] = entries
    expect(entry).toMatchObject({ status: 'added', snapshotId: manifest.addedSnapshotId })
    return entry?.file
  })
  expect(files.map(file => file?.partition)).toEqual(
    expect.arrayContaining([[20_487], [20_488], [null]]),
  )
  const first = files.find(file => file?.partition[0] === 20_487)
  const lower = first?.metrics.lowerBounds.get(1) ?? new Uint8Array()
  expect(deserializeSingleValue({ kind: 'long' }, lower)).toBe(9_007_199_254_740_993n)
  expect(first?.metrics.valueCounts.get(1)).toBe(1n)
  const nullDay = manifests.find(manifest => manifest.partitions[0]?.containsNull === true)
  expect(nullDay?.partitions[0]?.lowerBound).toBeUndefined()
})
