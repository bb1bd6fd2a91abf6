/** Holds one account of the ledger against the segments that were converted and the offsets that the files hold. */
import type { AccountedRange, OffsetRange, SegmentRef } from '../../shared/flow.ts'
import type { CommittedAccount } from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { AuditTally } from './audit-tally.ts'
import { type Life, nameOfLife } from './life.ts'
import type { OffsetSet } from './offset-set.ts'
import { readSegmentOffsets } from './read-segment-offsets.ts'

export interface AccountCheck {
  readonly source: ObjectStore
  readonly life: Life
  readonly tally: AuditTally
  /** Whether rows carry their offsets; without, only their number can be held against the ledger. */
  readonly hasPositions: boolean
  /** Dead letters that the files hold, and the ledger says were purged. */
  addKept(count: bigint, what: string): void
}

export async function checkAccount(account: CommittedAccount, check: AccountCheck): Promise<void> {
  const { source, tally, hasPositions } = check
  let anyIsGone = false
  let surplus = 0n
  const purged = { left: account.purgedDeadLetterCount }
  tally.add('purged', account.purgedDeadLetterCount)
  for (const part of partsOf(account)) {
    const expected =
      part.segment === undefined ? undefined : await readSegmentOffsets(source, part.segment, part)
    // Before its first segment an account can hold nothing but a hole in the source.
    if (part.segment !== undefined && expected === undefined) {
      anyIsGone = true
      tally.add('unverifiable', part.endOffset - part.startOffset)
    } else surplus += judgePart(part, { ...check, ranges: account.ranges, expected, purged })
  }
  if (!hasPositions) return
  if (anyIsGone) checkCounts(account, check, surplus)
  else if (purged.left > 0n) {
    const what = `offsets ${account.startOffset} to ${account.endOffset - 1n} hold ${purged.left} dead letters that the ledger says were purged`
    check.addKept(purged.left, `${nameOfLife(check.life)}: ${what}`)
  }
}

interface Part extends OffsetRange {
  readonly segment: SegmentRef | undefined
}

/** Each segment with the offsets that it stands for: up to where the next one begins. */
function partsOf({ segments, startOffset, endOffset }: CommittedAccount): readonly Part[] {
  const [first] = segments
  const parts: Part[] = []
  if (first === undefined || first.baseOffset > startOffset)
    parts.push({ startOffset, endOffset: first?.baseOffset ?? endOffset, segment: undefined })
  for (const [position, segment] of segments.entries()) {
    const start = segment.baseOffset > startOffset ? segment.baseOffset : startOffset
    const end = segments[position + 1]?.baseOffset ?? endOffset
    if (start < end) parts.push({ startOffset: start, endOffset: end, segment })
  }
  return parts
}

interface Judging extends Pick<AccountCheck, 'life' | 'tally' | 'hasPositions'> {
  readonly ranges: readonly AccountedRange[]
  readonly expected: OffsetSet | undefined
  /** Dead letters of the account that retention removed, less those that were met: the ledger knows how many, not where. */
  readonly purged: { left: bigint }
}

/** Duplicates less gaps that it found. */
function judgePart(part: Part, { life, tally, hasPositions, ranges, expected, purged }: Judging): bigint {
  const following = ranges.values()
  let range = following.next().value
  let surplus = 0n
  for (let offset = part.startOffset; offset < part.endOffset; offset++) {
    while (range !== undefined && range.endOffset <= offset) range = following.next().value
    const kind = range !== undefined && offset >= range.startOffset ? range.kind : undefined
    if ((kind === 'source_gap' || kind === 'absent') && range !== undefined) {
      // Such a range may be wide, and nearly always nothing is in it.
      const end = lesser(range.endOffset, part.endOffset)
      if (![expected, life.rows, life.deadLetters].some(set => set?.hasAny(offset, end))) {
        offset = end - 1n
        continue
      }
    }
    const found = (life.rows.has(offset) ? 1 : 0) + (life.deadLetters.has(offset) ? 1 : 0)
    const finding = judge({ isRecord: expected?.has(offset) ?? false, found, kind, hasPositions })
    if (finding === undefined) continue
    if (finding.count === 'gaps' && kind === undefined && expected?.has(offset) && purged.left > 0n) {
      purged.left--
      continue
    }
    tally.add(finding.count, 1n, `${nameOfLife(life)} offset ${offset} ${finding.what}`)
    surplus += finding.count === 'duplicates' ? 1n : -1n
  }
  return surplus
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
  if (isRecord && kind !== 'skipped' && (kind !== undefined || hasPositions))
    return { count: 'gaps', what: 'is in its segment, and neither a row nor a dead letter' }
  return undefined
}

/** Where segments are gone: the files must hold as many offsets of the account as the ledger says; `surplus` was found already. */
function checkCounts(
  { startOffset, endOffset, rowCount, deadLetterCount, purgedDeadLetterCount }: CommittedAccount,
  { life, tally, addKept }: AccountCheck,
  surplus: bigint,
): void {
  let found = 0n
  for (let offset = startOffset; offset < endOffset; offset++) {
    if (life.rows.has(offset)) found++
    if (life.deadLetters.has(offset)) found++
  }
  const expected = rowCount + deadLetterCount - purgedDeadLetterCount
  const missing = expected - found + surplus
  const what = `${nameOfLife(life)}: offsets ${startOffset} to ${endOffset - 1n} hold ${found} rows and dead letters, and the ledger says ${expected}`
  if (missing > 0n) tally.add('gaps', missing, what)
  const kept = missing >= 0n ? 0n : lesser(-missing, purgedDeadLetterCount)
  if (kept > 0n) addKept(kept, what)
  if (missing + kept < 0n) tally.add('duplicates', -missing - kept, what)
}

const lesser = (a: bigint, b: bigint): bigint => (a < b ? a : b)
