/**
 * Recomputes from files and segments whether every offset below the watermarks is accounted for exactly once (DESIGN invariant 1).
 *
 * What is in the table is read from the data files themselves (`_kafka` offsets); what should be there, from the segments; the ledger
 * says only which offsets were skipped and which segments were converted. Changes nothing. Memory: two bits per offset.
 */
import type { AccountedRange } from '../../shared/flow.ts'
import type {
  CommittedAccount,
  MetadataStore,
  SourcePartition,
  TableDetail,
} from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { liveFiles } from '../tables/live-files.ts'
import { createOffsetSet, type OffsetSet } from './offset-set.ts'
import { readOffsets } from './read-offsets.ts'
import { readSegmentOffsets } from './read-segment-offsets.ts'

const ACCOUNTS_PER_PAGE = 500

/** Counts of offsets, but for `rows` and `dead_letters`, which count what is in the files. A stable interface (docs/cli.md). */
export interface AuditReport {
  readonly table: string
  readonly rows: bigint
  readonly dead_letters: bigint
  /** Control batches, `dlq_mode: skip`, and what a person gave up with skip-to. */
  readonly skipped: bigint
  /** Offsets that their segments do not hold. */
  readonly absent: bigint
  /** Offsets that should be in the table and are not. */
  readonly gaps: bigint
  /** Rows or dead letters that are there once too often, or that no segment holds. */
  readonly duplicates: bigint
  /** Offsets that no segment held: the brokers' loss. */
  readonly source_gaps: bigint
  /** Offsets whose segments are gone, so that only the ledger vouches for them. */
  readonly unverifiable: bigint
  /** The first findings, in words. */
  readonly findings: readonly string[]
}

export interface AuditContext {
  readonly metadata: MetadataStore
  readonly source: ObjectStore
  readonly warehouse: ObjectStore
}

export interface AuditedTable {
  readonly rows: TableDetail
  readonly deadLetters: TableDetail
  readonly metadataColumns: 'struct' | 'flat' | 'none'
}

const MAX_FINDINGS = 100

/** One life of a partition, up to its watermark. */
interface Life {
  readonly topic: string
  readonly partition: number
  readonly incarnation: number
  readonly firstOffset: bigint
  readonly committedOffset: bigint
  readonly rows: OffsetSet
  readonly deadLetters: OffsetSet
  /** Below it, accounts and operator skips cover everything from `firstOffset`. */
  coveredTo: bigint
}

export async function auditTable(context: AuditContext, table: AuditedTable): Promise<AuditReport> {
  const tally = createTally(table.rows.name)
  // Watermarks first: files loaded after them hold every row below them, and rows above are left for the next audit.
  const lives = (await context.metadata.listPartitions(table.rows.tableId, { pastIncarnations: true })).map(
    startLife,
  )
  const hasPositions = table.metadataColumns !== 'none'
  if (hasPositions) await countFiles(context, table, { lives, tally })
  await countDeadLetters(context, table, { lives, tally })
  await checkAccounts(context, table, { lives, tally, hasPositions })
  if (!hasPositions) await compareTotals(context, table, { tally, lives })
  for (const life of lives) {
    if (life.coveredTo < life.committedOffset) {
      tally.add(
        'gaps',
        life.committedOffset - life.coveredTo,
        `${nameOf(life)}: offsets ${life.coveredTo} to ${life.committedOffset - 1n} have no account`,
      )
    }
  }
  return tally.report()
}

interface Audit {
  readonly lives: readonly Life[]
  readonly tally: Tally
}

function startLife(partition: SourcePartition): Life {
  const { topic, partition: number, incarnation, firstOffset, committedOffset } = partition
  return {
    topic,
    partition: number,
    incarnation,
    firstOffset,
    committedOffset,
    rows: createOffsetSet(),
    deadLetters: createOffsetSet(),
    coveredTo: firstOffset,
  }
}

// ---- what is in the files -----------------------------------------------------------------------------------------

async function countFiles(context: AuditContext, table: AuditedTable, audit: Audit): Promise<void> {
  const paths = table.metadataColumns === 'flat' ? FLAT_PATHS : STRUCT_PATHS
  await countPositions(context, { table: table.rows, paths, count: 'rows', setOf: life => life.rows }, audit)
}

async function countDeadLetters(context: AuditContext, table: AuditedTable, audit: Audit): Promise<void> {
  await countPositions(
    context,
    {
      table: table.deadLetters,
      paths: DEAD_LETTER_PATHS,
      count: 'dead_letters',
      setOf: life => life.deadLetters,
    },
    audit,
  )
}

