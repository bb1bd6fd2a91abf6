/** What was accounted for below the watermarks: for `status`, `audit` and `dlq`. Staged work does not show here. */
import { sql } from 'kysely'
import { AppError } from '../../runtime/errors.ts'
import type { Row } from '../database.ts'
import { rangesFromJson, segmentsFromJson } from '../json-columns.ts'
import type { CommittedAccount, DeadLetterBatch } from '../metadata-store.ts'
import type { AccountSums } from '../overviews.ts'
import { toNumber } from '../rows.ts'
import { all, first, type Query, query, type Steps, sqlStatement, statement } from '../steps.ts'
import { type Ids, idOnce, listed } from './id-sets.ts'

type Source = Row<'source_partition'>

interface AccountRow {
  readonly task_id: string
  readonly start_offset: bigint
  readonly end_offset: bigint
  readonly segments: string
  readonly row_count: bigint
  readonly dead_letter_count: bigint
  readonly max_timestamp_ms: bigint
  readonly ranges: string
  readonly purged_dead_letter_count: bigint
}

interface AccountCursor {
  readonly sourceKey: bigint
  readonly startOffset: bigint
}

const selectSourcesFrom = statement((db, p: { tableId: string; sourceKey: bigint }) =>
  db
    .selectFrom('source_partition')
    .selectAll()
    .where('table_id', '=', p.tableId)
    .where('source_key', '>=', p.sourceKey)
    .orderBy('source_key'),
)
const selectAccounts = sqlStatement<AccountCursor & { limit: number }, AccountRow>(
  p => sql`select t.task_id, s.start_offset, s.end_offset, s.segments,
      a.row_count, a.dead_letter_count, a.max_timestamp_ms, a.ranges,
      (select cast(coalesce(sum(d.count), 0) as bigint) from dead_letter_batch d
        where d.task_key = t.task_key and d.source_key = s.source_key and d.purged_at_ms is not null
      ) as purged_dead_letter_count
    from task_slice s
      join slice_account a on a.task_key = s.task_key and a.position = s.position
      join convert_task t on t.task_key = s.task_key
    where s.source_key = ${p.sourceKey} and s.start_offset > ${p.startOffset}
      and s.state <> 'cancelled' and s.state = 'committed'
    order by s.start_offset limit ${p.limit}`,
)
const selectDeadLetters = sqlStatement<
  { tableId: string; limit: number },
  {
    readonly task_id: string
    readonly topic: string
    readonly partition: bigint
    readonly incarnation: bigint
    readonly code: string
    readonly count: bigint
    readonly first_offset: bigint
    readonly last_offset: bigint
    readonly sample_message: string
    readonly committed_at_ms: bigint
    readonly purged_at_ms: bigint | null
  }
>(
  p => sql`select t.task_id, s.topic, s.partition, s.incarnation, d.code, d.count, d.first_offset, d.last_offset,
      d.sample_message, d.committed_at_ms, d.purged_at_ms
    from dead_letter_batch d join convert_task t using (task_key) join source_partition s using (source_key)
    where d.table_id = ${p.tableId} and t.state = 'committed'
    order by d.batch_key desc limit ${p.limit}`,
)
const sumSources = sqlStatement<Ids, SumsRow>(
  ids => sql`select table_id, cast(coalesce(sum(row_count), 0) as bigint) as "rows",
      cast(coalesce(sum(dead_letter_count), 0) as bigint) as dead_letters,
      cast(coalesce(sum(purged_dead_letter_count), 0) as bigint) as purged,
      cast(coalesce(sum(absent_count), 0) as bigint) as absent,
      cast(coalesce(sum(control_count), 0) as bigint) as control,
      cast(coalesce(sum(skipped_count), 0) as bigint) as skipped,
      cast(coalesce(sum(source_gap_count), 0) as bigint) as source_gap
    from source_partition where table_id in (${listed(ids)}) group by table_id`,
)

