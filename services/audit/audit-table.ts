/**
 * Recomputes from files and segments whether every offset below the watermarks is accounted for exactly once (DESIGN invariant 1).
 *
 * What is in the table is read from the data files themselves (`_kafka` offsets); what should be there, from the segments; the ledger
 * says only which offsets were skipped and which segments were converted. Changes nothing. Memory: two bits per offset.
 */
import type { OffsetRange } from '../../shared/flow.ts'
import type { MetadataStore, TableDetail } from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { TopicPlace } from '../dead-letter/topic-place.ts'
import { liveFiles } from '../tables/live-files.ts'
import { allAccounts } from './all-accounts.ts'
import { type AuditReport, type AuditTally, createAuditTally } from './audit-tally.ts'
import { auditTopic } from './audit-topic.ts'
import { checkAccount } from './check-account.ts'
import { countPositions, DEAD_LETTER_PATHS, ROW_PATHS } from './count-positions.ts'
import { type Life, lifeOf, loadLives, nameOfLife } from './life.ts'

export interface AuditContext {
  readonly metadata: MetadataStore
  readonly source: ObjectStore
  readonly warehouse: ObjectStore
}

export interface AuditedTable {
  readonly rows: TableDetail
  readonly deadLetters: TableDetail
  readonly metadataColumns: 'struct' | 'flat' | 'none'
  /** Where the topic of its dead letters lies. */
  readonly topic: TopicPlace
}

interface Audit {
  readonly lives: readonly Life[]
  readonly tally: AuditTally
  /** Whether rows carry their offsets. */
  readonly hasPositions: boolean
}

export async function auditTable(context: AuditContext, table: AuditedTable): Promise<AuditReport> {
  const { rows, deadLetters, metadataColumns } = table
  const tally = createAuditTally(rows.name)
  // Watermarks first: files loaded after them hold every row below them, and rows above are left for the next audit.
  const lives = await loadLives(context.metadata, rows.tableId)
  const countPurged = async () => (await context.metadata.sumAccounts(rows.tableId)).purgedDeadLetterCount
  const purgedBefore = await countPurged()
  const audit = { lives, tally, hasPositions: metadataColumns !== 'none' }
  // Right after the ledger that says how many are of which life: retention may remove some at any time.
  await countPositions(context, { table: deadLetters, paths: DEAD_LETTER_PATHS, kind: 'deadLetters' }, audit)
  if (metadataColumns === 'none') await compareTotals(context, rows, tally)
  else await countPositions(context, { table: rows, paths: ROW_PATHS[metadataColumns], kind: 'rows' }, audit)
  const kept = await checkAccounts(context, rows, audit)
  // What retention removes while the audit reads was in the files, and is purged in the ledger that is read after them.
  const keptTooLong = kept.count - (await countPurged()) + purgedBefore
  if (keptTooLong > 0n) tally.add('duplicates', keptTooLong, kept.what)
  for (const life of lives) {
    if (life.coveredTo < life.committedOffset) addUncovered(life, life.committedOffset, tally)
  }
  await auditTopic({ ...context, place: table.topic, deadLetters, tally })
  return tally.report()
}

/** Answers with the dead letters that the files hold and the ledger says were purged, the first of them in words. */
async function checkAccounts(
  { metadata, source }: AuditContext,
  { tableId }: TableDetail,
  { lives, tally, hasPositions }: Audit,
): Promise<{ readonly count: bigint; readonly what: string }> {
  let kept = { count: 0n, what: '' }
  const addKept = (count: bigint, what: string) => {
    kept = { count: kept.count + count, what: kept.what || what }
  }
  const covered = new Map<Life, OffsetRange[]>(lives.map(life => [life, []]))
  for (const skip of await metadata.listOperatorSkips(tableId)) {
    const life = lifeOf(lives, skip)
    if (life === undefined || skip.endOffset > life.committedOffset) continue
    tally.add('skipped', skip.endOffset - skip.startOffset)
    covered.get(life)?.push(skip)
  }
  for await (const account of allAccounts(metadata, tableId)) {
    const life = lifeOf(lives, account)
    if (life === undefined || account.endOffset > life.committedOffset) continue
    covered.get(life)?.push(account)
    for (const range of account.ranges)
      tally.add(COUNT_OF_KIND[range.kind], range.endOffset - range.startOffset)
    await checkAccount(account, { source, life, tally, hasPositions, addKept })
  }
  for (const [life, ranges] of covered) checkCoverage(life, ranges, tally)
  return kept
}

const COUNT_OF_KIND = {
  absent: 'absent',
  control: 'skipped',
  skipped: 'skipped',
  source_gap: 'source_gaps',
} as const

/** Accounts follow one another without a hole or an overlap. */
function checkCoverage(life: Life, ranges: readonly OffsetRange[], tally: AuditTally): void {
  const inOrder = [...ranges].sort((a, b) => Number(a.startOffset > b.startOffset) || -1)
  for (const { startOffset, endOffset } of inOrder) {
    if (startOffset > life.coveredTo) addUncovered(life, startOffset, tally)
    if (startOffset < life.coveredTo) {
      const reaches = endOffset < life.coveredTo
      const twice = (reaches ? endOffset : life.coveredTo) - startOffset
      const what = `${twice} offsets from ${startOffset} on are accounted for twice`
      tally.add('duplicates', twice, `${nameOfLife(life)}: ${what}`)
    }
    if (endOffset > life.coveredTo) life.coveredTo = endOffset
  }
}

function addUncovered(life: Life, upTo: bigint, tally: AuditTally): void {
  const what = `offsets ${life.coveredTo} to ${upTo - 1n} have no account`
  tally.add('gaps', upTo - life.coveredTo, `${nameOfLife(life)}: ${what}`)
}

/** Reads of the ledger and of the files' list that must fall between two commits; more than a few tries mean a busy table. */
const MAX_TRIES = 20

/** Tables without metadata columns: rows cannot be told apart, so only their number is held against the ledger. */
async function compareTotals(
  { metadata }: AuditContext,
  table: TableDetail,
  tally: AuditTally,
): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const version = (await metadata.loadTable(table.name))?.version
    const { rowCount } = await metadata.sumAccounts(table.tableId)
    let inFiles = 0n
    for await (const file of liveFiles(metadata, table)) inFiles += file.recordCount
    // A commit in between would show as a difference that is none.
    if (inFiles !== rowCount && version !== (await metadata.loadTable(table.name))?.version) continue
    tally.add('rows', inFiles)
    const what = `the files hold ${inFiles} rows, and the ledger says ${rowCount}`
    if (inFiles < rowCount) tally.add('gaps', rowCount - inFiles, what)
    if (inFiles > rowCount) tally.add('duplicates', inFiles - rowCount, what)
    return
  }
  tally.add(
    'unverifiable',
    0n,
    `${table.name}: commits kept coming while its files were counted; audit it again`,
  )
}
