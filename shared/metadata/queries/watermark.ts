/**
 * Moving a partition's watermark: every offset that it passes is counted in the partition's row, whose CHECK refuses a move that
 * leaves an offset out or counts one twice (DESIGN invariants 1 and 3).
 */
import { sql } from 'kysely'
import type { AccountedRange } from '../../flow.ts'
import {
  all,
  change,
  changeMany,
  first,
  insertStatement,
  now,
  type Steps,
  sqlStatement,
  statement,
} from '../steps.ts'

const advanceWatermark = statement(
  (
    db,
    p: {
      sourceKey: bigint
      committedOffset: bigint
      maxTimestampMs: bigint | number
      rows: bigint
      deadLetters: bigint
      nowMs: bigint
      absent: bigint
      control: bigint
      skipped: bigint
      sourceGap: bigint
    },
  ) =>
    db
      .updateTable('source_partition')
      .set({
        committed_offset: p.committedOffset,
        // Progress: if there is more, the time in which it does not move begins anew.
        behind_since_ms: sql`case when ${p.committedOffset} < source_end_offset then cast(${p.nowMs} as bigint) end`,
        max_timestamp_ms: sql`case when max_timestamp_ms < ${p.maxTimestampMs} then ${p.maxTimestampMs} else max_timestamp_ms end`,
        row_count: sql`row_count + ${p.rows}`,
        dead_letter_count: sql`dead_letter_count + ${p.deadLetters}`,
        absent_count: sql`absent_count + ${p.absent}`,
        control_count: sql`control_count + ${p.control}`,
        skipped_count: sql`skipped_count + ${p.skipped}`,
        source_gap_count: sql`source_gap_count + ${p.sourceGap}`,
      })
      .where('source_key', '=', p.sourceKey),
)
const selectLastRange = statement((db, p: { sourceKey: bigint }) =>
  db
    .selectFrom('accounted_range')
    .selectAll()
    .where('source_key', '=', p.sourceKey)
    .orderBy('end_offset', 'desc')
    .limit(1),
)
const extendRange = statement((db, p: { rangeKey: bigint; endOffset: bigint }) =>
  db.updateTable('accounted_range').set({ end_offset: p.endOffset }).where('range_key', '=', p.rangeKey),
)
const insertRange = insertStatement('accounted_range', [
  'table_id',
  'source_key',
  'kind',
  'start_offset',
  'end_offset',
  'by_operator',
])
const selectRanges = sqlStatement<{ tableId: string; limit: number }, RangeRow>(
  p => sql`select r.kind, r.start_offset, r.end_offset, s.topic, s.partition, s.incarnation
    from accounted_range r join source_partition s using (source_key)
    where r.table_id = ${p.tableId} order by r.range_key limit ${p.limit}`,
)
const selectOperatorRanges = sqlStatement<{ tableId: string }, RangeRow>(
  p => sql`select r.kind, r.start_offset, r.end_offset, s.topic, s.partition, s.incarnation
    from accounted_range r join source_partition s using (source_key)
    where r.table_id = ${p.tableId} and r.by_operator = 1 order by r.range_key`,
)

interface RangeRow {
  readonly kind: AccountedRange['kind']
  readonly start_offset: bigint
  readonly end_offset: bigint
  readonly topic: string
  readonly partition: bigint
  readonly incarnation: bigint
}

export interface Passed {
  readonly tableId: string
  readonly sourceKey: bigint
  /** The new watermark. */
  readonly endOffset: bigint
  readonly rowCount: bigint
  readonly deadLetterCount: bigint
  /** In offset order; none touches another of its kind unless the writer left it so. */
  readonly ranges: readonly AccountedRange[]
  readonly maxTimestampMs: bigint | number
  readonly byOperator: boolean
}

/** The caller has made sure that what is passed begins at the watermark. */
export function* passWatermark(passed: Passed): Steps<void> {
  yield* keepRanges(passed)
  yield* change(advanceWatermark, {
    sourceKey: passed.sourceKey,
    committedOffset: passed.endOffset,
    maxTimestampMs: passed.maxTimestampMs,
    rows: passed.rowCount,
    deadLetters: passed.deadLetterCount,
    nowMs: yield* now(),
    absent: lengthOf(passed.ranges, 'absent'),
    control: lengthOf(passed.ranges, 'control'),
    skipped: lengthOf(passed.ranges, 'skipped'),
    sourceGap: lengthOf(passed.ranges, 'source_gap'),
  })
}

function lengthOf(ranges: readonly AccountedRange[], kind: AccountedRange['kind']): bigint {
  return ranges.reduce(
    (sum, range) => (range.kind === kind ? sum + range.endOffset - range.startOffset : sum),
    0n,
  )
}

function* keepRanges({ tableId, sourceKey, ranges, byOperator }: Passed): Steps<void> {
  const [head, ...tail] = mergeTouching(ranges)
  if (head === undefined) return
  const last = yield* first(selectLastRange, { sourceKey })
  const touches =
    last !== undefined &&
    last.end_offset === head.startOffset &&
    last.kind === head.kind &&
    last.by_operator === (byOperator ? 1n : 0n)
  if (touches) yield* change(extendRange, { rangeKey: last.range_key, endOffset: head.endOffset })
  yield* changeMany(
    insertRange,
    (touches ? tail : [head, ...tail]).map(({ kind, startOffset, endOffset }) => ({
      table_id: tableId,
      source_key: sourceKey,
      kind,
      start_offset: startOffset,
      end_offset: endOffset,
      by_operator: byOperator ? 1 : 0,
    })),
  )
}

/** Runs of one kind that touch become one. */
export function mergeTouching(ranges: readonly AccountedRange[]): readonly AccountedRange[] {
  const merged: AccountedRange[] = []
  for (const range of ranges) {
    const last = merged.at(-1)
    if (last?.kind === range.kind && last.endOffset === range.startOffset) {
      merged[merged.length - 1] = { ...last, endOffset: range.endOffset }
    } else merged.push(range)
  }
  return merged
}

export type PartitionRange = AccountedRange & {
  readonly topic: string
  readonly partition: number
  readonly incarnation: number
}

/** Ranges below the watermarks in the order in which the watermarks passed them, oldest first. */
export function* listRanges(tableId: string, limit: number): Steps<readonly PartitionRange[]> {
  return (yield* all(selectRanges, { tableId, limit })).map(rangeOf)
}

export function* listOperatorSkips(tableId: string): Steps<readonly PartitionRange[]> {
  return (yield* all(selectOperatorRanges, { tableId })).map(rangeOf)
}

function rangeOf(row: RangeRow): PartitionRange {
  return {
    kind: row.kind,
    startOffset: row.start_offset,
    endOffset: row.end_offset,
    topic: row.topic,
    partition: Number(row.partition),
    incarnation: Number(row.incarnation),
  }
}
