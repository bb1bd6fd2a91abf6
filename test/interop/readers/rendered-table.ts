/**
 * A table in a folder or a bucket, made by the product's own steps without its services: records → columns → Parquet → manifests → metadata file.
 * In place of the metadata database it carries the live files and manifests from one snapshot to the next itself.
 */
import { randomUUID } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { openPartitionWriters } from '../../../services/converter/partition-writers.ts'
import { createBatchDecoder } from '../../../shared/decode/batch-decoder.ts'
import type { MetadataMode } from '../../../shared/decode/kafka-metadata.ts'
import { metadataFields } from '../../../shared/decode/kafka-metadata.ts'
import { assignFreshIds } from '../../../shared/iceberg/assign-ids.ts'
import { partitionSpecOf } from '../../../shared/iceberg/build-partition-spec.ts'
import { metadataFilePath } from '../../../shared/iceberg/locations.ts'
import { planSnapshot, renderSnapshotObjects } from '../../../shared/iceberg/render-snapshot.ts'
import type { NestedField } from '../../../shared/iceberg/schema.ts'
import { renderTableMetadata } from '../../../shared/iceberg/table-metadata-json.ts'
import { tableMetadataOf } from '../../../shared/iceberg/table-metadata-of.ts'
import type {
  LiveFile,
  ManifestRecord,
  RemovedFile,
  SnapshotRecord,
  TableDetail,
} from '../../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../../shared/object-store/object-store.ts'
import { openObjectStore } from '../../../shared/object-store/open-object-store.ts'
import { putImmutable } from '../../../shared/object-store/put-immutable.ts'
import type { ParquetCompression } from '../../../shared/parquet/parquet-writer.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { recordSlicesOf, type TestRecord } from '../../unit/decode/record-slices-of.ts'

/** Manifests are merged early, so that readers see merged ones too. */
const MERGE_POLICY = { minCountToMerge: 3, targetManifestBytes: 1 << 20 }
const TOPIC = 'orders'
const FIRST_TIMESTAMP_MS = 1_760_000_000_000

export interface RenderedTableOptions {
  /** A folder, or an open store. */
  readonly warehouse: string | ObjectStore
  /** Ids 0: they are assigned as for a new table. */
  readonly fields: readonly NestedField[]
  readonly partitionBy?: readonly string[]
  readonly metadataColumns?: MetadataMode
  readonly compression?: ParquetCompression
}

export interface RenderedTable {
  readonly table: TableDetail
  /** Appends one snapshot with these records; every one must become a row. Returns the location of the new metadata file. */
  append(records: readonly TestRecord[]): Promise<string>
  /** One snapshot that removes the files that an earlier append added, by its number from 0. */
  removeAppend(index: number): Promise<string>
}

