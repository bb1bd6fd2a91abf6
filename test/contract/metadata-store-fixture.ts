/** A table that follows a topic, and short words for what converters and planners do with it. */
import type { AccountedRange, SliceAccount, TaskSlice } from '../../shared/flow.ts'
import type {
  MetadataStore,
  NewDataFile,
  NewTable,
  OperatorNote,
  PartitionId,
  TaskCommit,
} from '../../shared/metadata/metadata-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'

export interface OpenedMetadata {
  /** Migrated, and used by nothing else. */
  readonly store: MetadataStore
  readonly remove: () => Promise<void>
}

/** Opens an empty database whose clock is the given one. */
export type OpenMetadata = (clock: () => number) => Promise<OpenedMetadata>

/** Opens an empty database, not migrated, that several stores may open. */
export type OpenSharedMetadata = () => Promise<{
  readonly another: (clock: () => number) => MetadataStore
  readonly remove: () => Promise<void>
}>

export interface MetadataFixture extends OpenedMetadata {
  readonly clock: { nowMs: number }
}

export const TABLE = 'table-of-rows'
export const LETTERS = 'table-of-letters'
export const TOPIC = 'orders'
export const NOTE: OperatorNote = { who: 'ada', why: 'the broker was replaced' }
export const LEASE_MS = 1000

export async function openFixture(open: OpenMetadata): Promise<MetadataFixture> {
  const clock = { nowMs: 1_700_000_000_000 }
  return { ...(await open(() => clock.nowMs)), clock }
}

/** A table with dead letters that follows partitions 0 to `partitions` − 1 from offset 0. */
export async function followTopic(store: MetadataStore, partitions = 1): Promise<void> {
  await store.createTable(newTable(TABLE, 'shop.orders'), newTable(LETTERS, 'shop.orders__dlq'))
  for (let partition = 0; partition < partitions; partition++) {
    await store.registerPartition({ ...idOf(partition), incarnation: 0, firstOffset: 0n })
  }
}

export function newTable(tableId: string, name: string): NewTable {
  return {
    tableId,
    name,
    location: `s3://lake/${name}`,
    schema: { schemaId: 0, fields: [{ id: 1, name: 'id', required: true, type: { kind: 'long' } }] },
    spec: {
      specId: 0,
      fields: [{ sourceId: 1, fieldId: 1000, name: 'id_bucket', transform: { kind: 'bucket', buckets: 4 } }],
    },
    lastColumnId: 1,
    lastPartitionId: 1000,
    properties: { 'write.parquet.compression-codec': 'zstd' },
    declaration: '{"name":"orders"}',
  }
}

export function idOf(partition: number): PartitionId {
  return { tableId: TABLE, topic: TOPIC, partition }
}

/** One segment for each ten offsets. */
export function sliceOf(partition: number, start: number, end: number, incarnation = 0): TaskSlice {
  const segments = []
  for (let base = start; base < end; base += 10) {
    segments.push({
      topic: TOPIC,
      partition,
      key: `${TOPIC}/${partition}/${base}.kfs`,
      baseOffset: BigInt(base),
      sizeBytes: 1000 + base,
      etag: `"etag-${base}"`,
    })
  }
  return {
    topic: TOPIC,
    partition,
    incarnation,
    startOffset: BigInt(start),
    endOffset: BigInt(end),
    segments,
  }
}

export function planned(store: MetadataStore, taskId: string, ...slices: readonly TaskSlice[]) {
  return store.planTask({ taskId, tableId: TABLE, schemaId: 0, specId: 0, slices })
}

export function tokenOf(taskId: string): string {
  return `token-of-${taskId}`
}

export function claimed(store: MetadataStore, taskId: string, token = tokenOf(taskId)) {
  return store.claimTask(taskId, { token, leaseMs: LEASE_MS, worker: 'worker-1' })
}

export interface CommitParts {
  readonly token?: string
  /** By position of the slice; all offsets that are neither here nor dead letters are rows. */
  readonly ranges?: readonly (readonly AccountedRange[])[]
  readonly deadLetters?: readonly bigint[]
  readonly files?: readonly NewDataFile[]
}

/** A commit that adds up: one file of rows, and one of dead letters when there are any. */
export function commitOf(taskId: string, slices: readonly TaskSlice[], parts: CommitParts = {}): TaskCommit {
  const accounts = slices.map((slice, position) => accountOf(slice, position, parts))
  const rows = accounts.reduce((sum, account) => sum + account.rowCount, 0n)
  const letters = accounts.reduce((sum, account) => sum + account.deadLetterCount, 0n)
  return {
    claim: { taskId, token: parts.token ?? tokenOf(taskId) },
    accounts,
    files: parts.files ?? [
      ...(rows > 0n ? [fileOf(`s3://lake/shop.orders/data/${taskId}.parquet`, rows)] : []),
      ...(letters > 0n
        ? [
            {
              ...fileOf(`s3://lake/shop.orders__dlq/data/${taskId}.parquet`, letters),
              target: 'dead_letters' as const,
            },
          ]
        : []),
    ],
    deadLetters: accounts
      .filter(account => account.deadLetterCount > 0n)
      .map(({ topic, partition, deadLetterCount, startOffset }) => ({
        topic,
        partition,
        code: 'not-json',
        count: deadLetterCount,
        firstOffset: startOffset,
        lastOffset: startOffset + deadLetterCount - 1n,
        sampleMessage: 'expected JSON, found <html>',
      })),
  }
}

function accountOf(slice: TaskSlice, position: number, parts: CommitParts): SliceAccount {
  const ranges = parts.ranges?.[position] ?? []
  const deadLetterCount = parts.deadLetters?.[position] ?? 0n
  const inRanges = ranges.reduce((sum, range) => sum + range.endOffset - range.startOffset, 0n)
  const { topic, partition, incarnation, startOffset, endOffset } = slice
  return {
    topic,
    partition,
    incarnation,
    startOffset,
    endOffset,
    rowCount: endOffset - startOffset - deadLetterCount - inRanges,
    deadLetterCount,
    ranges,
    maxTimestampMs: 1_600_000_000_000 + Number(endOffset),
  }
}

export function fileOf(path: string, recordCount: bigint): NewDataFile {
  return {
    target: 'rows',
    path,
    specId: 0,
    partition: [3],
    recordCount,
    fileSizeBytes: recordCount * 10n,
    encoded: new TextEncoder().encode(`encoded ${path}`),
  }
}

/** Plans, claims and commits in one go. */
export async function converted(store: MetadataStore, taskId: string, ...slices: readonly TaskSlice[]) {
  await planned(store, taskId, ...slices)
  await claimed(store, taskId)
  return store.commitTask(commitOf(taskId, slices))
}

export async function partitionAt(store: MetadataStore, partition: number) {
  const found = (await store.listPartitions(TABLE)).find(known => known.partition === partition)
  if (found === undefined) throw new Error(`no partition ${partition}`)
  return found
}

export async function livePaths(store: MetadataStore, version: bigint, tableId = TABLE) {
  const { files } = await store.listFiles(tableId, { version, limit: 10_000 })
  return files.map(file => file.path.slice(file.path.lastIndexOf('/') + 1, -'.parquet'.length))
}

export async function eventTypes(store: MetadataStore) {
  return (await store.listEvents({ limit: 100 })).map(event => event.type)
}

/** The code of the AppError that the promise rejects with; any other error is thrown on. */
export async function codeOf(outcome: Promise<unknown>): Promise<string> {
  try {
    await outcome
  } catch (error) {
    if (error instanceof AppError) return error.code
    throw error
  }
  return 'no error'
}
