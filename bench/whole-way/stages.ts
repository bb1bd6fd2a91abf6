/**
 * The stages of one task, timed one after another batch by batch with the functions that the converter calls, in its order and with
 * its buffers, so that each finds the caches as it would there. What the whole takes beyond their sum (reading and uploading files,
 * verifying what was written, partitioning, garbage collection) is the caller's to tell.
 */
import type { ConvertRequest } from '../../services/converter/convert-request.ts'
import { createDecoder } from '../../services/converter/convert-task.ts'
import { createArena } from '../../shared/columns/arena.ts'
import type { BatchDecoder } from '../../shared/decode/batch-decoder.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { planRecordBatch, writeRecordBatch } from '../../shared/parquet/arrow-data.ts'
import { createMetricsCollector } from '../../shared/parquet/column-metrics.ts'
import { createParquetWriter, type ParquetWriter } from '../../shared/parquet/parquet-writer.ts'
import { decompressRecords } from '../../shared/segment/codec.ts'
import {
  type RecordBatchHeader,
  verifyBatchCrc,
  walkRecordBatches,
} from '../../shared/segment/record-batch.ts'
import { parseRecords } from '../../shared/segment/record-parser.ts'
import type { RecordSlices } from '../../shared/segment/record-slices.ts'
import { parseSegment } from '../../shared/segment/segment-file.ts'
import { createSegmentBuffers, type SegmentBuffers } from '../../shared/segment/segment-reader.ts'
import { cpuSeconds } from './child.ts'

/** In the order in which bytes pass them. `statistics` are the column bounds and counts, taken before Arrow. */
export const STAGES = ['crc', 'decompress', 'records', 'decode', 'statistics', 'arrow', 'parquet'] as const
export type StageName = (typeof STAGES)[number]
export type StageSeconds = Record<StageName, number>

const WARM_UP_ROUNDS = 2
const ROUNDS = 3

/** CPU seconds for each stage of the whole task: medians of several rounds. */
export async function measureStages(request: ConvertRequest, source: ObjectStore): Promise<StageSeconds> {
  const decoder = createDecoder(request.rows, request.settings, createArena())
  const buffers = createSegmentBuffers()
  const rounds: StageSeconds[] = []
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    const seconds = await timeStages({ request, source, decoder, buffers })
    if (round >= WARM_UP_ROUNDS) rounds.push(seconds)
  }
  const medians = emptySeconds()
  for (const stage of STAGES) medians[stage] = median(rounds.map(seconds => seconds[stage]))
  return medians
}

function emptySeconds(): StageSeconds {
  return { crc: 0, decompress: 0, records: 0, decode: 0, statistics: 0, arrow: 0, parquet: 0 }
}

interface Setting {
  readonly request: ConvertRequest
  readonly source: ObjectStore
  readonly decoder: BatchDecoder
  readonly buffers: SegmentBuffers
}

async function timeStages({ request, source, decoder, buffers }: Setting): Promise<StageSeconds> {
  const seconds = emptySeconds()
  const timed = <T>(stage: StageName, run: () => T): T => {
    const start = cpuSeconds()
    const result = run()
    seconds[stage] += cpuSeconds() - start
    return result
  }
  const { schema } = request.rows
  const writer = createParquetWriter({ schema, compression: request.settings.compression })
  decoder.reset()
  for (const slice of request.task.slices) {
    for (const { key } of slice.segments) {
      const bytes = await source.get(key)
      const segment = timed('crc', () => parseSegment(bytes, { key }))
      for (const header of walkRecordBatches(bytes, segment)) {
        timed('crc', () => verifyBatchCrc(bytes, header, key))
        const records = readTimed(bytes, header, { key, buffers, timed })
        let from = 0
        while (from < records.count) {
          from = timed('decode', () => decoder.append(records, slice, from, records.count, unexpected))
          if (from < records.count) await flush(decoder, writer, timed)
        }
      }
    }
  }
  await flush(decoder, writer, timed)
  const start = cpuSeconds()
  await writer.finish()
  seconds.parquet += cpuSeconds() - start - seconds.statistics - seconds.arrow
  return seconds
}

type Timed = <T>(stage: StageName, run: () => T) => T

function readTimed(
  bytes: Uint8Array,
  header: RecordBatchHeader,
  { key, buffers, timed }: { readonly key: string; readonly buffers: SegmentBuffers; readonly timed: Timed },
): RecordSlices {
  const { slices, scratch } = buffers
  const { codec, recordsStart, endPosition } = header
  if (codec === 'none') {
    const input = { bytes, start: recordsStart, end: endPosition, header, key, isInflated: false }
    timed('records', () => parseRecords(input, slices))
    return slices
  }
  const compressed = bytes.subarray(recordsStart, endPosition)
  const inflated = timed('decompress', () =>
    decompressRecords(codec, compressed, { key, byteOffset: recordsStart, scratch }),
  )
  const input = { bytes: inflated.bytes, start: 0, end: inflated.byteLength, header, key, isInflated: true }
  timed('records', () => parseRecords(input, slices))
  return slices
}

/** The writer does statistics and Arrow itself: both are timed apart once more, and the caller takes them off the writer's time. */
async function flush(decoder: BatchDecoder, writer: ParquetWriter, timed: Timed): Promise<void> {
  const batch = decoder.take()
  timed('statistics', () => createMetricsCollector().add(batch))
  const message = planRecordBatch(batch)
  const target = new Uint8Array(message.sizeBytes)
  timed('arrow', () => writeRecordBatch(message, target, 0))
  await timed('parquet', () => writer.append(batch))
  decoder.reset()
}

function unexpected(_index: number, failure: { readonly message: string }): never {
  throw new Error(`A record of the bench did not convert: ${failure.message}`)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}
