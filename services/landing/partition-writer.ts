/**
 * Collects one partition's records into batches and batches into segments, and uploads them: `.kfs` first, then `.index`.
 * A crash between the two leaves an orphan that no reader counts and that the next run overwrites.
 */
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { attributesOfCodec, compressRecords, type WriterCodec } from '../../shared/segment/codec.ts'
import { frame, type WrittenBatch } from '../../shared/segment/record-batch-writer.ts'
import { appendRecord, createRecordEncoder, type RecordEncoder } from '../../shared/segment/record-encoder.ts'
import { indexObjectKey, segmentObjectKey } from '../../shared/segment/segment-key.ts'
import { assembleSegment } from '../../shared/segment/segment-writer.ts'
import type { PartitionTail } from './partition-tail.ts'

/** Records weigh this much before compression when a batch is cut, as with a producer's usual largest request. */
const BATCH_BYTES = 1024 * 1024

export interface PartitionWriterOptions {
  readonly store: ObjectStore
  readonly runtime: Runtime
  readonly topic: string
  readonly partition: number
  readonly codec: WriterCodec
  /** A segment is uploaded once its batches weigh this much. */
  readonly segmentBytes: number
  readonly tail: PartitionTail
}

export class PartitionWriter {
  readonly startOffset: bigint
  segmentCount = 0
  sizeBytes = 0
  private readonly options: PartitionWriterOptions
  private batchOffset: bigint
  private encoder: RecordEncoder = createRecordEncoder()
  private recordCount = 0
  private baseTimestampMs = 0
  private maxTimestampMs = 0
  private batches: WrittenBatch[] = []
  private batchesBytes = 0

  constructor(options: PartitionWriterOptions) {
    this.options = options
    this.startOffset = options.tail.nextOffset
    this.batchOffset = options.tail.nextOffset
  }

  /** Offset after the last record taken. */
  get endOffset(): bigint {
    return this.batchOffset + BigInt(this.recordCount)
  }

  get pendingBytes(): number {
    return this.encoder.byteLength + this.batchesBytes
  }

  append(record: {
    readonly key: Uint8Array | null
    readonly value: Uint8Array
    readonly timestampMs: number
  }): void {
    const { timestampMs } = record
    if (this.recordCount === 0) this.baseTimestampMs = this.maxTimestampMs = timestampMs
    const timestampDelta = timestampMs - this.baseTimestampMs
    appendRecord(this.encoder, record, { timestampDelta, offsetDelta: this.recordCount })
    this.recordCount++
    this.maxTimestampMs = Math.max(this.maxTimestampMs, timestampMs)
    if (this.encoder.byteLength >= Math.min(BATCH_BYTES, this.options.segmentBytes)) this.cutBatch()
  }

  get isSegmentFull(): boolean {
    return this.batchesBytes >= this.options.segmentBytes
  }

  /** Uploads what is pending as one segment; does nothing when there is nothing. Errors: `land-conflict`, those of the store. */
  async flush(): Promise<void> {
    this.cutBatch()
    if (this.batches.length === 0) return
    const { store, runtime, topic, partition, tail } = this.options
    const { segment, index, baseOffset } = assembleSegment(this.batches, { createdAtMs: runtime.nowMs() })
    const place = { topic, partition, baseOffset }
    const segmentKey = segmentObjectKey(place)
    const outcome = await store.put(segmentKey, segment, { ifNoneMatch: !tail.orphanKeys.has(segmentKey) })
    if (outcome.kind === 'exists') throw conflict(`${store.url}/${segmentKey}`)
    await store.put(indexObjectKey(place), index)
    this.batches = []
    this.batchesBytes = 0
    this.segmentCount++
    this.sizeBytes += segment.byteLength
  }

  private cutBatch(): void {
    if (this.recordCount === 0) return
    const { codec } = this.options
    const records = compressRecords(codec, this.encoder.bytes.subarray(0, this.encoder.byteLength))
    const lastOffset = this.endOffset - 1n
    const bytes = frame(records, {
      baseOffset: this.batchOffset,
      lastOffsetDelta: this.recordCount - 1,
      attributes: attributesOfCodec(codec),
      baseTimestampMs: this.baseTimestampMs,
      maxTimestampMs: this.maxTimestampMs,
      producerId: -1n,
      recordCount: this.recordCount,
    })
    this.batches.push({ bytes, baseOffset: this.batchOffset, lastOffset, recordCount: this.recordCount })
    this.batchesBytes += bytes.byteLength
    this.batchOffset = lastOffset + 1n
    this.encoder.byteLength = 0
    this.recordCount = 0
  }
}

function conflict(url: string): AppError {
  return new AppError({
    code: 'land-conflict',
    next: 'fatal',
    message: `Writing ${url}: expected no such object, found one that appeared since the partition was listed. A broker or another \`land\` writes to this topic; nothing of theirs was overwritten. Land into a topic of its own.`,
    details: { url },
  })
}
