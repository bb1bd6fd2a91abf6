/**
 * How far the source goes, and which partitions have been behind it without moving: their stalls are recorded by a compare-and-set,
 * so that several processes that look report each once.
 */
import { sql } from 'kysely'
import type { Row } from '../database.ts'
import type { PartitionId, SourceEnd, TaskState, Witness } from '../metadata-store.ts'
import { numberOrNull, present, toNumber } from '../rows.ts'
import {
  MAX_STALL_CANDIDATES,
  type StallCandidate,
  type StallCandidates,
  type StallChange,
} from '../stalls.ts'
import { all, change, countChanged, now, type Steps, sqlStatement, statement } from '../steps.ts'
import { appendEvent } from './events.ts'
import { findSource } from './partitions.ts'

type CandidateRow = Row<'source_partition'> & {
  readonly name: string
  readonly table_state: Row<'iceberg_table'>['state']
  readonly task_id: string | null
  readonly task_state: TaskState | null
  readonly attempts: bigint | null
  readonly last_error_message: string | null
}

const updateSourceEnd = statement(
  (
    db,
    p: {
      sourceKey: bigint
      endOffset: bigint
      behindSinceMs: bigint | null
      unplannedSinceMs: number | null
    },
  ) =>
    db
      .updateTable('source_partition')
      .set({
        source_end_offset: p.endOffset,
        behind_since_ms: p.behindSinceMs,
        unplanned_since_ms: p.unplannedSinceMs,
      })
      .where('source_key', '=', p.sourceKey),
)

const candidates = sql`select p.*, t.name, t.state as table_state, c.task_id, c.state as task_state, c.attempts, c.last_error_message
  from source_partition p join iceberg_table t on t.table_id = p.table_id
    left join task_slice s on s.source_key = p.source_key and s.start_offset = p.committed_offset
      and s.state in ('planned', 'done')
    left join convert_task c on c.task_key = s.task_key`
/** Two statements, each through the index of its own: together no index would serve. */
const selectBehind = sqlStatement<{ sinceMs: bigint; limit: number }, CandidateRow>(
  p => sql`${candidates} where p.behind_since_ms is not null and p.is_current = 1
    and p.state = 'active' and t.state = 'active' and p.behind_since_ms <= ${p.sinceMs} and p.stalled_since_ms is null order by p.behind_since_ms limit ${p.limit}`,
)
const selectStalled = sqlStatement<{ limit: number }, CandidateRow>(
  p => sql`${candidates} where p.stalled_since_ms is not null and p.is_current = 1
    order by p.source_key limit ${p.limit}`,
)
const beginStall = sqlStatement<PartitionId & { sinceMs: number }, unknown>(
  p => sql`update source_partition set stalled_since_ms = ${p.sinceMs}
    where table_id = ${p.tableId} and topic = ${p.topic} and partition = ${p.partition} and is_current = 1
      and state = 'active' and behind_since_ms = ${p.sinceMs} and stalled_since_ms is null`,
)
const endStall = sqlStatement<PartitionId & { sinceMs: number }, unknown>(
  p => sql`update source_partition set stalled_since_ms = null
    where table_id = ${p.tableId} and topic = ${p.topic} and partition = ${p.partition} and is_current = 1
      and stalled_since_ms = ${p.sinceMs}`,
)

/** It only rises: a process that lists late must not take back what another has seen since. */
const raiseWitness = sqlStatement<{ sourceKey: bigint } & Witness, unknown>(
  p => sql`update source_partition set witness_offset = ${p.baseOffset}, witness_landed_at_ms = ${p.landedAtMs}
    where source_key = ${p.sourceKey} and (witness_offset is null or witness_offset < ${p.baseOffset})`,
)

export function* noteSourceEnds(tableId: string, ends: readonly SourceEnd[]): Steps<void> {
  const nowMs = yield* now()
  for (const { topic, partition, incarnation, endOffset, unplannedSinceMs, witness } of ends) {
    const source = yield* findSource({ tableId, topic, partition })
    if (source === undefined || toNumber(source.incarnation) !== incarnation) continue
    const isBelow = endOffset < source.planned_offset
    const end = isBelow ? source.planned_offset : endOffset
    yield* change(updateSourceEnd, {
      sourceKey: source.source_key,
      endOffset: end,
      behindSinceMs: end > source.committed_offset ? (source.behind_since_ms ?? nowMs) : null,
      unplannedSinceMs: unplannedSinceMs ?? null,
    })
    if (witness !== undefined) yield* change(raiseWitness, { sourceKey: source.source_key, ...witness })
  }
}

export function* listStallCandidates(forMs: number): Steps<StallCandidates> {
  const atMs = yield* now()
  const limit = MAX_STALL_CANDIDATES
  const stalled = yield* all(selectStalled, { limit })
  const behind = yield* all(selectBehind, { sinceMs: atMs - BigInt(forMs), limit })
  return { atMs: toNumber(atMs), candidates: [...stalled, ...behind].map(candidateOf) }
}

function candidateOf(row: CandidateRow): StallCandidate {
  const { task_id: taskId, task_state: state, attempts } = row
  const task =
    taskId === null || state === null || attempts === null
      ? null
      : {
          taskId,
          state,
          attempts: toNumber(attempts),
          ...present('lastErrorMessage', row.last_error_message),
        }
  return {
    tableId: row.table_id,
    topic: row.topic,
    partition: toNumber(row.partition),
    table: row.name,
    tableState: row.table_state,
    state: row.state,
    committedOffset: row.committed_offset,
    sourceEndOffset: row.source_end_offset,
    ...present('behindSinceMs', numberOrNull(row.behind_since_ms)),
    ...present('stalledSinceMs', numberOrNull(row.stalled_since_ms)),
    ...present('task', task),
  }
}

export function* recordStalls(changes: readonly StallChange[]): Steps<readonly StallChange[]> {
  const recorded: StallChange[] = []
  for (const one of changes) {
    const { kind, tableId, topic, partition, sinceMs, event } = one
    const of = { tableId, topic, partition, sinceMs }
    if ((yield* countChanged(kind === 'begin' ? beginStall : endStall, [of])) === 0) continue
    if (event !== undefined) yield* appendEvent(event)
    recorded.push(one)
  }
  return recorded
}
