/**
 * What must hold in the metadata database after every transaction, whatever happens to processes: questions whose answer must be no row.
 * What must only rise is compared with the transaction before.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'

const MUST_BE_EMPTY: readonly (readonly [string, string])[] = [
  [
    'slices of one partition that hold the same offsets',
    `select * from (select source_key, start_offset, lag(end_offset) over (partition by source_key order by start_offset) before
       from task_slice where state <> 'cancelled') where before > start_offset`,
  ],
  [
    'slices that are on the wrong side of the watermark, or above what is planned',
    `select s.* from task_slice s join source_partition p using (source_key)
      where (s.state = 'committed') <> (s.end_offset <= p.committed_offset) and s.state <> 'cancelled'
         or s.state <> 'cancelled' and s.end_offset > p.planned_offset`,
  ],
  [
    'partitions that are planned further than their slices reach',
    `select p.source_key from source_partition p where planned_offset <> committed_offset and planned_offset <>
       (select max(end_offset) from task_slice s where s.source_key = p.source_key and s.state in ('planned', 'done'))`,
  ],
  [
    'files that readers see though their task is not committed, or do not see though it is',
    `select f.path from data_file f join convert_task t using (task_key)
      where (f.added_version is not null) <> (t.state = 'committed') or t.state not in ('staged', 'committed')`,
  ],
  [
    'files that were added or removed after the version of their table',
    `select f.path from data_file f join iceberg_table t on t.table_id = f.table_id
      where f.added_version > t.version or f.removed_version > t.version`,
  ],
  [
    'tasks whose files hold other numbers of rows than their accounts say',
    `select t.task_id from convert_task t where t.state in ('staged', 'committed') and
       (select coalesce(sum(record_count), 0) from data_file f where f.task_key = t.task_key) <>
       (select coalesce(sum(row_count + dead_letter_count), 0) from slice_account a where a.task_key = t.task_key)`,
  ],
  [
    'tasks whose dead letters are not those of their accounts',
    `select t.task_id from convert_task t where t.state = 'committed' and
       (select coalesce(sum(count), 0) from dead_letter_batch b where b.task_key = t.task_key) <>
       (select coalesce(sum(dead_letter_count), 0) from slice_account a where a.task_key = t.task_key)`,
  ],
  [
    'snapshots of a state that is not there yet',
    `select s.snapshot_id from snapshot s join iceberg_table t using (table_id)
      where s.version > t.version or s.state <> 'intent' and s.sequence_number > t.last_sequence_number`,
  ],
  [
    'files of a snapshot that no manifest lists',
    'select path from data_file where (snapshot_id is null) <> (manifest_key is null) and removed_version is null',
  ],
]

const MUST_RISE: readonly (readonly [string, string])[] = [
  [
    'the watermark of a partition',
    `select 'source ' || source_key as name, committed_offset as value from source_partition`,
  ],
  [
    'the current incarnation of a partition',
    `select table_id || ' ' || topic || '-' || partition as name, incarnation as value from source_partition where is_current = 1`,
  ],
  ['the version of a table', 'select table_id as name, version as value from iceberg_table'],
  [
    'the sequence number of a table',
    'select table_id as name, last_sequence_number as value from iceberg_table',
  ],
]

export interface LedgerInvariants {
  /** What does not hold, in words. Costs next to nothing when nothing has changed since the last time. */
  breaches(): readonly string[]
}

export function createLedgerInvariants(db: DatabaseSync): LedgerInvariants {
  const prepare = (sql: string): StatementSync => {
    const statement = db.prepare(sql)
    statement.setReadBigInts(true)
    return statement
  }
  const empty = MUST_BE_EMPTY.map(([what, sql]) => ({ what, statement: prepare(`${sql} limit 3`) }))
  const rising = MUST_RISE.map(([what, sql]) => ({
    what,
    statement: prepare(sql),
    known: new Map<string, bigint>(),
  }))
  const changes = prepare('select total_changes() as n')
  let changesSeen: unknown

  return {
    breaches() {
      const changed = changes.get()?.n
      if (changed === changesSeen) return []
      changesSeen = changed
      const found: string[] = []
      for (const { what, statement } of empty) {
        const rows = statement.all()
        if (rows.length > 0)
          found.push(`${what}: ${rows.map(row => Object.values(row).join(' ')).join('; ')}`)
      }
      for (const { what, statement, known } of rising)
        for (const { name, value } of statement.all()) {
          const before = known.get(String(name))
          const now = BigInt(String(value))
          if (before !== undefined && now < before)
            found.push(`${what} (${name}) went from ${before} to ${now}`)
          known.set(String(name), now)
        }
      return found
    },
  }
}