const STRUCT_PATHS = { topic: '_kafka.topic', partition: '_kafka.partition', offset: '_kafka.offset' }
const FLAT_PATHS = { topic: '_kafka_topic', partition: '_kafka_partition', offset: '_kafka_offset' }
const DEAD_LETTER_PATHS = { topic: 'topic', partition: 'partition', offset: 'offset' }

interface Counted {
  readonly table: TableDetail
  readonly paths: typeof STRUCT_PATHS
  readonly count: 'rows' | 'dead_letters'
  readonly setOf: (life: Life) => OffsetSet
}

async function countPositions(
  context: AuditContext,
  { table, paths, count, setOf }: Counted,
  { lives, tally }: Audit,
): Promise<void> {
  const byPartition = Map.groupBy(lives, life => `${life.topic}-${life.partition}`)
  for await (const { topic, partition, offset } of readOffsets(context, table, paths)) {
    const candidates = byPartition.get(`${topic}-${partition}`) ?? []
    // A recreated topic uses offsets again: each life may hold an offset once.
    const isNew = candidates.some(
      life => offset >= life.firstOffset && offset < life.committedOffset && setOf(life).add(offset),
    )
    const current = candidates.at(-1)
    // Committed while the audit reads: the next one counts it.
    if (!isNew && current !== undefined && offset >= current.committedOffset) continue
    tally.add(count, 1n)
    if (isNew) continue
    const what = `is once too often among the ${count.replace('_', ' ')}`
    tally.add('duplicates', 1n, `${topic}-${partition} offset ${offset} ${what}`)
  }
}

// ---- what should be there -----------------------------------------------------------------------------------------

async function checkAccounts(
  context: AuditContext,
  table: AuditedTable,
  audit: Audit & { readonly hasPositions: boolean },
): Promise<void> {
  const { lives, tally } = audit
  const { metadata } = context
  const lifeOf = (account: { topic: string; partition: number; incarnation: number }) =>
    lives.find(
      life =>
        life.topic === account.topic &&
        life.partition === account.partition &&
        life.incarnation === account.incarnation,
    )
  const skips = await metadata.listOperatorSkips(table.rows.tableId)
  const covered = new Map<Life, { startOffset: bigint; endOffset: bigint }[]>(lives.map(life => [life, []]))
  for (const skip of skips) {
    const life = lifeOf(skip)
    if (life === undefined) continue
    tally.add('skipped', skip.endOffset - skip.startOffset)
    covered.get(life)?.push(skip)
  }
  let after: string | undefined
  do {
    const page = await metadata.listAccounts(table.rows.tableId, {
      limit: ACCOUNTS_PER_PAGE,
      ...(after !== undefined && { after }),
    })
    for (const account of page.accounts) {
      const life = lifeOf(account)
      if (life === undefined || account.endOffset > life.committedOffset) continue
      covered.get(life)?.push(account)
      for (const range of account.ranges)
        tally.add(COUNT_OF_KIND[range.kind], range.endOffset - range.startOffset)
      await checkAccount(context, account, { life, tally, hasPositions: audit.hasPositions })
    }
    after = page.next
  } while (after !== undefined)
  for (const [life, ranges] of covered) checkCoverage(life, ranges, tally)
}

const COUNT_OF_KIND = {
  absent: 'absent',
  control: 'skipped',
  skipped: 'skipped',
  source_gap: 'source_gaps',
} as const

/** Accounts follow one another without a hole or an overlap. */
function checkCoverage(
  life: Life,
  ranges: readonly { startOffset: bigint; endOffset: bigint }[],
  tally: Tally,
): void {
  for (const range of [...ranges].sort((a, b) =>
    a.startOffset < b.startOffset ? -1 : a.startOffset > b.startOffset ? 1 : 0,
  )) {
    if (range.startOffset > life.coveredTo) {
      tally.add(
        'gaps',
        range.startOffset - life.coveredTo,
        `${nameOf(life)}: offsets ${life.coveredTo} to ${range.startOffset - 1n} have no account`,
      )
    }
    if (range.startOffset < life.coveredTo) {
      tally.add(
        'duplicates',
        life.coveredTo - range.startOffset,
        `${nameOf(life)}: offsets from ${range.startOffset} to ${life.coveredTo - 1n} are accounted for twice`,
      )
    }
    if (range.endOffset > life.coveredTo) life.coveredTo = range.endOffset
  }
}

interface AccountCheck {
  readonly life: Life
  readonly tally: Tally
  readonly hasPositions: boolean
}

