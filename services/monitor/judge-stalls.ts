/**
 * Decides which partitions stall and which no longer do. Pure.
 *
 * A partition stalls when its source has held more than the watermark for two commit intervals without the watermark moving, and for as
 * long as an ordinary task may take. One that a person paused does not, and one that stopped has said so with an event of its own.
 */
import type { NewEvent } from '../../shared/metadata/metadata-store.ts'
import type { StallCandidate, StallCandidates, StallChange } from '../../shared/metadata/stalls.ts'

const STALLED_AFTER_INTERVALS = 2
/** Where commit intervals are shorter than a task takes, every busy moment would be a stall. */
const MIN_STALLED_AFTER_MS = 10_000
/** Partitions of one table with an event each, in one look; more of them share one, so that they do not flood the event log. */
export const MAX_EVENTS_PER_LOOK = 10

export interface Watched {
  readonly tableId: string
  readonly commitIntervalMs: number
}

/** How long a watermark may stand still. */
export function stalledAfterMs(commitIntervalMs: number): number {
  return Math.max(STALLED_AFTER_INTERVALS * commitIntervalMs, MIN_STALLED_AFTER_MS)
}

/** `watchedSinceMs`: when this process began to look; time in which no process ran is no stall. */
export function judgeStalls(
  { atMs, candidates }: StallCandidates,
  tables: readonly Watched[],
  watchedSinceMs: number,
): readonly StallChange[] {
  return tables.flatMap(({ tableId, commitIntervalMs }) => {
    const afterMs = stalledAfterMs(commitIntervalMs)
    const ofTable = candidates.filter(candidate => candidate.tableId === tableId)
    const begun = ofTable.filter(
      candidate =>
        isRunning(candidate) &&
        candidate.stalledSinceMs === undefined &&
        candidate.behindSinceMs !== undefined &&
        atMs - Math.max(candidate.behindSinceMs, watchedSinceMs) >= afterMs,
    )
    const reported = ofTable.filter(candidate => candidate.stalledSinceMs !== undefined)
    const moving = reported.filter(
      candidate => !isPaused(candidate) && candidate.behindSinceMs !== candidate.stalledSinceMs,
    )
    return [
      ...changesOf('begin', begun, stalledEvent),
      ...changesOf('end', moving, movingEvent),
      // The pause has its own event.
      ...reported.filter(isPaused).map(candidate => changeOf('end', candidate)),
    ]
  })
}

function isRunning({ state, tableState }: StallCandidate): boolean {
  return state === 'active' && tableState === 'active'
}

function isPaused({ state, tableState }: StallCandidate): boolean {
  return state === 'paused' || tableState === 'paused'
}

function changesOf(
  kind: StallChange['kind'],
  candidates: readonly StallCandidate[],
  eventOf: (candidate: StallCandidate, others: number) => NewEvent,
): readonly StallChange[] {
  const isMany = candidates.length > MAX_EVENTS_PER_LOOK
  return candidates.map((candidate, position) => {
    const change = changeOf(kind, candidate)
    if (isMany && position > 0) return change
    return { ...change, event: eventOf(candidate, isMany ? candidates.length - 1 : 0) }
  })
}

function changeOf(kind: StallChange['kind'], candidate: StallCandidate): StallChange {
  const { tableId, topic, partition, behindSinceMs = 0, stalledSinceMs = 0 } = candidate
  return { kind, tableId, topic, partition, sinceMs: kind === 'begin' ? behindSinceMs : stalledSinceMs }
}

function stalledEvent(candidate: StallCandidate, others: number): NewEvent {
  const { table, tableId, topic, partition, committedOffset, sourceEndOffset, behindSinceMs = 0 } = candidate
  return {
    type: 'partition.stalled',
    tableId,
    topic,
    partition,
    message: `${topic}-${partition}${andOthers(others)} of ${table}: the source holds offsets up to ${sourceEndOffset - 1n}, and the watermark has stood at ${committedOffset} since ${timeText(behindSinceMs)}. ${whyOf(candidate)}`,
    details: { sinceMs: behindSinceMs, committedOffset, sourceEndOffset, otherPartitions: others },
  }
}

function whyOf({ task }: StallCandidate): string {
  if (task === undefined)
    return 'Nothing is planned there: look at what processes with the stages discover,plan log of planning.'
  const { taskId, state, attempts, lastErrorMessage } = task
  const failed =
    lastErrorMessage === undefined ? '' : ` after ${attempts} failed attempts: ${lastErrorMessage}`
  return `Task ${taskId} holds these offsets and is ${state}${failed === '' ? '.' : failed}`
}

function movingEvent(candidate: StallCandidate, others: number): NewEvent {
  const { table, tableId, topic, partition, committedOffset, sourceEndOffset, stalledSinceMs = 0 } = candidate
  return {
    type: 'partition.moving',
    tableId,
    topic,
    partition,
    message: `${topic}-${partition}${andOthers(others)} of ${table} moves again: the watermark, which had stood still since ${timeText(stalledSinceMs)}, is at ${committedOffset} of ${sourceEndOffset}.`,
    details: { sinceMs: stalledSinceMs, committedOffset, sourceEndOffset, otherPartitions: others },
  }
}

function andOthers(others: number): string {
  return others === 0 ? '' : ` and ${others} more partitions`
}

function timeText(ms: number): string {
  return new Date(ms).toISOString()
}
