/** Decides where a partition begins that no row knows yet. Pure. `start_from` picks whole segments: a time is compared with when a segment
 * landed, not with each record. */
import type { StartFromConfig } from '../../shared/config/config.ts'
import { unreachable } from '../../shared/runtime/errors.ts'
import type { ReadySegment } from './examine-listing.ts'

export interface StartContext {
  readonly partition: number
  /** `latest` means: landed after the table was declared, so that a restart, or a partition that appears later, loses nothing. */
  readonly tableCreatedAtMs: number
  /** All ready segments of the folder, at least one. */
  readonly ready: readonly [ReadySegment, ...ReadySegment[]]
  /** End of the last ready segment, exclusive. */
  readonly endOffset: bigint
}

export function startOffset(startFrom: StartFromConfig, context: StartContext): bigint {
  const earliest = context.ready[0].baseOffset
  switch (startFrom.kind) {
    case 'earliest':
      return earliest
    case 'latest':
      return firstLandedSince(context, context.tableCreatedAtMs)
    case 'timestamp':
      return firstLandedSince(context, startFrom.timestampMs)
    case 'offsets': {
      const wanted = startFrom.offsets.get(context.partition)
      return wanted === undefined || wanted < earliest ? earliest : wanted
    }
    default:
      return unreachable(startFrom)
  }
}

function firstLandedSince(context: StartContext, sinceMs: number): bigint {
  return context.ready.find(segment => segment.landedAtMs >= sinceMs)?.baseOffset ?? context.endOffset
}
