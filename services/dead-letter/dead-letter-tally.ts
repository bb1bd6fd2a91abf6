/**
 * Counts the failures of one task by partition and code, and refuses a flood of them: a schema that fits nothing should stop the
 * table, not fill the dead letters (`dlq_max_ratio`).
 */
import type { DeadLetterCount, TaskSlice } from '../../shared/flow.ts'
import { AppError } from '../../shared/runtime/errors.ts'

/** Fewer records than this say nothing about a ratio. */
export const MIN_RECORDS_FOR_RATIO = 100
/** Sample messages are cut to this many characters. */
const MAX_SAMPLE_CHARACTERS = 500

export interface DeadLetterTally {
  seen(recordCount: number): void
  failed(
    slice: TaskSlice,
    offset: bigint,
    failure: { readonly code: string; readonly message: string },
    dlqMode: 'dlq' | 'skip',
  ): void
  /** At the end of the task: throws `dead-letter-flood` when the share of failures is above the ratio. */
  refuseFlood(): void
  /** Before the end: throws it when not even the rest of the task, all of it good, could bring the share down again. */
  refuseCertainFlood(): void
  /** Dead letters kept, by partition and code; skipped records are counted in the accounts alone. */
  counts(): readonly DeadLetterCount[]
}

/** `maxRecords`: as many as the task may hold. */
export function createDeadLetterTally(maxRatio: number, maxRecords: number): DeadLetterTally {
  const byCode = new Map<string, DeadLetterCount>()
  let seenCount = 0
  let failedCount = 0
  let lastFailure = { topic: '', partition: -1, offset: -1n, message: '' }

  const refuseAbove = (recordCount: number) => {
    if (recordCount < MIN_RECORDS_FOR_RATIO || failedCount / recordCount <= maxRatio) return
    const { topic, partition, offset, message } = lastFailure
    throw new AppError({
      code: 'dead-letter-flood',
      next: 'park',
      message: `${topic}-${partition}: ${failedCount} of ${seenCount} records in one task failed, above dlq_max_ratio ${maxRatio}; the last one at offset ${offset}: ${message}. Mend the schema, or raise dlq_max_ratio, and resume the table.`,
      details: { topic, partition, failedCount, seenCount },
    })
  }

  return {
    seen(recordCount) {
      seenCount += recordCount
    },
    failed({ topic, partition }, offset, { code, message }, dlqMode) {
      failedCount++
      lastFailure = { topic, partition, offset, message }
      if (dlqMode === 'skip') return
      const key = `${topic}\0${partition}\0${code}`
      const known = byCode.get(key)
      byCode.set(
        key,
        known === undefined
          ? {
              topic,
              partition,
              code,
              count: 1n,
              firstOffset: offset,
              lastOffset: offset,
              sampleMessage: message.slice(0, MAX_SAMPLE_CHARACTERS),
            }
          : { ...known, count: known.count + 1n, lastOffset: offset },
      )
    },
    refuseFlood: () => refuseAbove(seenCount),
    refuseCertainFlood: () => refuseAbove(maxRecords),
    counts: () => [...byCode.values()],
  }
}
