/**
 * Reading segments, codec by codec, by the process's own CPU time: `node bench/segment.ts`.
 * `orders` are JSON values of about 165 bytes, `tiny` records of 27 bytes in all; batches are 5,000 and 50,000 records.
 */
import { copyPadded } from '../shared/object-store/padded-bytes.ts'
import {
  attributesOfCodec,
  compressRecords,
  decompressRecords,
  type WriterCodec,
} from '../shared/segment/codec.ts'
import { createScratch } from '../shared/segment/decompression.ts'
import { frame } from '../shared/segment/record-batch-writer.ts'
import { appendRecord, createRecordEncoder } from '../shared/segment/record-encoder.ts'
import { createSegmentBuffers, readBatches } from '../shared/segment/segment-reader.ts'
import { assembleSegment } from '../shared/segment/segment-writer.ts'

const CODECS: readonly WriterCodec[] = ['none', 'gzip', 'snappy', 'snappy-raw', 'lz4', 'zstd']
const BATCHES = 24
const WARM_UP_RUNS = 4

interface Shape {
  readonly name: string
  readonly recordsPerBatch: number
  readonly value: (i: number) => string
}

const SHAPES: readonly Shape[] = [
  {
    name: 'orders',
    recordsPerBatch: 5000,
    value: i =>
      JSON.stringify({
        order_id: i,
        amount: ((i * 7919) % 100_000) / 100,
        created_at: new Date(1.7e12 + i * 1234).toISOString(),
        customer: { id: `c-${(i * 31) % 5000}`, country: ['DE', 'FR', 'US'][i % 3] },
        tags: ['a', 'b'],
        note: `some text ${Math.sin(i)}`,
      }),
  },
  { name: 'tiny', recordsPerBatch: 50_000, value: i => `${10_000_000 + ((i * 7919) % 10_000_000)}` },
]

function encodeBatches({ recordsPerBatch, value }: Shape): Uint8Array[] {
  const text = new TextEncoder()
  return Array.from({ length: BATCHES }, (_, b) => {
    const encoder = createRecordEncoder()
    for (let i = 0; i < recordsPerBatch; i++) {
      const n = b * recordsPerBatch + i
      const record = {
        timestampMs: 0,
        key: text.encode(`${n}`.padStart(8, '0')),
        value: text.encode(value(n)),
      }
      appendRecord(encoder, record, { timestampDelta: i * 3, offsetDelta: i })
    }
    return encoder.bytes.slice(0, encoder.byteLength)
  })
}

/** Calls a second, by CPU time: other work on the machine does not count. */
function callsPerCpuSecond(run: () => void, measureMs: number): number {
  for (let i = 0; i < WARM_UP_RUNS; i++) run()
  const cpu = process.cpuUsage()
  const start = performance.now()
  let calls = 0
  do {
    run()
    calls++
  } while (performance.now() - start < measureMs)
  const { user, system } = process.cpuUsage(cpu)
  return (calls * 1e6) / (user + system)
}

export interface SegmentFigure {
  readonly shape: string
  readonly codec: WriterCodec
  /** Raw bytes over those of the segment. */
  readonly compression_ratio: number
  /** Envelope, checksums, decompression and records, of raw bytes. */
  readonly mb_per_s: number
  readonly records_per_s: number
  /** Undefined without a codec. */
  readonly decompression_mb_per_s?: number
}

export interface SegmentBenchOptions {
  /** How long each figure is measured. */
  readonly measureMs?: number
}

export function benchSegment({ measureMs = 1500 }: SegmentBenchOptions = {}): SegmentFigure[] {
  return SHAPES.flatMap(shape => {
    const raw = encodeBatches(shape)
    return CODECS.map(codec => figureOf({ shape, codec, raw, measureMs }))
  })
}

interface Measured {
  readonly shape: Shape
  readonly codec: WriterCodec
  readonly raw: readonly Uint8Array[]
  readonly measureMs: number
}

function figureOf({ shape, codec, raw, measureMs }: Measured): SegmentFigure {
  const rawBytes = raw.reduce((sum, batch) => sum + batch.byteLength, 0)
  const compressed = raw.map(batch => compressRecords(codec, batch))
  const segment = segmentOf(compressed, codec, shape.recordsPerBatch)
  const buffers = createSegmentBuffers()
  const whole = callsPerCpuSecond(() => {
    for (const batch of readBatches(segment, { key: 'bench', buffers })) void batch
  }, measureMs)
  const perSecond = (calls: number) => Math.round((calls * rawBytes) / 1e6)
  const figure = {
    shape: shape.name,
    codec,
    compression_ratio: Number((rawBytes / segment.byteLength).toFixed(2)),
    mb_per_s: perSecond(whole),
    records_per_s: Math.round(whole * BATCHES * shape.recordsPerBatch),
  }
  if (codec === 'none') return figure
  const readCodec = codec === 'snappy-raw' ? 'snappy' : codec
  const scratch = createScratch()
  const inflating = callsPerCpuSecond(() => {
    for (const records of compressed)
      decompressRecords(readCodec, records, { key: 'bench', byteOffset: 0, scratch })
  }, measureMs)
  return { ...figure, decompression_mb_per_s: perSecond(inflating) }
}

/** As object stores hand it out, so that nothing is copied. */
function segmentOf(
  compressed: readonly Uint8Array[],
  codec: WriterCodec,
  recordsPerBatch: number,
): Uint8Array {
  const batches = compressed.map((records, b) => {
    const baseOffset = BigInt(b * recordsPerBatch)
    const lastOffsetDelta = recordsPerBatch - 1
    const bytes = frame(records, {
      baseOffset,
      lastOffsetDelta,
      attributes: attributesOfCodec(codec),
      baseTimestampMs: 1.7e12,
      maxTimestampMs: 1.7e12,
      producerId: -1n,
      recordCount: recordsPerBatch,
    })
    const lastOffset = baseOffset + BigInt(lastOffsetDelta)
    return { bytes, baseOffset, lastOffset, recordCount: recordsPerBatch }
  })
  return copyPadded(assembleSegment(batches, { createdAtMs: 0 }).segment)
}

if (import.meta.main) console.table(benchSegment())