/** Committed accounts, one life of a partition after the other, each in offset order. A page costs by its own length. */
export function* listAccounts(
  tableId: string,
  page: { readonly after?: string; readonly limit: number },
): Steps<{ readonly accounts: readonly CommittedAccount[]; readonly next?: string }> {
  const cursor = parseCursor(page.after)
  const accounts: CommittedAccount[] = []
  for (const source of yield* all(selectSourcesFrom, { tableId, sourceKey: cursor.sourceKey })) {
    const sourceKey = source.source_key
    const startOffset = sourceKey === cursor.sourceKey ? cursor.startOffset : -1n
    const limit = page.limit - accounts.length
    for (const row of yield* all(selectAccounts, { sourceKey, startOffset, limit })) {
      accounts.push(accountOf(source, row))
    }
    const last = accounts.at(-1)
    if (accounts.length === page.limit && last !== undefined) {
      return { accounts, next: `${sourceKey}:${last.startOffset}` }
    }
  }
  return { accounts }
}

function parseCursor(text: string | undefined): AccountCursor {
  if (text === undefined) return { sourceKey: -1n, startOffset: -1n }
  const match = /^(\d+):(\d+)$/.exec(text)
  if (match?.[1] === undefined || match[2] === undefined) throw badCursor(text)
  return { sourceKey: BigInt(match[1]), startOffset: BigInt(match[2]) }
}

export function badCursor(text: string): AppError {
  return new AppError({
    code: 'page-cursor-malformed',
    next: 'fatal',
    message: `"${text}" is not the \`next\` of an earlier page. Begin again without it.`,
  })
}

function accountOf(source: Source, row: AccountRow): CommittedAccount {
  const of = { topic: source.topic, partition: toNumber(source.partition) }
  return {
    taskId: row.task_id,
    ...of,
    incarnation: toNumber(source.incarnation),
    startOffset: row.start_offset,
    endOffset: row.end_offset,
    rowCount: row.row_count,
    deadLetterCount: row.dead_letter_count,
    purgedDeadLetterCount: row.purged_dead_letter_count,
    ranges: rangesFromJson(row.ranges),
    maxTimestampMs: toNumber(row.max_timestamp_ms),
    segments: segmentsFromJson(row.segments, of),
  }
}

/** Newest first. */
export function* listDeadLetters(tableId: string, limit: number): Steps<readonly DeadLetterBatch[]> {
  return (yield* all(selectDeadLetters, { tableId, limit })).map(row => ({
    taskId: row.task_id,
    topic: row.topic,
    partition: toNumber(row.partition),
    incarnation: toNumber(row.incarnation),
    code: row.code,
    count: row.count,
    firstOffset: row.first_offset,
    lastOffset: row.last_offset,
    sampleMessage: row.sample_message,
    committedAtMs: toNumber(row.committed_at_ms),
    ...(row.purged_at_ms !== null && { purgedAtMs: toNumber(row.purged_at_ms) }),
  }))
}

type SummedColumn = 'rows' | 'dead_letters' | 'purged' | 'absent' | 'control' | 'skipped' | 'source_gap'
export type SumsRow = { readonly table_id: string } & Readonly<Record<SummedColumn, bigint>>

/** Costs by the number of partitions: each row counts what its watermark has passed. */
export function querySums(ids: Ids): Query<SumsRow> {
  return query(sumSources, ids)
}

/** Without a row: the table has no partition yet. */
export function sumsOf(row: SumsRow | undefined): AccountSums {
  return {
    rowCount: row?.rows ?? 0n,
    deadLetterCount: row?.dead_letters ?? 0n,
    purgedDeadLetterCount: row?.purged ?? 0n,
    byKind: {
      absent: row?.absent ?? 0n,
      control: row?.control ?? 0n,
      skipped: row?.skipped ?? 0n,
      source_gap: row?.source_gap ?? 0n,
    },
  }
}

export function* sumAccounts(tableId: string): Steps<AccountSums> {
  return sumsOf(yield* first(sumSources, idOnce(tableId)))
}
