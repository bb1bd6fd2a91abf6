/**
 * Fans rows out to one Parquet writer per partition value and uploads the files that they fill.
 *
 * Bounded: at most `maxOpenPartitions` writers and `maxBufferedBytes` of memory in all of them; past either, the writer that holds
 * the most is finished and its file uploaded. File names carry the claim token, so two attempts at one task never share a name.
 * A crash leaves files that no row names: orphans, which cleanup removes.
 */

import type { ColumnBatch } from '../../shared/columns/column.ts'
import { takeRows } from '../../shared/columns/take-rows.ts'
import type { ConvertedFile } from '../../shared/flow.ts'
import { encodeDataFile } from '../../shared/iceberg/data-file-avro.ts'
import { dataFilePath } from '../../shared/iceberg/locations.ts'
import { partitionPath } from '../../shared/iceberg/partition-path.ts'
import type { PartitionSpec, PartitionValue } from '../../shared/iceberg/partition-spec.ts'
import type { Schema } from '../../shared/iceberg/schema.ts'
import { partitionToJson } from '../../shared/metadata/json-columns.ts'
import { locationToKey } from '../../shared/object-store/locations.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import {
  createParquetWriter,
  type ParquetCompression,
  type ParquetWriter,
} from '../../shared/parquet/parquet-writer.ts'
import { invariant } from '../../shared/runtime/errors.ts'
import { partitionRows } from './partition-rows.ts'

export interface WriterSettings {
  /** Absolute location of the table, without a trailing slash. */
  readonly location: string
  readonly schema: Schema
  readonly spec: PartitionSpec
  readonly compression: ParquetCompression
  readonly targetFileBytes: number
  readonly maxOpenPartitions: number
  readonly maxBufferedBytes: number
  readonly rowGroupBytes?: number
}

export interface PartitionWriters {
  /** Takes all it needs of the batch before it resolves. */
  write(batch: ColumnBatch): Promise<void>
  /** Finishes and uploads what is still open; the data files in the order in which they were finished. */
  finish(): Promise<readonly FinishedFile[]>
  /** Releases memory after a failure; nothing more is uploaded. */
  abort(): void
}

/** Its statistics are held encoded only: as objects, those of many files of a thousand columns outweigh the files. */
export type FinishedFile = Omit<ConvertedFile, 'target'>

interface OpenWriter {
  readonly key: string
  readonly partition: readonly PartitionValue[]
  readonly writer: ParquetWriter
}

export function openPartitionWriters(
  settings: WriterSettings,
  warehouse: ObjectStore,
  claimToken: string,
): PartitionWriters {
  const open = new Map<string, OpenWriter>()
  const files: FinishedFile[] = []
  let filesNamed = 0

  async function append(partition: readonly PartitionValue[], batch: ColumnBatch): Promise<void> {
    // By value: null and the text "null", or the two zeros, share a folder's name and must not share a file.
    const key = partitionToJson(partition)
    let target = open.get(key)
    if (target === undefined) {
      if (open.size >= settings.maxOpenPartitions) await finishLargest()
      target = {
        key,
        partition,
        writer: createParquetWriter({
          schema: settings.schema,
          compression: settings.compression,
          ...(settings.rowGroupBytes !== undefined && { rowGroupBytes: settings.rowGroupBytes }),
        }),
      }
      open.set(key, target)
    }
    await target.writer.append(batch)
    if (target.writer.estimatedFileBytes >= settings.targetFileBytes) await finishOne(target)
    while (bufferedBytes() > settings.maxBufferedBytes) await finishLargest()
  }

  const bufferedBytes = () => [...open.values()].reduce((sum, { writer }) => sum + writer.bufferedBytes, 0)

  async function finishLargest(): Promise<void> {
    const largest = [...open.values()].reduce((a, b) =>
      b.writer.bufferedBytes > a.writer.bufferedBytes ? b : a,
    )
    await finishOne(largest)
  }

  async function finishOne(target: OpenWriter): Promise<void> {
    open.delete(target.key)
    const file = await target.writer.finish()
    const folder = partitionPath(settings.spec, settings.schema, target.partition)
    const name = `${claimToken}-${String(filesNamed++).padStart(5, '0')}.parquet`
    const path = dataFilePath(settings.location, folder, name)
    const outcome = await warehouse.put(locationToKey(warehouse, path), file.bytes, { ifNoneMatch: true })
    invariant(
      outcome.kind === 'written',
      `the data file ${path} exists already, though its claim token is new`,
    )
    const { spec, schema } = settings
    const finished = {
      path,
      specId: spec.specId,
      partition: target.partition,
      recordCount: file.recordCount,
      fileSizeBytes: BigInt(file.bytes.byteLength),
    }
    const { metrics, splitOffsets } = file
    files.push({ ...finished, encoded: encodeDataFile({ ...finished, metrics, splitOffsets }, spec, schema) })
  }

  return {
    async write(batch) {
      if (batch.rowCount === 0) return
      const rows = partitionRows(batch, settings.spec, settings.schema)
      if (rows.kind === 'single') return append(rows.partition, batch)
      for (const group of rows.groups) await append(group.partition, takeRows(batch, group.rows))
    },
    async finish() {
      for (const target of [...open.values()]) await finishOne(target)
      return files
    },
    abort() {
      for (const { writer } of open.values()) writer.abort()
      open.clear()
    },
  }
}
