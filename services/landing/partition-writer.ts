/**
 * Collects one partition's records into segments and uploads them: `.kfs` first, then `.index`.
 * A crash between the two leaves an orphan that no reader counts and that the next run overwrites.
 */
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { BatchCollector } from '../../shared/segment/batch-collector.ts'
import type { WriterCodec } from '../../shared/segment/codec.ts'
import { indexObjectKey, segmentObjectKey } from '../../shared/segment/segment-key.ts'
import { assembleSegment } from '../../shared/segment/segment-writer.ts'
import type { PartitionTail } from './partition-tail.ts'

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
  private readonly collector: BatchCollector

  constructor(options: PartitionWriterOptions) {
    const { codec, segmentBytes, tail } = options
    this.options = options
    this.startOffset = tail.nextOffset
    this.collector = new BatchCollector({ codec, baseOffset: tail.nextOffset, maxBatchBytes: segmentBytes })
  }

  /** Offset after the last record taken. */
  get endOffset(): bigint {
    return this.collector.endOffset
  }

  get pendingBytes(): number {
    return this.collector.pendingBytes
  }

  append(record: {
    readonly key: Uint8Array | null
    readonly value: Uint8Array
    readonly timestampMs: number
  }): void {
    this.collector.append(record)
  }

  get isSegmentFull(): boolean {
    return this.collector.batchesBytes >= this.options.segmentBytes
  }

  /** Uploads what is pending as one segment; does nothing when there is nothing. Errors: `land-conflict`, those of the store. */
  async flush(): Promise<void> {
    const batches = this.collector.take()
    if (batches.length === 0) return
    const { store, runtime, topic, partition, tail } = this.options
    const { segment, index, baseOffset } = assembleSegment(batches, { createdAtMs: runtime.nowMs() })
    const place = { topic, partition, baseOffset }
    const segmentKey = segmentObjectKey(place)
    const outcome = await store.put(segmentKey, segment, { ifNoneMatch: !tail.orphanKeys.has(segmentKey) })
    if (outcome.kind === 'exists') throw conflict(`${store.url}/${segmentKey}`)
    await store.put(indexObjectKey(place), index)
    this.segmentCount++
    this.sizeBytes += segment.byteLength
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
