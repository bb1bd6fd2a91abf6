/**
 * Converts one task: fetch → verify → decompress → decode → columns → Parquet → upload. Reads segments, writes data files, decides
 * nothing about the table: what it returns becomes rows only in the commit.
 */
import type { Arena } from '../../shared/columns/arena.ts'
import { type BatchDecoder, createBatchDecoder } from '../../shared/decode/batch-decoder.ts'
import type { FieldOptions } from '../../shared/decode/field-options.ts'
import type { MetadataMode } from '../../shared/decode/kafka-metadata.ts'
import type {
  Claim,
  ConvertedFile,
  ConvertTask,
  OffsetRange,
  SegmentRef,
  SliceAccount,
  TaskResult,
  TaskSlice,
} from '../../shared/flow.ts'
import type { PartitionSpec } from '../../shared/iceberg/partition-spec.ts'
import type { Schema } from '../../shared/iceberg/schema.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { ParquetCompression } from '../../shared/parquet/parquet-writer.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { mapBounded } from '../../shared/runtime/map-bounded.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { moreMemoryAdvice, type WorkerMemory } from '../../shared/runtime/worker-memory.ts'
import { type ReadBatch, readBatches, type SegmentBuffers } from '../../shared/segment/segment-reader.ts'
import { createDeadLetterColumns, type DeadLetterColumns } from '../dead-letter/dead-letter-columns.ts'
import { createDeadLetterTally, type DeadLetterTally } from '../dead-letter/dead-letter-tally.ts'
import { openPartitionWriters, type PartitionWriters } from './partition-writers.ts'
import { accountSlice, type SliceAccounting } from './slice-account.ts'

/** Rows of one column batch; its bytes are bounded by `WorkerMemory`. */
const MAX_BATCH_ROWS = 262_144
const MAX_CONCURRENT_RECHECKS = 8

/** A table as a converter needs it; plain data, so that it travels to a worker thread. */
export interface ConvertTarget {
  readonly name: string
  readonly location: string
  readonly schema: Schema
  readonly spec: PartitionSpec
}

export interface ConvertSettings {
  readonly format: 'json' | 'raw'
  /** By field id. */
  readonly fieldOptions: ReadonlyMap<number, FieldOptions>
  readonly unknownFields: 'ignore' | 'dlq'
  readonly metadataColumns: MetadataMode
  readonly compression: ParquetCompression
  readonly targetFileBytes: number
  readonly dlqMode: 'dlq' | 'skip' | 'stop'
  /** Share of a task's records, 0 to 1, above which failures stop the table. */
  readonly dlqMaxRatio: number
  readonly onSourceGap: 'continue' | 'stop'
  readonly maxOpenPartitions: number
  readonly memory: WorkerMemory
}

export interface ConvertContext {
  readonly rows: ConvertTarget
  readonly deadLetters: ConvertTarget
  readonly settings: ConvertSettings
  readonly source: ObjectStore
  readonly warehouse: ObjectStore
  readonly runtime: Runtime
  /** Reused between the tasks of one table: decoders are slow to warm. */
  readonly decoder: BatchDecoder
  readonly buffers: SegmentBuffers
}

export function createDecoder(rows: ConvertTarget, settings: ConvertSettings, arena: Arena): BatchDecoder {
  return createBatchDecoder({
    schema: rows.schema,
    format: settings.format,
    fieldOptions: settings.fieldOptions,
    unknownFields: settings.unknownFields,
    metadataMode: settings.metadataColumns,
    maxRows: MAX_BATCH_ROWS,
    // A file is closed between two batches, so they are no larger than the file is to be.
    maxBytes: Math.min(settings.memory.batchBytes, settings.targetFileBytes),
    maxRecordBytes: settings.memory.recordBytes,
    arena,
  })
}

