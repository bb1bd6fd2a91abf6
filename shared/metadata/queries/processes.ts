/** Heartbeats of processes. A row belongs to its process, so that nothing waits for another. */
import { sql } from 'kysely'
import type { Row } from '../database.ts'
import {
  HEARTBEAT_TTL_MS,
  MAX_PROCESSES,
  PROCESS_KEPT_MS,
  type ProcessRecord,
  type ProcessReport,
} from '../processes.ts'
import { numberOrNull, present, toNumber } from '../rows.ts'
import { all, change, now, type Steps, sqlStatement, statement } from '../steps.ts'

const upsertProcess = sqlStatement<
  {
    name: string
    stages: string
    version: string
    conversions: number
    busyPermille: number
    bytesPerSecond: number | null
    nowMs: bigint
    untilMs: bigint
  },
  unknown
>(
  p => sql`insert into process (name, stages, version, conversions, busy_permille, bytes_per_second, started_at_ms, seen_at_ms, until_ms)
    values (${p.name}, ${p.stages}, ${p.version}, ${p.conversions}, ${p.busyPermille}, ${p.bytesPerSecond}, ${p.nowMs}, ${p.nowMs}, ${p.untilMs})
    on conflict (name) do update set busy_permille = excluded.busy_permille, bytes_per_second = excluded.bytes_per_second,
      seen_at_ms = excluded.seen_at_ms, until_ms = excluded.until_ms`,
)
const deleteOldProcesses = statement((db, p: { beforeMs: bigint }) =>
  db.deleteFrom('process').where('seen_at_ms', '<', p.beforeMs),
)
const endOne = statement((db, p: { name: string }) =>
  db.updateTable('process').set({ until_ms: 0 }).where('name', '=', p.name),
)
const selectProcesses = statement((db, p: { limit: number }) =>
  db.selectFrom('process').selectAll().orderBy('seen_at_ms', 'desc').limit(p.limit),
)

export function* reportProcess(report: ProcessReport): Steps<void> {
  const nowMs = yield* now()
  const { name, stages, version, conversions, utilisation, bytesPerSecond } = report
  yield* change(upsertProcess, {
    name,
    stages: stages.join(','),
    version,
    conversions,
    busyPermille: Math.round(utilisation * 1000),
    bytesPerSecond: bytesPerSecond === undefined ? null : Math.round(bytesPerSecond),
    nowMs,
    untilMs: nowMs + BigInt(HEARTBEAT_TTL_MS),
  })
  yield* change(deleteOldProcesses, { beforeMs: nowMs - BigInt(PROCESS_KEPT_MS) })
}

export function* endProcess(name: string): Steps<void> {
  yield* change(endOne, { name })
}

export function* listProcesses(): Steps<readonly ProcessRecord[]> {
  const nowMs = yield* now()
  return (yield* all(selectProcesses, { limit: MAX_PROCESSES })).map(row => processOf(row, nowMs))
}

function processOf(row: Row<'process'>, nowMs: bigint): ProcessRecord {
  return {
    name: row.name,
    stages: row.stages.split(','),
    version: row.version,
    conversions: toNumber(row.conversions),
    utilisation: toNumber(row.busy_permille) / 1000,
    ...present('bytesPerSecond', numberOrNull(row.bytes_per_second)),
    startedAtMs: toNumber(row.started_at_ms),
    seenAtMs: toNumber(row.seen_at_ms),
    isLive: row.until_ms > nowMs,
  }
}
