/** Holds the records of a segment against those that it should hold, offset by offset. */
import { AppError } from '../../shared/runtime/errors.ts'
import type { RecordToWrite } from '../../shared/segment/record-encoder.ts'
import { parseHeaders } from '../../shared/segment/record-headers.ts'
import { readBatches } from '../../shared/segment/segment-reader.ts'
import type { TopicRecord } from '../dead-letter/read-topic-records.ts'

export interface RecordFinding {
  readonly count: 'topic_gaps' | 'topic_duplicates'
  readonly offset: bigint
  readonly what: string
}

export interface Comparison {
  /** Records that are as they should be. */
  readonly equal: bigint
  readonly findings: readonly RecordFinding[]
}

/** Errors: those of reading what is expected. A segment that cannot be read to its end is a finding for what it lacks. */
export async function compareRecords(
  expected: AsyncIterable<TopicRecord>,
  found: Iterable<TopicRecord>,
): Promise<Comparison> {
  const findings: RecordFinding[] = []
  const following = readable(found)
  let actual = following.next()
  let equal = 0n
  const add = (count: RecordFinding['count'], offset: bigint, what: string) =>
    findings.push({ count, offset, what })
  for await (const { offset, record } of expected) {
    for (; !actual.done && actual.value.offset < offset; actual = following.next())
      add('topic_duplicates', actual.value.offset, 'is in its segment once too often')
    if (actual.done || actual.value.offset > offset) {
      add('topic_gaps', offset, `is not in its segment${actual.done ? (actual.value ?? '') : ''}`)
      continue
    }
    if (isSame(actual.value.record, record)) equal++
    else add('topic_gaps', offset, 'holds another record than the dead-letter table says')
    actual = following.next()
  }
  for (; !actual.done; actual = following.next())
    add('topic_duplicates', actual.value.offset, 'is in a segment that ends before it')
  return { equal, findings }
}

/** Ends where the segment cannot be read, with the reason in words. */
function* readable(records: Iterable<TopicRecord>): Generator<TopicRecord, string | undefined> {
  try {
    yield* records
    return undefined
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return `: ${error.message}`
  }
}

/** Errors: those of the segment reader. */
export function* readSegmentRecords(segment: Uint8Array, key: string): Generator<TopicRecord> {
  for (const batch of readBatches(segment, { key })) {
    if (batch.kind === 'control') continue
    const { records } = batch
    const part = (start: number | undefined, end: number | undefined) =>
      start === undefined || start < 0 ? null : records.bytes.slice(start, end)
    for (let i = batch.firstRecord; i < batch.endRecord; i++) {
      yield {
        offset: records.baseOffset + BigInt(records.offsetDeltas[i] ?? 0),
        record: {
          timestampMs: records.timestampsMs[i] ?? 0,
          key: part(records.keyStarts[i], records.keyEnds[i]),
          value: part(records.valueStarts[i], records.valueEnds[i]),
          headers: parseHeaders(records, i),
        },
      }
    }
  }
}

function isSame(a: RecordToWrite, b: RecordToWrite): boolean {
  const left = a.headers ?? []
  const right = b.headers ?? []
  return (
    a.timestampMs === b.timestampMs &&
    isSameBytes(a.key, b.key) &&
    isSameBytes(a.value, b.value) &&
    left.length === right.length &&
    left.every((header, i) => {
      const other = right[i]
      return (
        other !== undefined && isSameBytes(header.key, other.key) && isSameBytes(header.value, other.value)
      )
    })
  )
}

function isSameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : Buffer.compare(a, b) === 0
}
