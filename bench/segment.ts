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
const MEASURE_MS = 1500
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
function callsPerCpuSecond(run: () => void): number {
  for (let i = 0; i < WARM_UP_RUNS; i++) run()
  const cpu = process.cpuUsage()
  const start = performance.now()
  let calls = 0
  for (; performance.now() - start < MEASURE_MS; calls++) run()
  const { user, system } = process.cpuUsage(cpu)
  return (calls * 1e6) / (user + system)
}

for (const shape of SHAPES) {
  const raw = encodeBatches(shape)
  const rawBytes = raw.reduce((sum, batch) => sum + batch.byteLength, 0)
  const recordCount = BATCHES * shape.recordsPerBatch
  for (const codec of CODECS) {
    const compressed = raw.map(batch => compressRecords(codec, batch))
    const batches = compressed.map((records, b) => {
      const baseOffset = BigInt(b * shape.recordsPerBatch)
      const lastOffsetDelta = shape.recordsPerBatch - 1
      const bytes = frame(records, {
        baseOffset,
        lastOffsetDelta,
        attributes: attributesOfCodec(codec),
        baseTimestampMs: 1.7e12,
        maxTimestampMs: 1.7e12,
        producerId: -1n,
        recordCount: shape.recordsPerBatch,
      })
      return {
        bytes,
        baseOffset,
        lastOffset: baseOffset + BigInt(lastOffsetDelta),
        recordCount: shape.recordsPerBatch,
      }
    })
    // As object stores hand it out, so that nothing is copied.
    const segment = copyPadded(assembleSegment(batches, { createdAtMs: 0 }).segment)
    const buffers = createSegmentBuffers()
    const whole = callsPerCpuSecond(() => {
      for (const batch of readBatches(segment, { key: 'bench', buffers })) void batch
    })
    const scratch = createScratch()
    const inflating =
      codec === 'none'
        ? Number.POSITIVE_INFINITY
        : callsPerCpuSecond(() => {
            const readCodec = codec === 'snappy-raw' ? 'snappy' : codec
            for (const records of compressed)
              decompressRecords(readCodec, records, { key: 'bench', byteOffset: 0, scratch })
          })
    const perSecond = (calls: number) => `${Math.round((calls * rawBytes) / 1e6)}`.padStart(6)
    console.log(
      `${shape.name.padEnd(7)} ${codec.padEnd(10)} ratio ${(rawBytes / segment.byteLength).toFixed(1).padStart(4)}` +
        `  whole ${perSecond(whole)} MB/s, ${((whole * recordCount) / 1e6).toFixed(1).padStart(5)} M records/s` +
        `  decompression alone ${codec === 'none' ? '     -' : perSecond(inflating)} MB/s`,
    )
  }
}