export async function convertTask(
  task: ConvertTask,
  claim: Pick<Claim, 'token'>,
  context: ConvertContext,
): Promise<TaskResult> {
  const conversion = startConversion(task, claim, context)
  try {
    const accounts: SliceAccount[] = []
    for (const slice of task.slices) accounts.push(await convertSlice(slice, conversion))
    conversion.tally.refuseFlood()
    const files = await conversion.finish()
    await recheckSegments(task, context.source)
    return { files, accounts, deadLetters: conversion.tally.counts() }
  } catch (error) {
    conversion.abort()
    throw error
  }
}

interface Conversion {
  readonly context: ConvertContext
  readonly tally: DeadLetterTally
  /** Hands the batch decoded so far to the writers. */
  flushRows(): Promise<void>
  keepDeadLetter(
    batch: DataBatch,
    index: number,
    failure: { readonly code: string; readonly message: string },
    slice: TaskSlice,
  ): void
  /** Hands the dead letters kept so far to their writer, once they are many. */
  flushDeadLetters(): Promise<void>
  finish(): Promise<readonly ConvertedFile[]>
  abort(): void
}

type DataBatch = Extract<ReadBatch, { kind: 'data' }>

function startConversion(
  task: ConvertTask,
  claim: Pick<Claim, 'token'>,
  context: ConvertContext,
): Conversion {
  const { settings, decoder, runtime } = context
  const { compression, targetFileBytes, maxOpenPartitions, memory } = settings
  const limits = { compression, targetFileBytes, maxOpenPartitions, rowGroupBytes: memory.rowGroupBytes }
  const rows = openPartitionWriters(
    { ...context.rows, ...limits, maxBufferedBytes: memory.bufferedBytes },
    context.warehouse,
    claim.token,
  )
  const letters = openPartitionWriters(
    { ...context.deadLetters, ...limits, maxBufferedBytes: memory.bufferedDeadLetterBytes },
    context.warehouse,
    claim.token,
  )
  const columns: DeadLetterColumns = createDeadLetterColumns(context.deadLetters.schema)
  const tally = createDeadLetterTally(settings.dlqMaxRatio, offsetsOf(task))
  decoder.reset()

  async function flushRows() {
    await rows.write(decoder.take())
    decoder.reset()
  }
  async function flushDeadLetters() {
    await letters.write(columns.take())
    columns.reset()
  }
  return {
    context,
    tally,
    flushRows,
    flushDeadLetters: async () => {
      if (columns.sizeBytes >= memory.deadLetterBatchBytes) await flushDeadLetters()
    },
    keepDeadLetter({ records }, index, failure, slice) {
      const { topic, partition } = slice
      const failedAtMs = runtime.nowMs()
      columns.append({ records, index, topic, partition, ...failure, schemaId: task.schemaId, failedAtMs })
    },
    async finish() {
      await flushRows()
      await flushDeadLetters()
      const finished = async (writers: PartitionWriters, target: ConvertedFile['target']) =>
        (await writers.finish()).map(file => ({ target, ...file }))
      return [...(await finished(rows, 'rows')), ...(await finished(letters, 'dead_letters'))]
    },
    abort() {
      rows.abort()
      letters.abort()
      decoder.reset()
    },
  }
}

async function convertSlice(slice: TaskSlice, conversion: Conversion): Promise<SliceAccount> {
  const { context } = conversion
  const account = accountSlice(slice)
  const noteGap = (to: bigint) => {
    if (to > account.nextOffset && context.settings.onSourceGap === 'stop')
      throw sourceGap(context.rows.name, slice, { startOffset: account.nextOffset, endOffset: to })
    account.advance(to, 'source_gap')
  }
  try {
    let fetched: Promise<Uint8Array> | undefined
    for (const [position, segment] of slice.segments.entries()) {
      const bytes = await (fetched ?? fetchSegment(segment, context))
      // The next segment is fetched while this one is converted, where both fit.
      const next = slice.segments[position + 1]
      const fits =
        next !== undefined && segment.sizeBytes + next.sizeBytes <= context.settings.memory.segmentBytes
      fetched = fits ? fetchSegment(next, context) : undefined
      fetched?.catch(() => undefined)
      noteGap(segment.baseOffset)
      await convertSegment(bytes, segment, { slice, account, conversion })
      conversion.tally.refuseCertainFlood()
    }
    noteGap(slice.endOffset)
  } catch (error) {
    throw withPlace(error, account.nextOffset)
  }
  return account.finish()
}

