import { describe, expect, test } from 'vitest'
import { readAvroFile } from '../../../shared/iceberg/avro-container.ts'
import { decodeDataFile, encodeDataFile } from '../../../shared/iceberg/data-file-avro.ts'
import { type ManifestEntry, readManifest, renderManifest } from '../../../shared/iceberg/manifest.ts'
import { schemaToJson } from '../../../shared/iceberg/schema-json.ts'
import { BY_DAY, dataFile, NO_METRICS, ORDERS, UNPARTITIONED } from './fixtures.ts'

const PATH = 's3://lake/warehouse/analytics/orders/metadata/7-m0.avro'

const entry = (index: number, overrides: Partial<ManifestEntry> = {}): ManifestEntry => {
  const file = dataFile(index)
  return {
    status: 'added',
    recordCount: file.recordCount,
    partition: file.partition,
    encoded: encodeDataFile(file, BY_DAY, ORDERS),
    ...overrides,
  }
}
const render = (entries: readonly ManifestEntry[], spec = BY_DAY) =>
  renderManifest({ path: PATH, schema: ORDERS, spec, snapshotId: 7n, sequenceNumber: 3n, entries })
const existing = { status: 'existing', snapshotId: 5n, sequenceNumber: 2n, fileSequenceNumber: 2n } as const
const deleted = { status: 'deleted', snapshotId: 7n, sequenceNumber: 1n, fileSequenceNumber: 1n } as const

describe('a data file', () => {
  test('reads back with every map, partition and offset', () => {
    const file = dataFile(4, [-1])
    expect(decodeDataFile(encodeDataFile(file, BY_DAY, ORDERS), BY_DAY, ORDERS)).toEqual(file)
  })

  test('without metrics reads back with empty maps', () => {
    const file = { ...dataFile(1, []), metrics: NO_METRICS, splitOffsets: [] }
    expect(decodeDataFile(encodeDataFile(file, UNPARTITIONED, ORDERS), UNPARTITIONED, ORDERS)).toEqual(file)
  })

  test('has equal bytes whatever order its maps were filled in', () => {
    const counts = (ids: number[]) => ({
      ...dataFile(1),
      metrics: { ...NO_METRICS, valueCounts: new Map(ids.map(id => [id, 1n])) },
    })
    expect(encodeDataFile(counts([1, 2, 10]), BY_DAY, ORDERS)).toEqual(
      encodeDataFile(counts([10, 1, 2]), BY_DAY, ORDERS),
    )
  })

  test('with bytes left over is refused', () => {
    const encoded = encodeDataFile(dataFile(1), BY_DAY, ORDERS)
    expect(() => decodeDataFile(Uint8Array.of(...encoded, 0), BY_DAY, ORDERS)).toThrow(/1 bytes after/)
  })

  test('with a partition value of another type is refused before it is written', () => {
    expect(() => encodeDataFile(dataFile(1, ['2026-01-01']), BY_DAY, ORDERS)).toThrow(/date/)
  })
})

describe('trap: the manifest header', () => {
  const { metadata } = readAvroFile(render([entry(0)]).bytes, PATH)

  test('holds every key that version 2 requires, the schema being the table’s', () => {
    expect(JSON.parse(metadata.get('schema') ?? '')).toEqual(schemaToJson(ORDERS))
    expect(
      Object.fromEntries([...metadata].filter(([key]) => !['schema', 'avro.schema'].includes(key))),
    ).toEqual({
      'avro.codec': 'deflate',
      'schema-id': '0',
      'partition-spec': '[{"name":"created_at_day","transform":"day","source-id":2,"field-id":1000}]',
      'partition-spec-id': '0',
      'format-version': '2',
      content: 'data',
    })
  })

  test('has field ids on every field, element ids on lists and key/value ids on maps', () => {
    const missing: string[] = []
    const visit = (node: unknown, path: string) => {
      if (Array.isArray(node)) for (const inner of node) visit(inner, path)
      if (typeof node !== 'object' || node === null || Array.isArray(node)) return
      const { type, fields, items, ...rest } = node as Record<string, unknown>
      if (Array.isArray(fields))
        for (const field of fields as Record<string, unknown>[]) {
          if (typeof field['field-id'] !== 'number') missing.push(`${path}.${field.name}`)
          visit(field.type, `${path}.${field.name}`)
        }
      if (type === 'array') {
        if (typeof rest['element-id'] !== 'number' && rest.logicalType !== 'map') missing.push(path)
        visit(items, path)
      }
    }
    visit(JSON.parse(metadata.get('avro.schema') ?? ''), 'entry')
    expect(missing).toEqual([])
  })

  test('writes plain types as "int", never {"type":"int"}', () => {
    const text = metadata.get('avro.schema') ?? ''
    expect(text).not.toMatch(/\{"type":"(int|long|string|bytes|boolean|float|double)"\}/)
    expect(text).toContain('{"type":"int","logicalType":"date"}')
  })
})

