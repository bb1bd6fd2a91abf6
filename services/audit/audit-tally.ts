/** Adds up what an audit finds. Field names are a stable interface (docs/cli.md). */

/** Counts of offsets, but for `rows` and `dead_letters`, which count what is in the files. */
export interface AuditReport {
  readonly table: string
  readonly rows: bigint
  readonly dead_letters: bigint
  /** Dead letters that retention has removed. */
  readonly purged: bigint
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
  /** Records of the dead-letter topic that are as they should be. */
  readonly topic_records: bigint
  /** Dead letters that should be in their topic and are not, or otherwise than they are in their table. */
  readonly topic_gaps: bigint
  /** Records or segments that the dead-letter topic should not hold. */
  readonly topic_duplicates: bigint
  /** The first findings, in words. */
  readonly findings: readonly string[]
}

const MAX_FINDINGS = 100

/** Whether the audit found anything that is Tidewater's own fault. */
export function isClean(report: AuditReport): boolean {
  const { gaps, duplicates, topic_gaps, topic_duplicates } = report
  return gaps + duplicates + topic_gaps + topic_duplicates === 0n
}

export type CountName = Exclude<keyof AuditReport, 'table' | 'findings'>

export interface AuditTally {
  add(count: CountName, by: bigint, finding?: string): void
  report(): AuditReport
}

export function createAuditTally(table: string): AuditTally {
  const counts: Record<CountName, bigint> = {
    rows: 0n,
    dead_letters: 0n,
    purged: 0n,
    skipped: 0n,
    absent: 0n,
    gaps: 0n,
    duplicates: 0n,
    source_gaps: 0n,
    unverifiable: 0n,
    topic_records: 0n,
    topic_gaps: 0n,
    topic_duplicates: 0n,
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