/** Says how far the slice was good, so that what lies before the failure can be committed without it. */
function withPlace(error: unknown, accountedTo: bigint): unknown {
  if (!(error instanceof AppError) || error.next !== 'park' || MISPLACED.has(error.code)) return error
  const { code, next, message, details, cause } = error
  return new AppError({ code, next, message, details: { accountedTo, ...details }, cause })
}

/** Failures that are not of the place where they were met. */
const MISPLACED = new Set(['segment-changed', 'segment-gone', 'segment-overlap', 'dead-letter-flood'])

interface SliceInHand {
  readonly slice: TaskSlice
  readonly account: SliceAccounting
  readonly conversion: Conversion
}

async function convertSegment(
  bytes: Uint8Array,
  segment: SegmentRef,
  { slice, account, conversion }: SliceInHand,
): Promise<void> {
  const { startOffset, endOffset } = slice
  const { buffers, settings } = conversion.context
  const maxBatchBytes = settings.memory.decompressedBatchBytes
  const batches = readBatches(bytes, { key: segment.key, startOffset, endOffset, buffers, maxBatchBytes })
  for (const batch of batches) {
    const { baseOffset, lastOffset } = batch.header
    if (account.nextOffset > startOffset && baseOffset < account.nextOffset)
      throw segmentsOverlap(segment, baseOffset, account.nextOffset)
    account.advance(min(baseOffset, endOffset), 'absent')
    if (batch.kind === 'data') await convertBatch(batch, { slice, account, conversion })
    account.advance(min(lastOffset + 1n, endOffset), batch.kind === 'control' ? 'control' : 'absent')
  }
}

async function convertBatch(batch: DataBatch, { slice, account, conversion }: SliceInHand): Promise<void> {
  const { context, tally } = conversion
  const { decoder, settings } = context
  const { records, firstRecord, endRecord } = batch
  const failed: number[] = []
  const onFailure = (index: number, failure: { readonly code: string; readonly message: string }) => {
    const offset = records.baseOffset + BigInt(records.offsetDeltas[index] ?? 0)
    if (settings.dlqMode === 'stop') throw recordFailed(context.rows.name, slice, { offset, ...failure })
    failed.push(index)
    tally.failed(slice, offset, failure, settings.dlqMode)
    if (settings.dlqMode === 'dlq') conversion.keepDeadLetter(batch, index, failure, slice)
  }
  let from = firstRecord
  while (from < endRecord) {
    // In steps of what one batch of dead letters holds: all of them may fail.
    const to = endOfStep(records, from, endRecord, settings.memory.deadLetterBatchBytes)
    const next = decoder.append(records, slice, from, to, onFailure)
    if (next < to) await conversion.flushRows()
    await conversion.flushDeadLetters()
    from = next
  }
  tally.seen(endRecord - firstRecord)
  account.batch({
    records,
    from: firstRecord,
    to: endRecord,
    failed,
    failedAs: settings.dlqMode === 'skip' ? 'skipped' : 'dead_letter',
  })
}

/** The end of a step from `from` of about `maxBytes` of records: at least one record, at most up to `endRecord`. */
function endOfStep(
  { headersEnds }: DataBatch['records'],
  from: number,
  endRecord: number,
  maxBytes: number,
): number {
  const endByte = (headersEnds[from] ?? 0) + maxBytes
  let end = endRecord
  while (end - from > 1 && (headersEnds[end - 1] ?? 0) > endByte) end = from + ((end - from) >>> 1)
  return end
}

