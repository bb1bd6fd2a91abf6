/** Values that live in the database as JSON text: each has one writer and one strict reader here. */
import { z } from 'zod'
import type { AccountedRange, SegmentRef } from '../flow.ts'
import { parseExactJson } from '../iceberg/exact-json.ts'
import type { PartitionValue } from '../iceberg/partition-spec.ts'
import { NEWEST_RECORD_KEY } from '../iceberg/snapshot-offsets.ts'
import { AppError } from '../runtime/errors.ts'
import type { PartitionFieldSummary, Publication } from './metadata-store.ts'

export interface SummaryFigures {
  readonly dataFileCount: number
  readonly dataBytes: number
  /** Null for a snapshot from before summaries said it. */
  readonly newestRecordMs: number | null
}

const integerText = z
  .string()
  .regex(/^-?\d+$/)
  .transform(text => BigInt(text))
const base64Bytes = z.base64().transform((text): Uint8Array => new Uint8Array(Buffer.from(text, 'base64')))

function parser<T>(what: string, schema: z.ZodType<T>): (text: string) => T {
  return text => {
    const parsed = schema.safeParse(parseJson(text, what))
    if (parsed.success) return parsed.data
    throw damaged(what, z.prettifyError(parsed.error), parsed.error)
  }
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw damaged(what, String(cause), cause)
  }
}

function damaged(what: string, found: string, cause: unknown): AppError {
  return new AppError({
    code: 'metadata-damaged',
    next: 'fatal',
    message: `Reading ${what} from the metadata database: ${found}. The database was changed by something else than Tidewater; restore it from a backup.`,
    cause,
  })
}

/** Bigints as their digits in a string: what reads it is a person, or a parser that knows. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'bigint' ? inner.toString() : inner,
  )
}

// ---- segments: topic and partition are the slice's own ------------------------------------------------------------

const segmentJson = z.object({
  key: z.string(),
  baseOffset: integerText,
  sizeBytes: z.number().int(),
  etag: z.string(),
})
const segmentList = parser('the segments of a slice', z.array(segmentJson))
const oneSegment = parser('the last planned segment', segmentJson)

interface OfPartition {
  readonly topic: string
  readonly partition: number
}

export function segmentToJson({ key, baseOffset, sizeBytes, etag }: SegmentRef): string {
  return jsonText({ key, baseOffset, sizeBytes, etag })
}

export function segmentFromJson(text: string, of: OfPartition): SegmentRef {
  return { topic: of.topic, partition: of.partition, ...oneSegment(text) }
}

export function segmentsToJson(segments: readonly SegmentRef[]): string {
  return `[${segments.map(segmentToJson).join(',')}]`
}

export function segmentsFromJson(text: string, of: OfPartition): readonly SegmentRef[] {
  return segmentList(text).map(segment => ({ topic: of.topic, partition: of.partition, ...segment }))
}

// ---- ranges ------------------------------------------------------------------------------------------------------

const rangeList = parser(
  'the ranges of an account',
  z.array(
    z.object({
      kind: z.enum(['absent', 'control', 'skipped', 'source_gap']),
      startOffset: integerText,
      endOffset: integerText,
    }),
  ),
)

export function rangesToJson(ranges: readonly AccountedRange[]): string {
  return jsonText(ranges.map(({ kind, startOffset, endOffset }) => ({ kind, startOffset, endOffset })))
}

export function rangesFromJson(text: string): readonly AccountedRange[] {
  return text === '[]' ? [] : rangeList(text)
}

// ---- partition values: what JSON has itself stays plain, the rest is tagged ----------------------------------------

const partitionValue: z.ZodType<PartitionValue> = z.union([
  z.null(),
  z.boolean(),
  z.number(),
  z.string(),
  z.object({ integer: integerText }).transform(({ integer }) => integer),
  z
    .object({ number: z.enum(['NaN', 'Infinity', '-Infinity', '-0']) })
    .transform(({ number }) => Number(number)),
  z.object({ bytes: base64Bytes }).transform(({ bytes }) => bytes),
])
const partitionValues = parser('the partition of a data file', z.array(partitionValue))

export function partitionToJson(values: readonly PartitionValue[]): string {
  return JSON.stringify(
    values.map(value => {
      if (typeof value === 'bigint') return { integer: value.toString() }
      if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('base64') }
      if (Object.is(value, -0)) return { number: '-0' }
      if (typeof value === 'number' && !Number.isFinite(value)) return { number: String(value) }
      return value
    }),
  )
}

export function partitionFromJson(text: string): readonly PartitionValue[] {
  return text === '[]' ? [] : partitionValues(text)
}

// ---- manifests, snapshots, publications, tables --------------------------------------------------------------------

const fieldSummaries = parser(
  'the partition summaries of a manifest',
  z.array(
    z.object({
      containsNull: z.boolean(),
      containsNan: z.boolean().exactOptional(),
      lowerBound: base64Bytes.exactOptional(),
      upperBound: base64Bytes.exactOptional(),
    }),
  ),
)

export function fieldSummariesToJson(summaries: readonly PartitionFieldSummary[]): string {
  return JSON.stringify(
    summaries.map(({ lowerBound, upperBound, ...flags }) => ({
      ...flags,
      ...(lowerBound !== undefined && { lowerBound: Buffer.from(lowerBound).toString('base64') }),
      ...(upperBound !== undefined && { upperBound: Buffer.from(upperBound).toString('base64') }),
    })),
  )
}

export function fieldSummariesFromJson(text: string): readonly PartitionFieldSummary[] {
  return fieldSummaries(text)
}

export const textMapFromJson: (text: string) => Readonly<Record<string, string>> = parser(
  'a map of texts',
  z.record(z.string(), z.string()),
)

const digits = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number)
  .optional()

/** What metrics take from a snapshot's summary; the many other keys are not looked at. */
export const summaryFiguresFromJson: (text: string) => SummaryFigures = parser(
  'the summary of a snapshot',
  z
    .object({ 'total-data-files': digits, 'total-files-size': digits, [NEWEST_RECORD_KEY]: digits })
    .transform(summary => ({
      dataFileCount: summary['total-data-files'] ?? 0,
      dataBytes: summary['total-files-size'] ?? 0,
      newestRecordMs: summary[NEWEST_RECORD_KEY] ?? null,
    })),
)

export const namesFromJson: (text: string) => readonly string[] = parser(
  'a list of names',
  z.array(z.string()),
)

const detailsSchema = z.record(z.string(), z.unknown())

/** Integers keep all their digits: a number, or a bigint beyond 2^53. */
export function detailsFromJson(text: string): Readonly<Record<string, unknown>> {
  const what = 'the details of an event'
  const parsed = detailsSchema.safeParse(parseExactJson(text, what))
  if (parsed.success) return parsed.data
  throw damaged(what, z.prettifyError(parsed.error), parsed.error)
}

export const metadataLogFromJson: (text: string) => Publication['metadataLog'] = parser(
  'the metadata log of a publication',
  z.array(z.object({ metadataLocation: z.string(), timestampMs: z.number().int() })),
)

/** JSON of a schema or a spec, for the readers in `iceberg/`. */
export const plainJson: (text: string, what: string) => unknown = parseJson