test('trap: an unpartitioned table has an empty partition record, not null', () => {
  const file = { ...dataFile(1, []) }
  const { bytes, record } = render(
    [{ ...entry(1), partition: [], encoded: encodeDataFile(file, UNPARTITIONED, ORDERS) }],
    UNPARTITIONED,
  )
  const { metadata, records } = readAvroFile(bytes, PATH)
  expect(metadata.get('avro.schema')).toContain(
    '"name":"partition","type":{"type":"record","name":"r102","fields":[]}',
  )
  const written = records[0]?.get(2)
  expect(written instanceof Map ? written.get(102) : undefined).toEqual(new Map())
  expect(record.partitions).toEqual([])
})

test('trap: sequence numbers are null on ADDED entries only; EXISTING and DELETED carry all ids', () => {
  const { bytes } = render([entry(0, { fileSequenceNumber: 3n }), entry(1, existing), entry(2, deleted)])
  expect(readAvroFile(bytes, PATH).records.map(record => [0, 1, 3, 4].map(id => record.get(id)))).toEqual([
    [1, 7n, null, null],
    [0, 5n, 2n, 2n],
    [2, 7n, 1n, 1n],
  ])
})

test.each<[string, Partial<ManifestEntry>, RegExp]>([
  ['an EXISTING entry without sequence number', { status: 'existing', snapshotId: 5n }, /carry snapshot id/],
  ['a DELETED entry of another snapshot', { ...deleted, snapshotId: 5n }, /names the deleting snapshot 7/],
  ['an ADDED entry of another snapshot', { snapshotId: 5n }, /belongs to snapshot 7/],
  ['a sequence number above the snapshot’s', { ...existing, sequenceNumber: 9n }, /above the snapshot's 3/],
  ['a partition of another length', { partition: [] }, /has 1 partition values, found 0/],
])('trap: refuses %s', (_what, overrides, message) => {
  expect(() => render([entry(0, overrides)])).toThrow(message)
})

test('counts and rows are kept by status', () => {
  const { record, bytes } = render([entry(0), entry(1), entry(2, existing), entry(3, deleted)])
  expect(record).toMatchObject({
    path: PATH,
    lengthBytes: BigInt(bytes.length),
    addedFilesCount: 2,
    existingFilesCount: 1,
    deletedFilesCount: 1,
    addedRowsCount: 201n,
    existingRowsCount: 102n,
    deletedRowsCount: 103n,
    sequenceNumber: 3n,
    addedSnapshotId: 7n,
  })
})

test('trap: min_sequence_number is the minimum over live entries, deleted ones left out', () => {
  expect(render([entry(0), entry(1, existing), entry(2, deleted)]).record.minSequenceNumber).toBe(2n)
  expect(render([entry(0), entry(2, deleted)]).record.minSequenceNumber).toBe(3n)
})

describe('trap: partition summaries', () => {
  const day = (value: number) =>
    Uint8Array.of(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >> 24)

  test('have bounds in the transform’s result type', () => {
    const { partitions } = render([entry(0, { partition: [-1] }), entry(1, { partition: [20_454] })]).record
    expect(partitions).toEqual([
      { containsNull: false, containsNan: false, lowerBound: day(-1), upperBound: day(20_454) },
    ])
  })

  test('say that nulls are contained, and have no bounds when there is nothing else', () => {
    expect(render([entry(0, { partition: [null] })]).record.partitions).toEqual([
      { containsNull: true, containsNan: false },
    ])
    expect(render([entry(0, { partition: [null] }), entry(1, { partition: [3] })]).record.partitions).toEqual(
      [{ containsNull: true, containsNan: false, lowerBound: day(3), upperBound: day(3) }],
    )
  })
})

test('entries read back in order with their files', () => {
  const { bytes } = render([entry(0), entry(1, existing)])
  expect(readManifest(bytes, PATH)).toEqual({
    schema: ORDERS,
    spec: BY_DAY,
    entries: [
      { status: 'added', snapshotId: 7n, file: dataFile(0) },
      { ...existing, file: dataFile(1) },
    ],
  })
})

test('the same manifest has the same bytes', () => {
  expect(render([entry(0), entry(1)]).bytes).toEqual(render([entry(0), entry(1)]).bytes)
})
