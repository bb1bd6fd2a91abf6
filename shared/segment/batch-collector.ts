/** Collects the records of one partition, in offset order and without holes, into batches of about `BATCH_BYTES`. */
import { attributesOfCodec, compressRecords, type WriterCodec } from './codec.ts'
import { frame, type WrittenBatch } from './record-batch-writer.ts'
import {
  appendRecord,
  createRecordEncoder,
  type RecordEncoder,
  type RecordToWrite,
} from './record-encoder.ts'

/** Records weigh this much before compression when a batch is cut, as with a producer's usual largest request. */
export const BATCH_BYTES = 1024 * 1024
const NO_PRODUCER = -1n

export interface BatchCollectorOptions {
  readonly codec: WriterCodec
  readonly baseOffset: bigint
  /** Batches are cut earlier where they would be larger than this. */
  readonly maxBatchBytes: number
}

export class BatchCollector {
  /** Of the batches that are whole. */
  batchesBytes = 0
  private readonly codec: WriterCodec
  private readonly batchBytes: number
  private batchOffset: bigint
  private encoder: RecordEncoder = createRecordEncoder()
  private recordCount = 0
  private baseTimestampMs = 0
  private maxTimestampMs = 0
  private batches: WrittenBatch[] = []

  constructor({ codec, baseOffset, maxBatchBytes }: BatchCollectorOptions) {
    this.codec = codec
    this.batchOffset = baseOffset
    this.batchBytes = Math.min(BATCH_BYTES, maxBatchBytes)
  }

  /** Offset after the last record taken. */
  get endOffset(): bigint {
    return this.batchOffset + BigInt(this.recordCount)
  }

  get pendingBytes(): number {
    return this.encoder.byteLength + this.batchesBytes
  }

  append(record: Omit<RecordToWrite, 'offsetDelta'>): void {
    const { timestampMs } = record
    if (this.recordCount === 0) this.baseTimestampMs = this.maxTimestampMs = timestampMs
    const timestampDelta = timestampMs - this.baseTimestampMs
    appendRecord(this.encoder, record, { timestampDelta, offsetDelta: this.recordCount })
    this.recordCount++
    this.maxTimestampMs = Math.max(this.maxTimestampMs, timestampMs)
    if (this.encoder.byteLength >= this.batchBytes) this.cut()
  }

  /** Everything taken so far, as batches; the collector goes on after it. */
  take(): readonly WrittenBatch[] {
    this.cut()
    const taken = this.batches
    this.batches = []
    this.batchesBytes = 0
    return taken
  }

  /** Ends the batch under way, if there is one. */
  cut(): void {
    if (this.recordCount === 0) return
    const records = compressRecords(this.codec, this.encoder.bytes.subarray(0, this.encoder.byteLength))
    const lastOffset = this.endOffset - 1n
    const bytes = frame(records, {
      baseOffset: this.batchOffset,
      lastOffsetDelta: this.recordCount - 1,
      attributes: attributesOfCodec(this.codec),
      baseTimestampMs: this.baseTimestampMs,
      maxTimestampMs: this.maxTimestampMs,
      producerId: NO_PRODUCER,
      recordCount: this.recordCount,
    })
    this.batches.push({ bytes, baseOffset: this.batchOffset, lastOffset, recordCount: this.recordCount })
    this.batchesBytes += bytes.byteLength
    this.batchOffset = lastOffset + 1n
    this.encoder.byteLength = 0
    this.recordCount = 0
  }
}
