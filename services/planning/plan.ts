/**
 * Cuts what discovery found into convert tasks. Pure.
 *
 * - Enough bytes of one partition make a task of their own at once; a backlog becomes many such tasks, which run ahead in parallel.
 * - What is left waits until its oldest segment has waited half the commit interval. Then quiet partitions (nothing in flight) share
 *   a task, so that a thousand of them make one file; a partition with work in flight waits up to the whole interval for it to end,
 *   because its slice may share a task only at its committed offset.
 */
import type { NewSlice } from '../../shared/metadata/metadata-store.ts'
import type { ReadySegment } from '../discovery/examine-listing.ts'

/** Slices that one task may mix; bounds its memory and its commit. */
export const MAX_SLICES_PER_TASK = 1000

export interface PendingPartition {
  readonly topic: string
  readonly partition: number
  readonly incarnation: number
  readonly plannedOffset: bigint
  /** Planned and committed offsets are equal: nothing of it is in flight. */
  readonly idle: boolean
  /** Ready and not planned, in offset order; at least one. */
  readonly segments: readonly ReadySegment[]
  /** End of the last of them, exclusive. */
  readonly endOffset: bigint
  /** When the oldest of them was first seen. */
  readonly waitingSinceMs: number
  /** Base offsets of half segments that are given up because later ones stand. */
  readonly abandoned?: readonly bigint[]
}

export interface PlanOptions {
  readonly taskTargetBytes: number
  readonly commitIntervalMs: number
  readonly nowMs: number
  /** Plans everything now, whatever its age: for `--once`. */
  readonly flush: boolean
  /** Room left in the queue; what does not fit is planned in a later round. */
  readonly maxTasks: number
}

/** The slices of each task, in the order in which the tasks are to be planned. */
export function cutTasks(
  partitions: readonly PendingPartition[],
  options: PlanOptions,
): readonly (readonly NewSlice[])[] {
  const own: NewSlice[][][] = []
  const shared: SizedSlice[] = []
  for (const partition of partitions) {
    const { full, rest } = cutPartition(partition, options.taskTargetBytes)
    const tasks = full.map(({ slice }) => [slice])
    own.push(tasks)
    if (rest === undefined) continue
    const waitedMs = options.nowMs - partition.waitingSinceMs
    const mayShare = partition.idle && full.length === 0
    if (mayShare && (options.flush || waitedMs >= options.commitIntervalMs / 2)) shared.push(rest)
    else if (!mayShare && (options.flush || waitedMs >= options.commitIntervalMs)) tasks.push([rest.slice])
  }
  return [...packShared(shared, options.taskTargetBytes), ...inTurns(own)].slice(0, options.maxTasks)
}

/** The first task of each partition, then the second of each, and so on: one partition's backlog does not hold up the others. */
function inTurns(own: readonly (readonly NewSlice[][])[]): readonly NewSlice[][] {
  const longest = own.reduce((most, tasks) => Math.max(most, tasks.length), 0)
  return Array.from({ length: longest }, (_, turn) =>
    own.map(tasks => tasks[turn]).filter(task => task !== undefined),
  ).flat()
}

interface SizedSlice {
  readonly slice: NewSlice
  readonly sizeBytes: number
}

function cutPartition(
  partition: PendingPartition,
  targetBytes: number,
): { readonly full: readonly SizedSlice[]; readonly rest?: SizedSlice } {
  const full: SizedSlice[] = []
  let from = 0
  let sizeBytes = 0
  let startOffset = partition.plannedOffset
  for (const [position, segment] of partition.segments.entries()) {
    sizeBytes += segment.sizeBytes
    if (sizeBytes < targetBytes) continue
    const endOffset = partition.segments[position + 1]?.baseOffset ?? partition.endOffset
    full.push(sliceOf(partition, { from, to: position + 1, startOffset, endOffset, sizeBytes }))
    from = position + 1
    sizeBytes = 0
    startOffset = endOffset
  }
  if (from === partition.segments.length) return { full }
  return {
    full,
    rest: sliceOf(partition, {
      from,
      to: partition.segments.length,
      startOffset,
      endOffset: partition.endOffset,
      sizeBytes,
    }),
  }
}

function sliceOf(
  partition: PendingPartition,
  cut: { from: number; to: number; startOffset: bigint; endOffset: bigint; sizeBytes: number },
): SizedSlice {
  const segments = partition.segments
    .slice(cut.from, cut.to)
    .map(({ topic, partition: number, key, baseOffset, sizeBytes, etag }) => ({
      topic,
      partition: number,
      key,
      baseOffset,
      sizeBytes,
      etag,
    }))
  const landedAtMs = partition.segments[cut.from]?.landedAtMs
  const abandoned = (partition.abandoned ?? []).filter(
    baseOffset => baseOffset >= cut.startOffset && baseOffset < cut.endOffset,
  )
  return {
    sizeBytes: cut.sizeBytes,
    slice: {
      topic: partition.topic,
      partition: partition.partition,
      incarnation: partition.incarnation,
      startOffset: cut.startOffset,
      endOffset: cut.endOffset,
      segments,
      ...(landedAtMs !== undefined && { landedAtMs }),
      ...(abandoned.length > 0 && { abandoned }),
    },
  }
}

/** First-fit in the given order: tasks close as soon as the next slice would pass the target. */
function packShared(slices: readonly SizedSlice[], targetBytes: number): readonly (readonly NewSlice[])[] {
  const tasks: NewSlice[][] = []
  let current: NewSlice[] = []
  let sizeBytes = 0
  for (const { slice, sizeBytes: sliceBytes } of slices) {
    if (
      current.length > 0 &&
      (sizeBytes + sliceBytes > targetBytes || current.length === MAX_SLICES_PER_TASK)
    ) {
      tasks.push(current)
      current = []
      sizeBytes = 0
    }
    current.push(slice)
    sizeBytes += sliceBytes
  }
  if (current.length > 0) tasks.push(current)
  return tasks
}
