/** Commits of one row each, in files that are not there, of a partition that no segment holds: snapshots, without converting anything. */
import type { DeclaredTable } from '../services/tables/declare-table.ts'
import { encodeDataFile } from '../shared/iceberg/data-file-avro.ts'
import type { MetadataStore, NewDataFile } from '../shared/metadata/metadata-store.ts'
import { invariant } from '../shared/runtime/errors.ts'

/** A table's other partitions may be real ones. */
const MADE_PARTITION = 1
const LEASE_MS = 60_000

/** Answers what makes the next commit. */
export async function openMadeCommits(
  metadata: MetadataStore,
  table: DeclaredTable,
): Promise<() => Promise<void>> {
  const { tableId } = table.rows
  const partition = { topic: table.config.sourceTopic, partition: MADE_PARTITION, incarnation: 0 }
  await metadata.registerPartition({ ...partition, tableId, firstOffset: 0n })
  let made = 0
  return async () => {
    const i = made++
    const taskId = `made-${i}`
    const offsets = { startOffset: BigInt(i), endOffset: BigInt(i + 1) }
    const slice = { ...partition, ...offsets, segments: [] }
    await metadata.planTask({ taskId, tableId, schemaId: 0, specId: 0, slices: [slice] })
    await metadata.claimTask(taskId, { token: taskId, leaseMs: LEASE_MS, worker: 'bench' })
    const account = { rowCount: 1n, deadLetterCount: 0n, ranges: [], maxTimestampMs: i }
    await metadata.commitTask({
      claim: { taskId, token: taskId },
      accounts: [{ ...partition, ...offsets, ...account }],
      files: [fileOf(table, i)],
      deadLetters: [],
    })
  }
}

function fileOf({ rows }: DeclaredTable, i: number): NewDataFile {
  const [schema] = rows.schemas
  const [spec] = rows.specs
  invariant(schema !== undefined && spec !== undefined, 'the table has a schema and a spec')
  const none = new Map<number, never>()
  const shape = {
    path: `${rows.location}/data/made-${i}.parquet`,
    specId: spec.specId,
    partition: [],
    recordCount: 1n,
    fileSizeBytes: 1000n,
  }
  const metrics = {
    columnSizes: none,
    valueCounts: none,
    nullValueCounts: none,
    nanValueCounts: none,
    lowerBounds: none,
    upperBounds: none,
  }
  const encoded = encodeDataFile({ ...shape, metrics, splitOffsets: [] }, spec, schema)
  return { ...shape, target: 'rows', encoded }
}