/** `If-Match` on what was planned: a segment that changed or went since then is planned afresh, not converted. */
async function fetchSegment(segment: SegmentRef, { source, settings }: ConvertContext): Promise<Uint8Array> {
  const { segmentBytes } = settings.memory
  if (segment.sizeBytes > segmentBytes) throw segmentTooLarge(segment, segmentBytes)
  try {
    return await source.get(segment.key, { ifMatch: segment.etag })
  } catch (error) {
    if (error instanceof AppError && error.code === 'object-changed')
      throw segmentMoved('segment-changed', segment, error)
    if (error instanceof AppError && error.code === 'object-not-found')
      throw segmentMoved('segment-gone', segment, error)
    throw error
  }
}

function segmentTooLarge({ key, sizeBytes }: SegmentRef, maxBytes: number): AppError {
  return new AppError({
    code: 'segment-too-large',
    next: 'park',
    message: `Fetching segment ${key}: expected at most ${maxBytes} bytes, which is what a worker may hold of segments, found ${sizeBytes}. ${moreMemoryAdvice(sizeBytes, maxBytes)}`,
    details: { key, sizeBytes, maxBytes },
  })
}

/** Just before the commit: what was converted is still what the broker shows. */
async function recheckSegments(task: ConvertTask, source: ObjectStore): Promise<void> {
  const segments = task.slices.flatMap(slice => slice.segments)
  await mapBounded(segments, MAX_CONCURRENT_RECHECKS, async segment => {
    const now = await source.head(segment.key)
    // Retention may remove a segment that was read whole: its records are safe in the files.
    if (now !== undefined && (now.etag !== segment.etag || now.sizeBytes !== segment.sizeBytes)) {
      throw segmentMoved('segment-changed', segment)
    }
  })
}

function segmentMoved(
  code: 'segment-changed' | 'segment-gone',
  segment: SegmentRef,
  cause?: AppError,
): AppError {
  const what = code === 'segment-gone' ? 'it is gone' : 'it was replaced by another object'
  return new AppError({
    code,
    next: 'park',
    message: `Converting segment ${segment.key}: expected the object that was planned (ETag ${segment.etag}, ${segment.sizeBytes} bytes), but ${what}. The partition is listed and planned afresh.`,
    details: { key: segment.key },
    ...(cause !== undefined && { cause }),
  })
}

/** Not an invariant of ours: two objects of the source claim the same offsets. */
function segmentsOverlap(segment: SegmentRef, found: bigint, expected: bigint): AppError {
  const { topic, partition, key } = segment
  return new AppError({
    code: 'segment-overlap',
    next: 'park',
    message: `Converting segment ${key}: expected offsets from ${expected} on, found a batch at ${found}, which the segment before it holds too. Remove the wrong one of the two and resume ${topic}-${partition}, or skip-to an offset behind both.`,
    details: { key, topic, partition },
  })
}

function sourceGap(table: string, slice: TaskSlice, { startOffset, endOffset }: OffsetRange): AppError {
  const { topic, partition } = slice
  return new AppError({
    code: 'source-gap',
    next: 'park',
    message: `${topic}-${partition}: no segment holds offsets ${startOffset} to ${endOffset - 1n}, and on_source_gap is stop. If the records are lost for good, give them up with: ${skipCommand(table, slice, endOffset)}`,
    details: { topic, partition, startOffset, endOffset },
  })
}

function recordFailed(
  table: string,
  slice: TaskSlice,
  failure: { readonly offset: bigint; readonly code: string; readonly message: string },
): AppError {
  const { topic, partition } = slice
  const { offset, code, message } = failure
  return new AppError({
    code: 'record-failed',
    next: 'park',
    message: `${topic}-${partition} offset ${offset}: ${message} (${code}), and dlq_mode is stop. Mend the schema and resume, or give the record up with: ${skipCommand(table, slice, offset + 1n)}`,
    details: { topic, partition, offset, failure: code, accountedTo: offset },
  })
}

function skipCommand(table: string, { partition }: TaskSlice, offset: bigint): string {
  return `tidewater skip-to ${table} --partition ${partition} --offset ${offset} --why …`
}

function offsetsOf(task: ConvertTask): number {
  return Number(task.slices.reduce((sum, { startOffset, endOffset }) => sum + endOffset - startOffset, 0n))
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)