export function createRenderedTable(options: RenderedTableOptions): RenderedTable {
  const { fields, partitionBy = [], metadataColumns = 'none', compression = 'zstd' } = options
  const warehouse =
    typeof options.warehouse === 'string'
      ? openObjectStore(pathToFileURL(options.warehouse).href, { runtime: systemRuntime })
      : options.warehouse
  const { schema, lastColumnId } = assignFreshIds([...fields, ...metadataFields(metadataColumns)])
  const { spec, lastPartitionId } = partitionSpecOf(partitionBy, schema)
  const decoder = createBatchDecoder({
    schema,
    format: 'json',
    fieldOptions: new Map(),
    unknownFields: 'dlq',
    metadataMode: metadataColumns,
    maxRows: 10_000,
    maxBytes: 1 << 26,
  })
  let table: TableDetail = {
    tableId: randomUUID(),
    name: 'test.orders',
    kind: 'rows',
    location: `${warehouse.url}/test/orders`,
    version: 0n,
    currentSchemaId: schema.schemaId,
    defaultSpecId: spec.specId,
    lastColumnId,
    lastPartitionId,
    lastSequenceNumber: 0n,
    properties: {},
    declaration: '{}',
    state: 'active',
    createdAtMs: FIRST_TIMESTAMP_MS,
    schemas: [schema],
    specs: [spec],
  }
  const snapshots: SnapshotRecord[] = []
  let manifests: readonly ManifestRecord[] = []
  const filesOf = new Map<string, LiveFile[]>()
  const appendVersions: bigint[] = []
  let nextOffset = 0n

  async function convert(records: readonly TestRecord[]): Promise<LiveFile[]> {
    const slices = recordSlicesOf(records, nextOffset)
    nextOffset += BigInt(records.length)
    decoder.reset()
    decoder.append(slices, { topic: TOPIC, partition: 0 }, 0, records.length, (index, failure) => {
      throw new Error(`Record ${index} became a dead letter: ${failure.code} ${failure.message}`)
    })
    const settings = { location: table.location, schema, spec, compression, targetFileBytes: 1 << 26 }
    const limits = { maxOpenPartitions: 100, maxBufferedBytes: 1 << 28 }
    const writers = openPartitionWriters({ ...settings, ...limits }, warehouse, randomUUID())
    await writers.write(decoder.take())
    return (await writers.finish()).map(file => ({
      ...file,
      addedVersion: table.version,
    }))
  }

  /** Files of the last snapshot by the manifest that lists them, of the append with that number. */
  function filesOfAppend(index: number): RemovedFile[] {
    return [...filesOf].flatMap(([manifestPath, files]) =>
      files
        .filter(file => file.addedVersion === appendVersions[index])
        .map(file => ({ ...file, manifestPath })),
    )
  }

  async function cut(newFiles: readonly LiveFile[], removedFiles: readonly RemovedFile[]): Promise<void> {
    const last = snapshots.at(-1)
    const plan = planSnapshot(
      {
        table,
        version: table.version,
        newFiles,
        removedFiles,
        manifests,
        offsets: [],
        ranges: [],
        ...(last && { lastSnapshot: last }),
      },
      {
        snapshotId: BigInt.asUintN(62, BigInt(`0x${randomUUID().replaceAll('-', '')}`)),
        timestampMs: FIRST_TIMESTAMP_MS + snapshots.length * 60_000,
        mergePolicy: MERGE_POLICY,
      },
    )
    const merged = new Map(
      plan.merges.map(one => [one.path, one.merged.flatMap(manifest => filesOf.get(manifest.path) ?? [])]),
    )
    const removed = new Set(removedFiles.map(file => file.path))
    const rendered = renderSnapshotObjects(plan, merged)
    for (const { path, bytes } of rendered.objects) await putImmutable(warehouse, path, bytes)

    const { snapshotId, sequenceNumber } = plan.snapshot
    const placed = new Map(newFiles.map(file => [file.path, { ...file, snapshotId, sequenceNumber }]))
    for (const { manifestPath, newFiles: names, mergedManifests } of rendered.cut.placements) {
      const added = names.flatMap(name => placed.get(name) ?? [])
      const merged = mergedManifests.flatMap(path => filesOf.get(path) ?? [])
      for (const path of mergedManifests) filesOf.delete(path)
      filesOf.set(manifestPath, [...added, ...merged.filter(({ path }) => !removed.has(path))])
    }
    manifests = rendered.cut.manifests
    snapshots.push({ ...plan.snapshot, state: 'cut' })
    table = { ...table, lastSequenceNumber: sequenceNumber }
  }

  async function putMetadata(): Promise<string> {
    const metadata = tableMetadataOf({ table, snapshots, timestampMs: snapshots.at(-1)?.timestampMs ?? 0 })
    const path = metadataFilePath(table.location, snapshots.length, randomUUID())
    await putImmutable(warehouse, path, renderTableMetadata(metadata))
    return path
  }

  return {
    get table() {
      return table
    },
    async append(records) {
      table = { ...table, version: table.version + 1n }
      appendVersions.push(table.version)
      await cut(await convert(records), [])
      return await putMetadata()
    },
    async removeAppend(index) {
      table = { ...table, version: table.version + 1n }
      await cut([], filesOfAppend(index))
      return await putMetadata()
    },
  }
}
