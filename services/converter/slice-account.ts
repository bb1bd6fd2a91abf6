/**
 * Accounts for every offset of one slice while it is converted: a row, a dead letter, or a range with a reason.
 * `finish` proves that nothing is left over (DESIGN invariant 1); the metadata store proves it again before the commit.
 */
import type { AccountedRange, SliceAccount, TaskSlice } from '../../shared/flow.ts'
import { AppError, invariant } from '../../shared/runtime/errors.ts'
import type { RecordSlices } from '../../shared/segment/record-slices.ts'

/** Ranges that one slice may need; beyond it, the skipped records are a flood that a person should see. */
export const MAX_RANGES_PER_SLICE = 100_000

export interface BatchOutcome {
  readonly records: RecordSlices
  /** Records `[from, to)` of the batch belong to the slice. */
  readonly from: number
  readonly to: number
  /** Indexes of those that became no row, ascending. */
  readonly failed: readonly number[]
  readonly failedAs: 'dead_letter' | 'skipped'
}

export interface SliceAccounting {
  /** Everything below this offset is accounted for. */
  readonly nextOffset: bigint
  /** Accounts [nextOffset, to) as a range of that kind; nothing happens when `to` is not above nextOffset. */
  advance(to: bigint, kind: AccountedRange['kind']): void
  batch(outcome: BatchOutcome): void
  finish(): SliceAccount
}

export function accountSlice(slice: TaskSlice): SliceAccounting {
  const ranges: AccountedRange[] = []
  let nextOffset = slice.startOffset
  let rowCount = 0n
  let deadLetterCount = 0n
  let maxTimestampMs = -1

  function advance(to: bigint, kind: AccountedRange['kind']): void {
    if (to <= nextOffset) return
    const last = ranges.at(-1)
    if (last?.kind === kind && last.endOffset === nextOffset)
      ranges[ranges.length - 1] = { ...last, endOffset: to }
    else ranges.push({ kind, startOffset: nextOffset, endOffset: to })
    if (ranges.length > MAX_RANGES_PER_SLICE) throw tooManyRanges(slice)
    nextOffset = to
  }

  function batch({ records, from, to, failed, failedAs }: BatchOutcome): void {
    if (from === to) return
    for (let i = from; i < to; i++) maxTimestampMs = Math.max(maxTimestampMs, records.timestampsMs[i] ?? -1)
    const rows = BigInt(to - from - failed.length)
    if (failedAs === 'dead_letter' || failed.length === 0) {
      rowCount += rows
      deadLetterCount += BigInt(failed.length)
      passOver(records, from, to)
      return
    }
    let done = from
    for (const index of failed) {
      passOver(records, done, index)
      const offset = records.baseOffset + BigInt(records.offsetDeltas[index] ?? 0)
      advance(offset, 'absent')
      advance(offset + 1n, 'skipped')
      done = index + 1
    }
    passOver(records, done, to)
    rowCount += rows
  }

  /** Moves over records `[from, to)`, which are accounted for themselves, and notes the holes between them. */
  function passOver(records: RecordSlices, from: number, to: number): void {
    if (from >= to) return
    const deltas = records.offsetDeltas
    const first = deltas[from] ?? 0
    const last = deltas[to - 1] ?? 0
    advance(records.baseOffset + BigInt(first), 'absent')
    if (last - first === to - 1 - from) {
      nextOffset = records.baseOffset + BigInt(last) + 1n
      return
    }
    for (let i = from; i < to; i++) {
      const offset = records.baseOffset + BigInt(deltas[i] ?? 0)
      advance(offset, 'absent')
      nextOffset = offset + 1n
    }
  }

  return {
    get nextOffset() {
      return nextOffset
    },
    advance,
    batch,
    finish() {
      const inRanges = ranges.reduce((sum, range) => sum + range.endOffset - range.startOffset, 0n)
      invariant(
        nextOffset === slice.endOffset &&
          rowCount + deadLetterCount + inRanges === slice.endOffset - slice.startOffset,
        `offsets ${slice.startOffset} to ${slice.endOffset} of ${slice.topic}-${slice.partition} are not accounted for exactly once: ${rowCount} rows, ${deadLetterCount} dead letters, ${inRanges} in ranges, up to ${nextOffset}`,
      )
      const { topic, partition, incarnation, startOffset, endOffset } = slice
      return {
        topic,
        partition,
        incarnation,
        startOffset,
        endOffset,
        rowCount,
        deadLetterCount,
        ranges,
        maxTimestampMs,
      }
    },
  }
}

function tooManyRanges(slice: TaskSlice): AppError {
  return new AppError({
    code: 'too-many-ranges',
    next: 'park',
    message: `Converting ${slice.topic}-${slice.partition} from offset ${slice.startOffset}: more than ${MAX_RANGES_PER_SLICE} separate ranges of skipped or absent offsets. Most records fail to convert; look at them with segment cat, mend the schema, or set dlq_mode: dlq to keep them.`,
  })
}