/** Holds one account against its segments and the files. */
async function checkAccount(
  context: AuditContext,
  account: CommittedAccount,
  check: AccountCheck,
): Promise<void> {
  const { life, tally, hasPositions } = check
  const { startOffset, endOffset } = account
  const expected = await readSegmentOffsets(context.source, account)
  if (expected === undefined) {
    tally.add('unverifiable', endOffset - startOffset)
    if (hasPositions) checkCounts(account, check)
    return
  }
  const ranges = account.ranges.values()
  let range = ranges.next().value
  for (let offset = startOffset; offset < endOffset; offset++) {
    while (range !== undefined && range.endOffset <= offset) range = ranges.next().value
    const kind = range !== undefined && offset >= range.startOffset ? range.kind : undefined
    if (kind === 'source_gap' && range !== undefined) {
      offset = range.endOffset - 1n
      continue
    }
    const found = (life.rows.has(offset) ? 1 : 0) + (life.deadLetters.has(offset) ? 1 : 0)
    const finding = judge({ isRecord: expected.has(offset), found, kind, hasPositions })
    if (finding !== undefined)
      tally.add(finding.count, 1n, `${nameOf(life)} offset ${offset} ${finding.what}`)
  }
}

interface OffsetFacts {
  /** Whether a segment holds a user record there. */
  readonly isRecord: boolean
  /** Rows and dead letters there. */
  readonly found: number
  /** What the ledger says of it, other than a row or a dead letter. */
  readonly kind: AccountedRange['kind'] | undefined
  readonly hasPositions: boolean
}

function judge({
  isRecord,
  found,
  kind,
  hasPositions,
}: OffsetFacts): { readonly count: 'gaps' | 'duplicates'; readonly what: string } | undefined {
  if (found === 2) return { count: 'duplicates', what: 'is both a row and a dead letter' }
  if (found > 0 && !isRecord)
    return { count: 'duplicates', what: 'is in the table, and its segment does not hold it' }
  if (found > 0 && kind !== undefined)
    return { count: 'duplicates', what: `is in the table, and the ledger says ${kind}` }
  if (found > 0) return undefined
  if (!isRecord && kind === undefined)
    return { count: 'gaps', what: 'is in no segment, and the ledger does not say so' }
  if (isRecord && kind !== 'skipped' && hasPositions)
    return { count: 'gaps', what: 'is in its segment, and neither a row nor a dead letter' }
  return undefined
}

/** Without the segments: the files must hold as many offsets of the range as the ledger says. */
function checkCounts(
  { startOffset, endOffset, rowCount, deadLetterCount }: CommittedAccount,
  { life, tally }: AccountCheck,
): void {
  let found = 0n
  for (let offset = startOffset; offset < endOffset; offset++) {
    if (life.rows.has(offset)) found++
    if (life.deadLetters.has(offset)) found++
  }
  const difference = rowCount + deadLetterCount - found
  const what = `${nameOf(life)}: offsets ${startOffset} to ${endOffset - 1n} hold ${found} rows and dead letters, and the ledger says ${rowCount + deadLetterCount}`
  if (difference > 0n) tally.add('gaps', difference, what)
  if (difference < 0n) tally.add('duplicates', -difference, what)
}

/** Tables without metadata columns: rows cannot be told apart, so only their number is held against the ledger. */
async function compareTotals(context: AuditContext, table: AuditedTable, { tally }: Audit): Promise<void> {
  const { rowCount } = await context.metadata.sumAccounts(table.rows.tableId)
  let inFiles = 0n
  for await (const file of liveFiles(context.metadata, table.rows)) inFiles += file.recordCount
  tally.add('rows', inFiles)
  if (inFiles < rowCount)
    tally.add('gaps', rowCount - inFiles, `the files hold ${inFiles} rows, and the ledger says ${rowCount}`)
  if (inFiles > rowCount)
    tally.add(
      'duplicates',
      inFiles - rowCount,
      `the files hold ${inFiles} rows, and the ledger says ${rowCount}`,
    )
}

const nameOf = (life: Pick<Life, 'topic' | 'partition'>) => `${life.topic}-${life.partition}`

// ---- counting -----------------------------------------------------------------------------------------------------

type CountName = Exclude<keyof AuditReport, 'table' | 'findings'>

interface Tally {
  add(count: CountName, by: bigint, finding?: string): void
  report(): AuditReport
}

function createTally(table: string): Tally {
  const counts: Record<CountName, bigint> = {
    rows: 0n,
    dead_letters: 0n,
    skipped: 0n,
    absent: 0n,
    gaps: 0n,
    duplicates: 0n,
    source_gaps: 0n,
    unverifiable: 0n,
  }
  const findings: string[] = []
  return {
    add(count, by, finding) {
      counts[count] += by
      if (finding !== undefined && findings.length < MAX_FINDINGS) findings.push(finding)
    },
    report: () => ({ table, ...counts, findings }),
  }
}
