/**
 * What a rebuild of the database needs beside the files: watermark, first offset and incarnation of each topic-partition, and the
 * ranges accounted for without a row. Carried by the snapshot itself, inline in its summary while small, else in a JSON object that
 * the summary names together with its hash.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { AccountedRange } from '../flow.ts'
import type { SnapshotInput } from '../metadata/metadata-store.ts'
import { exactInteger, parseExactJson, stringifyExactJson } from './exact-json.ts'
import { malformed, unsupported } from './iceberg-error.ts'

/** The summary is repeated in every metadata file for as long as the snapshot lives, so only a few partitions go inline. */
export const MAX_INLINE_OFFSETS_BYTES = 2048

export const OFFSETS_KEY = 'tidewater.offsets'
export const OFFSETS_LOCATION_KEY = 'tidewater.offsets-location'
export const OFFSETS_SHA256_KEY = 'tidewater.offsets-sha256'
/** Highest record timestamp below the watermarks of the snapshot, Unix ms; absent while no record had one. */
export const NEWEST_RECORD_KEY = 'tidewater.newest-record-ms'

const OFFSETS_FORMAT = 1
const RANGE_KINDS: readonly AccountedRange['kind'][] = ['absent', 'control', 'skipped', 'source_gap']

export interface PartitionOffsets {
  readonly topic: string
  readonly partition: number
  readonly incarnation: number
  readonly firstOffset: bigint
  /** The watermark. */
  readonly committedOffset: bigint
}

export type PartitionRange = AccountedRange & {
  readonly topic: string
  readonly partition: number
  readonly incarnation: number
}

export interface SnapshotOffsets {
  readonly partitions: readonly PartitionOffsets[]
  readonly ranges: readonly PartitionRange[]
}

/**
 * Compact JSON: `{"v":1,"topics":[name…],"partitions":[[topic index, partition, incarnation, first, watermark]…],
 * "ranges":[[topic index, partition, incarnation, kind index, start, end]…]}`, sorted, so that equal states give equal text.
 */
export function offsetsText(input: Pick<SnapshotInput, 'offsets' | 'ranges'>): string {
  const topics = [...new Set([...input.offsets, ...input.ranges].map(entry => entry.topic))].sort(byText)
  const topicIndex = new Map(topics.map((topic, index) => [topic, index]))
  const key = (entry: { topic: string; partition: number; incarnation: number }) => [
    topicIndex.get(entry.topic) ?? 0,
    entry.partition,
    entry.incarnation,
  ]
  const partitions = input.offsets
    .map(entry => [...key(entry), entry.firstOffset, entry.committedOffset])
    .sort(byNumbers)
  const ranges = input.ranges
    .map(range => [...key(range), RANGE_KINDS.indexOf(range.kind), range.startOffset, range.endOffset])
    .sort(byNumbers)
  return stringifyExactJson({ v: OFFSETS_FORMAT, topics, partitions, ranges })
}

function byText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

function byNumbers(left: readonly (number | bigint)[], right: readonly (number | bigint)[]): number {
  for (const [index, value] of left.entries()) {
    const other = right[index] ?? 0
    if (value !== other) return value < other ? -1 : 1
  }
  return 0
}

export function offsetsHash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

const exact = z.unknown().transform((value, context) => {
  const integer = exactInteger(value)
  if (integer !== undefined) return integer
  context.addIssue({ code: 'custom', message: 'expected a whole number' })
  return z.NEVER
})
const small = z.number().int().nonnegative()
const offsetsJson = z.object({
  v: z.number(),
  topics: z.array(z.string()),
  partitions: z.array(z.tuple([small, small, small, exact, exact])),
  ranges: z.array(z.tuple([small, small, small, small, exact, exact])),
})

/** The inverse of `offsetsText`; `what` names the snapshot or the object in errors. */
export function parseOffsets(text: string, what: string): SnapshotOffsets {
  const parsed = offsetsJson.safeParse(parseExactJson(text, what))
  if (!parsed.success) throw malformed(what, `not offsets: ${z.prettifyError(parsed.error)}`, parsed.error)
  const { v, topics, partitions, ranges } = parsed.data
  if (v !== OFFSETS_FORMAT) throw unsupported(what, `offsets of format ${v}, written by a newer Tidewater`)
  const topicAt = (index: number): string => {
    const topic = topics[index]
    if (topic === undefined) throw malformed(what, `topic ${index} of ${topics.length}`)
    return topic
  }
  return {
    partitions: partitions.map(([topic, partition, incarnation, firstOffset, committedOffset]) => ({
      topic: topicAt(topic),
      partition,
      incarnation,
      firstOffset,
      committedOffset,
    })),
    ranges: ranges.map(([topic, partition, incarnation, kindIndex, startOffset, endOffset]) => {
      const kind = RANGE_KINDS[kindIndex]
      if (kind === undefined) throw malformed(what, `range kind ${kindIndex}`)
      return { topic: topicAt(topic), partition, incarnation, kind, startOffset, endOffset }
    }),
  }
}
