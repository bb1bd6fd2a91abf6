/**
 * What `tidewater segment inspect` shows: every fact and checksum of a segment, damaged ones included. Nothing is thrown for
 * bad input; what is wrong becomes a problem in the result, and reading goes on as far as it can.
 */
import { AppError } from '../../shared/runtime/errors.ts'
import type { Codec } from '../../shared/segment/codec.ts'
import { padBytes } from '../../shared/segment/padded-bytes.ts'
import {
  isBatchCrcRight,
  type RecordBatchHeader,
  walkRecordBatches,
} from '../../shared/segment/record-batch.ts'
import { parseEnvelope, parseSegment, type Segment } from '../../shared/segment/segment-file.ts'
import { parseIndex, type SegmentIndex } from '../../shared/segment/segment-index.ts'
import {
  addToTotals,
  checkBaseOffset,
  checkTotals,
  createSegmentBuffers,
  createTotals,
  readRecords,
} from '../../shared/segment/segment-reader.ts'

/** Batches described one by one; those after it are counted and checked all the same. */
export const MAX_LISTED_BATCHES = 10_000
const MAX_PROBLEMS = 100

export interface Problem {
  readonly code: string
  readonly message: string
}

export interface BatchSummary {
  readonly position: number
  readonly sizeBytes: number
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly recordCount: number
  readonly codec: Codec
  /** Of the records, decompressed; `undefined` when they cannot be read. */
  readonly recordsBytes: number | undefined
  readonly timestampType: 'create' | 'log-append'
  readonly baseTimestampMs: number
  readonly maxTimestampMs: number
  readonly isControl: boolean
  readonly isTransactional: boolean
  readonly producerId: bigint
  readonly crc: 'ok' | 'mismatch'
}

export interface SegmentInspection {
  readonly key: string
  readonly sizeBytes: number
  /** Header and footer; `undefined` when they cannot be read. */
  readonly segment: Segment | undefined
  readonly bodyCrc: 'ok' | 'mismatch' | 'unknown'
  readonly batchCount: number
  readonly recordCount: number
  readonly batches: readonly BatchSummary[]
  /** Of the `.index`, when it was given and can be read. */
  readonly index: SegmentIndex | undefined
  readonly problems: readonly Problem[]
}

export interface InspectOptions {
  readonly key: string
  readonly indexBytes?: Uint8Array
  readonly indexKey?: string
}

export function inspectSegment(bytes: Uint8Array, options: InspectOptions): SegmentInspection {
  const { key } = options
  const problems: Problem[] = []
  const noted = <T>(read: () => T) => note(problems, read)
  const segment = noted(() => parseEnvelope(bytes, { key }))
  const isBodyRight = segment !== undefined && noted(() => parseSegment(bytes, { key })) !== undefined
  const batches: BatchSummary[] = []
  const totals = createTotals()
  if (segment !== undefined) {
    const padded = padBytes(bytes)
    const buffers = createSegmentBuffers()
    noted(() => {
      for (const header of walkRecordBatches(bytes, segment)) {
        if (totals.batchCount === 0) noted(() => checkBaseOffset(segment, header))
        addToTotals(totals, header)
        const isRight = isBatchCrcRight(bytes, header)
        if (!isRight)
          problems.push({
            code: 'batch-crc-mismatch',
            message: `The checksum of the batch at byte ${header.position} is wrong.`,
          })
        const records = header.isControl
          ? undefined
          : noted(() => readRecords(padded, header, { key, buffers, maxBatchBytes: undefined }))
        const inflated = records === undefined ? undefined : records.byteLength - startOf(header)
        if (batches.length < MAX_LISTED_BATCHES) batches.push(summarize(header, isRight, inflated))
      }
      checkTotals(segment, totals)
    })
  }
  const { indexBytes, indexKey = `${key.replace(/\.kfs$/, '')}.index` } = options
  return {
    key,
    sizeBytes: bytes.byteLength,
    segment,
    bodyCrc: segment === undefined ? 'unknown' : isBodyRight ? 'ok' : 'mismatch',
    batchCount: totals.batchCount,
    recordCount: totals.messageCount,
    batches,
    index: indexBytes === undefined ? undefined : noted(() => parseIndex(indexBytes, { key: indexKey })),
    problems: problems.slice(0, MAX_PROBLEMS),
  }
}

/** Uncompressed records stand in the segment itself, decompressed ones at the start of their own buffer. */
function startOf(header: RecordBatchHeader): number {
  return header.codec === 'none' ? header.recordsStart : 0
}

function summarize(
  header: RecordBatchHeader,
  isRight: boolean,
  recordsBytes: number | undefined,
): BatchSummary {
  return {
    position: header.position,
    sizeBytes: header.endPosition - header.position,
    baseOffset: header.baseOffset,
    lastOffset: header.lastOffset,
    recordCount: header.recordCount,
    codec: header.codec,
    recordsBytes,
    timestampType: header.timestampType,
    baseTimestampMs: header.baseTimestampMs,
    maxTimestampMs: header.maxTimestampMs,
    isControl: header.isControl,
    isTransactional: header.isTransactional,
    producerId: header.producerId,
    crc: isRight ? 'ok' : 'mismatch',
  }
}

function note<T>(problems: Problem[], read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof AppError) || error.next === 'fatal') throw error
    if (problems.length < MAX_PROBLEMS) problems.push({ code: error.code, message: error.message })
    return undefined
  }
}
